#pragma once
/// @file  Circuits as DeepGate reads them: schedules for both directions, edges that mark
///        reconvergence, attributes by the levels that an edge spans.

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>
#include <vector>

#include <cfm/circuit/explicit_not_graph.hpp>
#include <cfm/graph/batch.hpp>
#include <cfm/graph/level_schedule.hpp>

CFM_NAMESPACE_BEGIN

/// Where fan-out meets again: node `node` has `source` in the cones of two of its fan-ins.
struct Reconvergence {
  std::int32_t source = 0, node = 0;

  friend bool operator==(const Reconvergence&, const Reconvergence&) = default;
};

/// For every node with the same fan-out stem (a node with several targets) in the cones of two of
/// its fan-ins, or as such a fan-in itself, the stem of the highest level; by node.
/// `stems`: how many stems, those of the highest levels, a node remembers; what it forgets is not
/// found. Memory and time are at most nodes x stems.
/// Errors:  Error if there is a cycle.
/// Source:  M. Li et al., "DeepGate: learning neural representations of logic gates", DAC 2022,
///          section 3.3.
inline std::vector<Reconvergence> reconvergences(const Graph& graph, Index stems = 1024) {
  CFM_CHECK(stems >= 1, "reconvergences: a node remembers at least one stem", stems);
  const CsrView in = graph.fanins(), out = graph.fanouts();
  const std::vector<std::int32_t> levels = forward_levels(in);
  const auto level = [&](std::int32_t v) { return levels[static_cast<std::size_t>(v)]; };
  const auto before = [&](std::int32_t a, std::int32_t b) {
    return level(a) != level(b) ? level(a) > level(b) : a < b;
  };
  const auto nodes = static_cast<std::size_t>(graph.nodes());
  std::vector<std::vector<std::int32_t>> lists(nodes);  // of v, v itself first if it is a stem
  std::vector<std::int64_t> waiting(nodes);             // targets that have not read the list
  std::vector<std::int32_t> merged, unique;
  std::vector<Reconvergence> found;
  for (std::int32_t v : topological_order(in)) {
    const auto at = static_cast<std::size_t>(v);
    merged.clear();
    for (std::int32_t u : in[v]) {
      const auto& list = lists[static_cast<std::size_t>(u)];
      merged.insert(merged.end(), list.begin(), list.end());
    }
    std::sort(merged.begin(), merged.end(), before);
    const auto twice = std::adjacent_find(merged.begin(), merged.end());
    if (twice != merged.end()) found.push_back({*twice, v});
    merged.erase(std::unique(merged.begin(), merged.end()), merged.end());
    if (out[v].size() > 1) merged.insert(merged.begin(), v);
    if (std::ssize(merged) > stems) merged.resize(static_cast<std::size_t>(stems));
    if (!out[v].empty()) lists[at] = merged;
    waiting[at] = std::ssize(out[v]);
    for (std::int32_t u : in[v])
      if (--waiting[static_cast<std::size_t>(u)] == 0)
        std::vector<std::int32_t>().swap(lists[static_cast<std::size_t>(u)]);
  }
  std::sort(found.begin(), found.end(),
            [](const Reconvergence& a, const Reconvergence& b) { return a.node < b.node; });
  return found;
}

/// The attribute of an edge that spans so many levels: for i = 0, 2 .. 14
/// e[i] = sin(span / 10000^(2i / 16)), e[i + 1] = cos(span / 10000^(2(i + 1) / 16)).
/// Shapes:  row d is that of span d + 1: [spans, 16].
/// Source:  the public code of DeepGate; its paper has another formula.
inline Tensor level_span_table(Index spans) {
  Tensor out = Tensor::empty({spans, 16});
  const View<float, 2> rows = out.view<float, 2>();
  for (Index d = 0; d < spans; ++d)
    for (Index i = 0; i < 16; ++i) {
      const double angle =
          static_cast<double>(d + 1) / std::pow(10000.0, 2.0 * static_cast<double>(i) / 16);
      rows(d, i) = static_cast<float>(i % 2 == 0 ? std::sin(angle) : std::cos(angle));
    }
  return out;
}

/// A circuit, or a batch of them, for DeepGate.
struct DeepGateGraph {
  Graph graph;                      ///< fan-ins, then the edge from a reconvergent node's stem
  LevelSchedule forward, backward;  ///< every node above level 0 is of kind 0
  Tensor features;                  ///< one-hot kinds, [nodes, 3]
  Tensor span_rows;                 ///< i32[edges]: the row of each edge in `span_table`
  Tensor span_table;                ///< level_span_table up to the longest edge

  Index nodes() const { return graph.nodes(); }
};

/// `skips` adds the edges from stems to reconvergent nodes. Ordinary edges have span 1, whatever
/// their levels, as published.
/// Errors:  Error if a kind is not input, AND or NOT, or there is a cycle.
inline DeepGateGraph deepgate_graph(const Graph& graph, std::span<const NodeKind> kinds,
                                    std::span<const Reconvergence> skips) {
  const CsrView in = graph.fanins();
  const std::vector<std::int32_t> levels = forward_levels(in);
  std::vector<std::int32_t> sources, targets, rows;
  detail::for_each_edge(in, [&](std::int32_t v, std::size_t e) {
    sources.push_back(in.columns[e]);
    targets.push_back(v);
    rows.push_back(0);
  });
  std::int32_t longest = 1;
  for (const auto& [source, node] : skips) {
    CFM_CHECK(source >= 0 && source < graph.nodes() && node >= 0 && node < graph.nodes(),
              "deepgate graph: a skip edge ends at no node", source, node, graph.nodes());
    const std::int32_t span =
        levels[static_cast<std::size_t>(node)] - levels[static_cast<std::size_t>(source)];
    CFM_CHECK(span >= 1, "deepgate graph: a skip edge does not go up", source, node);
    sources.push_back(source);
    targets.push_back(node);
    rows.push_back(span - 1);
    longest = std::max(longest, span);
  }
  DeepGateGraph out;
  out.graph = Graph::from_edges(graph.nodes(), sources, targets);
  // The rows of edges, in the order of the new graph.
  out.span_rows = Tensor::empty({out.graph.edges()}, DType::i32);
  const auto to = out.span_rows.span<std::int32_t>();
  detail::sort_by_key(out.graph.offsets(), targets,
                      [&](std::size_t place, std::size_t e) { to[place] = rows[e]; });
  out.span_table = level_span_table(longest);
  out.features = one_hot(kinds, 3);
  const std::vector<std::uint8_t> alike(static_cast<std::size_t>(graph.nodes()), 0);
  out.forward = LevelSchedule(out.graph, alike);
  out.backward = LevelSchedule(out.graph, alike, SweepDirection::fanouts);
  return out;
}

inline DeepGateGraph deepgate_graph(const ExplicitNotGraph& circuit, bool skips = true) {
  return deepgate_graph(circuit.graph, circuit.kinds,
                        skips ? reconvergences(circuit.graph) : std::vector<Reconvergence>());
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
  return deepgate_graph(batch.graph(), kinds,
                        skips ? reconvergences(batch.graph()) : std::vector<Reconvergence>());
}

CFM_NAMESPACE_END
