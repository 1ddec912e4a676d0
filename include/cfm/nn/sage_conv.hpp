#pragma once
/// @file  GraphSAGE convolution with the mean aggregator.

#include <cfm/autograd/ops_aggregate.hpp>
#include <cfm/nn/linear.hpp>

CFM_ISA_NAMESPACE_BEGIN

/// y[v] = lin_l(mean of x[u] over fan-ins u of v) + lin_r(x[v]); the mean of nothing is 0.
/// lin_l has the bias, lin_r has none.
/// Shapes:  x [nodes, in]  ->  [nodes, out].
/// Source:  W. Hamilton et al., "Inductive representation learning on large graphs", NeurIPS 2017,
///          section 3.3, in the form of PyG's SAGEConv.
template <class LinearT = Linear<>>
class SageConv {
 public:
  SageConv(Index in, Index out, Init init)
      : lin_l(in, out, init.next()), lin_r(in, out, init.next(), {.bias = false}) {}

  Var operator()(const Graph& graph, const Var& x) const {
    return lin_l(aggregate_mean(graph, x)) + lin_r(x);
  }

  static void visit(auto& self, auto&& v) {
    v("lin_l", self.lin_l);
    v("lin_r", self.lin_r);
  }

  LinearT lin_l;  ///< for the neighbours
  LinearT lin_r;  ///< for the node itself
};

CFM_ISA_NAMESPACE_END
