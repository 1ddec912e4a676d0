/// @file  Softmax and log-softmax of one row, forward and backward.
#ifndef CFM_KERNELS_SOFTMAX_INL_HPP_
#define CFM_KERNELS_SOFTMAX_INL_HPP_
#include <cmath>

#include <cfm/kernels/dispatch.hpp>

CFM_NAMESPACE_BEGIN
namespace detail {

// Largest element and log(sum(exp(x - largest))).
template <class T>
struct RowLogSum {
  T high, log_sum;
};

}  // namespace detail
CFM_NAMESPACE_END

#endif

#include <cfm/kernels/math-inl.hpp>
#include <cfm/kernels/reduce-inl.hpp>

#if CFM_BODIES && defined(CFM_KERNELS_SOFTMAX_TARGET) == defined(HWY_TARGET_TOGGLE)
#ifdef CFM_KERNELS_SOFTMAX_TARGET
#undef CFM_KERNELS_SOFTMAX_TARGET
#else
#define CFM_KERNELS_SOFTMAX_TARGET
#endif
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
CFM_ISA_NAMESPACE_BEGIN
namespace HWY_NAMESPACE {

// The largest element; of a row with NaN one of the others, or NaN: the exponentials tell.
template <class T>
inline T largest_of(const T* x, Index n) {
  const hn::ScalableTag<T> d;
  const Index lanes = static_cast<Index>(hn::Lanes(d));
  if (n < lanes) return reduce_row(detail::FoldMax{}, x, n);
  auto m0 = hn::LoadU(d, x), m1 = m0, m2 = m0, m3 = m0;
  Index i = lanes;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
    m0 = hn::Max(m0, hn::LoadU(d, x + i));
    m1 = hn::Max(m1, hn::LoadU(d, x + i + lanes));
    m2 = hn::Max(m2, hn::LoadU(d, x + i + 2 * lanes));
    m3 = hn::Max(m3, hn::LoadU(d, x + i + 3 * lanes));
  }
  for (; i + lanes <= n; i += lanes) m0 = hn::Max(m0, hn::LoadU(d, x + i));
  m1 = hn::Max(m1, hn::LoadU(d, x + n - lanes));
  return hn::GetLane(hn::MaxOfLanes(d, hn::Max(hn::Max(m0, m1), hn::Max(m2, m3))));
}

// `next` is the row to come, or null.
template <class T>
inline detail::RowLogSum<T> log_sum_row(const T* x, Index n, const T* next) {
  const hn::ScalableTag<T> d;
  const T high = largest_of(x, n);
  const auto shift = hn::Set(d, high);
  const T total = fold_row<detail::FoldSum, T>(n, [&](Index i, Index count) CFM_LANES {
    fetch_next(next, i);
    return vexp_nonpositive(d, hn::Sub(load_some(d, x + i, count), shift));
  });
  return {high, std::log(total)};
}

// out = exp(x - max) / sum(exp(x - max)). The exponentials wait in `e`: out itself, or a row that
// stays in the cache if out is written past it.
template <class T>
inline void softmax_row(const T* x, T* out, Index n, T* e, bool past, const T* next) {
  const hn::ScalableTag<T> d;
  const auto shift = hn::Set(d, largest_of(x, n));
  const T total = fold_row<detail::FoldSum, T>(n, [&](Index i, Index count) CFM_LANES {
    fetch_next(next, i);
    const auto v = vexp_nonpositive(d, hn::Sub(load_some(d, x + i, count), shift));
    store_some(d, v, e + i, count);
    return v;
  });
  const auto factor = hn::Set(d, T{1} / total);
  each_vector<T>(n, [&](Index i, Index count) CFM_LANES {
    put_some(d, hn::Mul(load_some(d, e + i, count), factor), out + i, count, past);
  });
}

// out = (x - max) - log(sum(exp(x - max)))
template <class T>
inline void log_softmax_row(const T* x, T* out, Index n, bool past, const T* next) {
  const hn::ScalableTag<T> d;
  const detail::RowLogSum<T> sum = log_sum_row(x, n, next);
  const auto shift = hn::Set(d, sum.high), rest = hn::Set(d, sum.log_sum);
  each_vector<T>(n, [&](Index i, Index count) CFM_LANES {
    const auto v = hn::Sub(hn::Sub(load_some(d, x + i, count), shift), rest);
    put_some(d, v, out + i, count, past);
  });
}

// dx = beta dx + y (dy - y . dy)
template <class T>
inline void softmax_row_back(const T* y, const T* dy, T* dx, Index n, T beta, bool past) {
  const hn::ScalableTag<T> d;
  const T dot = fold_row<detail::FoldSum, T>(n, [&](Index i, Index count) CFM_LANES {
    return hn::Mul(load_some(d, y + i, count), load_some(d, dy + i, count));
  });
  const auto shift = hn::Set(d, dot), keep = hn::Set(d, beta);
  each_vector<T>(n, [&](Index i, Index count) CFM_LANES {
    auto v = hn::Mul(load_some(d, y + i, count), hn::Sub(load_some(d, dy + i, count), shift));
    if (beta != T{0}) v = hn::MulAdd(keep, load_some(d, dx + i, count), v);
    put_some(d, v, dx + i, count, past);
  });
}

// dx = beta dx + dy - exp(y) sum(dy)
template <class T>
inline void log_softmax_row_back(const T* y, const T* dy, T* dx, Index n, T beta, bool past) {
  const hn::ScalableTag<T> d;
  const auto total = hn::Set(d, reduce_row(detail::FoldSum{}, dy, n)), keep = hn::Set(d, beta);
  each_vector<T>(n, [&](Index i, Index count) CFM_LANES {
    const auto p = vexp_nonpositive(d, load_some(d, y + i, count));
    auto v = hn::NegMulAdd(p, total, load_some(d, dy + i, count));
    if (beta != T{0}) v = hn::MulAdd(keep, load_some(d, dx + i, count), v);
    put_some(d, v, dx + i, count, past);
  });
}

}  // namespace HWY_NAMESPACE
CFM_ISA_NAMESPACE_END
HWY_AFTER_NAMESPACE();
#endif

#if !CFM_BODIES || (defined(CFM_UNIT_SOFTMAX) && HWY_ONCE)  // what doors call
CFM_NAMESPACE_BEGIN
namespace dispatched {
CFM_BODY(detail::RowLogSum<T>, log_sum_row, (const T* x, Index n, const T* next), (x, n, next))
CFM_BODY(void, softmax_row, (const T* x, T* out, Index n, T* e, bool past, const T* next),
         (x, out, n, e, past, next))
CFM_BODY(void, log_softmax_row, (const T* x, T* out, Index n, bool past, const T* next),
         (x, out, n, past, next))
CFM_BODY(void, softmax_row_back, (const T* y, const T* dy, T* dx, Index n, T beta, bool past),
         (y, dy, dx, n, beta, past))
CFM_BODY(void, log_softmax_row_back, (const T* y, const T* dy, T* dx, Index n, T beta, bool past),
         (y, dy, dx, n, beta, past))
}  // namespace dispatched
CFM_NAMESPACE_END
#endif
