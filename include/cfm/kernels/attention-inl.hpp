/// @file  Flash attention, one tile of six queries and one block of keys at a time.
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
inline constexpr Index attention_rows = 96;  // queries that share packed keys, or twice as many

/// The running state of a tile of rows <= 6 queries: what is needed to add a block of keys.
template <class T>
struct AttentionTile {
  Index rows, keys;      // of this block, as far as one of the queries sees them
  Index packed_keys;     // of this block
  Index width, v_width;  // elements of a key and of a value
  const T* q;            // packed as gemm_pack_a does, scaled
  const T* k;            // packed as gemm_pack_b does
  const T* v;            // rows v_row apart, or packed as gemm_pack_b does
  Index v_row;
  bool v_packed;
  T* scores;   // [rows][attention_row]
  T* largest;  // [rows]: of all scores so far
  T* sums;     // [rows]: of e^(score - largest)
  T* out;      // [rows][v_width]: of the same times values

  /// Keys at .. at + length of the block, a multiple of a panel, whose scores begin at a column.
  AttentionTile part(Index column, Index at, Index length, Index panel) const {
    AttentionTile t = *this;
    t.keys = length;
    t.scores += column;
    t.k += at * width;
    t.v += at * (v_packed ? panel : v_row);
    return t;
  }
};

}  // namespace detail
CFM_NAMESPACE_END
#endif

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

// The larger; t if that is NaN. Max keeps the second operand on x86, other targets do not promise.
template <class D>
HWY_INLINE hn::Vec<D> not_below(D, hn::Vec<D> low, hn::Vec<D> t) {
#if HWY_ARCH_X86 && HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_EMU128
  return hn::Max(low, t);
#else
  return hn::IfThenElse(hn::Lt(t, low), low, t);
#endif
}

// 2^t for t <= 0: 0.94 ulp (f32). From half of the smallest normal number down it is zero, so that
// masked keys weigh nothing; NaN stays, whatever its bits: the power of two is a factor, not added
// to the exponent.
template <class D>
HWY_INLINE hn::Vec<D> exp2_nonpositive(D d, hn::Vec<D> t) {
  constexpr bool single = std::is_same_v<hn::TFromD<D>, float>;
  const hn::RebindToSigned<D> di;
  t = not_below(d, constant(d, single ? -127 : -1023), t);  // there the power's bits are all zero
  // Adding `magic` rounds to an integer, and leaves it, plus the bias of exponents, in the low
  // bits.
  const auto magic = constant(d, single ? 0x1.8p23 + 127 : 0x1.8p52 + 1023);
  const auto n = hn::Add(t, magic), r = hn::Sub(t, hn::Sub(n, magic));
  hn::Vec<D> p;
  if constexpr (single)
    p = horner(d, r, 1, 0.693147182, 0.240226477, 0.0555033237, 0.00961843692, 0.00133988739,
               0.00015353362);
  else  // ln(2)^k / k!
    p = horner(d, r, 1, 0.69314718055994530942, 0.24022650695910071233, 0.055504108664821579953,
               0.0096181291076284771620, 0.0013333558146428443423, 0.00015403530393381609954,
               0.000015252733804059840280, 1.3215486790144309488e-6, 1.0178086009239699728e-7,
               7.0549116208011233299e-9, 4.4455382718708114976e-10, 2.5678435993488205142e-11,
               1.3691488853904128881e-12);
  constexpr int mantissa = single ? 23 : 52;
  const auto power = hn::BitCast(d, hn::ShiftLeft<mantissa>(hn::BitCast(di, n)));
  return hn::Mul(p, power);
}

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

// Rows of q, times scale, as gemm_pack_a packs them.
template <class T>
inline void attention_pack_queries(Index rows, Index width, const T* const* q, T scale, T* to) {
  for (Index k = 0; k < width; k += 4)
    for (Index r = 0; r < rows; ++r, to += 4)
      for (Index u = 0; u < 4 && k + u < width; ++u) to[u] = q[r][k + u] * scale;
}

// scores = q k^T
template <class T>
inline void attention_scores(const detail::AttentionTile<T>& t) {
  const Index panel = 2 * lanes_of<T>();
  for (Index j = 0; j < t.keys; j += panel)
    gemm_tile_of<true>(t.rows, t.width, t.q, 4, 1, t.k + j * t.width, panel, t.scores + j,
                       detail::attention_row, std::min(panel, t.keys - j), T{0});
}

// Takes the scores of this block into the running softmax: new maximum, new weights in place of the
// scores, old sums scaled to the new maximum.
template <class T>
inline void attention_weights(const detail::AttentionTile<T>& t) {
  const hn::ScalableTag<T> d;
  constexpr T infinity = std::numeric_limits<T>::infinity();
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
      const T keep = hn::GetLane(exp2_nonpositive(d, hn::Mul(log2e, hn::Set(d, before - largest))));
      t.sums[r] *= keep;
      T* const out = t.out + r * t.v_width;
      const auto factor = hn::Set(d, keep);
      each_vector<T>(t.v_width, [&](Index j, Index count) HWY_ATTR {
        store_some(d, hn::Mul(load_some(d, out + j, count), factor), out + j, count);
      });
    }
    t.largest[r] = largest;
    const auto shift = hn::Set(d, largest);
    auto sum = hn::Zero(d);
    each_vector<T>(t.keys, [&](Index j, Index count) HWY_ATTR {
      const auto v = load_some(d, s + j, count);
      auto p = exp2_nonpositive(d, hn::Mul(hn::Sub(v, shift), log2e));
      if (count < lanes_of<T>()) p = keep_n(d, p, count, hn::Zero(d));
      sum = hn::Add(sum, p);
      store_some(d, p, s + j, count);
    });
    t.sums[r] += sum_lanes(d, sum);
  }
}

// out += weights v
template <class T>
inline void attention_values(const detail::AttentionTile<T>& t) {
  const Index panel = 2 * lanes_of<T>();
  for (Index j = 0; j < t.v_width; j += panel) {
    const T* const v = t.v_packed ? t.v + j * t.packed_keys : t.v + j;
    gemm_tile_of<false>(t.rows, t.keys, t.scores, detail::attention_row, 1, v,
                        t.v_packed ? panel : t.v_row, t.out + j, t.v_width,
                        std::min(panel, t.v_width - j), T{1});
  }
}

// The product of two rows.
template <class T>
inline T dot_row(Index n, const T* a, const T* b) {
  const hn::ScalableTag<T> d;
  auto sum = hn::Zero(d);
  each_vector<T>(n, [&](Index j, Index count) HWY_ATTR {
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
  const auto log2e = constant(d, 1.4426950408889634074);
  const auto shift = hn::Set(d, logsumexp);
  const auto mean = hn::Set(d, dot);
  each_vector<T>(keys, [&](Index j, Index count) HWY_ATTR {
    const auto p =
        exp2_nonpositive(d, hn::Mul(hn::Sub(load_some(d, scores + j, count), shift), log2e));
    store_some(d, p, scores + j, count);
    store_some(d, hn::Mul(p, hn::Sub(load_some(d, dp + j, count), mean)), dp + j, count);
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
CFM_BODY(T, dot_row, (Index n, const T* a, const T* b), (n, a, b))
CFM_BODY(void, attention_row_back, (Index keys, T logsumexp, T dot, T* scores, T* dp),
         (keys, logsumexp, dot, scores, dp))
}  // namespace dispatched
CFM_NAMESPACE_END
#endif
