#pragma once
/// @file  Attention of new positions over cached keys and values.

#include <span>
#include <vector>

#include <cfm/kernels/attention.hpp>
#include <cfm/kernels/decode_attention.hpp>

CFM_ISA_NAMESPACE_BEGIN

namespace isa_detail {

// Positions of the last `rows` of sequences of these lengths: i64 [batch, rows].
inline Tensor cached_positions(std::span<const Index> lengths, Index rows) {
  const auto batch = static_cast<Index>(lengths.size());
  Tensor out = Tensor::empty({batch, rows}, DType::i64);
  std::int64_t* at = out.data<std::int64_t>();
  for (const Index n : lengths)
    for (Index r = 0; r < rows; ++r) *at++ = n - rows + r;
  return out;
}

// Up to this many new positions the cache is read at the speed of memory; more of them make it
// worth packing keys for products.
inline constexpr Index decode_queries = 8;

template <class T, class Cache>
inline constexpr bool decodes = std::same_as<T, typename Cache::value_type> ||
                                (std::same_as<T, float> &&
                                 (std::same_as<typename Cache::value_type, bf16> ||
                                  std::same_as<typename Cache::value_type, f16>));

// A sequence of the cache as attention reads it: in place, or a copy in T.
template <class T>
struct CachedSequence {
  template <class Cache>
  CachedSequence(const Cache& cache, Index sequence) {
    using C = typename Cache::value_type;
    const Index length = cache.lengths[static_cast<std::size_t>(sequence)];
    constexpr bool paged = requires { cache.table; };
    if constexpr (std::same_as<T, C> && !paged) {
      k = first_rows(cache.k, sequence, length);
      v = first_rows(cache.v, sequence, length);
    } else {
      copy(cache, sequence, length);
    }
  }

  static View<const T, 4> first_rows(View<const T, 4> x, Index sequence, Index length) {
    x.data += sequence * x.stride[0];
    x.extent[0] = 1;
    x.extent[2] = length;
    return x;
  }

  template <class Cache>
  void copy(const Cache& cache, Index sequence, Index length) {
    const Index heads = cache.heads(), width = cache.k.extent[3], v_width = cache.v.extent[3];
    k_copy = Tensor::empty({1, heads, length, width}, dtype_of<T>);
    v_copy = Tensor::empty({1, heads, length, v_width}, dtype_of<T>);
    T *to_k = k_copy.data<T>(), *to_v = v_copy.data<T>();
    for (Index h = 0; h < heads; ++h)
      for (Index p = 0; p < length;) {
        const auto run = cache.run(sequence, h, p, length);
        for (Index r = 0; r < run.rows; ++r, to_k += width, to_v += v_width) {
          widen(run.k + r * run.k_row, width, to_k);
          widen(run.v + r * run.v_row, v_width, to_v);
        }
        p += run.rows;
      }
    k = std::as_const(k_copy).template view<T, 4>();
    v = std::as_const(v_copy).template view<T, 4>();
  }

  template <class C>
  static void widen(const C* from, Index n, T* to) {
    for (Index i = 0; i < n; ++i) to[i] = static_cast<T>(from[i]);
  }

  View<const T, 4> k, v;
  Tensor k_copy, v_copy;
};

// A mask and a policy of a batch, for one sequence of it alone.
template <class Mask>
struct MaskOfSequence {
  const Mask& mask;
  Index sequence;

  QueryPlace of(QueryPlace place) const {
    place.batch = sequence;
    return place;
  }
  KeyRange operator()(const QueryPlace& q) const { return mask(of(q)); }
  Index block() const requires BlockedMask<Mask> { return mask.block(); }
  bool hides(const QueryPlace& q, Index i) const requires BlockedMask<Mask> {
    return mask.hides(of(q), i);
  }
  Index first_hidden(const QueryPlace& q) const requires DetailedMask<Mask> {
    return mask.first_hidden(of(q));
  }
  bool hides_key(const QueryPlace& q, Index key) const requires DetailedMask<Mask> {
    return mask.hides_key(of(q), key);
  }
};
template <class Score>
struct ScoresOfSequence {
  const Score& score;
  Index sequence;
  template <Real T>
  void operator()(ScoreRow<T> row) const {
    row.place.batch = sequence;
    apply_scores(score, row);
  }
};

}  // namespace isa_detail

/// Appends keys and values of new positions to a cache and gives the attention of these positions
/// over all that is cached. To masks and policies each sequence is one of its own length.
/// Shapes:  q [batch, heads, new positions, width], k [batch, kv heads, new positions, width],
///          v [batch, kv heads, new positions, v width]  ->  [batch, heads, new positions, v
///          width].
/// Order:   more than 8 new positions go through flash_attention() and give the bits of a pass over
///          the whole sequence, if the cache has their type; fewer go through decode_attention(),
///          which differs from it by rounding.
/// Errors:  TypeError unless all are f32 or all f64; ShapeError; Error if there is no room.
template <KvCache Cache, AttentionMask Mask = Causal, class Score = PlainScores>
Tensor cached_attention(const Tensor& q, const Tensor& k, const Tensor& v, const Cache& cache,
                        const Mask& mask = {}, const Score& score = {}) {
  CFM_CHECK(q.dtype() == k.dtype() && q.dtype() == v.dtype(),
            "cached_attention: q, k and v must have one type", q, k, v, q.dtype());
  CFM_CHECK(q.rank() == 4 && k.rank() == 4 && v.rank() == 4 && q.size(2) == k.size(2),
            "cached_attention: wants [batch, heads, positions, width]", q, k, v);
  CFM_CHECK(q.size(0) == cache.batch() && q.size(3) == k.size(3) && k.size(1) > 0 &&
                q.size(1) % k.size(1) == 0,
            "cached_attention: q does not fit k and the cache", q, k, cache.batch());
  return visit_real(q.dtype(), "cached_attention", [&]<class T>(std::type_identity<T>) {
    const Tensor qd = isa_detail::dense_rows_of(q);
    kv_append<T>(cache, k.view<T, 4>(), v.view<T, 4>());
    Tensor out = Tensor::empty({q.size(0), q.size(1), q.size(2), v.size(3)}, q.dtype());
    if constexpr (ScorePolicy<Score, T>) {
      if constexpr (isa_detail::decodes<T, Cache>)
        if (q.size(2) <= isa_detail::decode_queries) {
          decode_attention<T>(qd.view<T, 4>(), cache, out.view<T, 4>(), mask, score);
          return out;
        }
      for (Index s = 0; s < q.size(0); ++s) {
        const isa_detail::CachedSequence<T> cached(cache, s);
        const Tensor one = qd.slice(0, s, s + 1);
        Tensor to = out.slice(0, s, s + 1);
        flash_attention<T>(one.view<T, 4>(), cached.k, cached.v, to.view<T, 4>(),
                           isa_detail::MaskOfSequence<Mask>{mask, s},
                           isa_detail::ScoresOfSequence<Score>{score, s});
      }
    } else {
      throw_error<TypeError>("cached_attention: the score policy does not take ", q.dtype());
    }
    return out;
  });
}

CFM_ISA_NAMESPACE_END
