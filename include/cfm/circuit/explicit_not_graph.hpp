#pragma once
/// @file  The graph of an Aig in which inverters are nodes.

#include <vector>

#include <cfm/circuit/aig.hpp>
#include <cfm/circuit/node_kind.hpp>
#include <cfm/graph/levelize.hpp>

CFM_NAMESPACE_BEGIN

/// Inputs, latches, ANDs and NOTs as nodes; edges run from fan-in to gate. Keeps inputs, latches
/// with resets, the order and fan-ins of ANDs, and outputs; not names, properties or the comment.
struct ExplicitNotGraph {
  /// In `outputs` and `next`: a literal that is constant has no node.
  static constexpr std::int32_t constant_false = -1, constant_true = -2;

  Graph graph;
  std::vector<NodeKind> kinds;        ///< of every node
  std::vector<std::int32_t> outputs;  ///< the node that drives each output, or a constant
  std::vector<std::int32_t> next;     ///< the node that each latch reads; not an edge of the graph
  std::vector<Reset> resets;          ///< of each latch

  Index nodes() const { return graph.nodes(); }
  /// One-hot gate kinds.   Shapes:  f32[nodes, 3], or f32[nodes, 4] if there are latches.
  Tensor features() const { return one_hot(kinds, resets.empty() ? 3 : 4); }
};

namespace detail {

class ExplicitNotBuilder {
 public:
  explicit ExplicitNotBuilder(const Aig& aig)
      : aig_(aig), gates_(aig.variables() - 1), inverter_(aig.variables(), 0) {}

  ExplicitNotGraph build() && {
    ExplicitNotGraph out;
    std::vector<std::int64_t> offsets(aig_.first_and(), 0);  // a first 0, then the sources
    std::vector<std::int32_t> columns;
    offsets.reserve(2 * gates_ + 1);
    columns.reserve(3 * aig_.ands());
    for (std::uint32_t v = aig_.first_and(); v < aig_.variables(); ++v) {
      for (Literal fanin : aig_.fanins(v)) {
        CFM_CHECK(fanin.variable() != 0,
                  "explicit_not_graph: an AND reads a constant; strash first; variable", v);
        columns.push_back(node(fanin));
      }
      offsets.push_back(static_cast<std::int64_t>(columns.size()));
    }
    for (Literal l : aig_.output_literals()) out.outputs.push_back(node(l));
    for (const Latch& latch : aig_.latches()) {
      out.next.push_back(node(latch.next));
      out.resets.push_back(latch.reset);
    }
    for (std::int32_t source : inverted_) {
      columns.push_back(source);
      offsets.push_back(static_cast<std::int64_t>(columns.size()));
    }
    out.kinds.assign(aig_.inputs(), NodeKind::input);
    out.kinds.resize(aig_.first_and() - 1, NodeKind::latch);
    out.kinds.resize(gates_, NodeKind::and_gate);
    out.kinds.resize(gates_ + inverted_.size(), NodeKind::not_gate);
    out.graph = Graph::from_csr(offsets, columns);
    return out;
  }

 private:
  // The node of a literal; a NOT is made when it is first needed.
  std::int32_t node(Literal l) {
    if (l.variable() == 0)
      return l.inverted() ? ExplicitNotGraph::constant_true : ExplicitNotGraph::constant_false;
    const auto plain = static_cast<std::int32_t>(l.variable() - 1);
    if (!l.inverted()) return plain;
    std::int32_t& inverter = inverter_[l.variable()];
    if (inverter == 0) {
      inverter = static_cast<std::int32_t>(gates_ + inverted_.size());
      inverted_.push_back(plain);
    }
    return inverter;
  }

  const Aig& aig_;
  std::size_t gates_;                   // nodes that are not NOTs
  std::vector<std::int32_t> inverter_;  // by variable; 0 if there is none: node 0 is never a NOT
  std::vector<std::int32_t> inverted_;  // what each NOT inverts
};

}  // namespace detail

/// Nodes: inputs, latches and ANDs in the order of their variables, then one NOT for every signal
/// that is needed inverted, in the order of first need (ANDs in order, larger fan-in literal
/// first; outputs; next states). A row lists the fan-ins of an AND in that order too, so there are
/// 2 ANDs + NOTs edges.
/// Errors:  Error if an AND reads a constant.
/// Source:  the graphs of DeepGate (M. Li et al., DAC 2022) and its successors.
inline ExplicitNotGraph explicit_not_graph(const Aig& aig) {
  return detail::ExplicitNotBuilder(aig).build();
}

/// The Aig again: that of explicit_not_graph up to names, properties and comment. Takes graphs
/// with their nodes in any order too; inputs, latches and ANDs keep their order where it is
/// topological.
/// Errors:  Error if a node has the wrong number of fan-ins or a kind that has no place here, an
///          output or next state is no node, or there is a cycle.
inline Aig to_aig(const ExplicitNotGraph& source) {
  const CsrView rows = source.graph.fanins();
  const auto nodes = static_cast<std::size_t>(rows.rows());
  CFM_CHECK(source.kinds.size() == nodes, "to_aig: one kind for every node", source.kinds.size(),
            nodes);
  CFM_CHECK(source.next.size() == source.resets.size(), "to_aig: one reset for every next state",
            source.resets.size(), source.next.size());
  const auto fanins = [&](NodeKind kind) -> std::size_t {
    return kind == NodeKind::and_gate ? 2 : kind == NodeKind::not_gate ? 1 : 0;
  };
  Aig aig;
  std::vector<Literal> literal(nodes);
  std::size_t latches = 0;
  for (std::size_t v = 0; v < nodes; ++v) {
    CFM_CHECK(source.kinds[v] <= NodeKind::latch, "to_aig: not an input, AND, NOT or latch; node",
              v);
    CFM_CHECK(rows[static_cast<Index>(v)].size() == fanins(source.kinds[v]),
              "to_aig: wrong number of fan-ins of node", v);
    if (source.kinds[v] == NodeKind::input) literal[v] = aig.add_input();
    latches += source.kinds[v] == NodeKind::latch;
  }
  CFM_CHECK(latches == source.next.size(), "to_aig: one next state for every latch",
            source.next.size(), latches);
  for (std::size_t v = 0; v < nodes; ++v)
    if (source.kinds[v] == NodeKind::latch)
      literal[v] = aig.add_latch(source.resets[aig.latches().size()]);
  for (std::int32_t v : topological_order(rows)) {
    const auto at = [&](std::size_t i) { return literal[static_cast<std::size_t>(rows[v][i])]; };
    const NodeKind kind = source.kinds[static_cast<std::size_t>(v)];
    if (kind == NodeKind::and_gate)
      literal[static_cast<std::size_t>(v)] = aig.add_and(at(0), at(1));
    if (kind == NodeKind::not_gate) literal[static_cast<std::size_t>(v)] = !at(0);
  }
  const auto driver = [&](std::int32_t node) {
    if (node == ExplicitNotGraph::constant_false) return literal_false;
    if (node == ExplicitNotGraph::constant_true) return literal_true;
    CFM_CHECK(node >= 0 && static_cast<std::size_t>(node) < nodes,
              "to_aig: an output or next state is no node", node);
    return literal[static_cast<std::size_t>(node)];
  };
  for (std::int32_t node : source.outputs) aig.add_output(driver(node));
  for (std::size_t i = 0; i < source.next.size(); ++i) aig.set_next(i, driver(source.next[i]));
  return aig;
}

CFM_NAMESPACE_END
