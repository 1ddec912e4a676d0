#pragma once
/// @file  Levels of an acyclic graph, by linear passes.

#include <algorithm>
#include <utility>
#include <vector>

#include <cfm/graph/graph.hpp>

CFM_NAMESPACE_BEGIN

/// All nodes, each after its fan-ins: 0 .. nodes - 1 if that order already serves, else depth-first
/// along the rows.
/// Errors:  Error if there is a cycle; it names a node that lies on it.
/// Cost:    linear, and without recursion.
inline std::vector<std::int32_t> topological_order(const CsrView& fanins) {
  const auto nodes = static_cast<std::size_t>(fanins.rows());
  std::vector<std::int32_t> order(nodes);
  bool sorted = true;
  for (std::size_t v = 0; v < nodes; ++v) {
    order[v] = static_cast<std::int32_t>(v);
    for (std::int32_t u : fanins[static_cast<Index>(v)]) sorted &= u < static_cast<std::int32_t>(v);
  }
  if (sorted) return order;

  enum : std::uint8_t { unseen, open, done };
  std::vector<std::uint8_t> state(nodes, unseen);
  std::vector<std::pair<std::int32_t, std::int64_t>> stack;  // node, its next edge
  std::size_t count = 0;
  const auto enter = [&](std::int32_t v) {
    state[static_cast<std::size_t>(v)] = open;
    stack.push_back({v, fanins.offsets[static_cast<std::size_t>(v)]});
  };
  for (std::size_t root = 0; root < nodes; ++root) {
    if (state[root] == unseen) enter(static_cast<std::int32_t>(root));
    while (!stack.empty()) {
      auto& [v, edge] = stack.back();
      if (edge == fanins.offsets[static_cast<std::size_t>(v) + 1]) {
        state[static_cast<std::size_t>(v)] = done;
        order[count++] = v;
        stack.pop_back();
        continue;
      }
      const std::int32_t u = fanins.columns[static_cast<std::size_t>(edge++)];
      CFM_CHECK(state[static_cast<std::size_t>(u)] != open, "levels: a cycle runs through node", u);
      if (state[static_cast<std::size_t>(u)] == unseen) enter(u);
    }
  }
  return order;
}

/// Longest path from any source: sources have 0.   Errors:  Error if there is a cycle.
inline std::vector<std::int32_t> forward_levels(const CsrView& fanins) {
  std::vector<std::int32_t> levels(static_cast<std::size_t>(fanins.rows()), 0);
  for (std::int32_t v : topological_order(fanins)) {
    std::int32_t& level = levels[static_cast<std::size_t>(v)];
    for (std::int32_t u : fanins[v])
      level = std::max(level, levels[static_cast<std::size_t>(u)] + 1);
  }
  return levels;
}

/// Longest path to any sink: sinks have 0.   Errors:  Error if there is a cycle.
inline std::vector<std::int32_t> backward_levels(const CsrView& fanins) {
  std::vector<std::int32_t> levels(static_cast<std::size_t>(fanins.rows()), 0);
  const std::vector<std::int32_t> order = topological_order(fanins);
  for (std::size_t i = order.size(); i-- > 0;) {
    const std::int32_t next = levels[static_cast<std::size_t>(order[i])] + 1;
    for (std::int32_t u : fanins[order[i]]) {
      std::int32_t& level = levels[static_cast<std::size_t>(u)];
      level = std::max(level, next);
    }
  }
  return levels;
}

/// The nodes of each level, ascending.
struct LevelGroups {
  std::vector<std::int64_t> offsets{0};  ///< levels + 1
  std::vector<std::int32_t> nodes;       ///< those of level l at offsets[l] .. offsets[l + 1]

  Index levels() const { return static_cast<Index>(offsets.size()) - 1; }
  std::span<const std::int32_t> operator[](Index level) const { return view()[level]; }
  /// Row l lists the nodes of level l.
  CsrView view() const { return {offsets, nodes}; }
};

/// Sorts nodes by level; also one level after the other for sweeps in both directions.
/// Errors:  Error if a level is negative or not below the number of nodes.
inline LevelGroups group_by_level(std::span<const std::int32_t> levels) {
  std::int32_t top = -1;
  for (std::int32_t level : levels) {
    CFM_CHECK(level >= 0 && static_cast<std::size_t>(level) < levels.size(),
              "levels: a level is negative or too large", level);
    top = std::max(top, level);
  }
  LevelGroups out;
  const Tensor offsets = detail::offsets_by_key(top + 1, levels);
  const auto span = offsets.span<std::int64_t>();
  out.offsets.assign(span.begin(), span.end());
  out.nodes.resize(levels.size());
  detail::sort_by_key(offsets, levels, [&](std::size_t place, std::size_t v) {
    out.nodes[place] = static_cast<std::int32_t>(v);
  });
  return out;
}

CFM_NAMESPACE_END
