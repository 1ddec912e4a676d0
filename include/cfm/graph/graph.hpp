#pragma once
/// @file  A graph that owns its rows, and its transpose once somebody asks for it.

#include <algorithm>
#include <memory>
#include <mutex>
#include <vector>

#include <cfm/exec/parallel.hpp>
#include <cfm/graph/csr.hpp>
#include <cfm/tensor/tensor.hpp>

CFM_NAMESPACE_BEGIN

/// A directed graph on nodes 0 .. nodes - 1. Row v lists the fan-ins of v in the order of its gate;
/// an edge may carry one byte, its type (an inversion, say). Immutable; copies share everything,
/// the lazily built transpose too, and may be used from any number of threads.
class Graph {
 public:
  /// No nodes, no edges.
  Graph() : Graph(zero_offset(), Tensor::empty({0}, DType::i32), Tensor(), Trusted{}) {}

  /// Takes CSR arrays: offsets i64[nodes + 1], columns i32[edges], types u8[edges] or none.
  /// Errors:  TypeError, ShapeError; Error if offsets decrease or do not run from 0 to the edges,
  ///          or a column is not a node.
  static Graph from_csr(Tensor offsets, Tensor columns, Tensor types = Tensor());
  /// The same from spans, which are copied.
  static Graph from_csr(std::span<const std::int64_t> offsets,
                        std::span<const std::int32_t> columns,
                        std::span<const std::uint8_t> types = {});

  /// Edge e runs from sources[e] to targets[e]. The fan-ins of a node keep the order of the list.
  /// Errors:  Error if lengths differ or an end is not a node.   Cost:  linear.
  static Graph from_edges(Index nodes, std::span<const std::int32_t> sources,
                          std::span<const std::int32_t> targets,
                          std::span<const std::uint8_t> types = {});

  Index nodes() const { return fanins().rows(); }
  Index edges() const { return fanins().edges(); }

  /// Row v: the sources of the edges into v.
  CsrView fanins() const {
    return {arrays().offsets.span<std::int64_t>(), arrays().columns.span<std::int32_t>()};
  }
  /// Row v: the targets of the edges out of v, by target, then by place in the target's row.
  /// Built at the first call.
  CsrView fanouts() const;
  /// The place in fanins() of every edge of fanouts(), in its order. Built at the first call.
  std::span<const std::int64_t> fanout_edges() const;

  /// One byte for every edge of fanins(); empty if the edges have no types.
  std::span<const std::uint8_t> edge_types() const {
    return arrays().types.size() == 0 ? std::span<const std::uint8_t>()
                                      : arrays().types.span<std::uint8_t>();
  }

  /// The CSR arrays as tensors, for kernels and files: i64[nodes + 1] and i32[edges].
  const Tensor& offsets() const { return state_->offsets; }
  const Tensor& columns() const { return state_->columns; }

  /// The same nodes, rows and types; whether the transposes exist does not matter.
  friend bool operator==(const Graph& a, const Graph& b) {
    const auto same = [](auto x, auto y) {
      return std::equal(x.begin(), x.end(), y.begin(), y.end());
    };
    return a.state_ == b.state_ ||
           (same(a.fanins().offsets, b.fanins().offsets) &&
            same(a.fanins().columns, b.fanins().columns) && same(a.edge_types(), b.edge_types()));
  }

 private:
  struct State {
    Tensor offsets, columns, types;
    std::once_flag transpose_once, edges_once;
    Tensor fanout_offsets, fanout_columns, fanout_edges;
  };
  struct Trusted {};

  // Reading through a const Tensor: write access would count as a change.
  const State& arrays() const { return *state_; }

  Graph(Tensor offsets, Tensor columns, Tensor types, Trusted) : state_(std::make_shared<State>()) {
    state_->offsets = std::move(offsets);
    state_->columns = std::move(columns);
    state_->types = std::move(types);
  }

  static Tensor zero_offset() { return Tensor::zeros({1}, DType::i64); }

  std::shared_ptr<State> state_;
};

namespace detail {

// Counts, then prefix sums: the offsets of rows by key. Keys are in [0, rows).
inline Tensor offsets_by_key(Index rows, std::span<const std::int32_t> keys) {
  Tensor out = Tensor::zeros({rows + 1}, DType::i64);
  const auto offsets = out.span<std::int64_t>();
  for (std::int32_t key : keys) ++offsets[static_cast<std::size_t>(key) + 1];
  for (std::size_t r = 0; r + 1 < offsets.size(); ++r) offsets[r + 1] += offsets[r];
  return out;
}

// Calls put(place, e) with the place of edge e when edges are sorted by key, stably.
template <class Put>
void sort_by_key(const Tensor& offsets, std::span<const std::int32_t> keys, const Put& put) {
  Tensor copy = offsets.clone();
  const auto next = copy.span<std::int64_t>();
  for (std::size_t e = 0; e < keys.size(); ++e)
    put(static_cast<std::size_t>(next[static_cast<std::size_t>(keys[e])]++), e);
}

// Calls f(row, e) for every edge, in order.
template <class F>
void for_each_edge(const CsrView& csr, const F& f) {
  for (Index row = 0; row < csr.rows(); ++row) {
    const auto r = static_cast<std::size_t>(row);
    for (std::int64_t e = csr.offsets[r]; e < csr.offsets[r + 1]; ++e)
      f(static_cast<std::int32_t>(row), static_cast<std::size_t>(e));
  }
}

}  // namespace detail

inline Graph Graph::from_csr(Tensor offsets, Tensor columns, Tensor types) {
  CFM_CHECK(offsets.dtype() == DType::i64, "graph: offsets must be i64", offsets.dtype());
  CFM_CHECK(columns.dtype() == DType::i32, "graph: columns must be i32", columns.dtype());
  CFM_CHECK(offsets.rank() == 1 && offsets.size() > 0, "graph: offsets must be [nodes + 1]",
            offsets);
  CFM_CHECK(columns.rank() == 1, "graph: columns must be [edges]", columns);
  if (types.size() != 0) {
    CFM_CHECK(types.dtype() == DType::u8, "graph: edge types must be u8", types.dtype());
    CFM_CHECK(types.shape() == columns.shape(), "graph: one type for every edge", types, columns);
  }
  Graph out(offsets.contiguous(), columns.contiguous(), types.contiguous(), Trusted{});
  const CsrView csr = out.fanins();
  const Index nodes = csr.rows(), edges = csr.edges();
  CFM_CHECK(nodes <= INT32_MAX, "graph: at most 2^31 - 1 nodes", nodes);
  CFM_CHECK(csr.offsets.front() == 0 && csr.offsets.back() == edges,
            "graph: offsets must run from 0 to the number of edges", csr.offsets.front(),
            csr.offsets.back(), edges);
  parallel_for(nodes, grain_for(8), [&](Index begin, Index end) {
    for (Index v = begin; v < end; ++v) {
      const auto i = static_cast<std::size_t>(v);
      CFM_CHECK(csr.offsets[i] <= csr.offsets[i + 1], "graph: offsets decrease at node", v);
    }
  });
  parallel_for(edges, grain_for(4), [&](Index begin, Index end) {
    for (Index e = begin; e < end; ++e) {
      const std::int32_t column = csr.columns[static_cast<std::size_t>(e)];
      CFM_CHECK(column >= 0 && column < nodes, "graph: an edge ends at no node", column, nodes);
    }
  });
  return out;
}

inline Graph Graph::from_csr(std::span<const std::int64_t> offsets,
                             std::span<const std::int32_t> columns,
                             std::span<const std::uint8_t> types) {
  const auto tensor = [](auto span) {
    return Tensor::from(span, Shape{static_cast<Index>(span.size())});
  };
  return from_csr(tensor(offsets), tensor(columns), types.empty() ? Tensor() : tensor(types));
}

inline Graph Graph::from_edges(Index nodes, std::span<const std::int32_t> sources,
                               std::span<const std::int32_t> targets,
                               std::span<const std::uint8_t> types) {
  CFM_CHECK(nodes >= 0 && nodes <= INT32_MAX, "graph: 0 to 2^31 - 1 nodes", nodes);
  CFM_CHECK(sources.size() == targets.size(), "graph: one source for every target", sources.size(),
            targets.size());
  CFM_CHECK(types.empty() || types.size() == targets.size(), "graph: one type for every edge",
            types.size(), targets.size());
  for (std::size_t e = 0; e < sources.size(); ++e)
    CFM_CHECK(sources[e] >= 0 && sources[e] < nodes && targets[e] >= 0 && targets[e] < nodes,
              "graph: an edge ends at no node (edge, source, target, nodes)", e, sources[e],
              targets[e], nodes);
  const Index edges = static_cast<Index>(sources.size());
  Tensor offsets = detail::offsets_by_key(nodes, targets);
  Tensor columns = Tensor::empty({edges}, DType::i32);
  Tensor kinds = Tensor::empty({static_cast<Index>(types.size())}, DType::u8);
  const auto out = columns.span<std::int32_t>();
  const auto out_types = kinds.span<std::uint8_t>();
  detail::sort_by_key(offsets, targets, [&](std::size_t place, std::size_t e) {
    out[place] = sources[e];
    if (!types.empty()) out_types[place] = types[e];
  });
  return Graph(std::move(offsets), std::move(columns), std::move(kinds), Trusted{});
}

inline CsrView Graph::fanouts() const {
  State& s = *state_;
  std::call_once(s.transpose_once, [&] {
    const CsrView in = fanins();
    Tensor offsets = detail::offsets_by_key(nodes(), in.columns);
    Tensor columns = Tensor::empty({edges()}, DType::i32);
    const auto out = columns.span<std::int32_t>();
    Tensor copy = offsets.clone();
    const auto next = copy.span<std::int64_t>();
    detail::for_each_edge(in, [&](std::int32_t row, std::size_t e) {
      out[static_cast<std::size_t>(next[static_cast<std::size_t>(in.columns[e])]++)] = row;
    });
    s.fanout_offsets = std::move(offsets);
    s.fanout_columns = std::move(columns);
  });
  return {std::as_const(s.fanout_offsets).span<std::int64_t>(),
          std::as_const(s.fanout_columns).span<std::int32_t>()};
}

inline std::span<const std::int64_t> Graph::fanout_edges() const {
  State& s = *state_;
  std::call_once(s.edges_once, [&] {
    fanouts();
    Tensor places = Tensor::empty({edges()}, DType::i64);
    const auto out = places.span<std::int64_t>();
    detail::sort_by_key(s.fanout_offsets, fanins().columns, [&](std::size_t place, std::size_t e) {
      out[place] = static_cast<std::int64_t>(e);
    });
    s.fanout_edges = std::move(places);
  });
  return std::as_const(s.fanout_edges).span<std::int64_t>();
}

/// The graph with every edge reversed; types go along.
inline Graph transpose(const Graph& graph) {
  const CsrView out = graph.fanouts();
  const auto types = graph.edge_types();
  const auto places = types.empty() ? std::span<const std::int64_t>() : graph.fanout_edges();
  std::vector<std::uint8_t> moved(types.size());
  for (std::size_t e = 0; e < types.size(); ++e)
    moved[e] = types[static_cast<std::size_t>(places[e])];
  return Graph::from_csr(out.offsets, out.columns, moved);
}

CFM_NAMESPACE_END
