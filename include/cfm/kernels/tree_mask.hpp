#pragma once
/// @file  A mask for speculative decoding: the newest keys are a tree of guesses.

#include <cstdint>
#include <vector>

#include <cfm/kernels/attention_masks.hpp>

CFM_NAMESPACE_BEGIN

/// The last `nodes` keys, and the last `nodes` queries, are the nodes of a tree of draft tokens,
/// parents before their children. A node sees everything before the tree, its ancestors and itself.
/// Queries before the tree see what came before them.
/// Source:  T. Cai et al., "Medusa: simple LLM inference acceleration framework with multiple
///          decoding heads", ICML 2024.
class TreeMask {
 public:
  /// One tree for all sequences, or one for each, the trees side by side and equally large.
  /// parents[i] < i is the node above node i of its tree, -1 for a root.
  /// Errors:  Error for a parent that is not before its child, or trees of unequal size.
  explicit TreeMask(std::span<const Index> parents, Index trees = 1) : trees_(trees) {
    const Index all = static_cast<Index>(parents.size());
    CFM_CHECK(trees > 0 && all % trees == 0, "tree mask: trees must be equally large", all, trees);
    nodes_ = all / trees;
    words_ = (nodes_ + 63) / 64;
    sees_.assign(static_cast<std::size_t>(all * words_), 0);
    for (Index i = 0; i < all; ++i) {
      const Index node = i % nodes_, parent = parents[static_cast<std::size_t>(i)];
      CFM_CHECK(-1 <= parent && parent < node, "tree mask: parents come before their children",
                parent, node);
      if (parent >= 0)
        std::copy_n(sees_.begin() + (i - node + parent) * words_, words_,
                    sees_.begin() + i * words_);
      sees_[static_cast<std::size_t>(i * words_ + node / 64)] |= std::uint64_t{1} << (node % 64);
    }
  }

  /// Nodes of a tree.
  Index nodes() const { return nodes_; }

  KeyRange operator()(const QueryPlace& q) const {
    CFM_CHECK(trees_ == 1 || q.batch < trees_, "tree mask: one tree a sequence", trees_, q.batch);
    return {0, q.position() + 1, 0};
  }
  Index first_hidden(const QueryPlace& q) const { return q.keys - nodes_; }
  bool hides_key(const QueryPlace& q, Index key) const {
    const Index node = q.position() - (q.keys - nodes_), other = key - (q.keys - nodes_);
    if (node < 0) return false;
    const Index row = (trees_ == 1 ? 0 : q.batch * nodes_) + node;
    return (sees_[static_cast<std::size_t>(row * words_ + other / 64)] >> (other % 64) & 1) == 0;
  }

 private:
  Index trees_, nodes_ = 0, words_ = 0;
  std::vector<std::uint64_t> sees_;  // [trees * nodes][words]
};

CFM_NAMESPACE_END
