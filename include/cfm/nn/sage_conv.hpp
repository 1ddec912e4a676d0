#pragma once
/// @file  GraphSAGE convolution.

#include <array>
#include <string_view>

#include <cfm/autograd/ops_aggregate.hpp>
#include <cfm/nn/linear.hpp>

CFM_NAMESPACE_BEGIN

/// How SageConv reduces what neighbours say; the first is the usual one.
enum class SageReduce { mean, max, sum };

constexpr std::array<std::string_view, 3> enum_names(SageReduce) { return {"mean", "max", "sum"}; }

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// y[v] = lin_l(mean, maximum or sum of x[u] over the neighbours u of v) + lin_r(x[v]); that of
/// nothing is 0. lin_l has the bias, lin_r has none.
/// Shapes:  x [nodes, in]  ->  [nodes, out].
/// Source:  W. Hamilton et al., "Inductive representation learning on large graphs", NeurIPS 2017,
///          section 3.3, in the form of PyG's SAGEConv.
template <class LinearT = Linear<>>
class SageConv {
 public:
  SageConv(Index in, Index out, Init init, SageReduce kind = SageReduce::mean)
      : lin_l(in, out, init.next()), lin_r(in, out, init.next(), {.bias = false}), reduce(kind) {}

  Var operator()(const Neighbours& graph, const Var& x) const {
    return lin_l(heard(graph, x)) + lin_r(x);
  }

  static void visit(auto& self, auto&& v) {
    v("lin_l", self.lin_l);
    v("lin_r", self.lin_r);
  }

  LinearT lin_l;  ///< for the neighbours
  LinearT lin_r;  ///< for the node itself
  SageReduce reduce = SageReduce::mean;

 private:
  Var heard(const Neighbours& graph, const Var& x) const {
    switch (reduce) {
      case SageReduce::mean: return aggregate_mean(graph, x);
      case SageReduce::max: return aggregate_max(graph, x);
      case SageReduce::sum: return aggregate_sum(graph, x);
    }
    throw Error("sage_conv: not one of the reductions");
  }
};

CFM_ISA_NAMESPACE_END
