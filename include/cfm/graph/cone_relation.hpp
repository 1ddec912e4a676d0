#pragma once
/// @file  Which node lies in whose fan-in cone: masks of attention, virtual edges, pair labels.

#include <bit>

#include <cfm/core/rng.hpp>
#include <cfm/graph/levelize.hpp>
#include <cfm/graph/neighborhood.hpp>

CFM_NAMESPACE_BEGIN

/// What counts as a fan-in cone.
enum class ConeRule : std::uint8_t {
  reach,  ///< u is in the cone of v if there is a path from u to v
  /// u is on a lower level than v and its sources are among those of v; likewise for fan-outs with
  /// the sinks, where u is on a higher level. What the DeepGate family does: it holds for every
  /// path and for some pairs without one.
  cover
};

/// How two nodes lie to each other.
enum class ConeRelation : std::uint8_t { none = 0, fanin = 1, fanout = 2 };

namespace detail {

// A row of bits for every node.
class BitMatrix {
 public:
  BitMatrix(std::size_t rows, std::size_t columns)
      : words_((columns + 63) / 64), bits_(rows * words_, 0) {}

  void set(std::size_t row, std::size_t column) {
    bits_[row * words_ + column / 64] |= std::uint64_t{1} << (column % 64);
  }
  bool get(std::size_t row, std::size_t column) const {
    return (bits_[row * words_ + column / 64] >> (column % 64) & 1) != 0;
  }
  void merge(std::size_t row, std::size_t other) {
    for (std::size_t w = 0; w < words_; ++w) bits_[row * words_ + w] |= bits_[other * words_ + w];
  }
  // Whether the bits of one row are among those of the other.
  bool within(std::size_t row, std::size_t other) const {
    for (std::size_t w = 0; w < words_; ++w)
      if ((bits_[row * words_ + w] & ~bits_[other * words_ + w]) != 0) return false;
    return true;
  }

 private:
  std::size_t words_;
  std::vector<std::uint64_t> bits_;
};

// Row v: the marks of all nodes that v reaches along the rows, its own among them.
inline BitMatrix reachable(const CsrView& rows, std::span<const std::int32_t> order,
                           std::span<const std::int32_t> mark, std::size_t marks) {
  BitMatrix out(order.size(), marks);
  for (const std::int32_t v : order) {
    if (mark[to_size(v)] >= 0) out.set(to_size(v), to_size(mark[to_size(v)]));
    for (const std::int32_t u : rows[v]) out.merge(to_size(v), to_size(u));
  }
  return out;
}

// The nodes of a level, numbered; -1 for the others.
inline std::size_t number_level(std::span<const std::int32_t> level, std::int32_t which,
                                std::vector<std::int32_t>& mark) {
  std::int32_t count = 0;
  mark.assign(level.size(), -1);
  for (std::size_t v = 0; v < level.size(); ++v)
    if (level[v] == which) mark[v] = count++;
  return to_size(count);
}

}  // namespace detail

/// What a relation is computed from. Levels of a part of a circuit are those of the whole one,
/// where the original counts so: then a node at the rim is no source.
struct ConeOptions {
  ConeRule rule = ConeRule::reach;
  std::span<const std::int32_t> forward_level = {};   ///< of each node; computed if empty
  std::span<const std::int32_t> backward_level = {};  ///< the same, from the sinks
};

/// relation[i, j]: how node j lies to node i.   Shapes:  u8[nodes, nodes], values of ConeRelation;
/// the diagonal is `none`. A mask for attention is where it is not `none`, or i = j.
/// Errors:  Error if there is a cycle or levels are not one for each node.
/// Cost:    nodes^2 bytes; for circuits of some thousand nodes and for parts.
inline Tensor cone_relation(const Graph& graph, const ConeOptions& options = {}) {
  const std::size_t n = detail::to_size(graph.nodes());
  const auto forward = options.forward_level.empty() ? forward_levels(graph.fanins())
                                                     : std::vector(options.forward_level.begin(),
                                                                   options.forward_level.end());
  const auto backward = options.backward_level.empty() ? backward_levels(graph.fanins())
                                                       : std::vector(options.backward_level.begin(),
                                                                     options.backward_level.end());
  CFM_CHECK(forward.size() == n && backward.size() == n, "cone_relation: one level for each node",
            forward.size(), backward.size(), n);
  const std::vector<std::int32_t> order = topological_order(graph.fanins());
  Tensor out = Tensor::zeros({graph.nodes(), graph.nodes()}, DType::u8);
  const auto relation = out.span<std::uint8_t>();
  const auto put = [&](std::size_t i, std::size_t j, ConeRelation r) {
    relation[i * n + j] = static_cast<std::uint8_t>(r);
  };
  std::vector<std::int32_t> mark(n);
  if (options.rule == ConeRule::reach) {
    for (std::size_t v = 0; v < n; ++v) mark[v] = static_cast<std::int32_t>(v);
    const auto cone = detail::reachable(graph.fanins(), order, mark, n);
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < n; ++j) {
        if (i == j || !cone.get(i, j)) continue;
        put(i, j, ConeRelation::fanin);
        put(j, i, ConeRelation::fanout);
      }
    return out;
  }
  const std::size_t sources = detail::number_level(forward, 0, mark);
  const auto cover = detail::reachable(graph.fanins(), order, mark, sources);
  const std::size_t sinks = detail::number_level(backward, 0, mark);
  const std::vector<std::int32_t> reversed(order.rbegin(), order.rend());
  const auto reach = detail::reachable(graph.fanouts(), reversed, mark, sinks);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) {
      if (forward[j] < forward[i] && cover.within(j, i)) put(i, j, ConeRelation::fanin);
      if (forward[j] > forward[i] && reach.within(j, i)) put(i, j, ConeRelation::fanout);
    }
  return out;
}

/// The graph in which row v lists every node of its fan-in cone, ascending, and v itself: the
/// virtual edges of a transformer that attends along paths.
/// Errors, Cost:  as cone_relation.
inline Graph virtual_edges(const Graph& graph, const ConeOptions& options = {}) {
  const Tensor relation = cone_relation(graph, options);
  const auto values = relation.span<std::uint8_t>();
  const std::size_t n = detail::to_size(graph.nodes());
  std::vector<std::int64_t> offsets{0};
  std::vector<std::int32_t> columns;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j)
      if (i == j || values[i * n + j] == static_cast<std::uint8_t>(ConeRelation::fanin))
        columns.push_back(static_cast<std::int32_t>(j));
    offsets.push_back(static_cast<std::int64_t>(columns.size()));
  }
  return Graph::from_csr(offsets, columns);
}

/// Pairs of nodes with their relation.
struct ConnectivityPairs {
  std::vector<std::int32_t> first, second;
  std::vector<ConeRelation> relation;  ///< how `second` lies to `first`
};

/// How connectivity_pairs draws.
struct ConnectivityOptions {
  Index sources = 64;    ///< first nodes of pairs, drawn without repetition
  Index per_source = 8;  ///< second nodes of each relation for each of them, at most
  Rng rng = Rng(0);
};

/// Draws pairs, of each relation at most the same number for every first node: a plain draw would
/// nearly always find unrelated ones. Relations are exact (ConeRule::reach).
/// Order:  depends on the graph, the options and the numbers of the nodes alone.
/// Cost:   a walk both ways for each source.
inline ConnectivityPairs connectivity_pairs(const Graph& graph,
                                            const ConnectivityOptions& options = {}) {
  CFM_CHECK(options.sources >= 0 && options.per_source >= 0,
            "connectivity_pairs: counts must not be negative", options.sources, options.per_source);
  ConnectivityPairs out;
  const Index nodes = graph.nodes();
  std::vector<std::int32_t> all(detail::to_size(nodes));
  for (std::size_t v = 0; v < all.size(); ++v) all[v] = static_cast<std::int32_t>(v);
  Rng rng = options.rng;
  const auto draw = [&](std::vector<std::int32_t>& from, Index count, const auto& f) {
    for (std::size_t i = 0; i < from.size() && static_cast<Index>(i) < count; ++i) {
      std::swap(from[i], from[i + rng.below(from.size() - i)]);
      f(from[i]);
    }
  };
  NeighborhoodFinder below(graph, Direction::fanins), above(graph, Direction::fanouts);
  std::vector<std::int32_t> firsts;
  draw(all, options.sources, [&](std::int32_t v) { firsts.push_back(v); });
  for (const std::int32_t v : firsts) {
    std::vector<std::int32_t> group[3];
    for (const Reached& r : below(std::span(&v, 1), nodes))
      if (r.node != v) group[1].push_back(r.node);
    for (const Reached& r : above(std::span(&v, 1), nodes))
      if (r.node != v) group[2].push_back(r.node);
    for (std::int32_t u = 0; u < nodes; ++u)
      if (!below.found(u) && !above.found(u)) group[0].push_back(u);
    for (std::uint8_t r = 0; r < 3; ++r)
      draw(group[r], options.per_source, [&](std::int32_t u) {
        out.first.push_back(v);
        out.second.push_back(u);
        out.relation.push_back(static_cast<ConeRelation>(r));
      });
  }
  return out;
}

CFM_NAMESPACE_END
