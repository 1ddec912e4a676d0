#pragma once
/// @file  What the bodies of level sweeps are given.

#include <algorithm>

#include <cfm/core/config.hpp>

CFM_NAMESPACE_BEGIN
namespace detail {

/// Nodes whose products run together. Forward, operands and sums of a tile share the first caches
/// with a panel of weights; backward, the gradients of the weights are read and written once a
/// tile, which wants more nodes.
inline constexpr Index level_tile = 48, level_backward_tile = 96;

constexpr Index level_round(Index n, Index to) { return (n + to - 1) / to * to; }

/// The weights of one kind. Rows of operands are [own state | 0.. | message | edge | extra | 0..],
/// both parts padded to four; the columns of messages are [side | state].
template <class T>
struct LevelKind {
  bool attention = false;                // else every source has weight 1
  Index side = 0;                        // columns that messages have of the side matrix
  Index message = 0;                     // columns of a message: side + hidden
  Index inputs = 0;                      // all columns but those of the own state, padded
  const T* score = nullptr;              // [message + edge]
  const T* rz = nullptr;                 // panels: own + inputs terms, 2 hidden4 columns
  const T *ni = nullptr, *nh = nullptr;  // panels of `inputs` and of `own` terms
  const T* bias = nullptr;               // ni, r, z, nh: [4 hidden4]
  const T *back_in = nullptr, *back_h = nullptr;  // panels of 3 hidden4 terms
};

/// A sweep; arrays of the graph are by node and by edge of the rows. Where all nodes that it
/// updates have the same old state, as first states of models mostly are, that row is `common`:
/// operands have a 1 for it, and panels its products. They come first in every sum either way, so
/// the bits are the same.
template <class T>
struct LevelSweep {
  Index hidden = 0, hidden4 = 0, edge_columns = 0, extra_columns = 0;
  Index own = 0;  // columns of the own state in operands: hidden4, or 4 for a common one
  const std::int64_t* offsets = nullptr;  // sources of node v: columns[offsets[v] ..]
  const std::int32_t* columns = nullptr;
  const std::int32_t* order = nullptr;
  const LevelKind<T>* kinds = nullptr;
  Index kind_count = 0;
  const T* before = nullptr;  // states, [nodes][hidden]
  Index before_stride = 0;    // 0: one row for all nodes
  const T* common = nullptr;  // [hidden], or null
  T* state = nullptr;         // the new ones
  const T* side = nullptr;
  Index side_stride = 0;
  const T* extra = nullptr;
  const T* edge_table = nullptr;
  const std::int32_t* edge_rows = nullptr;    // row of the table of each edge of the graph
  const std::int64_t* edge_places = nullptr;  // the graph's edge of an edge of the rows, or null
  T* alpha = nullptr;                         // weight of every edge; null if no kind has attention
  T* gates = nullptr;  // n, r, z, W_hn h of every place in the order, or null

  const T* old(Index v) const { return common ? common : before + v * before_stride; }
  const T* edge(std::int64_t e) const {
    return edge_table + edge_rows[edge_places ? edge_places[e] : e] * edge_columns;
  }
  /// Elements of a row of gates.
  Index gate_columns() const { return 4 * hidden4; }
};

/// What the gradient needs beside the sweep, and where it goes.
template <class T>
struct LevelGradient {
  const T* grad = nullptr;                      // of the new states
  T* before = nullptr;                          // of the old ones, or null
  T* message = nullptr;                         // by node, [nodes][message_columns]
  Index message_columns = 0, side_columns = 0;  // of the widest kind; its side columns
  T* side = nullptr;                            // of the side matrix, or null
  T* score = nullptr;                           // by edge, or null
  const std::int64_t* out_offsets = nullptr;    // targets of node v
  const std::int32_t* out_columns = nullptr;
  const std::int64_t* out_edges = nullptr;  // their edges in the rows
  const std::uint8_t* kind_of = nullptr;    // by node, 255: fixed
};

/// Sums of the gradients of one kind's weights. Rows in the order ni, r, z and r, z, nh.
template <class T>
struct LevelSums {
  T *in = nullptr, *hidden = nullptr;            // [3 hidden4][inputs], [3 hidden4][own]
  T *bias_in = nullptr, *bias_hidden = nullptr;  // [3 hidden4]
  T* score = nullptr;                            // [message + edge]
};

/// Elements of working memory that a tile of so many rows takes, `inputs` those of the widest kind.
constexpr Index level_scratch(Index rows, Index inputs, Index hidden4, bool backward) {
  const Index operands = inputs + hidden4, gates = 4 * hidden4, tile = level_round(rows, 12) + 1;
  if (!backward) return tile * (2 * operands + gates);
  return tile * (2 * operands + 128 + 3 * gates + hidden4 + inputs);
}

}  // namespace detail
CFM_NAMESPACE_END
