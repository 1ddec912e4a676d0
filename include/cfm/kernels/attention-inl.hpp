/// @file  Flash attention, one tile of queries and one block of keys at a time.
#ifndef CFM_KERNELS_ATTENTION_INL_HPP_
#define CFM_KERNELS_ATTENTION_INL_HPP_
#include <algorithm>
#include <cmath>
#include <limits>

#include <cfm/kernels/dispatch.hpp>

CFM_NAMESPACE_BEGIN
namespace detail {

// Keys whose scores are softmaxed together. Part of the result: blocks begin at its multiples,
// whatever the mask. Scores of a tile stay in the first-level cache, keys and values of a block in
// the second.
inline constexpr Index attention_keys = 384;
inline constexpr Index attention_row = attention_keys + 16;  // of scores; apart from powers of two
inline constexpr Index attention_rows = 96;  // queries that share packed keys, or 2 or 4 times that
inline constexpr Index attention_rows_most = 4 * attention_rows;
inline constexpr Index attention_most = 12;  // queries of a tile on any target
// Numbers that `rows` queries take when they are packed: columns in fours, the last tile whole.
constexpr Index packed_queries(Index rows, Index width) {
  return (rows + attention_most) * ((width + 3) / 4 * 4);
}
// Columns in whole panels; memory even for a width of 0: pointers into it are formed, though
// nothing is read.
constexpr Index whole_panels(Index n, Index panel) {
  return (std::max<Index>(1, n) + panel - 1) / panel * panel;
}

/// The running state of a tile of queries: what is needed to add a block of keys.
template <class T>
struct AttentionTile {
  Index rows, keys;  // of this block, as far as one of the queries sees them
  Index width;       // of a key
  const T* q;        // as attention_pack_queries packs them, scaled
  const T* k;        // packed as gemm_pack_b does
  const T* v;        // panels v_panel apart of rows v_row apart
  Index v_row, v_panel;
  T* scores;      // [rows][attention_row]
  T* largest;     // [rows]: of all scores so far
  T* sums;        // [rows]: of e^(score - largest)
  T* out;         // [rows][out_row]: of the same times values
  Index out_row;  // elements of a value, in whole panels

  /// Keys at .. at + length of the block, a multiple of a panel, whose scores begin at a column.
  AttentionTile part(Index column, Index at, Index length) const {
    AttentionTile t = *this;
    t.keys = length;
    t.scores += column;
    t.k += at * width;
    t.v += at * v_row;
    return t;
  }
};

}  // namespace detail
CFM_NAMESPACE_END
#endif

#include <cfm/kernels/exp2_nonpositive-inl.hpp>
#include <cfm/kernels/lanes-inl.hpp>
#include <cfm/kernels/math-inl.hpp>
#include <cfm/kernels/matmul-inl.hpp>

#if CFM_BODIES && defined(CFM_KERNELS_ATTENTION_TARGET) == defined(HWY_TARGET_TOGGLE)
#ifdef CFM_KERNELS_ATTENTION_TARGET
#undef CFM_KERNELS_ATTENTION_TARGET
#else
#define CFM_KERNELS_ATTENTION_TARGET
#endif
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
CFM_ISA_NAMESPACE_BEGIN
namespace HWY_NAMESPACE {

// The largest of a row; NaN may be dropped.
template <class T>
HWY_INLINE T largest_of(Index n, const T* s) {
  const hn::ScalableTag<T> d;
  const Index lanes = lanes_of<T>();
  auto a = hn::Set(d, -std::numeric_limits<T>::infinity());
  auto b = a, c = a, e = a;  // four chains: one waits for itself
  Index j = 0;
  for (; j + 4 * lanes <= n; j += 4 * lanes) {
    a = hn::Max(a, hn::LoadU(d, s + j));
    b = hn::Max(b, hn::LoadU(d, s + j + lanes));
    c = hn::Max(c, hn::LoadU(d, s + j + 2 * lanes));
    e = hn::Max(e, hn::LoadU(d, s + j + 3 * lanes));
  }
  for (; j + lanes <= n; j += lanes) a = hn::Max(a, hn::LoadU(d, s + j));
  if (j < n) b = hn::Max(b, keep_n(d, load_n(d, s + j, n - j), n - j, b));
  return hn::GetLane(hn::MaxOfLanes(d, hn::Max(hn::Max(a, b), hn::Max(c, e))));
}

// Queries of a full tile: with two vectors each they take most registers.
inline constexpr Index tile_queries = HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3 ? 12 : 6;
static_assert(tile_queries <= detail::attention_most);
// Tiles have 1 to 6 rows or all of them, the last of which may be zeros.
constexpr Index tile_rows(Index queries) { return queries <= 6 ? queries : tile_queries; }

template <class T>
inline Index attention_tile_queries() {
  return tile_queries;
}

// Queries times scale, in groups of four elements [width / 4][tile_rows][4].
template <class T>
inline void attention_pack_queries(Index rows, Index width, const T* const* q, T scale, T* to) {
  const hn::CappedTag<T, 4> d;
  constexpr Index step = static_cast<Index>(hn::MaxLanes(hn::CappedTag<T, 4>()));
  const auto factor = hn::Set(d, scale);
  const Index all = 4 * tile_rows(rows), whole = width / 4 * 4;
  for (Index r = 0; r < tile_rows(rows); ++r, to += 4) {
    if (r >= rows) {
      for (Index k = 0; k < width; k += 4) std::fill_n(to + k / 4 * all, 4, T{0});
      continue;
    }
    const T* const from = q[r];
    T* at = to;
    for (Index k = 0; k < whole; k += 4, at += all)
      for (Index u = 0; u < 4; u += step)
        hn::StoreU(hn::Mul(hn::LoadU(d, from + k + u), factor), d, at + u);
    for (Index k = whole; k < width; ++k) at[k - whole] = from[k] * scale;
  }
}

// The products of attention, by how they read their first operand: packed queries; scores along
// their rows; scores across.
enum class Operand { packed, scores, across };

// c[MR, two vectors] = a b for packed queries and keys, else += a b, rows of b ldb apart. Addresses
// in a are constants. See gemm_tile for the form of the loops.
template <std::size_t MR, Operand A, class T>
HWY_NOINLINE void attention_tile(Index terms, const T* HWY_RESTRICT a, const T* HWY_RESTRICT b,
                                 Index ldb, T* HWY_RESTRICT c, Index ldc) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  constexpr bool packed = A == Operand::packed, across = A == Operand::across;
  constexpr Index a_row = packed ? 4 : across ? 1 : detail::attention_row;
  constexpr Index a_term = across ? detail::attention_row : 1;
  constexpr Index a_step = packed ? 4 * static_cast<Index>(MR) : 4 * a_term;
  const Index lanes = lanes_of<T>();
  if constexpr (packed) ldb = 2 * lanes, ldc = detail::attention_row;
  V acc[MR][2];
  HWY_UNROLL(16) for (std::size_t i = 0; i < MR; ++i) { acc[i][0] = acc[i][1] = hn::Zero(d); }
  const auto term = [&](const T* ak, const T* bk) HWY_ATTR {
    const V b0 = hn::LoadU(d, bk), b1 = hn::LoadU(d, bk + lanes);
    HWY_UNROLL(16) for (std::size_t i = 0; i < MR; ++i) {
      const V v = hn::Set(d, ak[static_cast<Index>(i) * a_row]);
      acc[i][0] = hn::MulAdd(v, b0, acc[i][0]);
      acc[i][1] = hn::MulAdd(v, b1, acc[i][1]);
    }
  };
  Index k = 0;
  for (; k + 4 <= terms; k += 4, a += a_step, b += 4 * ldb) {
    HWY_UNROLL(4) for (Index u = 0; u < 4; ++u) { term(a + u * a_term, b + u * ldb); }
  }
  for (; k < terms; ++k, a += a_term, b += ldb) term(a, b);
  HWY_UNROLL(16) for (std::size_t i = 0; i < MR; ++i) {
    T* const row = c + static_cast<Index>(i) * ldc;
    if constexpr (!packed) {
      acc[i][0] = hn::Add(hn::LoadU(d, row), acc[i][0]);
      acc[i][1] = hn::Add(hn::LoadU(d, row + lanes), acc[i][1]);
    }
    hn::StoreU(acc[i][0], d, row);
    hn::StoreU(acc[i][1], d, row + lanes);
  }
}

template <Operand A, class T>
HWY_INLINE void attention_tile_of(Index rows, Index terms, const T* a, const T* b, Index ldb, T* c,
                                  Index ldc) {
  switch (rows) {
    case 1: return attention_tile<1, A>(terms, a, b, ldb, c, ldc);
    case 2: return attention_tile<2, A>(terms, a, b, ldb, c, ldc);
    case 3: return attention_tile<3, A>(terms, a, b, ldb, c, ldc);
    case 4: return attention_tile<4, A>(terms, a, b, ldb, c, ldc);
    case 5: return attention_tile<5, A>(terms, a, b, ldb, c, ldc);
    case 6: return attention_tile<6, A>(terms, a, b, ldb, c, ldc);
    default: return attention_tile<tile_queries, A>(terms, a, b, ldb, c, ldc);
  }
}

// scores = q k^T, in whole panels
template <class T>
inline void attention_scores(const detail::AttentionTile<T>& t) {
  const Index panel = 2 * lanes_of<T>();
  for (Index j = 0; j < t.keys; j += panel)
    attention_tile_of<Operand::packed>(tile_rows(t.rows), t.width, t.q, t.k + j * t.width, panel,
                                       t.scores + j, detail::attention_row);
}

// Takes the scores of this block into the running softmax: new maximum, new weights in place of the
// scores, old sums scaled to the new maximum.
template <class T>
inline void attention_weights(const detail::AttentionTile<T>& t) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  constexpr T infinity = std::numeric_limits<T>::infinity();
  constexpr Index side = 4;
  const Index lanes = lanes_of<T>(), step = side * lanes;
  const auto log2e = constant(d, 1.4426950408889634074);
  for (Index r = 0; r < t.rows; ++r) {
    T* const s = t.scores + r * detail::attention_row;
    const T block = largest_of(t.keys, s);
    const T before = t.largest[r], largest = block > before ? block : before;
    if (largest == -infinity) {  // nothing visible yet, unless it is NaN, which Max may drop
      for (Index j = 0; j < t.keys; ++j)
        if (s[j] != s[j]) t.sums[r] = s[j];
      std::fill_n(s, t.keys, T{0});
      continue;
    }
    if (largest != before && before != -infinity) {
      V keep = hn::Mul(hn::Set(d, before - largest), log2e);
      exp2_nonpositive<1>(d, &keep);
      t.sums[r] *= hn::GetLane(keep);
      T* const out = t.out + r * t.out_row;
      each_vector<T>(t.out_row, [&](Index j, Index count) CFM_LANES {
        store_some(d, hn::Mul(load_some(d, out + j, count), keep), out + j, count);
      });
    }
    t.largest[r] = largest;
    const auto shift = hn::Set(d, largest);
    auto sum = hn::Zero(d);
    Index j = 0;
    for (; j + step <= t.keys; j += step) {
      V p[side];
      HWY_UNROLL(4) for (Index i = 0; i < side; ++i) {
        p[i] = hn::Mul(hn::Sub(hn::LoadU(d, s + j + i * lanes), shift), log2e);
      }
      exp2_nonpositive<side>(d, p);
      HWY_UNROLL(4) for (Index i = 0; i < side; ++i) {
        sum = hn::Add(sum, p[i]);
        hn::StoreU(p[i], d, s + j + i * lanes);
      }
    }
    each_vector<T>(t.keys - j, [&](Index i, Index count) CFM_LANES {
      V p = hn::Mul(hn::Sub(load_some(d, s + j + i, count), shift), log2e);
      exp2_nonpositive<1>(d, &p);
      if (count < lanes) p = keep_n(d, p, count, hn::Zero(d));
      sum = hn::Add(sum, p);
      store_some(d, p, s + j + i, count);
    });
    t.sums[r] += sum_lanes(d, sum);
  }
}

// out += weights v
template <class T>
inline void attention_values(const detail::AttentionTile<T>& t) {
  const Index panel = 2 * lanes_of<T>();
  for (Index j = 0; j < t.out_row; j += panel)
    attention_tile_of<Operand::scores>(tile_rows(t.rows), t.keys, t.scores,
                                       t.v + j / panel * t.v_panel, t.v_row, t.out + j, t.out_row);
}

// out += the transpose of the weights of rows queries times v, which has as many rows; out has a
// row for each key.
template <class T>
inline void attention_across(const detail::AttentionTile<T>& t) {
  const Index panel = 2 * lanes_of<T>();
  for (Index j = 0; j < t.out_row; j += panel)
    for (Index i = 0; i < t.keys;) {
      const Index left = t.keys - i;
      const Index n = left >= tile_queries ? tile_queries : std::min<Index>(left, 6);
      attention_tile_of<Operand::across>(n, t.rows, t.scores + i, t.v + j / panel * t.v_panel,
                                         t.v_row, t.out + i * t.out_row + j, t.out_row);
      i += n;
    }
}

// Rows one after the other in panels of two vectors, the last one padded with zeros.
template <class T>
inline void attention_pack_rows(Index rows, Index width, const T* const* from, T* to) {
  const hn::ScalableTag<T> d;
  const Index lanes = lanes_of<T>(), panel = 2 * lanes;
  for (Index r = 0; r < rows; ++r)
    for (Index j = 0; j < width; j += lanes) {
      T* const at = to + j / panel * panel * rows + r * panel + j % panel;
      hn::StoreU(load_some(d, from[r] + j, std::min(lanes, width - j)), d, at);
      if (j + lanes >= width && j % panel == 0) hn::StoreU(hn::Zero(d), d, at + lanes);
    }
}

// to = factor from
template <class T>
inline void scaled_row(Index n, T factor, const T* from, T* to) {
  const hn::ScalableTag<T> d;
  const auto f = hn::Set(d, factor);
  each_vector<T>(n, [&](Index j, Index count) CFM_LANES {
    store_some(d, hn::Mul(f, load_some(d, from + j, count)), to + j, count);
  });
}

// to += factor from
template <class T>
inline void add_scaled(Index n, T factor, const T* from, T* to) {
  const hn::ScalableTag<T> d;
  const auto f = hn::Set(d, factor);
  each_vector<T>(n, [&](Index i, Index count) CFM_LANES {
    store_some(d, hn::MulAdd(f, load_some(d, from + i, count), load_some(d, to + i, count)), to + i,
               count);
  });
}

// The product of two rows.
template <class T>
inline T dot_row(Index n, const T* a, const T* b) {
  const hn::ScalableTag<T> d;
  auto sum = hn::Zero(d);
  each_vector<T>(n, [&](Index j, Index count) CFM_LANES {
    sum = hn::MulAdd(load_some(d, a + j, count), load_some(d, b + j, count), sum);
  });
  return sum_lanes(d, sum);
}

// For the backward pass. In: scores and dp = dout v^T of one row. Out: its weights in place of the
// scores, the gradient of the scores in place of dp.
template <class T>
inline void attention_row_back(Index keys, T logsumexp, T dot, T* HWY_RESTRICT scores,
                               T* HWY_RESTRICT dp) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  constexpr Index side = 4;
  const Index lanes = lanes_of<T>(), step = side * lanes;
  const auto log2e = constant(d, 1.4426950408889634074), shift = hn::Set(d, logsumexp);
  const auto mean = hn::Set(d, dot);
  Index j = 0;
  for (; j + step <= keys; j += step) {
    V p[side];
    HWY_UNROLL(4) for (Index i = 0; i < side; ++i) {
      p[i] = hn::Mul(hn::Sub(hn::LoadU(d, scores + j + i * lanes), shift), log2e);
    }
    exp2_nonpositive<side>(d, p);
    HWY_UNROLL(4) for (Index i = 0; i < side; ++i) {
      const Index at = j + i * lanes;
      hn::StoreU(p[i], d, scores + at);
      hn::StoreU(hn::Mul(p[i], hn::Sub(hn::LoadU(d, dp + at), mean)), d, dp + at);
    }
  }
  each_vector<T>(keys - j, [&](Index i, Index count) CFM_LANES {
    V p = hn::Mul(hn::Sub(load_some(d, scores + j + i, count), shift), log2e);
    exp2_nonpositive<1>(d, &p);
    store_some(d, p, scores + j + i, count);
    store_some(d, hn::Mul(p, hn::Sub(load_some(d, dp + j + i, count), mean)), dp + j + i, count);
  });
}

}  // namespace HWY_NAMESPACE
CFM_ISA_NAMESPACE_END
HWY_AFTER_NAMESPACE();
#endif

#if !CFM_BODIES || (defined(CFM_UNIT_ATTENTION) && HWY_ONCE)  // what doors call
CFM_NAMESPACE_BEGIN
namespace dispatched {
CFM_BODY(void, attention_pack_queries, (Index rows, Index width, const T* const* q, T scale, T* to),
         (rows, width, q, scale, to))
CFM_BODY(void, attention_scores, (const detail::AttentionTile<T>& t), (t))
CFM_BODY(void, attention_weights, (const detail::AttentionTile<T>& t), (t))
CFM_BODY(void, attention_values, (const detail::AttentionTile<T>& t), (t))
CFM_BODY(void, attention_across, (const detail::AttentionTile<T>& t), (t))
CFM_BODY(void, attention_pack_rows, (Index rows, Index width, const T* const* from, T* to),
         (rows, width, from, to))
CFM_BODY(Index, attention_tile_queries, (), ())
CFM_BODY(void, scaled_row, (Index n, T factor, const T* from, T* to), (n, factor, from, to))
CFM_BODY(void, add_scaled, (Index n, T factor, const T* from, T* to), (n, factor, from, to))
CFM_BODY(T, dot_row, (Index n, const T* a, const T* b), (n, a, b))
CFM_BODY(void, attention_row_back, (Index keys, T logsumexp, T dot, T* scores, T* dp),
         (keys, logsumexp, dot, scores, dp))
}  // namespace dispatched
CFM_NAMESPACE_END
#endif
