#pragma once
/// @file  How likely a random walk is to be back where it began.

#include <cfm/graph/undirected.hpp>

CFM_NAMESPACE_BEGIN

/// y[v, k - 1] is the probability that a walk from v, to a uniform neighbour in every step and
/// without regard to directions, is at v after k steps; 0 for nodes without neighbours.
/// Shapes:  f32[nodes, steps].
/// Order:   nodes in parallel, each alone: the same bits for any number of threads.
/// Errors:  Error if steps are negative.
/// Cost:    for each node the edges within steps / 2 hops: walks are reversible, so two halves
///          make a whole. That is little where degrees are bounded, and nearly edges x nodes behind
///          a hub: for windows and parts, not for a netlist with a reset of a million readers.
///          Twelve bytes of memory a node for some chunks of nodes at once.
/// Source:  V. Dwivedi et al., "Graph neural networks with learnable structural and positional
///          representations", ICLR 2022, section 3.3.
inline Tensor random_walk_encoding(const Graph& graph, Index steps) {
  CFM_CHECK(steps >= 0, "random_walk_encoding: steps must not be negative", steps);
  const Graph both = undirected(graph);
  const CsrView rows = both.fanins();
  const Index nodes = graph.nodes();
  Tensor out = Tensor::zeros({nodes, steps});
  const auto values = out.span<float>();
  const Index half = (steps + 1) / 2;
  parallel_for(nodes, std::max<Index>(256, nodes / 32 + 1), [&](Index begin, Index end) {
    // Where the walk is now and was a step before, sparsely; a dense array finds a node's place.
    std::vector<std::int32_t> place(detail::to_size(nodes), -1);
    std::vector<std::pair<std::int32_t, double>> now, before;
    const auto degree = [&](std::int32_t v) { return static_cast<double>(rows[v].size()); };
    // p_i and p_j from v meet: sum over u of p_i(v, u) p_j(v, u) deg(v) / deg(u).
    const auto meet = [&](const auto& a, const auto& b, std::int32_t v) {
      for (std::size_t i = 0; i < a.size(); ++i)
        place[detail::to_size(a[i].first)] = static_cast<std::int32_t>(i);
      double sum = 0;
      for (const auto& [u, p] : b) {
        const std::int32_t at = place[detail::to_size(u)];
        if (at >= 0) sum += p * a[detail::to_size(at)].second * degree(v) / degree(u);
      }
      for (const auto& entry : a) place[detail::to_size(entry.first)] = -1;
      return sum;
    };
    for (Index node = begin; node < end; ++node) {
      const auto v = static_cast<std::int32_t>(node);
      if (rows[v].empty()) continue;
      now.assign(1, {v, 1.0});
      for (Index k = 1; k <= half; ++k) {
        before.swap(now);
        now.clear();
        for (const auto& [u, p] : before)
          for (const std::int32_t w : rows[u]) {
            std::int32_t& at = place[detail::to_size(w)];
            if (at < 0) {
              at = static_cast<std::int32_t>(now.size());
              now.push_back({w, 0.0});
            }
            now[detail::to_size(at)].second += p / degree(u);
          }
        for (const auto& entry : now) place[detail::to_size(entry.first)] = -1;
        float* y = values.data() + node * steps;
        y[2 * k - 2] = static_cast<float>(meet(before, now, v));  // (k - 1) + k steps
        if (2 * k <= steps) y[2 * k - 1] = static_cast<float>(meet(now, now, v));
      }
    }
  });
  return out;
}

CFM_NAMESPACE_END
