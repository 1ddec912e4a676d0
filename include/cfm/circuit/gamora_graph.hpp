#pragma once
/// @file  The graph that GAMORA reads: fan-ins of inputs, ANDs and outputs, and four features.

#include <vector>

#include <cfm/circuit/aig.hpp>
#include <cfm/graph/graph.hpp>

CFM_NAMESPACE_BEGIN

/// Nodes: combinational inputs (inputs, latches) and ANDs, node = variable - 1, then combinational
/// outputs (outputs, next states).
struct GamoraGraph {
  Graph graph;          ///< row v lists the fan-ins of node v, each once
  Tensor feature_bits;  ///< u8[nodes]: bit f is feature f
  Index inputs = 0;     ///< combinational inputs: the first nodes
  Index ands = 0;       ///< the nodes after them
  Index outputs = 0;    ///< combinational outputs: the last nodes

  Index nodes() const { return graph.nodes(); }

  /// The features as numbers: input 0 0 0 0; AND 1 1 c0 c1 with c0, c1 the inversions of the
  /// smaller and the larger fan-in literal; output 0 0 1 1.   Shapes:  f32[nodes, 4].
  Tensor features() const {
    Tensor out = Tensor::empty({nodes(), 4});
    const auto bits = std::as_const(feature_bits).span<std::uint8_t>();
    float* const rows = out.data<float>();
    parallel_for(nodes(), grain_for(16), [&](Index begin, Index end) {
      for (Index v = begin; v < end; ++v)
        for (Index f = 0; f < 4; ++f)
          rows[4 * v + f] = static_cast<float>((bits[static_cast<std::size_t>(v)] >> f) & 1);
    });
    return out;
  }
};

struct GamoraGraphOptions {
  /// Edges from the first output to every output, itself included: an accident of the exporter
  /// that wrote the published training data. The published weights need them.
  bool exporter_edges = true;
};

namespace detail {

// CSR rows of at most two columns, written in parallel: row(v, columns) returns their number.
// It runs twice, once to count.
template <class Row>
Graph graph_of_short_rows(Index nodes, const Row& row) {
  const Index grain = grain_for(16);
  std::vector<std::int64_t> begins(static_cast<std::size_t>((nodes + grain - 1) / grain) + 1, 0);
  parallel_for(nodes, grain, [&](Index begin, Index end) {
    std::int64_t count = 0;
    std::int32_t columns[2];
    for (Index v = begin; v < end; ++v) count += row(v, columns);
    begins[static_cast<std::size_t>(begin / grain) + 1] = count;
  });
  for (std::size_t c = 1; c < begins.size(); ++c) begins[c] += begins[c - 1];
  Tensor offsets = Tensor::empty({nodes + 1}, DType::i64);
  Tensor columns = Tensor::empty({begins.back()}, DType::i32);
  std::int64_t* const o = offsets.data<std::int64_t>();
  std::int32_t* const c = columns.data<std::int32_t>();
  o[0] = 0;
  parallel_for(nodes, grain, [&](Index begin, Index end) {
    std::int64_t place = begins[static_cast<std::size_t>(begin / grain)];
    std::int32_t pair[2];
    for (Index v = begin; v < end; ++v) {
      const int count = row(v, pair);
      for (int i = 0; i < count; ++i) c[place++] = pair[i];
      o[v + 1] = place;
    }
  });
  return Graph::from_csr(std::move(offsets), std::move(columns));
}

}  // namespace detail

/// Rows: the fan-ins of an AND, smaller literal first; the driver of an output, then the first
/// output (see GamoraGraphOptions). A constant is no node, so what reads it lacks that edge.
/// Cost:    parallel; 17 bytes a node besides the Aig.
/// Source:  N. Wu et al., "Gamora", DAC 2023, with the graphs of its public code.
inline GamoraGraph gamora_graph(const Aig& aig, const GamoraGraphOptions& options = {}) {
  GamoraGraph out;
  out.inputs = static_cast<Index>(aig.first_and()) - 1;
  out.ands = static_cast<Index>(aig.ands());
  out.outputs = static_cast<Index>(aig.outputs() + aig.latches().size());
  const Index gates = out.inputs + out.ands, nodes = gates + out.outputs;
  CFM_CHECK(nodes <= INT32_MAX, "gamora_graph: at most 2^31 - 1 nodes", nodes);
  const auto fanins = aig.all_fanins();
  const auto drivers = aig.output_literals();
  const auto node = [](Literal l) { return static_cast<std::int32_t>(l.variable()) - 1; };

  out.graph = detail::graph_of_short_rows(nodes, [&](Index v, std::int32_t* columns) {
    int count = 0;
    const auto add = [&](std::int32_t u) {
      if (u >= 0 && (count == 0 || columns[0] != u)) columns[count++] = u;
    };
    if (v >= gates) {
      const auto i = static_cast<std::size_t>(v - gates);
      add(node(i < drivers.size() ? drivers[i] : aig.latches()[i - drivers.size()].next));
      if (options.exporter_edges) add(static_cast<std::int32_t>(gates));
    } else if (v >= out.inputs) {
      const auto& pair = fanins[static_cast<std::size_t>(v - out.inputs)];
      add(node(pair[1]));
      add(node(pair[0]));
    }
    return count;
  });

  out.feature_bits = Tensor::empty({nodes}, DType::u8);
  std::uint8_t* const bits = out.feature_bits.data<std::uint8_t>();
  parallel_for(nodes, grain_for(9), [&](Index begin, Index end) {
    for (Index v = begin; v < end; ++v) {
      if (v < out.inputs) {
        bits[v] = 0b0000;
      } else if (v >= gates) {
        bits[v] = 0b1100;
      } else {
        const auto& pair = fanins[static_cast<std::size_t>(v - out.inputs)];
        bits[v] = static_cast<std::uint8_t>(0b0011 | (pair[1].inverted() ? 0b0100 : 0) |
                                            (pair[0].inverted() ? 0b1000 : 0));
      }
    }
  });
  return out;
}

CFM_NAMESPACE_END
