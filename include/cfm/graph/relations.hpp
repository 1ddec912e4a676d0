#pragma once
/// @file  A graph whose edges have types, as one row for each node and type.

#include <cfm/graph/neighbours.hpp>

CFM_NAMESPACE_BEGIN

/// Edges grouped by node and type, both ways. Built once a graph; sums, means and whatever else
/// works on rows then treat every type by itself. Immutable; copies share.
class Relations {
 public:
  /// types: of Graph::edge_types(), each in [0, count).
  /// Errors:  Error if the edges have no types, a type is outside, or nodes * count >= 2^31.
  /// Cost:    linear in nodes * count and edges.
  Relations(const Neighbours& graph, Index count) : graph_(graph), count_(count) {
    const auto types = graph.graph().edge_types();
    const Index nodes = graph.nodes();
    CFM_CHECK(count >= 1 && nodes <= INT32_MAX / count,
              "relations: nodes * types must be below 2^31", nodes, count);
    CFM_CHECK(std::ssize(types) == graph.edges(), "relations: the edges have no types");
    const EdgeRows rows = graph.rows(), listeners = graph.listeners();
    const auto type_of = [&](const EdgeRows& of, std::size_t i) {
      return Index{types[static_cast<std::size_t>(of.edge(static_cast<Index>(i)))]};
    };
    std::vector<std::int32_t> keys(static_cast<std::size_t>(graph.edges()));
    detail::for_each_edge(rows.rows, [&](std::int32_t v, std::size_t i) {
      const Index type = type_of(rows, i);
      CFM_CHECK(type < count, "relations: the type of an edge is outside", type, count);
      keys[i] = static_cast<std::int32_t>(v * count + type);
    });
    offsets_ = detail::offsets_by_key(nodes * count, keys);
    columns_ = Tensor::empty({graph.edges()}, DType::i32);
    const auto columns = columns_.span<std::int32_t>();
    detail::sort_by_key(offsets_, keys, [&](std::size_t place, std::size_t i) {
      columns[place] = rows.rows.columns[i];
    });
    listener_columns_ = Tensor::empty({graph.edges()}, DType::i32);
    const auto heard = listener_columns_.span<std::int32_t>();
    for (std::size_t i = 0; i < heard.size(); ++i)
      heard[i] = static_cast<std::int32_t>(listeners.rows.columns[i] * count +
                                           type_of(listeners, i));
  }

  const Neighbours& graph() const { return graph_; }
  Index nodes() const { return graph_.nodes(); }
  /// Number of types.
  Index count() const { return count_; }

  /// Row v * count + type: the neighbours of v by edges of that type, in order.
  CsrView rows() const { return {span<std::int64_t>(offsets_), span<std::int32_t>(columns_)}; }
  /// Row u: for each node that hears u, its row above.
  CsrView listeners() const {
    return {graph_.listeners().rows.offsets, span<std::int32_t>(listener_columns_)};
  }

 private:
  template <class T>
  static std::span<const T> span(const Tensor& t) {
    return t.span<T>();
  }

  Neighbours graph_;
  Index count_;
  Tensor offsets_, columns_, listener_columns_;
};

CFM_NAMESPACE_END
