/// @file  Cross entropy of one row of logits, and its gradient.
#ifndef CFM_KERNELS_LOSS_INL_HPP_
#define CFM_KERNELS_LOSS_INL_HPP_
#include <cfm/kernels/dispatch.hpp>
#endif

#include <cfm/kernels/softmax-inl.hpp>

#if CFM_BODIES && defined(CFM_KERNELS_LOSS_TARGET) == defined(HWY_TARGET_TOGGLE)
#ifdef CFM_KERNELS_LOSS_TARGET
#undef CFM_KERNELS_LOSS_TARGET
#else
#define CFM_KERNELS_LOSS_TARGET
#endif
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
CFM_ISA_NAMESPACE_BEGIN
namespace HWY_NAMESPACE {

// Sum of weight[c] (log_total - x[c]), without weights of log_total - x[c].
template <class T>
inline T smooth_row(const T* x, const T* weight, Index n, T log_total) {
  const hn::ScalableTag<T> d;
  const auto total = hn::Set(d, log_total);
  return fold_row<detail::FoldSum, T>(n, [&](Index i, Index count) CFM_LANES {
    const auto v = hn::Sub(total, load_some(d, x + i, count));
    return weight == nullptr ? v : hn::Mul(v, load_some(d, weight + i, count));
  });
}

// dx[c] = beta dx[c] + p[c] mass - spread weight[c] with p = exp(x - log_total); the label's own
// share is taken off by the caller.
template <class T>
inline void cross_entropy_row_back(const T* x, const T* weight, T* dx, Index n, T log_total, T mass,
                                   T spread, T beta, bool past) {
  const hn::ScalableTag<T> d;
  const auto total = hn::Set(d, log_total), vm = hn::Set(d, mass), vs = hn::Set(d, spread);
  const auto keep = hn::Set(d, beta);
  each_vector<T>(n, [&](Index i, Index count) CFM_LANES {
    const auto p = vexp(d, hn::Sub(load_some(d, x + i, count), total));
    const auto share = weight == nullptr ? vs : hn::Mul(vs, load_some(d, weight + i, count));
    auto v = hn::Sub(hn::Mul(p, vm), share);
    if (beta != T{0}) v = hn::MulAdd(keep, load_some(d, dx + i, count), v);
    put_some(d, v, dx + i, count, past);
  });
}

}  // namespace HWY_NAMESPACE
CFM_ISA_NAMESPACE_END
HWY_AFTER_NAMESPACE();
#endif

#if !CFM_BODIES || (defined(CFM_UNIT_LOSS) && HWY_ONCE)  // what doors call
CFM_NAMESPACE_BEGIN
namespace dispatched {
CFM_BODY(T, smooth_row, (const T* x, const T* weight, Index n, T log_total),
         (x, weight, n, log_total))
CFM_BODY(void, cross_entropy_row_back,
         (const T* x, const T* weight, T* dx, Index n, T log_total, T mass, T spread, T beta,
          bool past), (x, weight, dx, n, log_total, mass, spread, beta, past))
}  // namespace dispatched
CFM_NAMESPACE_END
#endif
