/// @file  Attention of few queries: products with rows of keys and values as they come from memory.
#ifndef CFM_KERNELS_DECODE_ATTENTION_INL_HPP_
#define CFM_KERNELS_DECODE_ATTENTION_INL_HPP_
#include <cfm/kernels/dispatch.hpp>

CFM_NAMESPACE_BEGIN
namespace detail {

// Keys whose softmax is one piece of work: part of the result.
inline constexpr Index decode_keys = 256;
// A piece is read as four streams, this many rows apart: memory is faster so.
inline constexpr Index decode_stream = decode_keys / 4;

/// Keys begin .. end of a piece against `rows` queries.
template <class T, class S>
struct DecodePiece {
  Index begin, end, rows;
  Index width, v_width;
  const S* const* k;  // [decode_keys] rows
  const S* const* v;
  const T* q;  // [rows][width], scaled
  T* scores;   // [rows][attention_row]
  T* out;      // [rows][v_width]
};

}  // namespace detail
CFM_NAMESPACE_END
#endif

#include <cfm/kernels/attention-inl.hpp>
#include <cfm/kernels/half-inl.hpp>
#include <cfm/kernels/lanes-inl.hpp>

#if CFM_BODIES && defined(CFM_KERNELS_DECODE_ATTENTION_TARGET) == defined(HWY_TARGET_TOGGLE)
#ifdef CFM_KERNELS_DECODE_ATTENTION_TARGET
#undef CFM_KERNELS_DECODE_ATTENTION_TARGET
#else
#define CFM_KERNELS_DECODE_ATTENTION_TARGET
#endif
#include <hwy/cache_control.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
CFM_ISA_NAMESPACE_BEGIN
namespace HWY_NAMESPACE {

// The first n elements, the others zero.
template <class D, class S>
HWY_INLINE hn::Vec<D> load_wide_some(D d, const S* p, Index n) {
  if (n == static_cast<Index>(hn::Lanes(d))) return load_wide(d, p);
  if constexpr (std::is_same_v<S, hn::TFromD<D>>) {
    return load_n(d, p, n);
  } else {
    HWY_ALIGN S buffer[hn::MaxLanes(D())] = {};
    for (Index i = 0; i < n; ++i) buffer[i] = p[i];
    return load_wide(d, static_cast<const S*>(buffer));
  }
}

#if HWY_TARGET != HWY_SCALAR
// to[0, 4) = the sum of the blocks of four lanes.
template <class D, class T = hn::TFromD<D>>
HWY_INLINE void add_blocks(D d, hn::Vec<D> v, T* to) {
  if constexpr (hn::MaxLanes(D()) <= 4) {
    hn::StoreU(v, d, to);
  } else {
    const hn::Half<D> half;
    add_blocks(half, hn::Add(hn::LowerHalf(half, v), hn::UpperHalf(half, v)), to);
  }
}
#endif

// to[i] = the sum over the lanes of v[i]: four at once where shuffles allow it.
template <class D, class T = hn::TFromD<D>>
HWY_INLINE void sum_lanes_of_four(D d, const hn::Vec<D>* v, T* to) {
#if HWY_TARGET != HWY_SCALAR
  if constexpr (four_floats<T> && hn::MaxLanes(D()) >= 4) {
    const hn::Repartition<double, D> pairs;
    const auto fold = [&](auto a, auto b) HWY_ATTR {
      return hn::Add(hn::InterleaveLower(d, a, b), hn::InterleaveUpper(d, a, b));
    };
    const auto ab = hn::BitCast(pairs, fold(v[0], v[1]));
    const auto cd = hn::BitCast(pairs, fold(v[2], v[3]));
    const auto sum = hn::Add(hn::BitCast(d, hn::InterleaveLower(pairs, ab, cd)),
                             hn::BitCast(d, hn::InterleaveUpper(pairs, ab, cd)));
    add_blocks(d, sum, to);  // of four
    return;
  }
#endif
  for (int i = 0; i < 4; ++i) to[i] = sum_lanes(d, v[i]);
}

// scores[row + r][key[i]] = q . k, R rows and K keys at a time. A lambda that is called twice must
// be told to become a part of the loop: elsewhere its sums would not be in registers.
template <std::size_t R, std::size_t K, class T, class S>
HWY_INLINE void decode_dots(const detail::DecodePiece<T, S>& p, Index row, const Index* key) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  V sum[R][4];
  HWY_UNROLL(4) for (std::size_t r = 0; r < R; ++r) {
    HWY_UNROLL(4) for (std::size_t i = 0; i < 4; ++i) { sum[r][i] = hn::Zero(d); }
  }
  const T* const q = p.q + row * p.width;
  const S* k[K];
  HWY_UNROLL(4) for (std::size_t i = 0; i < K; ++i) { k[i] = p.k[key[i]]; }
  each_vector<T>(p.width, [&](Index e, Index n) CFM_LANES {
    V kv[K];
    HWY_UNROLL(4) for (std::size_t i = 0; i < K; ++i) { kv[i] = load_wide_some(d, k[i] + e, n); }
    HWY_UNROLL(4) for (std::size_t r = 0; r < R; ++r) {
      const V a = load_some(d, q + static_cast<Index>(r) * p.width + e, n);
      HWY_UNROLL(4) for (std::size_t i = 0; i < K; ++i) {
        sum[r][i] = hn::MulAdd(a, kv[i], sum[r][i]);
      }
    }
  });
  HWY_UNROLL(4) for (std::size_t r = 0; r < R; ++r) {
    T* const to = p.scores + (row + static_cast<Index>(r)) * detail::attention_row;
    HWY_ALIGN T dots[4];
    sum_lanes_of_four(d, sum[r], dots);
    for (std::size_t i = 0; i < K; ++i) to[key[i]] = dots[i];
  }
}

// out[row + r] += sum over i of scores[row + r][key[i]] v[key[i]].
template <std::size_t R, std::size_t K, class T, class S>
HWY_INLINE void decode_sums(const detail::DecodePiece<T, S>& p, Index row, const Index* key) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  V w[R][K];
  HWY_UNROLL(4) for (std::size_t r = 0; r < R; ++r) {
    const T* const from = p.scores + (row + static_cast<Index>(r)) * detail::attention_row;
    HWY_UNROLL(4) for (std::size_t i = 0; i < K; ++i) { w[r][i] = hn::Set(d, from[key[i]]); }
  }
  const S* v[K];
  HWY_UNROLL(4) for (std::size_t i = 0; i < K; ++i) { v[i] = p.v[key[i]]; }
  T* const out = p.out + row * p.v_width;
  each_vector<T>(p.v_width, [&](Index e, Index n) CFM_LANES {
    V vv[K];
    HWY_UNROLL(4) for (std::size_t i = 0; i < K; ++i) { vv[i] = load_wide_some(d, v[i] + e, n); }
    HWY_UNROLL(4) for (std::size_t r = 0; r < R; ++r) {
      T* const to = out + static_cast<Index>(r) * p.v_width + e;
      V sum = load_some(d, to, n);
      HWY_UNROLL(4) for (std::size_t i = 0; i < K; ++i) { sum = hn::MulAdd(w[r][i], vv[i], sum); }
      store_some(d, sum, to, n);
    }
  });
}

// f(key, count) for the keys of a piece, one of each stream at a time.
template <class F>
HWY_INLINE void each_of_streams(Index begin, Index end, const F& f) {
  for (Index i = 0; i < detail::decode_stream; ++i) {
    Index key[4] = {i, i + detail::decode_stream, i + 2 * detail::decode_stream,
                    i + 3 * detail::decode_stream};
    Index count = 4;
    if (i < begin || key[3] >= end) {
      count = 0;
      for (Index j = i; j < end; j += detail::decode_stream)
        if (j >= begin) key[count++] = j;
    }
    if (count > 0) f(i, key, count);
  }
}

// Asks for rows that the streams reach after about a kilobyte. What follows their end is `next`.
template <class S>
HWY_INLINE void prefetch_rows(Index begin, Index end, Index i, Index width, const S* const* rows,
                              const S* const* next, Index next_width) {
  constexpr Index line = 64 / static_cast<Index>(sizeof(S));
  i += std::max<Index>(2, 16 * line / std::max<Index>(1, width));
  if (i >= detail::decode_stream) {
    i -= detail::decode_stream;
    rows = next;
    width = next_width;
    if (rows == nullptr || i >= detail::decode_stream) return;
  }
  for (Index j = i; j < end; j += detail::decode_stream)
    if (j >= begin)
      for (Index e = 0; e < width; e += line) hwy::Prefetch(rows[j] + e);
}

template <class T, class S>
inline void decode_scores(const detail::DecodePiece<T, S>& p) {
  each_of_streams(p.begin, p.end, [&](Index i, const Index* key, Index count) HWY_ATTR {
    prefetch_rows(p.begin, p.end, i, p.width, p.k, p.v, p.v_width);
    for (Index r = 0; r < p.rows; r += 2) {
      const bool two = r + 1 < p.rows;
      switch (count) {
        case 1: two ? decode_dots<2, 1>(p, r, key) : decode_dots<1, 1>(p, r, key); break;
        case 2: two ? decode_dots<2, 2>(p, r, key) : decode_dots<1, 2>(p, r, key); break;
        case 3: two ? decode_dots<2, 3>(p, r, key) : decode_dots<1, 3>(p, r, key); break;
        default: two ? decode_dots<2, 4>(p, r, key) : decode_dots<1, 4>(p, r, key);
      }
    }
  });
}

template <class T, class S>
inline void decode_values(const detail::DecodePiece<T, S>& p) {
  std::fill_n(p.out, p.rows * p.v_width, T{0});
  const S* const* const nothing = nullptr;
  each_of_streams(p.begin, p.end, [&](Index i, const Index* key, Index count) HWY_ATTR {
    prefetch_rows(p.begin, p.end, i, p.v_width, p.v, nothing, Index{0});
    for (Index r = 0; r < p.rows; r += 2) {
      const bool two = r + 1 < p.rows;
      switch (count) {
        case 1: two ? decode_sums<2, 1>(p, r, key) : decode_sums<1, 1>(p, r, key); break;
        case 2: two ? decode_sums<2, 2>(p, r, key) : decode_sums<1, 2>(p, r, key); break;
        case 3: two ? decode_sums<2, 3>(p, r, key) : decode_sums<1, 3>(p, r, key); break;
        default: two ? decode_sums<2, 4>(p, r, key) : decode_sums<1, 4>(p, r, key);
      }
    }
  });
}

}  // namespace HWY_NAMESPACE
CFM_ISA_NAMESPACE_END
HWY_AFTER_NAMESPACE();
#endif

#if !CFM_BODIES || (defined(CFM_UNIT_DECODE_ATTENTION) && HWY_ONCE)  // what doors call
CFM_NAMESPACE_BEGIN
namespace dispatched {
CFM_BODY_OF(class, void, decode_scores, (const detail::DecodePiece<Of, T>& p), (p))
CFM_BODY_STORED(decode_scores)
CFM_BODY_OF(class, void, decode_values, (const detail::DecodePiece<Of, T>& p), (p))
CFM_BODY_STORED(decode_values)
}  // namespace dispatched
CFM_NAMESPACE_END
#endif
