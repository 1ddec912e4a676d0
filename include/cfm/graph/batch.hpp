#pragma once
/// @file  Many graphs as one: their disjoint union.

#include <algorithm>
#include <vector>

#include <cfm/graph/graph.hpp>

CFM_NAMESPACE_BEGIN

/// The disjoint union of graphs. Nodes and edges of graph g are consecutive, in their own order,
/// so anything that works on rows of a graph works on all graphs at once.
class GraphBatch {
 public:
  GraphBatch() = default;

  /// Errors:  Error if some graphs have edge types and others with edges have none, or the union
  ///          has 2^31 nodes or more.
  explicit GraphBatch(std::span<const Graph> graphs) {
    Index nodes = 0, edges = 0;
    bool typed = false;
    for (const Graph& g : graphs) {
      node_offsets_.push_back(nodes += g.nodes());
      edge_offsets_.push_back(edges += g.edges());
      typed |= !g.edge_types().empty();
    }
    CFM_CHECK(nodes <= INT32_MAX, "batch: at most 2^31 - 1 nodes", nodes);
    Tensor offsets = Tensor::zeros({nodes + 1}, DType::i64);
    Tensor columns = Tensor::empty({edges}, DType::i32);
    Tensor types = Tensor::empty({typed ? edges : 0}, DType::u8);
    const auto o = offsets.span<std::int64_t>();
    const auto c = columns.span<std::int32_t>();
    const auto t = types.span<std::uint8_t>();
    for (std::size_t g = 0; g < graphs.size(); ++g) {
      const CsrView in = graphs[g].fanins();
      const auto kinds = graphs[g].edge_types();
      CFM_CHECK(!typed || std::ssize(kinds) == in.edges(),
                "batch: edges have types in some graphs only; graph", g);
      const auto node = static_cast<std::size_t>(node_offsets_[g]);
      const auto edge = static_cast<std::size_t>(edge_offsets_[g]);
      for (std::size_t v = 1; v < in.offsets.size(); ++v)
        o[node + v] = in.offsets[v] + edge_offsets_[g];
      for (std::size_t e = 0; e < in.columns.size(); ++e)
        c[edge + e] = in.columns[e] + static_cast<std::int32_t>(node_offsets_[g]);
      std::copy(kinds.begin(), kinds.end(), t.begin() + static_cast<std::ptrdiff_t>(edge));
    }
    graph_ = Graph::from_csr(std::move(offsets), std::move(columns), std::move(types));
  }

  explicit GraphBatch(const std::vector<Graph>& graphs)
      : GraphBatch(std::span<const Graph>(graphs)) {}

  /// The union.
  const Graph& graph() const { return graph_; }
  /// Number of graphs.
  Index size() const { return static_cast<Index>(node_offsets_.size()) - 1; }
  /// Where each graph's nodes begin; size() + 1 numbers.
  std::span<const std::int64_t> node_offsets() const { return node_offsets_; }
  /// Where each graph's edges begin; size() + 1 numbers.
  std::span<const std::int64_t> edge_offsets() const { return edge_offsets_; }

  /// The graph that a node belongs to.   Cost:  logarithmic.
  Index graph_of(Index node) const {
    CFM_CHECK(node >= 0 && node < graph_.nodes(), "batch: no such node", node);
    const auto after = std::upper_bound(node_offsets_.begin(), node_offsets_.end(), node);
    return after - node_offsets_.begin() - 1;
  }

  /// The rows of graph g in a tensor of one row for every node. Shares the elements.
  /// Errors:  ShapeError if the tensor has another number of rows.
  Tensor rows(const Tensor& values, Index g) const {
    check_graph(g);
    CFM_CHECK(values.rank() > 0 && values.size(0) == graph_.nodes(),
              "batch: one row for every node", values);
    return values.slice(0, at(node_offsets_, g), at(node_offsets_, g + 1));
  }

  /// Graph g again, as it went in.
  Graph split(Index g) const {
    check_graph(g);
    const Index first = at(node_offsets_, g), nodes = at(node_offsets_, g + 1) - first;
    const Index edge = at(edge_offsets_, g), edges = at(edge_offsets_, g + 1) - edge;
    const CsrView in = graph_.fanins();
    std::vector<std::int64_t> offsets(static_cast<std::size_t>(nodes) + 1);
    std::vector<std::int32_t> columns(static_cast<std::size_t>(edges));
    for (std::size_t v = 0; v < offsets.size(); ++v)
      offsets[v] = in.offsets[static_cast<std::size_t>(first) + v] - edge;
    for (std::size_t e = 0; e < columns.size(); ++e)
      columns[e] =
          in.columns[static_cast<std::size_t>(edge) + e] - static_cast<std::int32_t>(first);
    auto types = graph_.edge_types();
    if (!types.empty())
      types = types.subspan(static_cast<std::size_t>(edge), static_cast<std::size_t>(edges));
    return Graph::from_csr(offsets, columns, types);
  }

  /// All graphs again.
  std::vector<Graph> split() const {
    std::vector<Graph> out;
    for (Index g = 0; g < size(); ++g) out.push_back(split(g));
    return out;
  }

 private:
  static Index at(const std::vector<std::int64_t>& offsets, Index i) {
    return offsets[static_cast<std::size_t>(i)];
  }
  void check_graph(Index g) const {
    CFM_CHECK(g >= 0 && g < size(), "batch: no such graph", g, size());
  }

  Graph graph_;
  std::vector<std::int64_t> node_offsets_{0}, edge_offsets_{0};
};

CFM_NAMESPACE_END
