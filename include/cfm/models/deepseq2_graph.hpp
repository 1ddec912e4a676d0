#pragma once
/// @file  Sequential circuits as DeepSeq2 reads them: levels without the edges into flip-flops, and
///        the nodes on cycles through each of them.

#include <algorithm>
#include <utility>
#include <vector>

#include <cfm/models/deepgate2_graph.hpp>

CFM_NAMESPACE_BEGIN

/// Which nodes lie on a cycle through a flip-flop.
enum class CycleRule {
  component,   ///< those that it reaches and that reach it
  first_paths  ///< of these, the ones that the search of the public code finds: it visits a node
               ///< once, so a second path into a node that was visited is lost
};

/// A sequential circuit, or a batch.
struct DeepSeq2Graph {
  DeepGate2Graph gates;                           ///< flip-flops are sources like inputs
  std::vector<std::int32_t> inputs;               ///< nodes of kind input, ascending
  std::vector<std::int32_t> latches;              ///< nodes of kind latch, ascending
  std::vector<std::int32_t> drivers;              ///< what each reads; negative: a constant
  std::vector<std::int32_t> level;                ///< of every node
  std::vector<std::vector<std::int32_t>> cycles;  ///< of each latch: gates and latches, ascending

  Index nodes() const { return gates.nodes(); }
  /// True if some latch is driven by a gate: then states change within a round.
  bool feeds_back() const {
    return std::any_of(drivers.begin(), drivers.end(), [&](std::int32_t d) {
      return d >= 0 && level[static_cast<std::size_t>(d)] > 0;
    });
  }
};

namespace detail {

// Marks what is reached from `start`, without recursion. `next(v)` lists the neighbours of v.
template <class Next>
std::vector<std::uint8_t> reached_from(std::int32_t start, std::size_t nodes, const Next& next) {
  std::vector<std::uint8_t> seen(nodes, 0);
  std::vector<std::int32_t> stack{start};
  while (!stack.empty()) {
    const std::int32_t v = stack.back();
    stack.pop_back();
    next(v, [&](std::int32_t u) {
      if (std::exchange(seen[static_cast<std::size_t>(u)], 1) == 0) stack.push_back(u);
    });
  }
  return seen;
}

// The nodes on the path of a depth-first search whenever it comes back to its start.
template <class Next>
std::vector<std::uint8_t> first_paths_back(std::int32_t start, std::size_t nodes,
                                           const Next& next) {
  std::vector<std::uint8_t> visited(nodes, 0), found(nodes, 0);
  std::vector<std::pair<std::vector<std::int32_t>, std::size_t>> stack;
  std::vector<std::int32_t> path;
  const auto enter = [&](std::int32_t v) {
    visited[static_cast<std::size_t>(v)] = 1;
    path.push_back(v);
    stack.emplace_back();
    next(v, [&](std::int32_t u) { stack.back().first.push_back(u); });
  };
  enter(start);
  while (!stack.empty()) {
    auto& [list, at] = stack.back();
    if (at == list.size()) {
      stack.pop_back();
      path.pop_back();
      continue;
    }
    const std::int32_t u = list[at++];
    if (u == start)
      for (std::int32_t v : path) found[static_cast<std::size_t>(v)] = 1;
    else if (visited[static_cast<std::size_t>(u)] == 0)
      enter(u);
  }
  return found;
}

}  // namespace detail

/// From the edges between gates, the kinds of nodes and the driver of each latch.
/// Errors:  Error if there is not one driver for each latch, a driver is no node, or the edges
///          have a cycle that no latch cuts.
/// Cost:    linear, times the number of latches.
inline DeepSeq2Graph deepseq2_graph(const Graph& graph, std::vector<NodeKind> kinds,
                                    std::vector<std::int32_t> drivers,
                                    CycleRule rule = CycleRule::component,
                                    std::vector<std::int64_t> circuits = {}) {
  DeepSeq2Graph out;
  const auto nodes = static_cast<std::size_t>(graph.nodes());
  out.gates = deepgate2_graph(graph, std::move(kinds), std::move(circuits));
  for (std::size_t v = 0; v < nodes; ++v) {
    if (out.gates.kinds[v] == NodeKind::input) out.inputs.push_back(static_cast<std::int32_t>(v));
    if (out.gates.kinds[v] == NodeKind::latch) out.latches.push_back(static_cast<std::int32_t>(v));
  }
  CFM_CHECK(drivers.size() == out.latches.size(), "deepseq2 graph: one driver for each latch",
            drivers.size(), out.latches.size());
  for (std::int32_t d : drivers)
    CFM_CHECK(d < graph.nodes(), "deepseq2 graph: a driver is no node", d, graph.nodes());
  out.drivers = std::move(drivers);
  out.level = forward_levels(graph.fanins());
  std::vector<std::vector<std::int32_t>> driven(nodes);
  std::vector<std::int32_t> driver_of(nodes, -1);
  for (std::size_t i = 0; i < out.latches.size(); ++i) {
    if (out.drivers[i] < 0) continue;
    driven[static_cast<std::size_t>(out.drivers[i])].push_back(out.latches[i]);
    driver_of[static_cast<std::size_t>(out.latches[i])] = out.drivers[i];
  }
  const CsrView in = graph.fanins(), targets = graph.fanouts();
  const auto forward = [&](std::int32_t v, const auto& f) {
    for (std::int32_t u : targets[v]) f(u);
    for (std::int32_t u : driven[static_cast<std::size_t>(v)]) f(u);
  };
  const auto backward = [&](std::int32_t v, const auto& f) {
    for (std::int32_t u : in[v]) f(u);
    if (driver_of[static_cast<std::size_t>(v)] >= 0) f(driver_of[static_cast<std::size_t>(v)]);
  };
  for (std::int32_t latch : out.latches) {
    std::vector<std::uint8_t> on;
    if (rule == CycleRule::first_paths) {
      on = detail::first_paths_back(latch, nodes, forward);
    } else {
      on = detail::reached_from(latch, nodes, forward);
      const auto back = detail::reached_from(latch, nodes, backward);
      for (std::size_t v = 0; v < nodes; ++v) on[v] = on[v] & back[v];
    }
    auto& list = out.cycles.emplace_back();
    for (std::size_t v = 0; v < nodes; ++v)
      if (on[v]) list.push_back(static_cast<std::int32_t>(v));
  }
  return out;
}

inline DeepSeq2Graph deepseq2_graph(const ExplicitNotGraph& circuit,
                                    CycleRule rule = CycleRule::component) {
  return deepseq2_graph(circuit.graph, circuit.kinds, circuit.next, rule);
}

CFM_NAMESPACE_END
