#pragma once
/// @file  Flash attention: softmax(q k^T) v without the matrix of scores.

#include <cmath>

#include <cfm/exec/parallel.hpp>
#include <cfm/kernels/attention-inl.hpp>
#include <cfm/kernels/attention_masks.hpp>
#include <cfm/kernels/attention_scores.hpp>
#include <cfm/kernels/detail/scratch.hpp>
#include <cfm/kernels/detail/visible_keys.hpp>
#include <cfm/tensor/tensor.hpp>

CFM_NAMESPACE_BEGIN

/// What flash_attention may be told beside its mask and score policy.
template <Real T>
struct AttentionOptions {
  T scale = 0;             ///< of scores; 0 means 1 / sqrt(width)
  View<T, 3> logsumexp{};  ///< if it has data: log(sum(exp(scores))) [batch, heads, queries]
};

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN
namespace isa_detail {

// A block of queries that share a head of keys: row r is query r % queries of head r / queries of
// the group.
template <class T, class Mask, class Score>
void attention_block(In<T, 4> q, In<T, 4> k, In<T, 4> v, View<T, 4> out, const Mask& mask,
                     const Score& score, T scale, View<T, 3> logsumexp, Index batch, Index kv_head,
                     Index first, Index rows) {
  constexpr Index six = detail::VisibleKeys::most;
  static_assert(six == detail::gemm_rows);
  const Index queries = q.extent[2], keys = k.extent[2], width = q.extent[3];
  const Index v_width = v.extent[3], group = q.extent[1] / k.extent[1];
  const Index panel = CFM_CALL(gemm_width)(detail::Gemm<T>{});
  const Index tiles = (rows + six - 1) / six, padded = (width + 3) / 4 * 4;
  const bool v_in_place = v_width % panel == 0;
  const Index block = std::min(detail::attention_keys, keys);
  const Index k_columns = (block + panel - 1) / panel * panel;
  const Index v_columns = (v_width + panel - 1) / panel * panel;
  const detail::Scratch<T> packed_q(tiles * six * padded), packed_k(k_columns * width);
  const detail::Scratch<T> packed_v(v_in_place ? 0 : v_columns * block);
  const detail::Scratch<T> scores(six * detail::attention_row);
  const detail::Scratch<T> state(tiles * six * (v_width + 2));
  T* const sums = state.data() + tiles * six * v_width;
  T* const largest = sums + tiles * six;
  std::fill_n(state.data(), tiles * six * (v_width + 1), T{0});
  std::fill_n(largest, tiles * six, -std::numeric_limits<T>::infinity());

  const auto head_of = [&](Index r) { return kv_head * group + (first + r) / queries; };
  const auto place_of = [&](Index r) {
    return QueryPlace{batch, (first + r) % queries, queries, keys};
  };
  const auto tile_ranges = [&](Index tile) {
    QueryPlace places[six];
    const Index n = std::min(six, rows - tile * six);
    for (Index r = 0; r < n; ++r) places[r] = place_of(tile * six + r);
    return detail::VisibleKeys(n, mask, places);
  };
  std::vector<detail::VisibleKeys> ranges;
  ranges.reserve(static_cast<std::size_t>(tiles));
  for (Index tile = 0; tile < tiles; ++tile) {
    ranges.push_back(tile_ranges(tile));
    const T* row[six];
    const Index n = std::min(six, rows - tile * six);
    for (Index r = 0; r < n; ++r)
      row[r] = &q(batch, head_of(tile * six + r), place_of(tile * six + r).query, Index{0});
    CFM_CALL(attention_pack_queries)(n, width, row, scale, packed_q.data() + tile * six * padded);
  }

  for (Index from = 0; from < keys; from += detail::attention_keys) {
    const Index to = std::min(keys, from + detail::attention_keys);
    const auto sees = [&](const detail::VisibleKeys& tile) { return tile.sees(from, to); };
    if (std::none_of(ranges.begin(), ranges.end(), sees)) continue;
    const T* const kb = &k(batch, kv_head, from, Index{0});
    const T* const vb = &v(batch, kv_head, from, Index{0});
    CFM_CALL(gemm_pack_b)(width, to - from, kb, Index{1}, k.stride[2], packed_k.data());
    if (!v_in_place)
      CFM_CALL(gemm_pack_b)(to - from, v_width, vb, v.stride[2], Index{1}, packed_v.data());
    for (Index tile = 0; tile < tiles; ++tile) {
      const detail::VisibleKeys& visible = ranges[static_cast<std::size_t>(tile)];
      if (!sees(visible)) continue;
      // Whole panels before the first key that is seen have no weight either.
      const Index skip = std::max<Index>(0, visible.begin - from) / panel * panel;
      const Index r0 = tile * six, begin = from + skip, end = std::min(to, visible.end);
      const T* const values = v_in_place ? vb + skip * v.stride[2] : packed_v.data() + skip * panel;
      const detail::AttentionTile<T> t{std::min(six, rows - r0),
                                       end - begin,
                                       to - from,
                                       width,
                                       v_width,
                                       packed_q.data() + r0 * padded,
                                       packed_k.data() + skip * width,
                                       values,
                                       v.stride[2],
                                       !v_in_place,
                                       scores.data(),
                                       largest + r0,
                                       sums + r0,
                                       state.data() + r0 * v_width};
      CFM_CALL(attention_scores)(t);
      for (Index r = 0; r < t.rows; ++r) {
        T* const row = scores.data() + r * detail::attention_row;
        apply_scores(score, ScoreRow<T>{row, t.keys, begin, head_of(r0 + r), place_of(r0 + r)});
        visible.hide(r, begin, end, row);
      }
      CFM_CALL(attention_weights)(t);
      CFM_CALL(attention_values)(t);
    }
  }

  for (Index r = 0; r < rows; ++r) {
    const Index head = head_of(r), query = place_of(r).query;
    const T* const from = state.data() + r * v_width;
    T* const to = &out(batch, head, query, Index{0});
    // No visible key: nothing to average.
    const T inverse = sums[r] == T{0} ? T{0} : T{1} / sums[r];
    for (Index j = 0; j < v_width; ++j) to[j] = from[j] * inverse;
    if (logsumexp.data != nullptr)
      logsumexp(batch, head, query) =
          sums[r] == T{0} ? -std::numeric_limits<T>::infinity() : largest[r] + std::log(sums[r]);
  }
}

// The tensor, or a copy of it with dense rows.
inline Tensor dense_rows_of(const Tensor& t) {
  return t.size() == 0 || t.rank() == 0 || t.strides().back() == 1 ? t : t.contiguous();
}

}  // namespace isa_detail

/// out = softmax(score(scale q k^T)) v over the keys that the mask shows, in one pass over blocks
/// of keys: no matrix of scores. Several heads of queries may share one of keys (grouped queries).
///
///     const auto decay = [](auto score, auto distance) { return score - distance * 0.01f; };
///     flash_attention(q, k, v, out, Causal{}, decay);
///
/// Shapes:  q [batch, heads, queries, width], k [batch, kv heads, keys, width], v [batch, kv heads,
///          keys, v width], out [batch, heads, queries, v width]; last strides 1; heads a multiple
///          of kv heads. A query that sees no key gives zeros, and -infinity as its logsumexp. A
///          key that is hidden from a query alone, not from its neighbours, must hold finite
///          numbers: its weight is 0, and 0 times NaN is NaN.
/// Order:   scores are softmaxed over blocks of 384 keys from the first; a query gives the same
/// bits
///          alone and among others, for any number of threads.
/// Errors:  ShapeError.
/// Cost:    2 queries keys (width + v width) operations for what the masks show, by blocks; memory
///          for 96 queries and 384 keys a thread.
/// Source:  T. Dao, "FlashAttention-2", ICLR 2024, algorithm 1.
template <Real T, AttentionMask Mask = AllKeys, class Score = PlainScores>
requires ScorePolicy<Score, T>
void flash_attention(In<T, 4> q, In<T, 4> k, In<T, 4> v, View<T, 4> out, const Mask& mask = {},
                     const Score& score = {}, const AttentionOptions<T>& options = {}) {
  const Index batch = q.extent[0], heads = q.extent[1], queries = q.extent[2];
  const Index kv_heads = k.extent[1];
  CFM_CHECK(k.extent[0] == batch && v.extent[0] == batch && v.extent[1] == kv_heads &&
                v.extent[2] == k.extent[2] && k.extent[3] == q.extent[3],
            "flash_attention: q, k and v do not fit", q, k, v);
  CFM_CHECK(kv_heads > 0 ? heads % kv_heads == 0 : heads == 0,
            "flash_attention: heads must be a multiple of those of keys", q, k);
  CFM_CHECK(out.extent[0] == batch && out.extent[1] == heads && out.extent[2] == queries &&
                out.extent[3] == v.extent[3],
            "flash_attention: out must be [batch, heads, queries, width of v]", out, q, v);
  CFM_CHECK(
      q.last_contiguous() && k.last_contiguous() && v.last_contiguous() && out.last_contiguous(),
      "flash_attention: rows must be dense", q, k, v, out);
  const View<T, 3> lse = options.logsumexp;
  CFM_CHECK(lse.data == nullptr ||
                (lse.extent[0] == batch && lse.extent[1] == heads && lse.extent[2] == queries),
            "flash_attention: logsumexp must be [batch, heads, queries]", lse, q);
  if (batch * heads * queries == 0) return;
  const T scale = options.scale != T{0}
                      ? options.scale
                      : T{1} / std::sqrt(static_cast<T>(std::max<Index>(1, q.extent[3])));
  const Index rows = heads / kv_heads * queries;
  const Index blocks = (rows + detail::attention_rows - 1) / detail::attention_rows;
  // The last blocks of a causal mask are the longest: they begin first.
  parallel_for(batch * kv_heads * blocks, 1, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      const Index first = (blocks - 1 - i % blocks) * detail::attention_rows;
      isa_detail::attention_block<T>(q, k, v, out, mask, score, scale, lse, i / blocks / kv_heads,
                                     i / blocks % kv_heads, first,
                                     std::min(detail::attention_rows, rows - first));
    }
  });
}

/// The result of attention on tensors, and what its backward pass needs.
struct AttentionResult {
  Tensor out;        ///< [batch, heads, queries, v width]
  Tensor logsumexp;  ///< [batch, heads, queries]
};

/// The same for tensors, with the logsumexp.   Shapes:  [batch, heads, positions, width] each.
/// Errors:  TypeError unless all are f32 or all f64; ShapeError.
template <AttentionMask Mask = AllKeys, class Score = PlainScores>
AttentionResult flash_attention_result(const Tensor& q, const Tensor& k, const Tensor& v,
                                       const Mask& mask = {}, const Score& score = {}) {
  CFM_CHECK(q.dtype() == k.dtype() && q.dtype() == v.dtype(),
            "flash_attention: q, k and v must have one type", q, k, v, q.dtype());
  CFM_CHECK(q.rank() == 4 && k.rank() == 4 && v.rank() == 4,
            "flash_attention: wants [batch, heads, positions, width]", q, k, v);
  return visit_real(q.dtype(), "flash_attention", [&]<class T>(std::type_identity<T>) {
    AttentionResult result{Tensor::empty({q.size(0), q.size(1), q.size(2), v.size(3)}, q.dtype()),
                           Tensor::empty({q.size(0), q.size(1), q.size(2)}, q.dtype())};
    if constexpr (ScorePolicy<Score, T>) {
      const Tensor qd = isa_detail::dense_rows_of(q), kd = isa_detail::dense_rows_of(k);
      const Tensor vd = isa_detail::dense_rows_of(v);
      flash_attention<T>(qd.view<T, 4>(), kd.view<T, 4>(), vd.view<T, 4>(), result.out.view<T, 4>(),
                         mask, score,
                         AttentionOptions<T>{.logsumexp = result.logsumexp.view<T, 3>()});
    } else {
      throw_error<TypeError>("flash_attention: the score policy does not take ", q.dtype());
    }
    return result;
  });
}

/// The same without; [heads, positions, width] and [positions, width] too.
template <AttentionMask Mask = AllKeys, class Score = PlainScores>
Tensor flash_attention(const Tensor& q, const Tensor& k, const Tensor& v, const Mask& mask = {},
                       const Score& score = {}) {
  CFM_CHECK(q.rank() >= 2 && k.rank() == q.rank() && v.rank() == q.rank(),
            "flash_attention: wants [batch, heads, positions, width]", q, k, v);
  if (q.rank() < 4)
    return flash_attention(q.unsqueeze(0), k.unsqueeze(0), v.unsqueeze(0), mask, score).squeeze(0);
  return flash_attention_result(q, k, v, mask, score).out;
}

CFM_ISA_NAMESPACE_END
