#pragma once
/// @file  Circuits as DeepGate reads them: schedules for both directions, edges that mark
///        reconvergence, attributes by the levels that an edge spans.

#include <algorithm>
#include <numeric>
#include <span>
#include <vector>

#include <cfm/circuit/explicit_not_graph.hpp>
#include <cfm/circuit/reconvergence.hpp>
#include <cfm/graph/batch.hpp>
#include <cfm/graph/level_schedule.hpp>

CFM_NAMESPACE_BEGIN

/// A circuit, or a batch of them, for DeepGate.
struct DeepGateGraph {
  Graph graph;                      ///< fan-ins, then the edge from a reconvergent node's stem
  LevelSchedule forward, backward;  ///< every node above level 0 is of kind 0
  Tensor features;                  ///< one-hot kinds, [nodes, 3]
  Tensor span_rows;                 ///< i32[edges]: the row of each edge in `span_table`
  Tensor span_table;                ///< edge_distance_encoding of 1 .. the longest

  Index nodes() const { return graph.nodes(); }
};

/// From a graph with its skip edges. Ordinary edges have span 1, whatever their levels, as
/// published.
/// Errors:  Error if a kind is not input, AND or NOT, or there is a cycle.
inline DeepGateGraph deepgate_graph(const SkipEdgeGraph& circuit, std::span<const NodeKind> kinds) {
  DeepGateGraph out;
  out.graph = circuit.graph;
  const std::vector<std::int32_t>& spans = circuit.distance;
  std::vector<std::int32_t> table(
      spans.empty() ? 1u : static_cast<std::size_t>(*std::max_element(spans.begin(), spans.end())));
  std::iota(table.begin(), table.end(), 1);
  out.span_table = edge_distance_encoding(table);
  out.span_rows = Tensor::empty({out.graph.edges()}, DType::i32);
  std::transform(spans.begin(), spans.end(), out.span_rows.span<std::int32_t>().begin(),
                 [](std::int32_t span) { return span - 1; });
  out.features = one_hot(kinds, 3);
  const std::vector<std::uint8_t> alike(static_cast<std::size_t>(out.graph.nodes()), 0);
  out.forward = LevelSchedule(out.graph, alike);
  out.backward = LevelSchedule(out.graph, alike, SweepDirection::fanouts);
  return out;
}

/// `skips` adds an edge from its source to each reconvergent gate.
inline DeepGateGraph deepgate_graph(const Graph& graph, std::span<const NodeKind> kinds,
                                    bool skips = true, const ReconvergenceOptions& options = {}) {
  if (skips) return deepgate_graph(with_skip_edges(graph, reconvergence(graph, options)), kinds);
  const std::vector<std::int32_t> ones(static_cast<std::size_t>(graph.edges()), 1);
  return deepgate_graph(SkipEdgeGraph{graph, ones}, kinds);
}

inline DeepGateGraph deepgate_graph(const ExplicitNotGraph& circuit, bool skips = true) {
  return deepgate_graph(circuit.graph, circuit.kinds, skips);
}

/// The union of circuits: one schedule for all.
inline DeepGateGraph deepgate_graph(std::span<const ExplicitNotGraph> circuits, bool skips = true) {
  std::vector<Graph> graphs;
  std::vector<NodeKind> kinds;
  for (const ExplicitNotGraph& c : circuits) {
    graphs.push_back(c.graph);
    kinds.insert(kinds.end(), c.kinds.begin(), c.kinds.end());
  }
  const GraphBatch batch(graphs);
  return deepgate_graph(batch.graph(), kinds, skips);
}

CFM_NAMESPACE_END
