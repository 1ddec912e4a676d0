#pragma once
/// @file  Graphs whose edges are plain or inverted, as two graphs on the same nodes.

#include <span>
#include <vector>

#include <cfm/circuit/explicit_not_graph.hpp>

CFM_NAMESPACE_BEGIN

/// The edges of a graph by their sign: models that treat them apart read each alone.
struct SignedGraph {
  Graph plain;     ///< row v: whom v hears as it is
  Graph inverted;  ///< row v: whom v hears inverted

  Index nodes() const { return plain.nodes(); }
  Index edges() const { return plain.edges() + inverted.edges(); }
};

/// Where the signs of a graph with explicit NOTs are.
struct SignedGraphOptions {
  /// False: an edge into a NOT is inverted, all others are plain. True: an AND hears the gate
  /// behind a NOT over an inverted edge, and NOTs hear nobody.
  bool collapse_nots = false;
};

/// The graph by edge types: 0 is plain, anything else inverted.
/// Errors:  Error if a graph with edges has no types.
inline SignedGraph signed_graph(const Graph& graph) {
  const CsrView rows = graph.fanins();
  const auto types = graph.edge_types();
  CFM_CHECK(std::ssize(types) == graph.edges(), "signed_graph: the edges have no types",
            graph.edges());
  std::vector<std::int64_t> offsets[2] = {{0}, {0}};
  std::vector<std::int32_t> columns[2];
  for (Index v = 0; v < rows.rows(); ++v) {
    const auto first = static_cast<std::size_t>(rows.offsets[static_cast<std::size_t>(v)]);
    const auto row = rows[v];
    for (std::size_t i = 0; i < row.size(); ++i)
      columns[types[first + i] == 0 ? 0 : 1].push_back(row[i]);
    for (int s = 0; s < 2; ++s) offsets[s].push_back(static_cast<std::int64_t>(columns[s].size()));
  }
  return {Graph::from_csr(offsets[0], columns[0]), Graph::from_csr(offsets[1], columns[1])};
}

/// The signs of a graph whose inverters are nodes.
/// Errors:  Error if there is not one kind a node, or a NOT has not one fan-in.
/// Source:  J. Liu et al., "PolarGate", ICCAD 2024; collapsed: the AIG encoders of DeepCell, ICCAD
///          2025.
inline SignedGraph signed_graph(const ExplicitNotGraph& source,
                                const SignedGraphOptions& options = {}) {
  const CsrView rows = source.graph.fanins();
  CFM_CHECK(static_cast<Index>(source.kinds.size()) == rows.rows(),
            "signed_graph: one kind for every node", source.kinds.size(), rows.rows());
  const auto is_not = [&](std::int32_t v) {
    return source.kinds[static_cast<std::size_t>(v)] == NodeKind::not_gate;
  };
  std::vector<std::int64_t> offsets{0};
  std::vector<std::int32_t> columns;
  std::vector<std::uint8_t> types;
  for (Index v = 0; v < rows.rows(); ++v) {
    const bool inverter = is_not(static_cast<std::int32_t>(v));
    CFM_CHECK(!inverter || rows[v].size() == 1, "signed_graph: a NOT has one fan-in; node", v);
    for (std::int32_t u : rows[v]) {
      if (options.collapse_nots && inverter) continue;
      const bool behind = options.collapse_nots && is_not(u);
      columns.push_back(behind ? rows[u][0] : u);
      types.push_back(inverter || behind ? 1 : 0);
    }
    offsets.push_back(static_cast<std::int64_t>(columns.size()));
  }
  return signed_graph(Graph::from_csr(offsets, columns, types));
}

CFM_NAMESPACE_END
