#pragma once
/// @file  Flash attention of a block of queries: masks and policies around the tiles of the body.

#include <cmath>
#include <vector>

#include <cfm/kernels/attention-inl.hpp>
#include <cfm/kernels/attention_dropout.hpp>
#include <cfm/kernels/attention_scores.hpp>
#include <cfm/kernels/detail/scratch.hpp>
#include <cfm/kernels/detail/visible_keys.hpp>
#include <cfm/kernels/half-inl.hpp>
#include <cfm/kernels/rope.hpp>
#include <cfm/tensor/view.hpp>

CFM_NAMESPACE_BEGIN
namespace detail {

// A tensor [batch, heads, positions, width] with dense rows of T, or of a type that `convert`
// makes T of (an output: that it makes of T). So kernels are compiled for T alone. Rows may turn
// when they are read or written: row i by row `first + i` of a table.
template <class T>
struct AttentionOperand {
  std::byte* data = nullptr;
  Index extent[4] = {}, step[3] = {};  // steps in bytes
  void (*convert)(const void* from, void* to, Index n) = nullptr;
  const RopeTable<T>* turned = nullptr;
  Index first = 0;

  AttentionOperand() = default;
  template <class S>
  AttentionOperand(View<S, 4> x, void (*function)(const void*, void*, Index))
      : data(reinterpret_cast<std::byte*>(const_cast<std::remove_const_t<S>*>(x.data))),
        convert(function) {
    for (int d = 0; d < 4; ++d) extent[d] = x.extent[d];
    for (int d = 0; d < 3; ++d) step[d] = x.stride[d] * Index{sizeof(S)};
  }

  AttentionOperand turning(const RopeTable<T>* table, Index from) const {
    AttentionOperand out = *this;
    out.turned = table;
    out.first = from;
    return out;
  }
  bool in_place() const { return convert == nullptr && turned == nullptr; }

  void* row(Index batch, Index head, Index i) const {
    return data + batch * step[0] + head * step[1] + i * step[2];
  }
};

// What one call of flash attention works on.
template <class T>
struct AttentionCall {
  AttentionOperand<T> q, k, v, out;
  View<T, 3> logsumexp;
  T scale;
  AttentionDropout dropout;
};

// Working memory for blocks of up to `rows` queries.
template <class T>
struct AttentionRoom {
  AttentionRoom(const AttentionCall<T>& call, Index rows, Index panel)
      : packed_q(packed_queries(rows, call.q.extent[3])),
        packed_k(whole_panels(keys_of(call), panel) * call.q.extent[3]),
        packed_v(call.v.extent[3] % panel == 0
                     ? 0
                     : whole_panels(call.v.extent[3], panel) * keys_of(call)),
        wide_k(call.k.in_place() ? 0 : keys_of(call) * call.k.extent[3]),
        wide_v(call.v.in_place() ? 0 : keys_of(call) * call.v.extent[3]),
        scores(attention_most * attention_row),
        state((rows + attention_most) * (whole_panels(call.v.extent[3], panel) + 2)) {}

  Scratch<T> packed_q, packed_k, packed_v;
  Scratch<T> wide_k, wide_v;  // converted or turned rows
  Scratch<T> scores;          // of a tile
  Scratch<T> state;           // results, sums and largest scores of all queries

 private:
  static Index keys_of(const AttentionCall<T>& call) {
    return std::min(attention_keys, call.k.extent[2]);
  }
};

// Parts of a block of keys, for blocks of a mask of at least 32.
inline constexpr Index attention_parts = attention_keys / 32 + 1;

}  // namespace detail
CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN
namespace isa_detail {

template <class T>
struct DenseRows {
  const T* data;
  Index row;
};

// Rows from .. from + n of x: where they lie, or converted and turned into `room`.
template <class T>
DenseRows<T> dense_rows(const detail::AttentionOperand<T>& x, Index batch, Index head, Index from,
                        Index n, T* room) {
  if (x.in_place())
    return {static_cast<const T*>(x.row(batch, head, from)), x.step[2] / Index{sizeof(T)}};
  for (Index i = 0; i < n; ++i) {
    const void* const row = x.row(batch, head, from + i);
    T* const to = room + i * x.extent[3];
    if (x.convert != nullptr) x.convert(row, to, x.extent[3]);
    if (x.turned != nullptr)
      turn_row(*x.turned, x.first + from + i, x.extent[3],
               x.convert != nullptr ? to : static_cast<const T*>(row), to);
  }
  return {room, x.extent[3]};
}

// From S to T, null where they are the same.
template <class S, class T>
constexpr auto conversion() -> void (*)(const void*, void*, Index) {
  if constexpr (std::is_same_v<S, T>)
    return nullptr;
  else
    return [](const void* from, void* to, Index n) {
      CFM_CALL(convert_dense)(static_cast<const S*>(from), static_cast<T*>(to), n);
    };
}

// Queries first .. first + rows of those that share a head of keys, in tiles: row r is query
// r % queries of head r / queries of the group.
template <class T>
class AttentionQueries {
 public:
  template <class Mask>
  AttentionQueries(const detail::AttentionOperand<T>& q, const detail::AttentionOperand<T>& k,
                   const Mask& mask, Index batch, Index kv_head, Index first, Index rows)
      : tile_(CFM_CALL(attention_tile_queries) < T > ()),
        rows_(rows),
        first_{batch, first % q.extent[2], q.extent[2], k.extent[2],
               kv_head * (q.extent[1] / k.extent[1]) + first / q.extent[2]} {
    visible_.reserve(static_cast<std::size_t>(tiles()));
    QueryPlace at[detail::attention_most];
    for (Index tile = 0; tile < tiles(); ++tile) {
      const Index n = places(tile, at);
      visible_.emplace_back(n, mask, at);
    }
  }

  Index rows() const { return rows_; }
  Index tiles() const { return (rows_ + tile_ - 1) / tile_; }
  Index row(Index tile) const { return tile * tile_; }  // the first of a tile
  const detail::VisibleKeys& visible(Index tile) const {
    return visible_[static_cast<std::size_t>(tile)];
  }
  // Those of a tile; returns their number.
  Index places(Index tile, QueryPlace* to) const {
    const Index n = std::min(tile_, rows_ - row(tile));
    Index query = first_.query + row(tile), head = first_.head + query / first_.queries;
    query %= first_.queries;
    for (Index r = 0; r < n; ++r) {
      to[r] = {first_.batch, query, first_.queries, first_.keys, head};
      if (++query == first_.queries) query = 0, ++head;
    }
    return n;
  }

  // Keys from .. to, as far as one of the queries sees them, from a whole panel on: those before
  // have no weight.
  detail::KeyPart seen(Index from, Index to, Index panel) const {
    detail::KeyPart part{to, from};
    for (const detail::VisibleKeys& tile : visible_)
      if (tile.sees(from, to)) {
        part.begin = std::min(part.begin, first_seen(tile, from, panel));
        part.end = std::max(part.end, tile.last(from, to));
      }
    return part;
  }
  static Index first_seen(const detail::VisibleKeys& tile, Index from, Index panel) {
    return from + (tile.first(from) - from) / panel * panel;
  }

  // Where pack() puts a tile.
  const T* packed(const T* all, Index tile, Index width) const {
    return all + row(tile) * ((width + 3) / 4 * 4);
  }
  // Rows of x, an operand with a row for each query: packed as tiles, times scale, and as panels
  // if those have room.
  void pack(const detail::AttentionOperand<T>& x, T scale, T* tiles_to, T* panels = nullptr) const {
    const Index width = x.extent[3];
    const detail::Scratch<T> wide(x.in_place() ? 0 : rows_ * width);
    const T* rows[detail::attention_rows_most];
    QueryPlace at[detail::attention_most];
    for (Index tile = 0; tile < tiles(); ++tile) {
      const Index n = places(tile, at), r0 = row(tile);
      for (Index r = 0; r < n; ++r)
        rows[r0 + r] = dense_rows<T>(x, at[r].batch, at[r].head, at[r].query, 1,
                                     x.in_place() ? nullptr : wide.data() + (r0 + r) * width)
                           .data;
      CFM_CALL(attention_pack_queries)
      (n, width, rows + r0, scale, tiles_to + r0 * ((width + 3) / 4 * 4));
    }
    if (panels != nullptr) CFM_CALL(attention_pack_rows)(rows_, width, rows, panels);
  }

 private:
  Index tile_, rows_;
  QueryPlace first_;
  std::vector<detail::VisibleKeys> visible_;
};

// Attention of a block of queries, first .. first + rows as above.
template <class T, class Mask, class Score>
void attention_block(const detail::AttentionCall<T>& call, const Mask& mask, const Score& score,
                     Index batch, Index kv_head, Index first, Index rows,
                     const detail::AttentionRoom<T>& room) {
  const Index keys = call.k.extent[2], width = call.q.extent[3], v_width = call.v.extent[3];
  const Index panel = CFM_CALL(gemm_width)(detail::Gemm<T>{});
  const AttentionQueries<T> q(call.q, call.k, mask, batch, kv_head, first, rows);
  q.pack(call.q, call.scale, room.packed_q.data());
  const bool v_in_place = v_width % panel == 0;
  const Index v_columns = (v_width + panel - 1) / panel * panel;
  const Index padded = q.row(q.tiles());
  const auto& [packed_q, packed_k, packed_v, wide_k, wide_v, scores, state] = room;
  T* const sums = state.data() + padded * v_columns;
  T* const largest = sums + padded;
  std::fill_n(state.data(), padded * (v_columns + 1), T{0});
  std::fill_n(largest, padded, -std::numeric_limits<T>::infinity());
  QueryPlace places[detail::attention_most];

  for (Index from = 0; from < keys; from += detail::attention_keys) {
    const Index to = std::min(keys, from + detail::attention_keys);
    const auto [low, high] = q.seen(from, to, panel);
    if (low >= high) continue;
    const auto kb = dense_rows<T>(call.k, batch, kv_head, low, high - low, wide_k.data());
    const auto vb = dense_rows<T>(call.v, batch, kv_head, low, high - low, wide_v.data());
    CFM_CALL(gemm_pack_b)(width, high - low, kb.data, Index{1}, kb.row, packed_k.data());
    if (!v_in_place)
      CFM_CALL(gemm_pack_b)(high - low, v_width, vb.data, vb.row, Index{1}, packed_v.data());
    for (Index tile = 0; tile < q.tiles(); ++tile) {
      const detail::VisibleKeys& visible = q.visible(tile);
      if (!visible.sees(from, to)) continue;
      const Index n = q.places(tile, places), r0 = q.row(tile);
      detail::KeyPart parts[detail::attention_parts];
      const Index count = detail::visible_parts(mask, n, places, q.first_seen(visible, from, panel),
                                                visible.last(from, to), parts);
      if (count == 0) continue;
      detail::AttentionTile<T> t{n,
                                 0,
                                 width,
                                 q.packed(packed_q.data(), tile, width),
                                 packed_k.data(),
                                 v_in_place ? vb.data : packed_v.data(),
                                 v_in_place ? vb.row : panel,
                                 v_in_place ? panel : panel * (high - low),
                                 scores.data(),
                                 largest + r0,
                                 sums + r0,
                                 state.data() + r0 * v_columns,
                                 v_columns};
      // The parts stand side by side in the rows of scores.
      for (Index p = 0; p < count; ++p) {
        const Index at = parts[p].begin, length = parts[p].end - at;
        CFM_CALL(attention_scores)(t.part(t.keys, at - low, length));
        for (Index r = 0; r < n; ++r) {
          T* const row = scores.data() + r * detail::attention_row + t.keys;
          apply_scores(score, ScoreRow<T>{row, length, at, places[r].head, places[r]});
          detail::hide_keys(mask, places[r], visible.row[r], at, at + length, row);
        }
        t.keys += length;
      }
      CFM_CALL(attention_weights)(t);
      for (Index p = 0, column = 0; p < count; column += parts[p].end - parts[p].begin, ++p) {
        const Index at = parts[p].begin, length = parts[p].end - at;
        if (call.dropout.probability > 0)
          for (Index r = 0; r < n; ++r)
            drop_weights(call.dropout, places[r], call.q.extent[1], at, length,
                         scores.data() + r * detail::attention_row + column);
        CFM_CALL(attention_values)(t.part(column, at - low, length));
      }
    }
  }

  for (Index tile = 0; tile < q.tiles(); ++tile)
    for (Index i = 0, n = q.places(tile, places); i < n; ++i) {
      const Index r = q.row(tile) + i;
      T* const from = state.data() + r * v_columns;
      // No visible key: nothing to average.
      const T inverse = sums[r] == T{0} ? T{0} : T{1} / sums[r];
      void* const to = call.out.row(batch, places[i].head, places[i].query);
      const bool narrow = call.out.convert != nullptr;
      CFM_CALL(scaled_row)(v_width, inverse, from, narrow ? from : static_cast<T*>(to));
      if (narrow) call.out.convert(from, to, v_width);
      if (call.logsumexp.data != nullptr)
        call.logsumexp(batch, places[i].head, places[i].query) =
            sums[r] == T{0} ? -std::numeric_limits<T>::infinity() : largest[r] + std::log(sums[r]);
    }
}

}  // namespace isa_detail
CFM_ISA_NAMESPACE_END
