#pragma once
/// @file  Distances between all nodes of a small graph, and from two nodes at once.

#include <cfm/graph/neighborhood.hpp>

CFM_NAMESPACE_BEGIN

/// How shortest_paths walks.
struct ShortestPathOptions {
  std::int32_t max_distance = 20;  ///< farther is the same as not at all; at most 254
  Direction direction = Direction::both;
};

/// d[i, j]: hops from node i to node j, max_distance + 1 if there are more or no path: an index
/// into a table of biases of attention.
/// Shapes:  u8[nodes, nodes].
/// Errors:  Error if max_distance is not 0 to 254.
/// Cost:    nodes^2 bytes and a bounded walk for each node; rows in parallel.
/// Source:  C. Ying et al., "Do transformers really perform badly for graph representation?",
///          NeurIPS 2021, section 3.1.2.
inline Tensor shortest_paths(const Graph& graph, const ShortestPathOptions& options = {}) {
  CFM_CHECK(options.max_distance >= 0 && options.max_distance <= 254,
            "shortest_paths: max_distance must be 0 to 254", options.max_distance);
  const Index nodes = graph.nodes();
  Tensor out = Tensor::full({nodes, nodes}, options.max_distance + 1, DType::u8);
  const auto distance = out.span<std::uint8_t>();
  if (options.direction != Direction::fanins) graph.fanouts();  // built once, before the threads
  parallel_for(nodes, std::max<Index>(64, nodes / 32 + 1), [&](Index begin, Index end) {
    NeighborhoodFinder find(graph, options.direction);
    for (Index v = begin; v < end; ++v) {
      const auto seed = static_cast<std::int32_t>(v);
      for (const Reached& r : find(std::span(&seed, 1), options.max_distance))
        distance[detail::to_size(v * nodes + r.node)] = static_cast<std::uint8_t>(r.distance);
    }
  });
  return out;
}

/// Double-radius node labels of a pair: 1 for the two nodes, 0 for what does not reach both, else
/// 1 + min(da, db) + (d / 2) (d / 2 + d % 2 - 1) with d = da + db, where da is the distance to the
/// first node without regard to directions and with the second one taken away, db the other way
/// round.
/// Shapes:  i32[nodes].
/// Errors:  Error if the nodes do not exist or are the same.
/// Source:  M. Zhang, Y. Chen, "Link prediction based on graph neural networks", NeurIPS 2018,
///          section 3.1.
inline Tensor drnl_labels(const Graph& graph, std::int32_t first, std::int32_t second) {
  const Index nodes = graph.nodes();
  CFM_CHECK(first >= 0 && first < nodes && second >= 0 && second < nodes && first != second,
            "drnl_labels: two nodes of the graph", first, second, nodes);
  const auto distances = [&](std::int32_t from, std::int32_t without) {
    std::vector<std::int32_t> distance(detail::to_size(nodes), -1), queue{from};
    distance[detail::to_size(from)] = 0;
    for (std::size_t done = 0; done < queue.size(); ++done) {
      const std::int32_t v = queue[done];
      for (const auto& row : {graph.fanins()[v], graph.fanouts()[v]})
        for (const std::int32_t u : row) {
          if (u == without || distance[detail::to_size(u)] >= 0) continue;
          distance[detail::to_size(u)] = distance[detail::to_size(v)] + 1;
          queue.push_back(u);
        }
    }
    return distance;
  };
  const auto a = distances(first, second), b = distances(second, first);
  Tensor out = Tensor::zeros({nodes}, DType::i32);
  const auto labels = out.span<std::int32_t>();
  for (std::size_t v = 0; v < labels.size(); ++v) {
    if (a[v] < 0 || b[v] < 0) continue;
    const std::int32_t d = a[v] + b[v];
    labels[v] = 1 + std::min(a[v], b[v]) + (d / 2) * (d / 2 + d % 2 - 1);
  }
  labels[detail::to_size(first)] = labels[detail::to_size(second)] = 1;
  return out;
}

CFM_NAMESPACE_END
