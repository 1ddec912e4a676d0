#pragma once
/// @file  The graph of an Aig in which inverters are a bit on each edge.

#include <vector>

#include <cfm/circuit/aig.hpp>
#include <cfm/circuit/node_kind.hpp>
#include <cfm/graph/graph.hpp>

CFM_NAMESPACE_BEGIN

/// Inputs, latches, ANDs, outputs and next states as nodes; edge type 1 is an inverted edge.
/// Keeps all of an Aig but names, properties and the comment.
struct EdgeAttributeGraph {
  Graph graph;                  ///< with one type for every edge: 0 plain, 1 inverted
  std::vector<NodeKind> kinds;  ///< of every node
  std::vector<Reset> resets;    ///< of each latch

  Index nodes() const { return graph.nodes(); }
};

/// Nodes in this order: inputs, latches, ANDs (node = variable - 1), outputs, next states, and the
/// constant false if anything reads it. A row lists the fan-ins of an AND, larger literal first.
inline EdgeAttributeGraph edge_attribute_graph(const Aig& aig) {
  const std::size_t gates = aig.variables() - 1;
  const std::size_t sinks = aig.outputs() + aig.latches().size();
  std::vector<std::int64_t> offsets(aig.first_and(), 0);  // a first 0, then the sources
  std::vector<std::int32_t> columns;
  std::vector<std::uint8_t> inverted;
  offsets.reserve(gates + sinks + 2);
  columns.reserve(2 * aig.ands() + sinks);
  inverted.reserve(2 * aig.ands() + sinks);
  bool constant = false;
  const auto edge = [&](Literal l) {
    constant |= l.variable() == 0;
    columns.push_back(
        static_cast<std::int32_t>(l.variable() == 0 ? gates + sinks : l.variable() - 1));
    inverted.push_back(l.inverted());
  };
  const auto end_row = [&] { offsets.push_back(static_cast<std::int64_t>(columns.size())); };
  for (const auto& fanins : aig.all_fanins()) {
    edge(fanins[0]);
    edge(fanins[1]);
    end_row();
  }
  for (Literal l : aig.output_literals()) edge(l), end_row();
  EdgeAttributeGraph out;
  for (const Latch& latch : aig.latches()) {
    edge(latch.next);
    end_row();
    out.resets.push_back(latch.reset);
  }
  if (constant) end_row();
  out.kinds.assign(aig.inputs(), NodeKind::input);
  out.kinds.resize(aig.first_and() - 1, NodeKind::latch);
  out.kinds.resize(gates, NodeKind::and_gate);
  out.kinds.resize(gates + aig.outputs(), NodeKind::output);
  out.kinds.resize(gates + sinks, NodeKind::next_state);
  out.kinds.resize(gates + sinks + constant, NodeKind::constant);
  out.graph = Graph::from_csr(offsets, columns, inverted);
  return out;
}

/// The Aig again: that of edge_attribute_graph up to names, properties and comment.
/// Errors:  Error if nodes are not in the order of edge_attribute_graph, an AND comes before its
///          fan-ins, or a node has the wrong number of fan-ins.
inline Aig to_aig(const EdgeAttributeGraph& source) {
  const CsrView rows = source.graph.fanins();
  const auto nodes = static_cast<std::size_t>(rows.rows());
  const auto types = source.graph.edge_types();
  CFM_CHECK(source.kinds.size() == nodes, "to_aig: one kind for every node", source.kinds.size(),
            nodes);
  CFM_CHECK(types.size() == rows.columns.size(), "to_aig: one inversion bit for every edge",
            types.size(), rows.columns.size());
  constexpr std::uint8_t stage[] = {0, 2, 7, 1, 3, 4, 5};  // place of each kind in the order
  Aig aig;
  std::vector<Literal> literal(nodes, literal_false);
  std::vector<bool> ready(nodes);
  for (std::size_t v = 0; v < nodes; ++v)
    if (source.kinds[v] == NodeKind::constant) ready[v] = true;
  std::size_t next = 0, last_stage = 0;
  for (std::size_t v = 0; v < nodes; ++v) {
    const NodeKind kind = source.kinds[v];
    const std::size_t now =
        static_cast<std::size_t>(kind) < 7 ? stage[static_cast<std::size_t>(kind)] : 7;
    CFM_CHECK(now >= last_stage && now < 7,
              "to_aig: nodes must be inputs, latches, ANDs, outputs, next states, constant; node",
              v);
    last_stage = now;
    const auto begin = static_cast<std::size_t>(rows.offsets[v]);
    const std::size_t fanins = static_cast<std::size_t>(rows.offsets[v + 1]) - begin;
    const bool sink = kind == NodeKind::output || kind == NodeKind::next_state;
    CFM_CHECK(fanins == (kind == NodeKind::and_gate ? 2u
                         : sink                     ? 1u
                                                    : 0u),
              "to_aig: wrong number of fan-ins of node", v);
    const auto in = [&](std::size_t i) {
      const auto u = static_cast<std::size_t>(rows.columns[begin + i]);
      CFM_CHECK(ready[u], "to_aig: a node is read before it exists (reader, read)", v, u);
      return literal[u] ^ (types[begin + i] != 0);
    };
    switch (kind) {
      case NodeKind::input: literal[v] = aig.add_input(); break;
      case NodeKind::latch:
        CFM_CHECK(aig.latches().size() < source.resets.size(), "to_aig: a latch without reset", v);
        literal[v] = aig.add_latch(source.resets[aig.latches().size()]);
        break;
      case NodeKind::and_gate: literal[v] = aig.add_and(in(0), in(1)); break;
      case NodeKind::output: aig.add_output(in(0)); break;
      case NodeKind::next_state: aig.set_next(next++, in(0)); break;
      default: break;
    }
    ready[v] = !sink;
  }
  CFM_CHECK(next == aig.latches().size(), "to_aig: one next state for every latch", next,
            aig.latches().size());
  return aig;
}

CFM_NAMESPACE_END
