/// @file  Reductions of a dense row, and of the columns of a dense matrix.
#ifndef CFM_KERNELS_REDUCE_INL_HPP_
#define CFM_KERNELS_REDUCE_INL_HPP_
#include <limits>
#include <type_traits>

#include <cfm/kernels/dispatch.hpp>

CFM_NAMESPACE_BEGIN
namespace detail {

// What is folded. Bodies and doors agree on these names.
struct FoldSum {};
struct FoldProduct {};
struct FoldMax {};
struct FoldMin {};

template <class Fold, class T>
constexpr T fold_identity() {
  using Limits = std::numeric_limits<T>;
  if constexpr (std::is_same_v<Fold, FoldSum>) return T{0};
  else if constexpr (std::is_same_v<Fold, FoldProduct>) return T{1};
  else if constexpr (std::is_same_v<Fold, FoldMax>)
    return Limits::has_infinity ? -Limits::infinity() : Limits::lowest();
  else return Limits::has_infinity ? Limits::infinity() : Limits::max();
}

// One step on plain numbers. A NaN stays.
template <class Fold, class T>
constexpr T fold(T a, T b) {
  if constexpr (std::is_same_v<Fold, FoldSum>) return a + b;
  else if constexpr (std::is_same_v<Fold, FoldProduct>) return a * b;
  else if constexpr (std::is_same_v<Fold, FoldMax>) return a >= b || a != a ? a : b;
  else return a <= b || a != a ? a : b;
}

}  // namespace detail
CFM_NAMESPACE_END
#endif

#include <cfm/kernels/lanes-inl.hpp>

#if CFM_BODIES && defined(CFM_KERNELS_REDUCE_TARGET) == defined(HWY_TARGET_TOGGLE)
#ifdef CFM_KERNELS_REDUCE_TARGET
#undef CFM_KERNELS_REDUCE_TARGET
#else
#define CFM_KERNELS_REDUCE_TARGET
#endif
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
CFM_ISA_NAMESPACE_BEGIN
namespace HWY_NAMESPACE {

template <class Fold, class D>
HWY_INLINE hn::Vec<D> fold_lanes(D d, hn::Vec<D> a, hn::Vec<D> b) {
  if constexpr (std::is_same_v<Fold, detail::FoldSum>) return hn::Add(a, b);
  else if constexpr (std::is_same_v<Fold, detail::FoldProduct>) return hn::Mul(a, b);
  else if constexpr (std::is_same_v<Fold, detail::FoldMax>) return max_nan(d, a, b);
  else return min_nan(d, a, b);
}

// Folds f(vector at i) for all i in [0, n), four accumulators in turn, then the lanes in order.
// f(i, count) loads: count < lanes only in the last call, whose missing lanes hold the identity.
template <class Fold, class T, class F>
HWY_INLINE T fold_row(Index n, const F& f) {
  const hn::ScalableTag<T> d;
  const Index lanes = static_cast<Index>(hn::Lanes(d));
  const auto identity = hn::Set(d, detail::fold_identity<Fold, T>());
  auto s0 = identity, s1 = identity, s2 = identity, s3 = identity;
  Index i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
    s0 = fold_lanes<Fold>(d, s0, f(i, lanes));
    s1 = fold_lanes<Fold>(d, s1, f(i + lanes, lanes));
    s2 = fold_lanes<Fold>(d, s2, f(i + 2 * lanes, lanes));
    s3 = fold_lanes<Fold>(d, s3, f(i + 3 * lanes, lanes));
  }
  for (; i + lanes <= n; i += lanes) s0 = fold_lanes<Fold>(d, s0, f(i, lanes));
  if (i < n) s1 = fold_lanes<Fold>(d, s1, keep_n(d, f(i, n - i), n - i, identity));
  const auto s = fold_lanes<Fold>(d, fold_lanes<Fold>(d, s0, s1), fold_lanes<Fold>(d, s2, s3));
  if constexpr (std::is_same_v<Fold, detail::FoldSum>) return sum_lanes(d, s);
  HWY_ALIGN T last[hn::MaxLanes(d)];
  hn::Store(s, d, last);
  T out = last[0];
  for (Index l = 1; l < lanes; ++l) out = detail::fold<Fold>(out, last[l]);
  return out;
}

template <class Fold, class T>
inline T reduce_row(Fold, const T* x, Index n) {
  const hn::ScalableTag<T> d;
  const Index lanes = static_cast<Index>(hn::Lanes(d));
  return fold_row<Fold, T>(n, [&](Index i, Index count) CFM_LANES {
    return count == lanes ? hn::LoadU(d, x + i) : load_n(d, x + i, count);
  });
}

// out[c] = fold over r of x[r * stride + c], first row to last. Eight rows at a time, so that
// memory is read along rows; the results wait in out, which stays in the first-level cache.
template <class Fold, class T>
inline void reduce_columns(Fold, const T* x, Index rows, Index stride, T* out, Index width) {
  const hn::ScalableTag<T> d;
  const auto f = [&](auto a, auto b) HWY_ATTR { return fold_lanes<Fold>(d, a, b); };
  for (Index c = 0; c < width; ++c) out[c] = detail::fold_identity<Fold, T>();
  Index r = 0;
  for (; r + 8 <= rows; r += 8)
    each_vector<T>(width, [&](Index c, Index count) CFM_LANES {
      const T* const p = x + r * stride + c;
      auto s = load_some(d, out + c, count);
      for (Index i = 0; i < 8; ++i) s = f(s, load_some(d, p + i * stride, count));
      store_some(d, s, out + c, count);
    });
  for (; r < rows; ++r)
    each_vector<T>(width, [&](Index c, Index count) CFM_LANES {
      const auto v = load_some(d, x + r * stride + c, count);
      store_some(d, f(load_some(d, out + c, count), v), out + c, count);
    });
}

}  // namespace HWY_NAMESPACE
CFM_ISA_NAMESPACE_END
HWY_AFTER_NAMESPACE();
#endif

#if !CFM_BODIES || (defined(CFM_UNIT_REDUCE) && HWY_ONCE)  // what doors call
CFM_NAMESPACE_BEGIN
namespace dispatched {
CFM_BODY_OF(class, T, reduce_row, (Of fold, const T* x, Index n), (fold, x, n))
CFM_BODY_FOR(reduce_row, detail::FoldSum)
CFM_BODY_FOR(reduce_row, detail::FoldProduct)
CFM_BODY_FOR(reduce_row, detail::FoldMax)
CFM_BODY_FOR(reduce_row, detail::FoldMin)
CFM_BODY_OF(class, void, reduce_columns,
            (Of fold, const T* x, Index rows, Index stride, T* out, Index width),
            (fold, x, rows, stride, out, width))
CFM_BODY_FOR(reduce_columns, detail::FoldSum)
CFM_BODY_FOR(reduce_columns, detail::FoldProduct)
CFM_BODY_FOR(reduce_columns, detail::FoldMax)
CFM_BODY_FOR(reduce_columns, detail::FoldMin)
}  // namespace dispatched
CFM_NAMESPACE_END
#endif
