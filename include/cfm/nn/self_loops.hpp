#pragma once
/// @file  Graphs in which every node hears itself, once.

#include <vector>

#include <cfm/autograd/ops_index.hpp>
#include <cfm/autograd/ops_segment.hpp>
#include <cfm/graph/graph.hpp>

CFM_NAMESPACE_BEGIN

/// A graph without its loops, and then one a node: the last entry of each row.
struct SelfLoops {
  Graph graph;
  std::vector<std::int64_t> edges;  ///< what edge each entry was, -1 for the new loops
};

/// Cost:  linear; worth keeping where several layers use the same graph.
inline SelfLoops with_self_loops(const Graph& graph) {
  const CsrView rows = graph.fanins();
  SelfLoops out;
  std::vector<std::int64_t> offsets{0};
  std::vector<std::int32_t> columns;
  offsets.reserve(rows.offsets.size());
  columns.reserve(static_cast<std::size_t>(rows.edges() + rows.rows()));
  out.edges.reserve(columns.capacity());
  for (Index v = 0; v < rows.rows(); ++v) {
    std::int64_t e = rows.offsets[static_cast<std::size_t>(v)];
    for (std::int32_t u : rows[v]) {
      if (u != v) {
        columns.push_back(u);
        out.edges.push_back(e);
      }
      ++e;
    }
    columns.push_back(static_cast<std::int32_t>(v));
    out.edges.push_back(-1);
    offsets.push_back(static_cast<std::int64_t>(columns.size()));
  }
  out.graph = Graph::from_csr(offsets, columns);
  return out;
}

/// The node at which each edge ends.   Shapes:  i32 [edges], in the order of Graph::fanins().
inline Tensor edge_targets(const Graph& graph) {
  Tensor out = Tensor::empty({graph.edges()}, DType::i32);
  const auto to = out.span<std::int32_t>();
  detail::for_each_edge(graph.fanins(), [&](std::int32_t v, std::size_t e) { to[e] = v; });
  return out;
}

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// Features of the edges of `loops.graph`: those of `graph`, and for a new loop the mean over the
/// edges that reach its node, loops of `graph` aside; 0 without any.
/// Shapes:  edges [graph edges, width]  ->  [edges with loops, width].
inline Var with_self_loops(const SelfLoops& loops, const Var& edges) {
  const Graph& graph = loops.graph;
  const Index nodes = graph.nodes(), kept = graph.edges() - nodes;
  std::vector<std::int64_t> from, places(static_cast<std::size_t>(graph.edges()));
  std::vector<std::int32_t> target;
  detail::for_each_edge(graph.fanins(), [&](std::int32_t v, std::size_t i) {
    if (loops.edges[i] < 0) {
      places[i] = kept + v;
      return;
    }
    places[i] = static_cast<std::int64_t>(from.size());
    from.push_back(loops.edges[i]);
    target.push_back(v);
  });
  const auto list = [](const auto& values) {
    return Tensor::from(std::span(values), {static_cast<Index>(values.size())});
  };
  const Var own = index_select(edges, 0, list(from));
  const Segments reached(list(target), nodes);
  return index_select(cat({own, segment_mean(own, reached)}, 0), 0, list(places));
}

CFM_ISA_NAMESPACE_END
