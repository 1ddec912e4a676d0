#pragma once
/// @file  How many nodes and edges make one small graph into another.

#include <array>
#include <bit>

#include <cfm/graph/neighborhood.hpp>

CFM_NAMESPACE_BEGIN

/// How far graph_edit_distance searches.
struct EditDistanceOptions {
  Index budget = 20000;  ///< partial assignments that are looked at
};

/// A distance, or a bound.
struct EditDistance {
  Index distance = 0;  ///< the fewest edits found
  bool exact = true;   ///< there is no fewer; else the budget ended first
};

namespace detail {

// Depth-first branch and bound: nodes of a in order, each to a node of b or to none.
class EditSearch {
 public:
  EditSearch(const CsrView& a, const CsrView& b, Index budget) : budget_(budget) {
    load(a, out_a_, in_a_);
    load(b, out_b_, in_b_);
    n_ = a.rows();
    m_ = b.rows();
    // Nodes with many edges first; their costs are known earliest.
    for (Index v = 0; v < n_; ++v) order_[to_size(v)] = static_cast<int>(v);
    std::stable_sort(order_.begin(), order_.begin() + n_, [&](int x, int y) {
      return degree(out_a_, in_a_, x) > degree(out_a_, in_a_, y);
    });
    for (const std::uint64_t row : out_a_) edges_a_ += std::popcount(row);
    for (const std::uint64_t row : out_b_) edges_b_ += std::popcount(row);
    best_ = n_ + m_ + edges_a_ + edges_b_;  // everything anew
  }

  EditDistance run() {
    extend(0, 0, 0, 0, 0, 0);
    return {best_, budget_ >= 0};
  }

 private:
  using Rows = std::array<std::uint64_t, 64>;

  static void load(const CsrView& rows, Rows& out, Rows& in) {
    for (Index v = 0; v < rows.rows(); ++v)
      for (const std::int32_t u : rows[v]) {
        in[to_size(v)] |= std::uint64_t{1} << u;
        out[to_size(u)] |= std::uint64_t{1} << v;
      }
  }
  static int degree(const Rows& out, const Rows& in, int v) {
    return std::popcount(out[to_size(v)]) + std::popcount(in[to_size(v)]);
  }

  // The nodes of b that the assigned nodes of a mask were given to.
  std::uint64_t image(std::uint64_t nodes) const {
    std::uint64_t out = 0;
    for (; nodes != 0; nodes &= nodes - 1) {
      const int to = to_[to_size(std::countr_zero(nodes))];
      if (to >= 0) out |= std::uint64_t{1} << to;
    }
    return out;
  }

  // At most 64 deep. done: nodes of a that are decided; used: nodes of b that are taken; edges_*:
  // edges between decided nodes of a, between taken nodes of b.
  void extend(Index depth, std::uint64_t done, std::uint64_t used, Index cost, Index seen_a,
              Index seen_b) {
    if (budget_ < 0) return;
    const Index left_a = n_ - depth, left_b = m_ - std::popcount(used);
    const Index rest_a = edges_a_ - seen_a, rest_b = edges_b_ - seen_b;
    if (depth == n_) {
      best_ = std::min(best_, cost + left_b + rest_b);
      return;
    }
    if (cost + std::abs(left_a - left_b) + std::abs(rest_a - rest_b) >= best_) return;
    if (--budget_ < 0) return;
    const auto v = to_size(order_[to_size(depth)]);
    const std::uint64_t in_a = in_a_[v] & done, out_a = out_a_[v] & done;
    const Index self_a = static_cast<Index>(in_a_[v] >> v & 1);
    const Index new_a = std::popcount(in_a) + std::popcount(out_a) + self_a;
    const std::uint64_t in_image = image(in_a), out_image = image(out_a);
    struct Choice {
      Index cost, edges, order;
      int to;
    };
    std::array<Choice, 65> choices;
    std::size_t count = 0;
    for (int u = 0; u < m_; ++u) {
      if ((used >> u & 1) != 0) continue;
      const auto j = to_size(u);
      const std::uint64_t in_b = in_b_[j] & used, out_b = out_b_[j] & used;
      const Index self_b = static_cast<Index>(in_b_[j] >> u & 1);
      const Index new_b = std::popcount(in_b) + std::popcount(out_b) + self_b;
      const Index kept = std::popcount(in_b & in_image) + std::popcount(out_b & out_image) +
                         std::min(self_a, self_b);
      const Index step = new_a + new_b - 2 * kept;
      // Of equal costs the node that looks most alike first.
      const Index unlike =
          std::abs(degree(out_a_, in_a_, static_cast<int>(v)) - degree(out_b_, in_b_, u));
      choices[count++] = {step, new_b, step * 128 + unlike, u};
    }
    choices[count++] = {1 + new_a, 0, (1 + new_a) * 128, -1};
    std::stable_sort(choices.begin(), choices.begin() + static_cast<std::ptrdiff_t>(count),
                     [](const Choice& x, const Choice& y) { return x.order < y.order; });
    for (std::size_t c = 0; c < count; ++c) {
      to_[v] = choices[c].to;
      const std::uint64_t taken =
          choices[c].to < 0 ? used : used | std::uint64_t{1} << choices[c].to;
      extend(depth + 1, done | std::uint64_t{1} << v, taken, cost + choices[c].cost, seen_a + new_a,
             seen_b + choices[c].edges);
    }
  }

  Rows out_a_{}, in_a_{}, out_b_{}, in_b_{};
  std::array<int, 64> order_{}, to_{};
  Index n_ = 0, m_ = 0, edges_a_ = 0, edges_b_ = 0;
  Index best_ = 0, budget_;
};

}  // namespace detail

/// The fewest insertions and deletions of nodes and edges, each 1, that make a into a graph of
/// the shape of b. Kinds of nodes and edges do not count, parallel edges count once.
/// Order:   the budget counts steps, not time: the same result on every machine.
/// Errors:  Error if a graph has more than 64 nodes.
/// Cost:    at most `budget` steps of 64 choices; graphs of ten nodes are mostly exact.
inline EditDistance graph_edit_distance(const Graph& a, const Graph& b,
                                        const EditDistanceOptions& options = {}) {
  CFM_CHECK(a.nodes() <= 64 && b.nodes() <= 64, "graph_edit_distance: at most 64 nodes", a.nodes(),
            b.nodes());
  CFM_CHECK(options.budget > 0, "graph_edit_distance: the budget must be positive", options.budget);
  return detail::EditSearch(a.fanins(), b.fanins(), options.budget).run();
}

CFM_NAMESPACE_END
