#pragma once
/// @file  A graph seen along its edges or against them: what message passing runs on.

#include <cfm/graph/graph.hpp>

CFM_NAMESPACE_BEGIN

/// Rows of neighbours, and the edge of the graph that each entry is: its place in Graph::fanins(),
/// by which all tensors of edges are ordered.
struct EdgeRows {
  CsrView rows;
  std::span<const std::int64_t> places;  ///< [edges]; empty: entry i is edge i

  EdgeRows() = default;
  EdgeRows(const CsrView& csr) : rows(csr) {}  // NOLINT: rows whose entries are the edges
  EdgeRows(const CsrView& csr, std::span<const std::int64_t> edges) : rows(csr), places(edges) {}

  /// The edge of entry i.
  Index edge(Index i) const { return places.empty() ? i : places[static_cast<std::size_t>(i)]; }
};

/// Whom a node hears: its fan-ins, which is what a Graph converts to, or its fan-outs. Edge tensors
/// are in the order of graph.fanins() either way. Cheap to copy.
class Neighbours {
 public:
  Neighbours(Graph graph) : graph_(std::move(graph)) {}  // NOLINT: a graph is heard forwards

  const Graph& graph() const { return graph_; }
  Index nodes() const { return graph_.nodes(); }
  Index edges() const { return graph_.edges(); }
  bool against_edges() const { return reversed_; }

  /// Row v: whom v hears. Sources of messages are columns, targets are rows.
  EdgeRows rows() const { return reversed_ ? backward() : forward(); }
  /// Row u: who hears u.
  EdgeRows listeners() const { return reversed_ ? forward() : backward(); }

  /// The other direction.
  Neighbours reversed() const {
    Neighbours out = *this;
    out.reversed_ = !reversed_;
    return out;
  }

 private:
  EdgeRows forward() const { return {graph_.fanins()}; }
  EdgeRows backward() const { return {graph_.fanouts(), graph_.fanout_edges()}; }

  Graph graph_;
  bool reversed_ = false;
};

/// A node hears the gates that drive it.
inline Neighbours fanins_of(Graph graph) { return Neighbours(std::move(graph)); }
/// A node hears the gates that it drives.
inline Neighbours fanouts_of(Graph graph) { return Neighbours(std::move(graph)).reversed(); }

/// One number an edge, from its type: of_type[edge_types()[e]]. {1, -1} gives the signs of plain
/// and inverted edges.
/// Shapes:  [edges].   Errors:  Error if the edges have no types or a type has no number.
inline Tensor edge_values(const Graph& graph, std::span<const double> of_type,
                          DType dtype = DType::f32) {
  const auto types = graph.edge_types();
  CFM_CHECK(std::ssize(types) == graph.edges(), "edge_values: the edges have no types");
  Tensor out = Tensor::empty({graph.edges()}, dtype);
  visit_real(dtype, "edge_values", [&]<class T>(std::type_identity<T>) {
    const auto to = out.span<T>();
    for (std::size_t e = 0; e < types.size(); ++e) {
      CFM_CHECK(types[e] < of_type.size(), "edge_values: no number for the type of an edge", e,
                static_cast<int>(types[e]), of_type.size());
      to[e] = static_cast<T>(of_type[types[e]]);
    }
  });
  return out;
}
inline Tensor edge_values(const Graph& graph, std::initializer_list<double> of_type,
                          DType dtype = DType::f32) {
  return edge_values(graph, std::span(of_type.begin(), of_type.size()), dtype);
}

CFM_NAMESPACE_END
