#pragma once
// Graphs that the tests of parts, samples and encodings share.

#include <vector>

#include <cfm/core/rng.hpp>
#include <cfm/graph/graph.hpp>

namespace cfm::test {

// Nodes in topological order, each but the first reads one or two of the `window` before it.
inline Graph make_dag(std::int32_t nodes, std::int32_t window, std::uint64_t seed,
                      bool typed = false) {
  Rng rng(seed);
  std::vector<std::int32_t> sources, targets;
  std::vector<std::uint8_t> types;
  for (std::int32_t v = 1; v < nodes; ++v) {
    const std::uint64_t reads = v < 8 ? 0 : rng.below(5) == 0 ? 1 : 2;
    for (std::uint64_t i = 0; i < reads; ++i) {
      const std::int32_t reach = std::min(v, window);
      sources.push_back(v - 1 -
                        static_cast<std::int32_t>(rng.below(static_cast<std::uint64_t>(reach))));
      targets.push_back(v);
      types.push_back(static_cast<std::uint8_t>(rng.below(2)));
    }
  }
  if (!typed) types.clear();
  return Graph::from_edges(nodes, sources, targets, types);
}

// Undirected: both directions of every edge.
inline Graph both_ways(std::int32_t nodes,
                       const std::vector<std::pair<std::int32_t, std::int32_t>>& edges) {
  std::vector<std::int32_t> sources, targets;
  for (const auto& [a, b] : edges) {
    sources.insert(sources.end(), {a, b});
    targets.insert(targets.end(), {b, a});
  }
  return Graph::from_edges(nodes, sources, targets);
}

inline Graph path_graph(std::int32_t n) {
  std::vector<std::pair<std::int32_t, std::int32_t>> edges;
  for (std::int32_t v = 1; v < n; ++v) edges.push_back({v - 1, v});
  return both_ways(n, edges);
}

inline Graph cycle_graph(std::int32_t n) {
  std::vector<std::pair<std::int32_t, std::int32_t>> edges;
  for (std::int32_t v = 0; v < n; ++v) edges.push_back({v, (v + 1) % n});
  return both_ways(n, edges);
}

// `layers` rounds of h[v] <- cos(h[v] + sum over neighbours of (place in row + 1) h[u]): the value
// depends on every neighbour, on the order of rows and on nothing else.
inline std::vector<double> small_network(const Graph& graph, std::vector<double> h, int layers,
                                         bool both = false) {
  for (int l = 0; l < layers; ++l) {
    std::vector<double> next(h.size());
    for (std::size_t v = 0; v < h.size(); ++v) {
      double sum = h[v];
      int place = 1;
      for (const std::int32_t u : graph.fanins()[static_cast<Index>(v)])
        sum += place++ * h[static_cast<std::size_t>(u)];
      if (both)
        for (const std::int32_t u : graph.fanouts()[static_cast<Index>(v)])
          sum += place++ * h[static_cast<std::size_t>(u)];
      next[v] = std::cos(sum);
    }
    h = next;
  }
  return h;
}

inline std::vector<double> random_values(std::size_t n, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<double> out(n);
  for (double& x : out) x = rng.uniform(-1, 1);
  return out;
}

}  // namespace cfm::test
