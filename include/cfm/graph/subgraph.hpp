#pragma once
/// @file  Some nodes of a graph with the edges between them, and rows of tensors that go along.

#include <cstring>

#include <cfm/graph/neighborhood.hpp>

CFM_NAMESPACE_BEGIN

/// A part of a graph, as a graph of its own.
struct Subgraph {
  Graph graph;                      ///< node i stands for nodes[i]
  std::vector<std::int32_t> nodes;  ///< numbers in the whole graph
};

/// Cuts parts out, many of one graph, each at the cost of its own rows. One cutter serves one
/// thread.
class SubgraphCutter {
 public:
  explicit SubgraphCutter(const Graph& graph)
      : graph_(graph), place_(detail::to_size(graph.nodes()), -1) {}

  /// The nodes, numbered as they are listed, and every edge between two of them. Fan-ins keep the
  /// order of their row; types go along.
  /// Errors:  Error if a node does not exist or is listed twice.
  Subgraph operator()(std::span<const std::int32_t> nodes) {
    try {
      for (std::size_t i = 0; i < nodes.size(); ++i) {
        CFM_CHECK(nodes[i] >= 0 && nodes[i] < graph_.nodes(), "subgraph: no such node", nodes[i],
                  graph_.nodes());
        std::int32_t& place = place_[detail::to_size(nodes[i])];
        CFM_CHECK(place < 0, "subgraph: a node is listed twice", nodes[i]);
        place = static_cast<std::int32_t>(i);
        marked_ = i + 1;
      }
      Subgraph out{cut(nodes), {nodes.begin(), nodes.end()}};
      forget(nodes);
      return out;
    } catch (...) {
      forget(nodes);
      throw;
    }
  }

 private:
  Graph cut(std::span<const std::int32_t> nodes) const {
    const CsrView rows = graph_.fanins();
    const auto types = graph_.edge_types();
    std::vector<std::int64_t> offsets(nodes.size() + 1, 0);
    std::vector<std::int32_t> columns;
    std::vector<std::uint8_t> kinds;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      const auto v = detail::to_size(nodes[i]);
      for (auto e = detail::to_size(rows.offsets[v]); e < detail::to_size(rows.offsets[v + 1]);
           ++e) {
        const std::int32_t place = place_[detail::to_size(rows.columns[e])];
        if (place < 0) continue;
        columns.push_back(place);
        if (!types.empty()) kinds.push_back(types[e]);
      }
      offsets[i + 1] = static_cast<std::int64_t>(columns.size());
    }
    return Graph::from_csr(offsets, columns, kinds);
  }

  void forget(std::span<const std::int32_t> nodes) {
    for (std::size_t i = 0; i < marked_; ++i) place_[detail::to_size(nodes[i])] = -1;
    marked_ = 0;
  }

  Graph graph_;
  std::vector<std::int32_t> place_;  // of every node of the whole graph; -1 outside
  std::size_t marked_ = 0;
};

/// The same for one part.
inline Subgraph induced_subgraph(const Graph& graph, std::span<const std::int32_t> nodes) {
  return SubgraphCutter(graph)(nodes);
}

/// Rows of a tensor, in the order of `rows`: what the nodes of a part know.
/// Shapes:  x [n, ...]  ->  [rows, ...], of any element type.
/// Errors:  ShapeError for a tensor without rows; Error if a row does not exist.
inline Tensor rows_at(const Tensor& x, std::span<const std::int32_t> rows) {
  CFM_CHECK(x.rank() >= 1, "rows_at: needs a tensor of rows", x);
  Extents extents = x.shape();
  extents[0] = static_cast<Index>(rows.size());
  const Tensor source = x.contiguous();
  Tensor out = Tensor::empty(Shape(extents), x.dtype());
  const std::size_t bytes =
      x.size(0) == 0 ? 0
                     : detail::to_size(x.size() / x.size(0)) * detail::to_size(size_of(x.dtype()));
  std::byte* to = out.bytes();
  const std::byte* from = source.bytes();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    CFM_CHECK(rows[i] >= 0 && rows[i] < x.size(0), "rows_at: no such row", rows[i], x.size(0));
    if (bytes > 0) std::memcpy(to + i * bytes, from + detail::to_size(rows[i]) * bytes, bytes);
  }
  return out;
}

/// out[rows[i]] = x[i]: what the nodes of a part have learned, back in its place.
/// Shapes:  x [rows, ...], out [n, ...], dense, of one element type.
/// Errors:  TypeError, ShapeError; Error if a row does not exist.
inline void put_rows(Tensor& out, std::span<const std::int32_t> rows, const Tensor& x) {
  CFM_CHECK(out.dtype() == x.dtype(), "put_rows: one element type", out.dtype(), x.dtype());
  CFM_CHECK(out.is_contiguous() && x.rank() >= 1 && out.rank() == x.rank() &&
                x.size(0) == static_cast<Index>(rows.size()) &&
                x.size() * out.size(0) == out.size() * x.size(0),
            concat("put_rows: x [", rows.size(), ", ...] into rows of a dense tensor"), out, x);
  const Tensor source = x.contiguous();
  const std::size_t bytes =
      rows.empty() ? 0
                   : detail::to_size(x.size()) / rows.size() * detail::to_size(size_of(x.dtype()));
  std::byte* to = out.bytes();
  const std::byte* from = source.bytes();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    CFM_CHECK(rows[i] >= 0 && rows[i] < out.size(0), "put_rows: no such row", rows[i], out.size(0));
    if (bytes > 0) std::memcpy(to + detail::to_size(rows[i]) * bytes, from + i * bytes, bytes);
  }
}

CFM_NAMESPACE_END
