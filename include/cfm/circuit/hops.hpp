#pragma once
/// @file  Hops: small fan-in cones with truth tables, the sub-circuits that DeepGate3 and DeepGate4
///        pool over.

#include <bit>
#include <optional>

#include <cfm/circuit/explicit_not_graph.hpp>
#include <cfm/circuit/source_patterns.hpp>
#include <cfm/graph/graph_edit_distance.hpp>
#include <cfm/graph/subgraph.hpp>

CFM_NAMESPACE_BEGIN

/// What a leaf of a hop is in its truth table.
enum class LeafCode : std::int8_t { padding = -1, zero = 0, one = 1, free = 2 };

/// What a hop may be.
struct HopOptions {
  Index depth = 4;        ///< hops from the root to the rim
  Index max_leaves = 8;   ///< a cone with more is none
  Index free_leaves = 6;  ///< so many vary, the rest is constant at random; at most 6
  Rng rng = Rng(0);
};

/// One hop.
struct Hop {
  std::int32_t root = 0;
  std::int32_t levels = 0;           ///< of the farthest node, in hops
  std::vector<std::int32_t> nodes;   ///< ascending, the root last
  std::vector<std::int32_t> leaves;  ///< ascending: the rim, and sources above it
  std::vector<LeafCode> codes;       ///< of each leaf
  /// Bit i is the root's value if the free leaves spell i, the first leaf the highest digit; fewer
  /// than 6 free leaves repeat.
  std::uint64_t table = 0;
};

/// Finds hops, many of one graph. One finder serves one thread; the graph must outlive it.
class HopFinder {
 public:
  explicit HopFinder(const ExplicitNotGraph& graph, const HopOptions& options = {})
      : graph_(&graph),
        options_(options),
        find_(graph.graph),
        value_(detail::to_size(graph.nodes())) {
    CFM_CHECK(options.depth > 0 && options.max_leaves > 0,
              "hops: depth and leaves must be positive", options.depth, options.max_leaves);
    CFM_CHECK(options.free_leaves >= 0 && options.free_leaves <= 6, "hops: 0 to 6 free leaves",
              options.free_leaves);
  }

  /// The hop of a root, or nothing if it has fewer than three nodes or too many leaves. Constants
  /// depend on the generator and the root alone.
  /// Errors:  Error if there is no such node or a node of another kind.
  std::optional<Hop> operator()(std::int32_t root) {
    const auto found = find_(std::span(&root, 1), options_.depth);
    if (found.size() < 3) return std::nullopt;
    const CsrView rows = graph_->graph.fanins();
    Hop hop;
    hop.root = root;
    for (const Reached& r : found) {
      hop.levels = std::max(hop.levels, r.distance);
      if (r.node != root) hop.nodes.push_back(r.node);
      if (r.distance == options_.depth || rows[r.node].empty()) hop.leaves.push_back(r.node);
    }
    if (std::ssize(hop.leaves) > options_.max_leaves) return std::nullopt;
    std::sort(hop.nodes.begin(), hop.nodes.end());
    std::sort(hop.leaves.begin(), hop.leaves.end());
    hop.nodes.push_back(root);
    const Rng rng = options_.rng.split(static_cast<std::uint64_t>(root));
    for (std::size_t i = 0; i < hop.leaves.size(); ++i)
      hop.codes.push_back(static_cast<Index>(i) < options_.free_leaves ? LeafCode::free
                          : (rng.bits_at(i)[0] & 1) != 0               ? LeafCode::one
                                                                       : LeafCode::zero);
    hop.table = table(hop);
    return hop;
  }

 private:
  std::uint64_t table(const Hop& hop) {
    const auto free =
        detail::to_size(std::count(hop.codes.begin(), hop.codes.end(), LeafCode::free));
    std::size_t digit = free;
    ready_.clear();
    for (std::size_t i = 0; i < hop.leaves.size(); ++i) {
      std::uint64_t& value = value_[detail::to_size(hop.leaves[i])];
      value = hop.codes[i] == LeafCode::free
                  ? detail::counting_word(--digit, 0)
                  : 0 - static_cast<std::uint64_t>(hop.codes[i] == LeafCode::one);
      ready_.push_back(hop.leaves[i]);
    }
    // A walk from the root; a node is computed once its fan-ins are.
    const CsrView rows = graph_->graph.fanins();
    std::sort(ready_.begin(), ready_.end());
    std::vector<std::int32_t> stack{hop.root};
    while (!stack.empty()) {
      const std::int32_t v = stack.back();
      const auto is_ready = [&](std::int32_t u) {
        return std::binary_search(ready_.begin(), ready_.end(), u);
      };
      if (is_ready(v)) {
        stack.pop_back();
        continue;
      }
      bool complete = true;
      for (const std::int32_t u : rows[v])
        if (!is_ready(u)) {
          stack.push_back(u);
          complete = false;
        }
      if (!complete) continue;
      value_[detail::to_size(v)] = evaluate(v);
      ready_.insert(std::lower_bound(ready_.begin(), ready_.end(), v), v);
      stack.pop_back();
    }
    return value_[detail::to_size(hop.root)];
  }

  std::uint64_t evaluate(std::int32_t v) const {
    const NodeKind kind = graph_->kinds[detail::to_size(v)];
    const auto in = graph_->graph.fanins()[v];
    CFM_CHECK((kind == NodeKind::and_gate && in.size() == 2) ||
                  (kind == NodeKind::not_gate && in.size() == 1),
              "hops: not an AND of two or a NOT of one; node", v);
    const std::uint64_t a = value_[detail::to_size(in[0])];
    return kind == NodeKind::not_gate ? ~a : a & value_[detail::to_size(in[1])];
  }

  const ExplicitNotGraph* graph_;
  HopOptions options_;
  NeighborhoodFinder find_;
  std::vector<std::uint64_t> value_;
  std::vector<std::int32_t> ready_;  // ascending
};

/// The hops of some roots; roots without a hop are left out.
inline std::vector<Hop> find_hops(const ExplicitNotGraph& graph,
                                  std::span<const std::int32_t> roots,
                                  const HopOptions& options = {}) {
  HopFinder find(graph, options);
  std::vector<Hop> hops;
  for (const std::int32_t root : roots)
    if (auto hop = find(root)) hops.push_back(std::move(*hop));
  return hops;
}

/// The share of positions in which the tables of two hops differ. DeepGate4's data files store one
/// minus this.
inline double table_distance(const Hop& a, const Hop& b) {
  return std::popcount(a.table ^ b.table) / 64.0;
}

/// A share of all gates, drawn without repetition, ascending: DeepGate3 takes 15 % as roots.
inline std::vector<std::int32_t> draw_roots(const ExplicitNotGraph& graph, double share, Rng rng) {
  CFM_CHECK(share >= 0 && share <= 1, "draw_roots: a share lies in 0 .. 1", share);
  std::vector<std::int32_t> gates;
  for (std::size_t v = 0; v < graph.kinds.size(); ++v)
    if (graph.kinds[v] == NodeKind::and_gate || graph.kinds[v] == NodeKind::not_gate)
      gates.push_back(static_cast<std::int32_t>(v));
  const auto count =
      static_cast<std::size_t>(std::lround(share * static_cast<double>(gates.size())));
  for (std::size_t i = 0; i < count; ++i)
    std::swap(gates[i], gates[i + rng.below(gates.size() - i)]);
  gates.resize(count);
  std::sort(gates.begin(), gates.end());
  return gates;
}

CFM_NAMESPACE_END
