#pragma once
/// @file  Graph isomorphism convolutions, without and with edge features.

#include <optional>

#include <cfm/autograd/ops_aggregate.hpp>
#include <cfm/nn/mlp.hpp>

CFM_NAMESPACE_BEGIN

/// What GinConv and GineConv are told.
struct GinOptions {
  double epsilon = 0;    ///< at first
  bool learned = false;  ///< whether training changes it
};

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// y[v] = nn((1 + epsilon) x[v] + sum of x[u] over the neighbours u of v).
/// Shapes:  x [nodes, in]  ->  what nn makes of it.
/// Names:   nn and eps, as in PyG's GINConv.
/// Source:  K. Xu et al., "How powerful are graph neural networks?", ICLR 2019, eq. (4.1).
template <Module Net = Mlp<>>
class GinConv {
 public:
  explicit GinConv(Net net, Init init = {}, const GinOptions& options = {})
      : nn(std::move(net)), eps{init.constant({1}, options.epsilon), !options.learned} {}

  Var operator()(const Neighbours& graph, const Var& x) const {
    return nn((1.0 + bind(x, eps)) * x + aggregate_sum(graph, x));
  }

  static void visit(auto& self, auto&& v) {
    v("nn", self.nn);
    v("eps", self.eps);
  }

  Net nn;
  Parameter eps;
};

/// y[v] = nn((1 + epsilon) x[v] + sum of relu(x[u] + edge[e]) over the edges e from u to v).
/// Shapes:  x [nodes, in], edges [edges, edge]  ->  what nn makes of it.
/// Names:   nn, eps, and lin where edge features get a linear layer, as in PyG's GINEConv.
/// Source:  W. Hu et al., "Strategies for pre-training graph neural networks", ICLR 2020.
template <Module Net = Mlp<>, class LinearT = Linear<>>
class GineConv {
 public:
  /// A linear layer takes features of `edge` columns to `in`; 0: they have `in` columns already.
  GineConv(Net net, Index in, Index edge, Init init = {}, const GinOptions& options = {})
      : nn(std::move(net)), eps{init.constant({1}, options.epsilon), !options.learned} {
    if (edge > 0) lin.emplace(edge, in, init.next());
  }

  Var operator()(const Neighbours& graph, const Var& x, const Var& edges) const {
    const Var e = beside(x, edges);
    return nn((1.0 + bind(x, eps)) * x + aggregate_relu_sum(graph, x, lin ? (*lin)(e) : e));
  }

  static void visit(auto& self, auto&& v) {
    v("nn", self.nn);
    v("eps", self.eps);
    v("lin", self.lin);
  }

  Net nn;
  Parameter eps;
  std::optional<LinearT> lin;
};

CFM_ISA_NAMESPACE_END
