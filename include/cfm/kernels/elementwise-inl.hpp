/// @file  Element-wise functions over dense arrays.
#ifndef CFM_KERNELS_ELEMENTWISE_INL_HPP_
#define CFM_KERNELS_ELEMENTWISE_INL_HPP_
#include <cmath>

#include <cfm/kernels/dispatch.hpp>
#include <cfm/kernels/ops.hpp>
#endif

#include <cfm/kernels/math-inl.hpp>

#if CFM_BODIES && defined(CFM_KERNELS_ELEMENTWISE_TARGET) == defined(HWY_TARGET_TOGGLE)
#ifdef CFM_KERNELS_ELEMENTWISE_TARGET
#undef CFM_KERNELS_ELEMENTWISE_TARGET
#else
#define CFM_KERNELS_ELEMENTWISE_TARGET
#endif
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
CFM_ISA_NAMESPACE_BEGIN
namespace HWY_NAMESPACE {

template <class D>
HWY_INLINE hn::Vec<D> apply(D, ops::Neg, hn::Vec<D> x) { return hn::Neg(x); }
template <class D>
HWY_INLINE hn::Vec<D> apply(D, ops::Abs, hn::Vec<D> x) { return hn::Abs(x); }
template <class D>
HWY_INLINE hn::Vec<D> apply(D, ops::Sqrt, hn::Vec<D> x) { return hn::Sqrt(x); }
template <class D>
HWY_INLINE hn::Vec<D> apply(D, ops::Square, hn::Vec<D> x) { return hn::Mul(x, x); }
template <class D>
HWY_INLINE hn::Vec<D> apply(D d, ops::Reciprocal, hn::Vec<D> x) {
  return hn::Div(constant(d, 1), x);
}
template <class D>
HWY_INLINE hn::Vec<D> apply(D d, ops::Rsqrt, hn::Vec<D> x) {
  return hn::Div(constant(d, 1), hn::Sqrt(x));
}
template <class D>
HWY_INLINE hn::Vec<D> apply(D d, ops::Sign, hn::Vec<D> x) {
  const auto zero = hn::Zero(d);
  const auto positive = hn::IfThenElse(hn::Gt(x, zero), constant(d, 1), x);  // keeps 0 and NaN
  return hn::IfThenElse(hn::Lt(x, zero), constant(d, -1), positive);
}
template <class D>
HWY_INLINE hn::Vec<D> apply(D, ops::Floor, hn::Vec<D> x) { return hn::Floor(x); }
template <class D>
HWY_INLINE hn::Vec<D> apply(D, ops::Ceil, hn::Vec<D> x) { return hn::Ceil(x); }
template <class D>
HWY_INLINE hn::Vec<D> apply(D, ops::Round, hn::Vec<D> x) { return hn::Round(x); }
template <class D>
HWY_INLINE hn::Vec<D> apply(D, ops::Trunc, hn::Vec<D> x) { return hn::Trunc(x); }
template <class D>
HWY_INLINE hn::Vec<D> apply(D d, ops::Relu, hn::Vec<D> x) {
  return hn::IfThenElse(hn::Lt(x, hn::Zero(d)), hn::Zero(d), x);
}
template <class D>
HWY_INLINE hn::Vec<D> apply(D d, ops::LeakyRelu op, hn::Vec<D> x) {
  return hn::IfThenElse(hn::Gt(x, hn::Zero(d)), x, hn::Mul(x, constant(d, op.slope)));
}
template <class D>
HWY_INLINE hn::Vec<D> apply(D d, ops::Clamp op, hn::Vec<D> x) {
  const auto low = constant(d, op.low), high = constant(d, op.high);
  x = hn::IfThenElse(hn::Lt(x, low), low, x);
  return hn::IfThenElse(hn::Gt(x, high), high, x);
}
template <class D>
HWY_INLINE hn::Vec<D> apply(D d, ops::Exp, hn::Vec<D> x) { return vexp(d, x); }
template <class D>
HWY_INLINE hn::Vec<D> apply(D d, ops::Log, hn::Vec<D> x) { return vlog(d, x); }
template <class D>
HWY_INLINE hn::Vec<D> apply(D d, ops::Log1p, hn::Vec<D> x) { return vlog1p(d, x); }
template <class D>
HWY_INLINE hn::Vec<D> apply(D d, ops::Expm1, hn::Vec<D> x) { return vexpm1(d, x); }
template <class D>
HWY_INLINE hn::Vec<D> apply(D d, ops::Tanh, hn::Vec<D> x) { return vtanh(d, x); }
template <class D>
HWY_INLINE hn::Vec<D> apply(D d, ops::Sigmoid, hn::Vec<D> x) { return vsigmoid(d, x); }
template <class D>
HWY_INLINE hn::Vec<D> apply(D d, ops::Sin, hn::Vec<D> x) { return vsin(d, x); }
template <class D>
HWY_INLINE hn::Vec<D> apply(D d, ops::Cos, hn::Vec<D> x) { return vcos(d, x); }
template <class D>
HWY_INLINE hn::Vec<D> apply(D d, ops::Erf, hn::Vec<D> x) { return verf(d, x); }
// y, but 0 at -infinity, where infinity times 0 made it NaN.
template <class D>
HWY_INLINE hn::Vec<D> finite_end(D d, hn::Vec<D> x, hn::Vec<D> y) {
  const auto lowest = constant(d, -std::numeric_limits<hn::TFromD<D>>::infinity());
  return hn::IfThenElse(hn::Eq(x, lowest), hn::Zero(d), y);
}
template <class D>
HWY_INLINE hn::Vec<D> apply(D d, ops::Silu, hn::Vec<D> x) {
  const auto one = constant(d, 1);
  return finite_end(d, x, hn::Div(x, hn::Add(one, vexp(d, hn::Neg(x)))));
}
template <class D>
HWY_INLINE hn::Vec<D> apply(D d, ops::Elu op, hn::Vec<D> x) {
  return hn::IfThenElse(hn::Gt(x, hn::Zero(d)), x, hn::Mul(constant(d, op.alpha), vexpm1(d, x)));
}
template <class D>
HWY_INLINE hn::Vec<D> apply(D d, ops::Softplus op, hn::Vec<D> x) {
  const auto u = hn::Mul(x, constant(d, op.beta));
  const auto grown = hn::Add(apply(d, ops::Relu{}, u), vlog1p(d, vexp(d, hn::Neg(hn::Abs(u)))));
  return hn::IfThenElse(hn::Gt(u, constant(d, 20)), x, hn::Div(grown, constant(d, op.beta)));
}
// x (1/2 + t) for an odd t(z) that ends at 1/2: x from z = last on, 0 below first. NaN stays.
template <class D>
HWY_INLINE hn::Vec<D> by_half_odd(D d, hn::Vec<D> x, hn::Vec<D> z, hn::Vec<D> first,
                                  hn::Vec<D> last, hn::Vec<D> t) {
  const auto share = hn::Add(t, constant(d, 0.5));
  const auto y = hn::Mul(x, hn::IfThenElse(hn::Lt(z, last), share, constant(d, 1)));
  return hn::IfThenZeroElse(hn::Lt(z, first), y);
}
// f32: erf(x / sqrt 2) / 2 = x P(x^2) / Q(x^2) within 7e-9 up to 5.5, fitted as erf; the ends are
// exact.
template <class D>
HWY_INLINE hn::Vec<D> apply(D d, ops::Gelu, hn::Vec<D> x) {
  if constexpr (std::is_same_v<hn::TFromD<D>, float>) {
    const auto last = constant(d, 5.5), first = constant(d, -5.5);
    const auto a = hn::Min(hn::Max(x, first), last), u = hn::Mul(a, a);
    const auto p = horner(d, u, 0.3989422346, 0.03385277277, 0.004677268814, 0.0001688270107,
                          6.35213175e-06, 2.274933763e-08);
    const auto q = horner(d, u, 1.0, 0.2515222357, 0.02864594496, 0.001884452372, 7.364795558e-05,
                          1.197504146e-06);
    return by_half_odd(d, x, x, first, last, hn::Div(hn::Mul(a, p), q));
  } else {
    const auto phi = hn::Add(constant(d, 1), verf(d, hn::Mul(x, constant(d, 0.70710678118654752))));
    return finite_end(d, x, hn::Mul(hn::Mul(x, constant(d, 0.5)), phi));
  }
}
template <class D>
HWY_INLINE hn::Vec<D> apply(D d, ops::GeluTanh, hn::Vec<D> x) {
  if constexpr (std::is_same_v<hn::TFromD<D>, float>) {
    // tanh(z) / 2 = z P(z^2) / Q(z^2) within 4e-9 up to 8.2, fitted as erf.
    const auto last = constant(d, 8.2), first = constant(d, -8.2);
    const auto slope = hn::MulAdd(hn::Mul(x, x), constant(d, 0.7978845608028654 * 0.044715),
                                  constant(d, 0.7978845608028654));
    const auto z = hn::Mul(x, slope), a = hn::Min(hn::Max(z, first), last), u = hn::Mul(a, a);
    const auto p = horner(d, u, 0.4999999808, 0.06712762064, 0.001774468423, 1.075625969e-05,
                          7.33558492e-09);
    const auto q = horner(d, u, 1.0, 0.4675884165, 0.02607859895, 0.0003373896986, 8.300644405e-07);
    return by_half_odd(d, x, z, first, last, hn::Div(hn::Mul(a, p), q));
  }
  // (1 + tanh z) / 2 = sigmoid(2 z)
  const auto cube = hn::Mul(hn::Mul(x, x), x);
  const auto z = hn::MulAdd(cube, constant(d, 0.044715), x);
  return finite_end(d, x, hn::Mul(x, vsigmoid(d, hn::Mul(z, constant(d, 1.5957691216057308)))));
}

template <class D>
HWY_INLINE hn::Vec<D> apply(D, ops::Add, hn::Vec<D> a, hn::Vec<D> b) { return hn::Add(a, b); }
template <class D>
HWY_INLINE hn::Vec<D> apply(D, ops::Sub, hn::Vec<D> a, hn::Vec<D> b) { return hn::Sub(a, b); }
template <class D>
HWY_INLINE hn::Vec<D> apply(D, ops::Mul, hn::Vec<D> a, hn::Vec<D> b) { return hn::Mul(a, b); }
template <class D>
HWY_INLINE hn::Vec<D> apply(D, ops::Div, hn::Vec<D> a, hn::Vec<D> b) { return hn::Div(a, b); }
template <class D>
HWY_INLINE hn::Vec<D> apply(D d, ops::Min, hn::Vec<D> a, hn::Vec<D> b) { return min_nan(d, a, b); }
template <class D>
HWY_INLINE hn::Vec<D> apply(D d, ops::Max, hn::Vec<D> a, hn::Vec<D> b) { return max_nan(d, a, b); }

// v where |x| <= last, else 0: what falls to 0 faster than x grows, but not as infinity times 0.
template <class D>
HWY_INLINE hn::Vec<D> near_zero(D d, hn::Vec<D> x, double last, hn::Vec<D> v) {
  return hn::IfThenElse(hn::Gt(hn::Abs(x), constant(d, last)), hn::Zero(d), v);
}

// Slopes, times the gradient g.
template <class D>
HWY_INLINE hn::Vec<D> apply(D d, ops::Slope<ops::Silu>, hn::Vec<D> g, hn::Vec<D> x) {
  const auto one = constant(d, 1), s = vsigmoid(d, x);
  return hn::Mul(g, hn::MulAdd(s, near_zero(d, x, 1000, hn::Mul(x, hn::Sub(one, s))), s));
}
template <class D>
HWY_INLINE hn::Vec<D> apply(D d, ops::Slope<ops::Gelu>, hn::Vec<D> g, hn::Vec<D> x) {
  const auto half = constant(d, 0.5);
  const auto cdf = hn::MulAdd(verf(d, hn::Mul(x, constant(d, 0.70710678118654752))), half, half);
  const auto pdf = hn::Mul(vexp(d, hn::Mul(hn::Mul(x, x), constant(d, -0.5))),
                           constant(d, 0.39894228040143268));  // 1 / sqrt(2 pi)
  return hn::Mul(g, hn::Add(near_zero(d, x, 40, hn::Mul(x, pdf)), cdf));
}
template <class D>
HWY_INLINE hn::Vec<D> apply(D d, ops::Slope<ops::GeluTanh>, hn::Vec<D> g, hn::Vec<D> x) {
  // y = x s(2 z):  y' = s + 2 x z' s (1 - s)
  const auto one = constant(d, 1), x2 = hn::Mul(x, x);
  const auto z2 = hn::Mul(hn::MulAdd(hn::Mul(x2, x), constant(d, 0.044715), x),
                          constant(d, 1.5957691216057308));
  const auto s = vsigmoid(d, z2);
  const auto slope = hn::MulAdd(x2, constant(d, 1.5957691216057308 * 3 * 0.044715),
                                constant(d, 1.5957691216057308));
  const auto rise = hn::Mul(hn::Mul(x, slope), hn::Mul(s, hn::Sub(one, s)));
  return hn::Mul(g, hn::Add(s, near_zero(d, x, 20, rise)));
}
template <class D>
HWY_INLINE hn::Vec<D> apply(D d, ops::Slope<ops::Elu> f, hn::Vec<D> g, hn::Vec<D> x) {
  const auto below = hn::Mul(hn::Mul(g, constant(d, f.op.alpha)), vexp(d, x));
  return hn::IfThenElse(hn::Gt(x, hn::Zero(d)), g, below);
}
template <class D>
HWY_INLINE hn::Vec<D> apply(D d, ops::Slope<ops::Softplus> f, hn::Vec<D> g, hn::Vec<D> x) {
  const auto u = hn::Mul(x, constant(d, f.op.beta));
  return hn::IfThenElse(hn::Gt(u, constant(d, 20)), g, hn::Mul(g, vsigmoid(d, u)));
}

// out[i] = op(x[i]). The tail goes through the same code, so a value does not depend on its place.
// With `past` see put_some.
template <class Op, class T>
inline void map_unary(Op op, const T* x, T* out, Index n, bool past) {
  const hn::ScalableTag<T> d;
  const Index lanes = static_cast<Index>(hn::Lanes(d));
  Index i = 0;
  if (past) {
    const Index ahead = n - 2048 / static_cast<Index>(sizeof(T));  // what is left is fetched anyway
    for (; i + lanes <= n; i += lanes) {
      if (i < ahead) hwy::Prefetch(x + i + 2048 / sizeof(T));
      hn::Stream(apply(d, op, hn::LoadU(d, x + i)), d, out + i);
    }
  } else {
    for (; i + lanes <= n; i += lanes) hn::StoreU(apply(d, op, hn::LoadU(d, x + i)), d, out + i);
  }
  if (i < n) store_n(d, apply(d, op, load_n(d, x + i, n - i)), out + i, n - i);
}

// out[i] = op(a[i], b[i]).
template <class Op, class T>
inline void map_binary(Op op, const T* a, const T* b, T* out, Index n, bool past) {
  if constexpr (std::is_same_v<Op, ops::Pow>) {
    for (Index i = 0; i < n; ++i) out[i] = std::pow(a[i], b[i]);
  } else {
    const hn::ScalableTag<T> d;
    each_vector<T>(n, [&](Index i, Index count) CFM_LANES {
      const auto v = apply(d, op, load_some(d, a + i, count), load_some(d, b + i, count));
      put_some(d, v, out + i, count, past);
    });
  }
}

}  // namespace HWY_NAMESPACE
CFM_ISA_NAMESPACE_END
HWY_AFTER_NAMESPACE();
#endif

#if !CFM_BODIES || (defined(CFM_UNIT_ELEMENTWISE) && HWY_ONCE)  // what doors call
CFM_NAMESPACE_BEGIN
namespace dispatched {
CFM_BODY_OF(class, void, map_unary, (Of op, const T* x, T* out, Index n, bool past),
            (op, x, out, n, past))
CFM_BODY_FOR(map_unary, ops::Neg)
CFM_BODY_FOR(map_unary, ops::Abs)
CFM_BODY_FOR(map_unary, ops::Sqrt)
CFM_BODY_FOR(map_unary, ops::Square)
CFM_BODY_FOR(map_unary, ops::Reciprocal)
CFM_BODY_FOR(map_unary, ops::Sign)
CFM_BODY_FOR(map_unary, ops::Floor)
CFM_BODY_FOR(map_unary, ops::Ceil)
CFM_BODY_FOR(map_unary, ops::Round)
CFM_BODY_FOR(map_unary, ops::Trunc)
CFM_BODY_FOR(map_unary, ops::Relu)
CFM_BODY_FOR(map_unary, ops::LeakyRelu)
CFM_BODY_FOR(map_unary, ops::Clamp)
CFM_BODY_FOR(map_unary, ops::Rsqrt)
CFM_BODY_FOR(map_unary, ops::Exp)
CFM_BODY_FOR(map_unary, ops::Log)
CFM_BODY_FOR(map_unary, ops::Log1p)
CFM_BODY_FOR(map_unary, ops::Expm1)
CFM_BODY_FOR(map_unary, ops::Tanh)
CFM_BODY_FOR(map_unary, ops::Sigmoid)
CFM_BODY_FOR(map_unary, ops::Sin)
CFM_BODY_FOR(map_unary, ops::Cos)
CFM_BODY_FOR(map_unary, ops::Erf)
CFM_BODY_FOR(map_unary, ops::Silu)
CFM_BODY_FOR(map_unary, ops::Elu)
CFM_BODY_FOR(map_unary, ops::Softplus)
CFM_BODY_FOR(map_unary, ops::Gelu)
CFM_BODY_FOR(map_unary, ops::GeluTanh)
CFM_BODY_OF(class, void, map_binary, (Of op, const T* a, const T* b, T* out, Index n, bool past),
            (op, a, b, out, n, past))
CFM_BODY_FOR(map_binary, ops::Add)
CFM_BODY_FOR(map_binary, ops::Sub)
CFM_BODY_FOR(map_binary, ops::Mul)
CFM_BODY_FOR(map_binary, ops::Div)
CFM_BODY_FOR(map_binary, ops::Min)
CFM_BODY_FOR(map_binary, ops::Max)
CFM_BODY_FOR(map_binary, ops::Pow)
CFM_BODY_FOR(map_binary, ops::Slope<ops::Silu>)
CFM_BODY_FOR(map_binary, ops::Slope<ops::Gelu>)
CFM_BODY_FOR(map_binary, ops::Slope<ops::GeluTanh>)
CFM_BODY_FOR(map_binary, ops::Slope<ops::Elu>)
CFM_BODY_FOR(map_binary, ops::Slope<ops::Softplus>)
}  // namespace dispatched
CFM_NAMESPACE_END
#endif
