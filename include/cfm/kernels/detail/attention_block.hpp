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
#include <cfm/tensor/view.hpp>

CFM_NAMESPACE_BEGIN
namespace detail {

// A tensor [batch, heads, positions, width] with dense rows of T, or of a type that `convert` makes
// T of (an output: that it makes of T). So kernels are compiled for T alone.
template <class T>
struct AttentionOperand {
  std::byte* data = nullptr;
  Index extent[4] = {}, step[3] = {};  // steps in bytes
  void (*convert)(const void* from, void* to, Index n) = nullptr;

  AttentionOperand() = default;
  template <class S>
  AttentionOperand(View<S, 4> x, void (*function)(const void*, void*, Index))
      : data(reinterpret_cast<std::byte*>(const_cast<std::remove_const_t<S>*>(x.data))),
        convert(function) {
    for (int d = 0; d < 4; ++d) extent[d] = x.extent[d];
    for (int d = 0; d < 3; ++d) step[d] = x.stride[d] * Index{sizeof(S)};
  }

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

// Rows from .. from + n of x: where they lie, or converted into `room`.
template <class T>
DenseRows<T> dense_rows(const detail::AttentionOperand<T>& x, Index batch, Index head, Index from,
                        Index n, T* room) {
  if (x.convert == nullptr)
    return {static_cast<const T*>(x.row(batch, head, from)), x.step[2] / Index{sizeof(T)}};
  for (Index i = 0; i < n; ++i)
    x.convert(x.row(batch, head, from + i), room + i * x.extent[3], x.extent[3]);
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

// A block of queries that share a head of keys: row r is query r % queries of head r / queries of
// the group.
template <class T, class Mask, class Score>
void attention_block(const detail::AttentionCall<T>& call, const Mask& mask, const Score& score,
                     Index batch, Index kv_head, Index first, Index rows) {
  constexpr Index six = detail::VisibleKeys::most;
  static_assert(six == detail::gemm_rows);
  const Index queries = call.q.extent[2], keys = call.k.extent[2], width = call.q.extent[3];
  const Index heads = call.q.extent[1], v_width = call.v.extent[3];
  const Index group = heads / call.k.extent[1];
  const bool wide = call.k.convert != nullptr;
  const Index panel = CFM_CALL(gemm_width)(detail::Gemm<T>{});
  const Index tiles = (rows + six - 1) / six, padded = (width + 3) / 4 * 4;
  const bool v_in_place = v_width % panel == 0;
  const Index block = std::min(detail::attention_keys, keys);
  const Index k_columns = (block + panel - 1) / panel * panel;
  const Index v_columns = (v_width + panel - 1) / panel * panel;
  const detail::Scratch<T> packed_q(tiles * six * padded), packed_k(k_columns * width);
  const detail::Scratch<T> packed_v(v_in_place ? 0 : v_columns * block);
  const detail::Scratch<T> wide_q(wide ? six * width : 0), wide_k(wide ? block * width : 0);
  const detail::Scratch<T> wide_v(wide ? block * v_width : 0);
  const detail::Scratch<T> scores(six * detail::attention_row);
  const detail::Scratch<T> state(tiles * six * (v_width + 2));
  T* const sums = state.data() + tiles * six * v_width;
  T* const largest = sums + tiles * six;
  std::fill_n(state.data(), tiles * six * (v_width + 1), T{0});
  std::fill_n(largest, tiles * six, -std::numeric_limits<T>::infinity());

  const auto place_of = [&](Index r) {
    return QueryPlace{batch, (first + r) % queries, queries, keys,
                      kv_head * group + (first + r) / queries};
  };
  std::vector<detail::VisibleKeys> ranges;
  ranges.reserve(static_cast<std::size_t>(tiles));
  QueryPlace places[six];
  const auto place_tile = [&](Index tile) {
    const Index n = std::min(six, rows - tile * six);
    for (Index r = 0; r < n; ++r) places[r] = place_of(tile * six + r);
    return n;
  };
  for (Index tile = 0; tile < tiles; ++tile) {
    const Index n = place_tile(tile);
    ranges.emplace_back(n, mask, places);
    const T* row[six];
    for (Index r = 0; r < n; ++r)
      row[r] = dense_rows<T>(call.q, batch, places[r].head, places[r].query, 1,
                             wide_q.data() == nullptr ? nullptr : wide_q.data() + r * width)
                   .data;
    CFM_CALL(attention_pack_queries)
    (n, width, row, call.scale, packed_q.data() + tile * six * padded);
  }

  for (Index from = 0; from < keys; from += detail::attention_keys) {
    const Index to = std::min(keys, from + detail::attention_keys);
    const auto sees = [&](const detail::VisibleKeys& tile) { return tile.sees(from, to); };
    // Whole panels that nobody sees have no weight and are not packed.
    const auto first_of = [&](const detail::VisibleKeys& tile) {
      return from + (tile.first(from) - from) / panel * panel;
    };
    Index low = to, high = from;
    for (const detail::VisibleKeys& tile : ranges)
      if (sees(tile)) {
        low = std::min(low, first_of(tile));
        high = std::max(high, tile.last(from, to));
      }
    if (low >= high) continue;
    const auto kb = dense_rows<T>(call.k, batch, kv_head, low, high - low, wide_k.data());
    const auto vb = dense_rows<T>(call.v, batch, kv_head, low, high - low, wide_v.data());
    CFM_CALL(gemm_pack_b)(width, high - low, kb.data, Index{1}, kb.row, packed_k.data());
    if (!v_in_place)
      CFM_CALL(gemm_pack_b)(high - low, v_width, vb.data, vb.row, Index{1}, packed_v.data());
    for (Index tile = 0; tile < tiles; ++tile) {
      const detail::VisibleKeys& visible = ranges[static_cast<std::size_t>(tile)];
      if (!sees(visible)) continue;
      const Index n = place_tile(tile), r0 = tile * six;
      detail::KeyPart parts[detail::attention_parts];
      const Index count = detail::visible_parts(mask, n, places, first_of(visible),
                                                visible.last(from, to), parts);
      if (count == 0) continue;
      detail::AttentionTile<T> t{n,
                                 0,
                                 high - low,
                                 width,
                                 v_width,
                                 packed_q.data() + r0 * padded,
                                 packed_k.data(),
                                 v_in_place ? vb.data : packed_v.data(),
                                 vb.row,
                                 !v_in_place,
                                 scores.data(),
                                 largest + r0,
                                 sums + r0,
                                 state.data() + r0 * v_width};
      // The parts stand side by side in the rows of scores.
      for (Index p = 0; p < count; ++p) {
        const Index at = parts[p].begin, length = parts[p].end - at;
        CFM_CALL(attention_scores)(t.part(t.keys, at - low, length, panel));
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
            drop_weights(call.dropout, places[r], heads, at, length,
                         scores.data() + r * detail::attention_row + column);
        CFM_CALL(attention_values)(t.part(column, at - low, length, panel));
      }
    }
  }

  for (Index r = 0; r < rows; ++r) {
    const QueryPlace place = place_of(r);
    T* const from = state.data() + r * v_width;
    // No visible key: nothing to average.
    const T inverse = sums[r] == T{0} ? T{0} : T{1} / sums[r];
    for (Index j = 0; j < v_width; ++j) from[j] *= inverse;
    void* const to = call.out.row(batch, place.head, place.query);
    if (call.out.convert != nullptr)
      call.out.convert(from, to, v_width);
    else
      std::copy_n(from, v_width, static_cast<T*>(to));
    if (call.logsumexp.data != nullptr)
      call.logsumexp(batch, place.head, place.query) =
          sums[r] == T{0} ? -std::numeric_limits<T>::infinity() : largest[r] + std::log(sums[r]);
  }
}

}  // namespace isa_detail
CFM_ISA_NAMESPACE_END
