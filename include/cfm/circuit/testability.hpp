#pragma once
/// @file  Controllability and observability of gates: how hard a node is to set and to see.

#include <algorithm>

#include <cfm/circuit/explicit_not_graph.hpp>

CFM_NAMESPACE_BEGIN

/// SCOAP's combinational measures of each node. Small is easy.
struct Testability {
  /// What a node has that cannot be set or seen, or only with more than so much effort.
  static constexpr std::int32_t limit = INT32_MAX / 4;
  std::vector<std::int32_t> zero;     ///< sources to set, and gates on the way, for a 0
  std::vector<std::int32_t> one;      ///< the same for a 1
  std::vector<std::int32_t> observe;  ///< for the node to be seen at an output or next state
};

/// Sources have 1 and 1. An AND: one = one(a) + one(b) + 1, zero = min(zero(a), zero(b)) + 1,
/// observe(a) = observe + one(b) + 1. A NOT swaps and adds 1. An output or next state has
/// observe 0; a node that several gates read has the smallest of them.
/// Errors:  Error if there is a cycle, or a node of another kind or number of fan-ins.
/// Cost:    a pass up and a pass down.
/// Source:  L. Goldstein, "Controllability/observability analysis of digital circuits", 1979.
inline Testability testability(const ExplicitNotGraph& graph) {
  const CsrView rows = graph.graph.fanins();
  const std::vector<std::int32_t> order = topological_order(rows);
  const auto nodes = static_cast<std::size_t>(graph.nodes());
  const auto bounded = [](std::int32_t a, std::int32_t b) {
    return std::min(Testability::limit, a + b + 1);
  };
  Testability out;
  out.zero.assign(nodes, 1);
  out.one.assign(nodes, 1);
  out.observe.assign(nodes, Testability::limit);
  const auto at = [](auto& values, std::int32_t v) -> auto& {
    return values[static_cast<std::size_t>(v)];
  };
  for (const std::int32_t v : order) {
    const NodeKind kind = at(graph.kinds, v);
    const auto in = rows[v];
    const std::size_t wanted = kind == NodeKind::and_gate ? 2 : kind == NodeKind::not_gate ? 1 : 0;
    CFM_CHECK(kind <= NodeKind::latch && in.size() == wanted,
              "testability: not an input, AND, NOT or latch with its fan-ins; node", v);
    if (kind == NodeKind::and_gate) {
      at(out.one, v) = bounded(at(out.one, in[0]), at(out.one, in[1]));
      at(out.zero, v) = bounded(std::min(at(out.zero, in[0]), at(out.zero, in[1])), 0);
    } else if (kind == NodeKind::not_gate) {
      at(out.one, v) = bounded(at(out.zero, in[0]), 0);
      at(out.zero, v) = bounded(at(out.one, in[0]), 0);
    }
  }
  for (const auto& sinks : {graph.outputs, graph.next})
    for (const std::int32_t v : sinks)
      if (v >= 0) at(out.observe, v) = 0;
  for (std::size_t i = order.size(); i-- > 0;) {
    const std::int32_t v = order[i], seen = at(out.observe, v);
    const auto in = rows[v];
    for (std::size_t k = 0; k < in.size(); ++k) {
      const std::int32_t side = in.size() == 2 ? at(out.one, in[1 - k]) : 0;
      std::int32_t& observe = at(out.observe, in[k]);
      observe = std::min(observe, bounded(seen, side));
    }
  }
  return out;
}

CFM_NAMESPACE_END
