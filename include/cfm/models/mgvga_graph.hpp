#pragma once
/// @file  The graph that MGVGA reads: inputs, outputs, ANDs, and a NOT for every inverted edge.

#include <span>
#include <vector>

#include <cfm/circuit/aig.hpp>
#include <cfm/graph/graph.hpp>

CFM_NAMESPACE_BEGIN

/// Kinds of nodes as MGVGA numbers them.
enum class MgvgaKind : std::uint8_t { input = 0, output = 1, and_gate = 2, not_gate = 3 };

/// Nodes with their kinds; edges run from fan-in to gate.
struct MgvgaGraph {
  Graph graph;
  std::vector<std::uint8_t> kinds;  ///< MgvgaKind of each node

  Index nodes() const { return graph.nodes(); }

  /// Rows of the embedding table: kind + 1.   Shapes:  i64 [nodes].
  Tensor tokens() const {
    Tensor out = Tensor::empty({nodes()}, DType::i64);
    const auto to = out.span<std::int64_t>();
    for (std::size_t v = 0; v < to.size(); ++v) to[v] = kinds[v] + 1;
    return out;
  }
  /// The kinds as classes.   Shapes:  i64 [nodes].
  Tensor classes() const {
    Tensor out = Tensor::empty({nodes()}, DType::i64);
    const auto to = out.span<std::int64_t>();
    for (std::size_t v = 0; v < to.size(); ++v) to[v] = kinds[v];
    return out;
  }
};

/// Every edge of a type other than 0 becomes two with a NOT of its own between them: the NOTs come
/// after all nodes, in the order of the edges.
/// Errors:  Error if there is not one kind a node, or the edges have no types.
inline MgvgaGraph insert_nots(const Graph& graph, std::span<const std::uint8_t> kinds) {
  const CsrView rows = graph.fanins();
  const auto types = graph.edge_types();
  CFM_CHECK(static_cast<Index>(kinds.size()) == graph.nodes(),
            "insert_nots: one kind for every node", kinds.size(), graph.nodes());
  CFM_CHECK(std::ssize(types) == graph.edges(), "insert_nots: the edges have no types",
            graph.edges());
  MgvgaGraph out;
  out.kinds.assign(kinds.begin(), kinds.end());
  std::vector<std::int64_t> offsets(rows.offsets.begin(), rows.offsets.end());
  std::vector<std::int32_t> columns, inverted;
  for (std::size_t e = 0; e < rows.columns.size(); ++e) {
    if (types[e] == 0) {
      columns.push_back(rows.columns[e]);
      continue;
    }
    columns.push_back(static_cast<std::int32_t>(out.kinds.size()));
    inverted.push_back(rows.columns[e]);
    out.kinds.push_back(static_cast<std::uint8_t>(MgvgaKind::not_gate));
  }
  for (std::int32_t source : inverted) {
    columns.push_back(source);
    offsets.push_back(static_cast<std::int64_t>(columns.size()));
  }
  out.graph = Graph::from_csr(offsets, columns);
  return out;
}

/// Nodes: inputs and latches, ANDs (node = variable - 1), outputs and next states, then NOTs. A
/// constant is no node, so what reads it lacks that edge.
/// Source:  H. Wu et al., "Circuit representation learning with masked gate modeling and
///          Verilog-AIG alignment", ICLR 2025, section 3, with the graphs of its public code.
inline MgvgaGraph mgvga_graph(const Aig& aig) {
  std::vector<std::uint8_t> kinds(aig.first_and() - 1, static_cast<std::uint8_t>(MgvgaKind::input));
  std::vector<std::int64_t> offsets(kinds.size() + 1, 0);
  std::vector<std::int32_t> columns;
  std::vector<std::uint8_t> types;
  const auto add = [&](Literal l) {
    if (l.variable() == 0) return;
    columns.push_back(static_cast<std::int32_t>(l.variable()) - 1);
    types.push_back(l.inverted() ? 1 : 0);
  };
  const auto close = [&](MgvgaKind kind) {
    offsets.push_back(static_cast<std::int64_t>(columns.size()));
    kinds.push_back(static_cast<std::uint8_t>(kind));
  };
  for (std::uint32_t v = aig.first_and(); v < aig.variables(); ++v) {
    for (Literal fanin : aig.fanins(v)) add(fanin);
    close(MgvgaKind::and_gate);
  }
  for (Literal l : aig.output_literals()) {
    add(l);
    close(MgvgaKind::output);
  }
  for (const Latch& latch : aig.latches()) {
    add(latch.next);
    close(MgvgaKind::output);
  }
  return insert_nots(Graph::from_csr(offsets, columns, types), kinds);
}

CFM_NAMESPACE_END
