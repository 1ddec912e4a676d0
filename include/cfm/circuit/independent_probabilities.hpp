#pragma once
/// @file  Signal probabilities by the rule of independent signals.

#include <span>
#include <vector>

#include <cfm/circuit/explicit_not_graph.hpp>

CFM_NAMESPACE_BEGIN

/// The probability of a 1 of every node as if fan-ins were independent:
///
///     p(a and b) = p(a) p(b),   p(not a) = 1 - p(a).
///
/// Right where no signals meet again; what a learned model has to beat.
/// `sources`: of inputs and latches, in the order of their nodes; empty: one half.
/// Errors:  Error if there is not one probability for each source, a node is not an input, latch,
///          AND or NOT, a gate has the wrong number of fan-ins, or there is a cycle.
/// Cost:    one pass.
/// Source:  K. Parker, E. McCluskey, "Probabilistic treatment of general combinational networks",
///          IEEE Transactions on Computers, 1975, without its treatment of repeated signals.
inline std::vector<double> independent_probabilities(const ExplicitNotGraph& circuit,
                                                     std::span<const double> sources = {}) {
  const CsrView rows = circuit.graph.fanins();
  const auto nodes = static_cast<std::size_t>(circuit.nodes());
  CFM_CHECK(circuit.kinds.size() == nodes, "independent_probabilities: one kind for every node",
            circuit.kinds.size(), nodes);
  std::vector<double> p(nodes, 0.5);
  std::size_t next = 0;
  for (std::size_t v = 0; v < nodes; ++v) {
    const NodeKind kind = circuit.kinds[v];
    CFM_CHECK(kind <= NodeKind::latch,
              "independent_probabilities: not an input, AND, NOT or latch; node", v);
    const bool gate = kind == NodeKind::and_gate || kind == NodeKind::not_gate;
    const std::size_t wanted = kind == NodeKind::and_gate ? 2 : kind == NodeKind::not_gate ? 1 : 0;
    CFM_CHECK(rows[static_cast<Index>(v)].size() == wanted,
              "independent_probabilities: wrong number of fan-ins of node", v);
    if (gate) continue;
    if (next < sources.size()) p[v] = sources[next];
    ++next;
  }
  CFM_CHECK(sources.empty() || sources.size() == next,
            "independent_probabilities: one probability for each source", sources.size(), next);
  for (const std::int32_t v : topological_order(rows)) {
    const auto fanins = rows[v];
    if (fanins.empty()) continue;
    const auto of = [&](std::size_t i) { return p[static_cast<std::size_t>(fanins[i])]; };
    p[static_cast<std::size_t>(v)] = fanins.size() == 1 ? 1 - of(0) : of(0) * of(1);
  }
  return p;
}

CFM_NAMESPACE_END
