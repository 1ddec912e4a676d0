#pragma once
/// @file  A graph without directions and without parallel edges.

#include <cfm/graph/neighborhood.hpp>

CFM_NAMESPACE_BEGIN

/// The graph in which two nodes are neighbours, both ways, if there is any edge between them. Rows
/// ascend and name every neighbour once; a node that reads itself stays its own neighbour. Types
/// are dropped.
/// Cost:  linear, but for sorting each row.
inline Graph undirected(const Graph& graph) {
  const CsrView in = graph.fanins(), out = graph.fanouts();
  std::vector<std::int64_t> offsets{0};
  std::vector<std::int32_t> columns;
  offsets.reserve(detail::to_size(graph.nodes()) + 1);
  columns.reserve(2 * detail::to_size(graph.edges()));
  for (Index v = 0; v < graph.nodes(); ++v) {
    const auto begin = columns.size();
    columns.insert(columns.end(), in[v].begin(), in[v].end());
    columns.insert(columns.end(), out[v].begin(), out[v].end());
    const auto first = columns.begin() + static_cast<std::ptrdiff_t>(begin);
    std::sort(first, columns.end());
    columns.erase(std::unique(first, columns.end()), columns.end());
    offsets.push_back(static_cast<std::int64_t>(columns.size()));
  }
  return Graph::from_csr(offsets, columns);
}

CFM_NAMESPACE_END
