/// @file  Finding the elements of a row that beat a threshold.
#ifndef CFM_KERNELS_TOP_K_INL_HPP_
#define CFM_KERNELS_TOP_K_INL_HPP_
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

}  // namespace HWY_NAMESPACE
CFM_ISA_NAMESPACE_END
HWY_AFTER_NAMESPACE();
#endif

#if !CFM_BODIES || (defined(CFM_UNIT_TOP_K) && HWY_ONCE)  // what doors call
CFM_NAMESPACE_BEGIN
namespace dispatched {
CFM_BODY(Index, first_beyond, (const T* x, Index i, Index n, T threshold, bool larger),
         (x, i, n, threshold, larger))
}  // namespace dispatched
CFM_NAMESPACE_END
#endif
