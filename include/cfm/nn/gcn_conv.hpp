#pragma once
/// @file  Graph convolution with symmetric normalisation.

#include <cmath>
#include <optional>

#include <cfm/autograd/ops_aggregate.hpp>
#include <cfm/nn/linear.hpp>
#include <cfm/nn/self_loops.hpp>

CFM_NAMESPACE_BEGIN

/// What GcnConv is told.
struct GcnOptions {
  bool self_loops = true;  ///< every node hears itself once; false: the graph as it is
  bool bias = true;
};

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// y[v] = sum over u of lin(x)[u] / sqrt(d[u] d[v]) + bias,  d the number of fan-ins, v itself
/// among them; nodes with d = 0 count as isolated.
/// Shapes:  x [nodes, in]  ->  [nodes, out].
/// Names:   lin.weight and bias, as in PyG's GCNConv.
/// Source:  T. Kipf, M. Welling, "Semi-supervised classification with graph convolutional
///          networks", ICLR 2017, eq. (8).
template <class LinearT = Linear<>>
class GcnConv {
 public:
  GcnConv(Index in, Index out, Init init = {}, const GcnOptions& options = {})
      : lin(in, out, init.next(), {.bias = false}), self_loops_(options.self_loops) {
    if (options.bias) bias = Parameter{init.constant({out}, 0)};
  }

  Var operator()(const Graph& graph, const Var& x) const {
    return convolve(self_loops_ ? with_self_loops(graph).graph : graph, lin(x));
  }

  static void visit(auto& self, auto&& v) {
    v("bias", self.bias);
    v("lin", self.lin);
  }

  LinearT lin;
  std::optional<Parameter> bias;

 private:
  Var convolve(const Graph& graph, const Var& h) const {
    Tensor scale = Tensor::empty({graph.nodes(), 1}, h.dtype());
    const CsrView rows = graph.fanins();
    visit_real(h.dtype(), "gcn_conv", [&]<class T>(std::type_identity<T>) {
      const auto to = scale.span<T>();
      for (std::size_t v = 0; v < to.size(); ++v) {
        const auto d = static_cast<T>(rows.offsets[v + 1] - rows.offsets[v]);
        to[v] = d > 0 ? T{1} / std::sqrt(d) : T{0};
      }
    });
    const Var y = aggregate_sum(graph, h * scale) * scale;
    return bias ? y + bind(h, *bias) : y;
  }

  bool self_loops_ = true;
};

CFM_ISA_NAMESPACE_END
