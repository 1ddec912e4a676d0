#pragma once
/// @file  Attention of few queries over a long cache of keys and values, at the speed of memory.

#include <cfm/kernels/attention.hpp>
#include <cfm/kernels/decode_attention-inl.hpp>
#include <cfm/kernels/kv_cache.hpp>

CFM_ISA_NAMESPACE_BEGIN
namespace isa_detail {

// What pieces of keys leave behind, until they are merged: [rows][v_width] sums, then the largest
// score and the sum of weights of each row.
template <class T>
struct DecodePartial {
  T* data;
  Index rows, v_width;

  static Index size(Index rows, Index v_width) { return rows * (v_width + 2); }
  T* out() const { return data; }
  T* largest() const { return data + rows * v_width; }
  T* sums() const { return largest() + rows; }
};

// Keys piece .. piece + 256 of a sequence for all queries of a head of keys.
template <class T, class Cache, class Mask, class Score>
void decode_piece(In<T, 4> q, const Cache& cache, const Mask& mask, const Score& score, T scale,
                  Index batch, Index kv_head, Index piece, const DecodePartial<T>& to) {
  using S = typename Cache::value_type;
  const Index queries = q.extent[2], width = q.extent[3], rows = to.rows;
  const Index keys = cache.lengths[static_cast<std::size_t>(batch)];
  const Index n = std::min(detail::decode_keys, keys - piece);
  const auto place_of = [&](Index r) {
    return QueryPlace{batch, r % queries, queries, keys, kv_head * (rows / queries) + r / queries};
  };
  std::fill_n(to.largest(), rows, -std::numeric_limits<T>::infinity());
  std::fill_n(to.sums(), rows, T{0});
  std::fill_n(to.out(), rows * to.v_width, T{0});
  Index begin = n, end = 0;  // of what one query sees
  for (Index r = 0; r < rows; ++r) {
    const KeyRange range = detail::clamped_range(mask, place_of(r));
    const auto widen = [&](Index first, Index last) {
      first = std::max(first - piece, Index{0});
      last = std::min(last - piece, n);
      if (first >= last) return;
      begin = std::min(begin, first);
      end = std::max(end, last);
    };
    widen(0, range.sinks);
    widen(range.begin, range.end);
  }
  if (begin >= end) return;
  const S* k_rows[detail::decode_keys];
  const S* v_rows[detail::decode_keys];
  for (Index i = begin; i < end;) {
    const auto run = cache.run(batch, kv_head, piece + i, piece + end);
    for (Index j = 0; j < run.rows; ++j, ++i) {
      k_rows[i] = run.k + j * run.k_row;
      v_rows[i] = run.v + j * run.v_row;
    }
  }
  const detail::Scratch<T> dense_q(rows * width), scores(rows * detail::attention_row);
  for (Index r = 0; r < rows; ++r) {
    const QueryPlace place = place_of(r);
    const T* const from = &q(batch, place.head, place.query, Index{0});
    CFM_CALL(scaled_row)(width, scale, from, dense_q.data() + r * width);
  }
  const detail::DecodePiece<T, S> p{begin,  end,    rows,           width,         to.v_width,
                                    k_rows, v_rows, dense_q.data(), scores.data(), to.out()};
  CFM_CALL(decode_scores)(p);
  for (Index r = 0; r < rows; ++r) {
    const QueryPlace place = place_of(r);
    T* const row = scores.data() + r * detail::attention_row;
    // From the first key of the piece, so that neighbours do not change the order of the sum.
    std::fill_n(row, begin, -std::numeric_limits<T>::infinity());
    apply_scores(score, ScoreRow<T>{row + begin, end - begin, piece + begin, place.head, place});
    detail::hide_keys(mask, place, detail::clamped_range(mask, place), piece + begin, piece + end,
                      row + begin);
  }
  detail::AttentionTile<T> t{};
  t.rows = rows;
  t.keys = end;
  t.scores = scores.data();
  t.largest = to.largest();
  t.sums = to.sums();
  t.out = to.out();
  t.out_row = to.v_width;
  CFM_CALL(attention_weights)(t);
  CFM_CALL(decode_values)(p);
}

// One row of the result from those of all pieces, in order.
template <class T>
T merge_pieces(const T* partials, Index step, Index pieces, Index rows, Index v_width, Index r,
               T* out) {
  constexpr T infinity = std::numeric_limits<T>::infinity();
  T largest = -infinity, sum = 0;
  const auto piece = [&](Index i) {
    return DecodePartial<T>{const_cast<T*>(partials) + i * step, rows, v_width};
  };
  for (Index i = 0; i < pieces; ++i) largest = std::max(largest, piece(i).largest()[r]);
  std::fill_n(out, v_width, T{0});
  for (Index i = 0; i < pieces; ++i) {
    const DecodePartial<T> p = piece(i);
    if (p.sums()[r] == T{0}) continue;
    const T factor = largest == -infinity ? T{1} : std::exp(p.largest()[r] - largest);
    sum += factor * p.sums()[r];
    CFM_CALL(add_scaled)(v_width, factor, p.out() + r * v_width, out);
  }
  const T inverse = sum == T{0} ? T{0} : T{1} / sum;
  for (Index e = 0; e < v_width; ++e) out[e] *= inverse;
  return sum == T{0} ? -infinity : largest + std::log(sum);
}

}  // namespace isa_detail

/// flash_attention for few queries, such as one a step or the nodes of a tree of guesses, over the
/// cached keys and values of each sequence. Query i of n stands at position lengths[b] - n + i, so
/// Causal, the default, lets new tokens see what came before them.
///
///     kv_append<float>(cache, k, v);
///     decode_attention<float>(q.view<float, 4>(), cache, out.view<float, 4>());
///
/// Shapes:  q [batch, heads, queries, width], out [batch, heads, queries, v width], last strides 1;
///          heads a multiple of the cache's, whose rows they share. The cache holds T, or bf16 or
///          f16 where T is float: products and sums are of T.
/// Order:   softmax over pieces of 256 keys from the first, merged in order: a query gives the same
///          bits alone and among others, for any number of threads, from pages and from one piece
///          of memory.
/// Errors:  ShapeError, Error.
/// Cost:    reads the visible keys and values once; memory for v width + 2 numbers for each query
///          and 256 keys. Parallel over sequences, heads of the cache and pieces.
/// Source:  T. Dao et al., "Flash-Decoding for long-context inference", 2023.
template <Real T, KvCache Cache, AttentionMask Mask = Causal, class Score = PlainScores>
requires ScorePolicy<Score, T>
void decode_attention(In<T, 4> q, const Cache& cache, View<T, 4> out, const Mask& mask = {},
                      const Score& score = {}, const AttentionOptions<T>& options = {}) {
  using S = typename Cache::value_type;
  static_assert(std::is_same_v<S, T> || (std::is_same_v<T, float> &&
                                         (std::is_same_v<S, bf16> || std::is_same_v<S, f16>)),
                "decode_attention: the cache holds T, or bf16 or f16 for float");
  cache.check("decode_attention");
  const Index batch = q.extent[0], heads = q.extent[1], queries = q.extent[2];
  const Index kv_heads = cache.heads(), v_width = cache.v.extent[3];
  CFM_CHECK(cache.batch() == batch && cache.k.extent[3] == q.extent[3] &&
                (kv_heads > 0 ? heads % kv_heads == 0 : heads == 0),
            "decode_attention: q must be [batch, a multiple of the cache's heads, queries, width]",
            q, cache.k);
  CFM_CHECK(out.extent[0] == batch && out.extent[1] == heads && out.extent[2] == queries &&
                out.extent[3] == v_width,
            "decode_attention: out must be [batch, heads, queries, v width]", out, q, cache.v);
  CFM_CHECK(q.last_contiguous() && out.last_contiguous(), "decode_attention: rows must be dense", q,
            out);
  const View<T, 3> lse = options.logsumexp;
  CFM_CHECK(lse.data == nullptr ||
                (lse.extent[0] == batch && lse.extent[1] == heads && lse.extent[2] == queries),
            "decode_attention: logsumexp must be [batch, heads, queries]", lse, q);
  CFM_CHECK(options.dropout.probability == 0, "decode_attention: drops nothing");
  if (batch * heads * queries == 0) return;
  const T scale = isa_detail::scale_or_default(options.scale, q.extent[3]);
  const Index rows = heads / kv_heads * queries;
  Index longest = 0;
  for (const Index n : cache.lengths) longest = std::max(longest, n);
  const Index pieces = (longest + detail::decode_keys - 1) / detail::decode_keys;
  const auto pieces_of = [&](Index b) {
    return (cache.lengths[static_cast<std::size_t>(b)] + detail::decode_keys - 1) /
           detail::decode_keys;
  };
  const Index step = isa_detail::DecodePartial<T>::size(rows, v_width);
  const detail::Scratch<T> partials(batch * kv_heads * pieces * step);
  parallel_for(batch * kv_heads * pieces, 1, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      const Index b = i / pieces / kv_heads, piece = i % pieces;
      if (piece < pieces_of(b))
        isa_detail::decode_piece<T>(q, cache, mask, score, scale, b, i / pieces % kv_heads,
                                    piece * detail::decode_keys,
                                    {partials.data() + i * step, rows, v_width});
    }
  });
  parallel_for(
      batch * kv_heads, grain_for(pieces * step * Index{sizeof(T)}), [&](Index begin, Index end) {
        for (Index i = begin; i < end; ++i)
          for (Index r = 0; r < rows; ++r) {
            const Index b = i / kv_heads, query = r % queries;
            const Index head = i % kv_heads * (rows / queries) + r / queries;
            const T sum =
                isa_detail::merge_pieces<T>(partials.data() + i * pieces * step, step, pieces_of(b),
                                            rows, v_width, r, &out(b, head, query, Index{0}));
            if (lse.data != nullptr) lse(b, head, query) = sum;
          }
      });
}

CFM_ISA_NAMESPACE_END
