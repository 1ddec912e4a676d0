/// @file  Finding the elements of a row that beat a threshold.
#ifndef CFM_KERNELS_TOP_K_INL_HPP_
#define CFM_KERNELS_TOP_K_INL_HPP_
#include <cmath>
#include <limits>

#include <cfm/kernels/dispatch.hpp>
#endif

#include <cfm/kernels/lanes-inl.hpp>

#if CFM_BODIES && defined(CFM_KERNELS_TOP_K_TARGET) == defined(HWY_TARGET_TOGGLE)
#ifdef CFM_KERNELS_TOP_K_TARGET
#undef CFM_KERNELS_TOP_K_TARGET
#else
#define CFM_KERNELS_TOP_K_TARGET
#endif
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
CFM_ISA_NAMESPACE_BEGIN
namespace HWY_NAMESPACE {

// The first position in [i, n) whose element is larger (smaller) than the threshold, or n. A NaN
// is larger than every number. The threshold may be a NaN: nothing is larger, all numbers smaller.
template <class T>
inline Index first_beyond(const T* x, Index i, Index n, T threshold, bool larger) {
  const bool nan = threshold != threshold;
  if (larger && nan) return n;
  const hn::ScalableTag<T> d;
  const Index lanes = static_cast<Index>(hn::Lanes(d));
  const auto limit = hn::Set(d, threshold);
  // A NaN as x is beyond from above: not(x <= limit). From below x < limit, or any number.
  const auto inside = [&](Index at) HWY_ATTR {
    const auto v = hn::LoadU(d, x + at);
    if (larger) return hn::Le(v, limit);
    return nan ? hn::IsNaN(v) : hn::Not(hn::Lt(v, limit));
  };
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
    const auto all = hn::And(hn::And(inside(i), inside(i + lanes)),
                             hn::And(inside(i + 2 * lanes), inside(i + 3 * lanes)));
    if (!hn::AllTrue(d, all)) break;
  }
  for (; i + lanes <= n; i += lanes) {
    const Index at = static_cast<Index>(hn::FindFirstTrue(d, hn::Not(inside(i))));
    if (at >= 0) return i + at;
  }
  for (; i < n; ++i)
    if (larger ? !(x[i] <= threshold) : nan ? x[i] == x[i] : x[i] < threshold) return i;
  return n;
}

// A bound that at least k elements of x are beyond, as first_beyond() counts, and few more: the
// best elements of 16 or 64 interleaved groups are found first, in one pass over x, and the k-th
// best of those is taken. NaN if there is no such bound, or too few groups.
template <class T>
inline T bound_of_best(const T* x, Index n, Index k, bool larger) {
  constexpr T infinity = std::numeric_limits<T>::infinity();
  constexpr T none = std::numeric_limits<T>::quiet_NaN();
  const hn::ScalableTag<T> d;
  const Index lanes = static_cast<Index>(hn::Lanes(d)), groups = k <= 8 ? 16 : 64;
  if (k > 32 || lanes > 16 || n < 4 * groups) return none;
  alignas(64) T best[64];
  const auto sign = hn::Set(d, larger ? T{1} : T{-1});
  for (Index g = 0; g < groups; g += 2 * lanes) {  // a NaN is in no group
    const Index second = lanes < groups - g ? g + lanes : g;
    auto a = hn::Set(d, -infinity), b = a;
    for (Index i = 0; i + groups <= n; i += groups) {
      const auto v = hn::Mul(hn::LoadU(d, x + i + g), sign);
      const auto w = hn::Mul(hn::LoadU(d, x + i + second), sign);
      a = hn::IfThenElse(hn::Gt(v, a), v, a);
      b = hn::IfThenElse(hn::Gt(w, b), w, b);
    }
    hn::StoreU(a, d, best + g);
    hn::StoreU(b, d, best + second);
  }
  // The smallest of those that fewer than k others beat.
  auto bound = hn::Set(d, infinity);
  for (Index g = 0; g < groups; g += lanes) {
    const auto own = hn::LoadU(d, best + g);
    auto beaten = hn::Zero(d);
    for (Index h = 0; h < groups; ++h)
      beaten = hn::Add(beaten, hn::IfThenElseZero(hn::Gt(hn::Set(d, best[h]), own),
                                                  hn::Set(d, T{1})));
    const auto good = hn::Lt(beaten, hn::Set(d, static_cast<T>(k)));
    bound = hn::Min(bound, hn::IfThenElse(good, own, bound));
  }
  const T least = hn::GetLane(hn::MinOfLanes(d, bound));
  if (!(least > -infinity)) return none;
  const T below = std::nextafter(least, -infinity);  // so that the bound itself is beyond
  return larger ? below : -below;
}

}  // namespace HWY_NAMESPACE
CFM_ISA_NAMESPACE_END
HWY_AFTER_NAMESPACE();
#endif

#if !CFM_BODIES || (defined(CFM_UNIT_TOP_K) && HWY_ONCE)  // what doors call
CFM_NAMESPACE_BEGIN
namespace dispatched {
CFM_BODY(T, bound_of_best, (const T* x, Index n, Index k, bool larger), (x, n, k, larger))
CFM_BODY(Index, first_beyond, (const T* x, Index i, Index n, T threshold, bool larger),
         (x, i, n, threshold, larger))
}  // namespace dispatched
CFM_NAMESPACE_END
#endif
