#pragma once
/// @file  Circuits as DeepGate2 and its successors read them: scheduled, with first structure
///        vectors.

#include <cmath>
#include <span>
#include <utility>
#include <vector>

#include <cfm/circuit/explicit_not_graph.hpp>
#include <cfm/core/rng.hpp>
#include <cfm/graph/batch.hpp>
#include <cfm/graph/level_schedule.hpp>

CFM_NAMESPACE_BEGIN

/// A circuit, or a batch of them, with the schedule of its ANDs (kind 0) and NOTs (kind 1).
struct DeepGate2Graph {
  LevelSchedule schedule;
  std::vector<NodeKind> kinds;            ///< of every node
  std::vector<std::int64_t> circuits{0};  ///< where the nodes of each circuit begin; the end
  std::vector<std::int32_t> sources;      ///< nodes of level 0, ascending: inputs and latches

  Index nodes() const { return schedule.nodes(); }
  Index size() const { return static_cast<Index>(circuits.size()) - 1; }
};

namespace detail {

inline std::vector<std::int32_t> level_sources(const LevelSchedule& schedule) {
  std::vector<std::int32_t> out;
  if (schedule.levels() == 0) return out;
  for (const auto& group : schedule.groups(0)) {
    const auto nodes = schedule.nodes_of(group);
    out.insert(out.end(), nodes.begin(), nodes.end());
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace detail

/// The graph of one circuit, from its edges (fan-in to gate) and kinds.
/// Errors:  Error if there is not one kind for every node, or there is a cycle.
inline DeepGate2Graph deepgate2_graph(const Graph& graph, std::vector<NodeKind> kinds,
                                      std::vector<std::int64_t> circuits = {}) {
  std::vector<std::uint8_t> steps;
  for (NodeKind kind : kinds)
    steps.push_back(kind == NodeKind::and_gate   ? std::uint8_t{0}
                    : kind == NodeKind::not_gate ? std::uint8_t{1}
                                                 : LevelSchedule::fixed);
  DeepGate2Graph out;
  out.schedule = LevelSchedule(graph, steps);
  out.kinds = std::move(kinds);
  out.circuits = circuits.empty() ? std::vector<std::int64_t>{0, graph.nodes()} : circuits;
  out.sources = detail::level_sources(out.schedule);
  return out;
}

inline DeepGate2Graph deepgate2_graph(const ExplicitNotGraph& circuit) {
  return deepgate2_graph(circuit.graph, circuit.kinds);
}

/// The union of circuits: one schedule for all. Every row of the result has the bits that the
/// circuit alone gives.
inline DeepGate2Graph deepgate2_graph(std::span<const ExplicitNotGraph> circuits) {
  std::vector<Graph> graphs;
  std::vector<NodeKind> kinds;
  for (const ExplicitNotGraph& c : circuits) {
    graphs.push_back(c.graph);
    kinds.insert(kinds.end(), c.kinds.begin(), c.kinds.end());
  }
  const GraphBatch batch(graphs);
  const auto offsets = batch.node_offsets();
  return deepgate2_graph(batch.graph(), std::move(kinds), {offsets.begin(), offsets.end()});
}

/// Rows of unit length, orthogonal to each other in blocks of `width` rows: Gram-Schmidt on normal
/// vectors. More rows than that cannot all be orthogonal; from 8 width rows on they are normalised
/// uniform vectors instead, as in the public code.
/// Shapes:  [rows, width].
inline Tensor orthonormal_rows(Index rows, Index width, Rng rng, DType dtype = DType::f32) {
  CFM_CHECK(rows >= 0 && width >= 1, "orthonormal rows: needs a width", rows, width);
  std::vector<double> all(static_cast<std::size_t>(rows * width));
  const auto row = [&](Index r) { return all.data() + r * width; };
  const bool orthogonal = rows < 8 * width;
  for (Index r = 0; r < rows; ++r) {
    double* const v = row(r);
    double length = 0;
    do {  // a vector that lies in the span of the others is drawn again
      for (Index i = 0; i < width; ++i) v[i] = orthogonal ? rng.normal() : rng.uniform(-0.5, 0.5);
      if (orthogonal)
        for (int pass = 0; pass < 2; ++pass)
          for (Index other = r / width * width; other < r; ++other) {
            const double* const u = row(other);
            double dot = 0;
            for (Index i = 0; i < width; ++i) dot += u[i] * v[i];
            for (Index i = 0; i < width; ++i) v[i] -= dot * u[i];
          }
      length = 0;
      for (Index i = 0; i < width; ++i) length += v[i] * v[i];
    } while (length < 1e-12);
    for (Index i = 0; i < width; ++i) v[i] /= std::sqrt(length);
  }
  return Tensor::from(std::span<const double>(all), Shape{rows, width}).to(dtype);
}

/// First structure vectors: orthonormal rows for the sources of each circuit, 0 for gates. Every
/// circuit starts from the same seed, so batches do not change it. `circuits`: where the nodes of
/// each begin, and the end; `sources` ascending.
/// Shapes:  [nodes, width].
inline Tensor orthonormal_states(std::span<const std::int64_t> circuits,
                                 std::span<const std::int32_t> sources, Index width,
                                 std::uint64_t seed = 0, DType dtype = DType::f32) {
  Tensor out = Tensor::zeros({circuits.back(), width}, dtype);
  std::size_t at = 0;
  for (std::size_t c = 0; c + 1 < circuits.size(); ++c) {
    const std::size_t first = at;
    while (at < sources.size() && sources[at] < circuits[c + 1]) ++at;
    const Tensor rows = orthonormal_rows(static_cast<Index>(at - first), width, Rng(seed), dtype);
    visit_real(dtype, "orthonormal states", [&]<class T>(std::type_identity<T>) {
      const View<const T, 2> from = rows.view<T, 2>();
      const View<T, 2> to = out.view<T, 2>();
      for (std::size_t i = first; i < at; ++i)
        std::copy_n(from.row(static_cast<Index>(i - first)), width, to.row(sources[i]));
    });
  }
  return out;
}
inline Tensor orthonormal_states(const DeepGate2Graph& graph, Index width, std::uint64_t seed = 0,
                                 DType dtype = DType::f32) {
  return orthonormal_states(graph.circuits, graph.sources, width, seed, dtype);
}

CFM_NAMESPACE_END
