/// @file  What every body needs of vectors: partial loads and stores, sums over lanes, NaN rules.
#ifndef CFM_KERNELS_LANES_INL_HPP_
#define CFM_KERNELS_LANES_INL_HPP_
#include <cfm/core/dtype.hpp>
#include <cfm/kernels/dispatch.hpp>
#endif

#if defined(CFM_KERNELS_LANES_TARGET) == defined(HWY_TARGET_TOGGLE)
#ifdef CFM_KERNELS_LANES_TARGET
#undef CFM_KERNELS_LANES_TARGET
#else
#define CFM_KERNELS_LANES_TARGET
#endif
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
CFM_ISA_NAMESPACE_BEGIN
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class T>
inline Index lanes_of() {
  return static_cast<Index>(hn::Lanes(hn::ScalableTag<T>()));
}

// The first n < lanes elements of p, the others zero. Reads nothing behind them.
template <class D, class T = hn::TFromD<D>>
HWY_INLINE hn::Vec<D> load_n(D d, const T* p, Index n) {
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2
  return hn::MaskedLoad(hn::FirstN(d, static_cast<std::size_t>(n)), d, p);
#else
  HWY_ALIGN T buffer[hn::MaxLanes(D())] = {};
  for (Index i = 0; i < n; ++i) buffer[i] = p[i];
  return hn::Load(d, buffer);
#endif
}

// Writes the first n < lanes elements and nothing else.
template <class D, class T = hn::TFromD<D>>
HWY_INLINE void store_n(D d, hn::Vec<D> v, T* p, Index n) {
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2
  hn::BlendedStore(v, hn::FirstN(d, static_cast<std::size_t>(n)), d, p);
#else
  HWY_ALIGN T buffer[hn::MaxLanes(D())];
  hn::Store(v, d, buffer);
  for (Index i = 0; i < n; ++i) p[i] = buffer[i];
#endif
}

// As load_n and store_n, for n up to all lanes.
template <class D, class T = hn::TFromD<D>>
HWY_INLINE hn::Vec<D> load_some(D d, const T* p, Index count) {
  return count == static_cast<Index>(hn::Lanes(d)) ? hn::LoadU(d, p) : load_n(d, p, count);
}

template <class D, class T = hn::TFromD<D>>
HWY_INLINE void store_some(D d, hn::Vec<D> v, T* p, Index count) {
  if (count == static_cast<Index>(hn::Lanes(d))) hn::StoreU(v, d, p);
  else store_n(d, v, p, count);
}

// f(i, count) for i = 0, lanes, 2 lanes ..; count < lanes only in the last call.
template <class T, class F>
HWY_INLINE void each_vector(Index n, const F& f) {
  const Index lanes = lanes_of<T>();
  Index i = 0;
  for (; i + lanes <= n; i += lanes) f(i, lanes);
  if (i < n) f(i, n - i);
}

// Lanes at and behind n replaced by `fill`.
template <class D>
HWY_INLINE hn::Vec<D> keep_n(D d, hn::Vec<D> v, Index n, hn::Vec<D> fill) {
  return hn::IfThenElse(hn::FirstN(d, static_cast<std::size_t>(n)), v, fill);
}

template <class D>
HWY_INLINE hn::TFromD<D> sum_lanes(D d, hn::Vec<D> v) {
  return hn::GetLane(hn::SumOfLanes(d, v));
}

// Every lane through a scalar function. For the few that have no vector form.
template <class D, class F>
HWY_INLINE hn::Vec<D> each_lane(D d, hn::Vec<D> v, const F& f) {
  HWY_ALIGN hn::TFromD<D> buffer[hn::MaxLanes(D())];
  hn::Store(v, d, buffer);
  const std::size_t n = hn::Lanes(d);
  for (std::size_t i = 0; i < n; ++i) buffer[i] = f(buffer[i]);
  return hn::Load(d, buffer);
}

// The larger; NaN if one is NaN. (Highway's Max returns either.)
template <class D>
HWY_INLINE hn::Vec<D> max_nan(D, hn::Vec<D> a, hn::Vec<D> b) {
  return hn::IfThenElse(hn::Or(hn::Ge(a, b), hn::IsNaN(a)), a, b);
}

// The smaller; NaN if one is NaN.
template <class D>
HWY_INLINE hn::Vec<D> min_nan(D, hn::Vec<D> a, hn::Vec<D> b) {
  return hn::IfThenElse(hn::Or(hn::Le(a, b), hn::IsNaN(a)), a, b);
}

}  // namespace HWY_NAMESPACE
CFM_ISA_NAMESPACE_END
HWY_AFTER_NAMESPACE();
#endif
