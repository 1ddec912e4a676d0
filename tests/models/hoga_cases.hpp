#pragma once
/// @file  Hop features by the definition, for the tests of HOGA.

#include <cmath>
#include <set>

#include <cfm/circuit/exact_adder_labels.hpp>
#include <cfm/circuit/gamora_graph.hpp>
#include <cfm/circuit/generate_multipliers.hpp>

namespace cfm::test {

/// X_k = D^-1/2 A D^-1/2 X_{k-1} over edges without direction, each once.
/// Shapes:  x [nodes, features]  ->  [nodes, hops + 1, features].
inline Tensor hop_features_of(const Graph& graph, const Tensor& x, Index hops) {
  const auto nodes = static_cast<std::size_t>(graph.nodes());
  std::vector<std::set<std::int32_t>> near(nodes);
  for (Index v = 0; v < graph.nodes(); ++v)
    for (std::int32_t u : graph.fanins()[v]) {
      near[static_cast<std::size_t>(v)].insert(u);
      near[static_cast<std::size_t>(u)].insert(static_cast<std::int32_t>(v));
    }
  Tensor out = Tensor::zeros({graph.nodes(), hops + 1, x.size(1)});
  const auto to = out.view<float, 3>();
  const auto from = x.view<float, 2>();
  for (Index v = 0; v < graph.nodes(); ++v)
    for (Index f = 0; f < x.size(1); ++f) to(v, 0, f) = from(v, f);
  for (Index k = 1; k <= hops; ++k)
    for (Index v = 0; v < graph.nodes(); ++v) {
      const auto& row = near[static_cast<std::size_t>(v)];
      for (std::int32_t u : row) {
        const double share = 1 / std::sqrt(static_cast<double>(row.size()) *
                                           static_cast<double>(near[static_cast<std::size_t>(u)].size()));
        for (Index f = 0; f < x.size(1); ++f)
          to(v, k, f) += static_cast<float>(share * static_cast<double>(to(u, k - 1, f)));
      }
    }
  return out;
}

/// A carry-save multiplier with its hops and exact labels.
struct HopCircuit {
  explicit HopCircuit(std::size_t bits, Index hop_count = 8)
      : aig(carry_save_multiplier(bits)),
        graph(gamora_graph(aig)),
        labels(adder_labels(aig, extract_adders(aig))),
        hops(hop_features_of(graph.graph, graph.features(), hop_count)) {}

  Aig aig;
  GamoraGraph graph;
  AdderLabels labels;
  Tensor hops;
};

}  // namespace cfm::test
