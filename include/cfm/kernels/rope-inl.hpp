/// @file  Rotary position embedding of one row, its sines and cosines given.
#ifndef CFM_KERNELS_ROPE_INL_HPP_
#define CFM_KERNELS_ROPE_INL_HPP_
#include <cfm/core/config.hpp>
#endif

#include <cfm/kernels/lanes-inl.hpp>

#if CFM_BODIES && defined(CFM_KERNELS_ROPE_TARGET) == defined(HWY_TARGET_TOGGLE)
#ifdef CFM_KERNELS_ROPE_TARGET
#undef CFM_KERNELS_ROPE_TARGET
#else
#define CFM_KERNELS_ROPE_TARGET
#endif
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
CFM_ISA_NAMESPACE_BEGIN
namespace HWY_NAMESPACE {

// Pairs (x[i], x[i + pairs]) turned by the angle i. y may be x.
template <class T>
inline void rope_half_split(Index pairs, const T* x, const T* cosine, const T* sine, T* y) {
  const hn::ScalableTag<T> d;
  each_vector<T>(pairs, [&](Index i, Index n) CFM_LANES {
    const auto a = load_some(d, x + i, n), b = load_some(d, x + pairs + i, n);
    const auto c = load_some(d, cosine + i, n), s = load_some(d, sine + i, n);
    store_some(d, hn::NegMulAdd(b, s, hn::Mul(a, c)), y + i, n);
    store_some(d, hn::MulAdd(a, s, hn::Mul(b, c)), y + pairs + i, n);
  });
}

// Neighbours (x[2i], x[2i + 1]) turned. Each cosine stands twice, each sine as -sine, sine.
template <class T>
inline void rope_interleaved(Index pairs, const T* x, const T* cosine, const T* sine, T* y) {
#if HWY_TARGET == HWY_SCALAR
  for (Index i = 0; i < 2 * pairs; i += 2) {
    const T a = x[i], b = x[i + 1];
    y[i] = a * cosine[i] + b * sine[i];
    y[i + 1] = b * cosine[i + 1] + a * sine[i + 1];
  }
#else
  const hn::ScalableTag<T> d;
  each_vector<T>(2 * pairs, [&](Index i, Index n) CFM_LANES {
    const auto v = load_some(d, x + i, n);
    const auto c = load_some(d, cosine + i, n), s = load_some(d, sine + i, n);
    store_some(d, hn::MulAdd(hn::Reverse2(d, v), s, hn::Mul(v, c)), y + i, n);
  });
#endif
}

}  // namespace HWY_NAMESPACE
CFM_ISA_NAMESPACE_END
HWY_AFTER_NAMESPACE();
#endif

#if !CFM_BODIES || (defined(CFM_UNIT_ROPE) && HWY_ONCE)  // what doors call
CFM_NAMESPACE_BEGIN
namespace dispatched {
CFM_BODY(void, rope_half_split, (Index pairs, const T* x, const T* cosine, const T* sine, T* y),
         (pairs, x, cosine, sine, y))
CFM_BODY(void, rope_interleaved, (Index pairs, const T* x, const T* cosine, const T* sine, T* y),
         (pairs, x, cosine, sine, y))
}  // namespace dispatched
CFM_NAMESPACE_END
#endif
