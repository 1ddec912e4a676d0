/// @file  What every body needs of vectors: partial loads and stores, sums over lanes, NaN rules.
#ifndef CFM_KERNELS_LANES_INL_HPP_
#define CFM_KERNELS_LANES_INL_HPP_
#include <hwy/cache_control.h>

#include <cfm/core/dtype.hpp>
#include <cfm/kernels/dispatch.hpp>

// Behind the parameters of a lambda that runs once a vector: compiled for the target of its body,
// and always inlined. GCC sees up to five places that call it and leaves it out of line, which is a
// call for each vector (a sum over everything: three fifths of the rate).
#define CFM_LANES HWY_ATTR __attribute__((always_inline))
#endif

#if CFM_BODIES && defined(CFM_KERNELS_LANES_TARGET) == defined(HWY_TARGET_TOGGLE)
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
  if (count == static_cast<Index>(hn::Lanes(d)))
    hn::StoreU(v, d, p);
  else
    store_n(d, v, p, count);
}

// As store_some, past the caches if `past`, for p aligned to whole vectors. For outputs too large
// to be found in a cache again: the lines they replace are not read. finish_stores() at the end of
// a chunk makes them visible to other threads.
template <class D, class T = hn::TFromD<D>>
HWY_INLINE void put_some(D d, hn::Vec<D> v, T* p, Index count, bool past) {
  if (count != static_cast<Index>(hn::Lanes(d)))
    store_n(d, v, p, count);
  else if (past)
    hn::Stream(v, d, p);
  else
    hn::StoreU(v, d, p);
}
inline void finish_stores() { hwy::FlushStream(); }

// Asks for element i of a row that comes next; null for none. A row that is being computed on
// leaves time to fetch it, and the processor's own prefetching stops at pages.
template <class T>
HWY_INLINE void fetch_next(const T* next, Index i) {
  if (next != nullptr) hwy::Prefetch(next + i);
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

// Elements in 16 bytes, the width of the blocks that shuffles stay within; 1 without vectors.
template <class D>
constexpr std::size_t block_of(D) {
  constexpr std::size_t in_block = 16 / sizeof(hn::TFromD<D>);
  return hn::MaxLanes(D()) < in_block ? 1 : in_block;
}

// v[u] = element u of as many rows as there are lanes, for a block of elements: the transpose that
// turns rows into columns on the way into registers.
#if HWY_TARGET == HWY_SCALAR
template <class D, class T = hn::TFromD<D>>
HWY_INLINE void load_transposed(D d, const T* p, Index, hn::Vec<D>* v) {
  v[0] = hn::LoadU(d, p);
}
#else
// Block by block from p, p + step, p + 2 step ...
template <class D, class T = hn::TFromD<D>>
HWY_INLINE hn::Vec<D> load_blocks(D d, const T* p, Index step) {
  if constexpr (hn::MaxLanes(D()) == block_of(D())) {
    return hn::LoadU(d, p);
  } else {
    const hn::Half<D> half;
    const Index upper = static_cast<Index>(hn::MaxLanes(half) / block_of(d)) * step;
    return hn::Combine(d, load_blocks(half, p + upper, step), load_blocks(half, p, step));
  }
}

template <class D, class T = hn::TFromD<D>>
HWY_INLINE void load_transposed(D d, const T* p, Index stride, hn::Vec<D>* v) {
  constexpr std::size_t block = block_of(D());
  if constexpr (block == 2) {
    const auto r0 = load_blocks(d, p, 2 * stride), r1 = load_blocks(d, p + stride, 2 * stride);
    v[0] = hn::InterleaveLower(d, r0, r1);
    v[1] = hn::InterleaveUpper(d, r0, r1);
  } else {
    const hn::Repartition<double, D> pairs;
    const auto r0 = load_blocks(d, p, 4 * stride), r1 = load_blocks(d, p + stride, 4 * stride);
    const auto r2 = load_blocks(d, p + 2 * stride, 4 * stride);
    const auto r3 = load_blocks(d, p + 3 * stride, 4 * stride);
    const auto low01 = hn::BitCast(pairs, hn::InterleaveLower(d, r0, r1));
    const auto low23 = hn::BitCast(pairs, hn::InterleaveLower(d, r2, r3));
    const auto high01 = hn::BitCast(pairs, hn::InterleaveUpper(d, r0, r1));
    const auto high23 = hn::BitCast(pairs, hn::InterleaveUpper(d, r2, r3));
    v[0] = hn::BitCast(d, hn::InterleaveLower(pairs, low01, low23));
    v[1] = hn::BitCast(d, hn::InterleaveUpper(pairs, low01, low23));
    v[2] = hn::BitCast(d, hn::InterleaveLower(pairs, high01, high23));
    v[3] = hn::BitCast(d, hn::InterleaveUpper(pairs, high01, high23));
  }
}
#endif

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

#if !CFM_BODIES || (defined(CFM_UNIT_LANES) && HWY_ONCE)  // what doors call
CFM_NAMESPACE_BEGIN
namespace dispatched {
CFM_BODY(Index, lanes_of, (), ())
CFM_BODY_PLAIN(void, finish_stores, (), ())
}  // namespace dispatched
CFM_NAMESPACE_END
#endif
