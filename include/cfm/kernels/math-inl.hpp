/// @file  Elementary functions on vectors: IEEE limits, NaN kept, errors as ops.hpp states them.
#ifndef CFM_KERNELS_MATH_INL_HPP_
#define CFM_KERNELS_MATH_INL_HPP_
#include <cmath>
#include <limits>
#include <type_traits>

#include <cfm/kernels/dispatch.hpp>
#endif

#include <cfm/kernels/lanes-inl.hpp>

#if CFM_BODIES && defined(CFM_KERNELS_MATH_TARGET) == defined(HWY_TARGET_TOGGLE)
#ifdef CFM_KERNELS_MATH_TARGET
#undef CFM_KERNELS_MATH_TARGET
#else
#define CFM_KERNELS_MATH_TARGET
#endif
#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
CFM_ISA_NAMESPACE_BEGIN
namespace HWY_NAMESPACE {

// c0 + x (c1 + x (c2 + ..))
template <class D>
HWY_INLINE hn::Vec<D> horner(D d, hn::Vec<D>, double c) {
  return hn::Set(d, static_cast<hn::TFromD<D>>(c));
}
template <class D, class... C>
HWY_INLINE hn::Vec<D> horner(D d, hn::Vec<D> x, double c, C... rest) {
  return hn::MulAdd(horner(d, x, rest...), x, hn::Set(d, static_cast<hn::TFromD<D>>(c)));
}

template <class D>
HWY_INLINE hn::Vec<D> constant(D d, double value) {
  return hn::Set(d, static_cast<hn::TFromD<D>>(value));
}

// 2^n for integral lanes within the exponents of T.
template <class D, class VI>
HWY_INLINE hn::Vec<D> power_of_two(D d, VI n) {
  const hn::RebindToSigned<D> di;
  if constexpr (sizeof(hn::TFromD<D>) == 4)
    return hn::BitCast(d, hn::ShiftLeft<23>(hn::Add(n, hn::Set(di, 127))));
  else
    return hn::BitCast(d, hn::ShiftLeft<52>(hn::Add(n, hn::Set(di, 1023))));
}

// e^x = 2^n e^r with |r| <= ln(2) / 2, where e^r is its Taylor polynomial. Adding `magic` rounds to
// an integer and leaves it in the low bits. Two factors 2^(n/2) reach infinity and subnormals.
template <class D>
HWY_INLINE hn::Vec<D> vexp(D d, hn::Vec<D> x) {
  using T = hn::TFromD<D>;
  constexpr bool single = std::is_same_v<T, float>;
  const hn::RebindToSigned<D> di;
  const auto low = constant(d, single ? -104.5 : -746.0), high = constant(d, single ? 89 : 710);
  x = hn::IfThenElse(hn::Lt(x, low), low, x);  // not Max: NaN must stay
  x = hn::IfThenElse(hn::Gt(x, high), high, x);
  const auto magic = constant(d, single ? 0x1.8p23 : 0x1.8p52);
  const auto shifted = hn::MulAdd(x, constant(d, 1.4426950408889634074), magic);
  const auto n = hn::Sub(shifted, magic);
  const auto ln2_high = constant(d, single ? 0.693359375 : 6.93147180369123816490e-01);
  const auto ln2_low = constant(d, single ? -2.12194440054690583e-4 : 1.90821492927058770002e-10);
  const auto r = hn::NegMulAdd(n, ln2_low, hn::NegMulAdd(n, ln2_high, x));
  hn::Vec<D> q;
  if constexpr (single)
    q = horner(d, r, 1. / 2, 1. / 6, 1. / 24, 1. / 120, 1. / 720, 1. / 5040);
  else
    q = horner(d, r, 1. / 2, 1. / 6, 1. / 24, 1. / 120, 1. / 720, 1. / 5040, 1. / 40320,
               1. / 362880, 1. / 3628800, 1. / 39916800, 1. / 479001600, 1. / 6227020800);
  const auto p = hn::Add(hn::MulAdd(hn::Mul(r, r), q, r), constant(d, 1));
  const auto whole = hn::Sub(hn::BitCast(di, shifted), hn::BitCast(di, magic));
  const auto half = hn::ShiftRight<1>(whole);
  return hn::Mul(hn::Mul(p, power_of_two(d, half)), power_of_two(d, hn::Sub(whole, half)));
}

template <class D>
HWY_INLINE hn::Vec<D> vlog(D d, hn::Vec<D> x) {
  using Limits = std::numeric_limits<hn::TFromD<D>>;
  const auto infinity = hn::Set(d, Limits::infinity()), zero = hn::Zero(d);
  const auto inside = hn::And(hn::Gt(x, zero), hn::Lt(x, infinity));
  const auto y = hn::Log(d, hn::IfThenElse(inside, x, constant(d, 1)));
  auto limit = hn::IfThenElse(hn::Eq(x, zero), hn::Neg(infinity), x);  // infinity and NaN stay
  limit = hn::IfThenElse(hn::Lt(x, zero), hn::Set(d, Limits::quiet_NaN()), limit);
  return hn::IfThenElse(inside, y, limit);
}

template <class D>
HWY_INLINE hn::Vec<D> vlog1p(D d, hn::Vec<D> x) {
  using Limits = std::numeric_limits<hn::TFromD<D>>;
  const auto infinity = hn::Set(d, Limits::infinity()), pole = constant(d, -1);
  const auto inside = hn::And(hn::Gt(x, pole), hn::Lt(x, infinity));
  const auto y = hn::Log1p(d, hn::IfThenElse(inside, x, constant(d, 0)));
  auto limit = hn::IfThenElse(hn::Eq(x, pole), hn::Neg(infinity), x);
  limit = hn::IfThenElse(hn::Lt(x, pole), hn::Set(d, Limits::quiet_NaN()), limit);
  return hn::IfThenElse(inside, y, limit);
}

template <class D>
HWY_INLINE hn::Vec<D> vexpm1(D d, hn::Vec<D> x) {
  const auto high = constant(d, sizeof(hn::TFromD<D>) == 4 ? 89 : 710);
  const auto nan = hn::IsNaN(x);
  auto inside = hn::IfThenElse(nan, hn::Zero(d), x);
  inside = hn::IfThenElse(hn::Lt(inside, hn::Neg(high)), hn::Neg(high), inside);
  inside = hn::IfThenElse(hn::Gt(inside, high), high, inside);
  return hn::IfThenElse(nan, x, hn::Expm1(d, inside));
}

template <class D>
HWY_INLINE hn::Vec<D> vtanh(D d, hn::Vec<D> x) {
  const auto a = hn::Abs(x), limit = constant(d, 20);
  const auto y = vexpm1(d, hn::Add(a, a));
  const auto z = hn::IfThenElse(hn::Gt(a, limit), constant(d, 1),
                                hn::Div(y, hn::Add(y, constant(d, 2))));
  return hn::CopySignToAbs(z, x);
}

template <class D>
HWY_INLINE hn::Vec<D> vsigmoid(D d, hn::Vec<D> x) {
  const auto one = constant(d, 1);
  return hn::Div(one, hn::Add(one, vexp(d, hn::Neg(x))));
}

// Highway's reduction is good up to 39000. Larger arguments are rare: one by one.
template <class D>
HWY_INLINE hn::Vec<D> vsin(D d, hn::Vec<D> x) {
  const auto fits = hn::Lt(hn::Abs(x), constant(d, 30000));
  auto y = hn::Sin(d, hn::IfThenElseZero(fits, x));
  if (!hn::AllTrue(d, fits))
    y = hn::IfThenElse(fits, y, each_lane(d, x, [](auto v) { return std::sin(v); }));
  return y;
}
template <class D>
HWY_INLINE hn::Vec<D> vcos(D d, hn::Vec<D> x) {
  const auto fits = hn::Lt(hn::Abs(x), constant(d, 30000));
  auto y = hn::Cos(d, hn::IfThenElseZero(fits, x));
  if (!hn::AllTrue(d, fits))
    y = hn::IfThenElse(fits, y, each_lane(d, x, [](auto v) { return std::cos(v); }));
  return y;
}

// erf(x) = x P(x^2) below 1, else 1 - exp(-x^2) Q(s) with s linear in 2 / (2 + x). P and Q are
// Chebyshev fits of erf(sqrt t) / sqrt t and erfc(x) exp(x^2), made with mpmath.chebyfit: absolute
// errors 1.3e-9, 6.8e-9 (f32, up to 4) and 1.3e-19, 3.3e-17 (f64, up to 6).
template <class D>
HWY_INLINE hn::Vec<D> verf(D d, hn::Vec<D> x) {
  constexpr bool single = std::is_same_v<hn::TFromD<D>, float>;
  const auto last = constant(d, single ? 4 : 6), one = constant(d, 1), two = constant(d, 2);
  auto a = hn::Abs(x);
  a = hn::IfThenElse(hn::Gt(a, last), last, a);
  const auto a2 = hn::Mul(a, a);
  const auto center = constant(d, single ? 0.5 : 0.45833333333333333333);
  const auto s = hn::Mul(hn::Sub(hn::Div(two, hn::Add(two, a)), center),
                         constant(d, single ? 6.0 : 4.8));
  hn::Vec<D> p, q;
  if constexpr (single) {
    p = horner(d, a2, 1.128379166, -0.3761262667, 0.1128359472, -0.02685421201, 0.005189087423,
               -0.0008016864287, 7.875875063e-5);
    q = horner(d, s, 0.2553956763, 0.1423953299, 0.02685091128, 0.002924752079, 4.607866369e-5,
               -2.802938326e-5, -1.149486198e-6);
  } else {
    p = horner(d, a2, 1.128379167095512574, -0.3761263890318374806, 0.1128379167095487867,
               -0.02686617064507679325, 0.005223977624818014467, -0.0008548326980833789905,
               0.0001205533111164271092, -0.00001492559526683118157, 1.646100048412136803e-6,
               -1.635031270105469501e-7, 1.465977527404743581e-8, -1.137284885679167367e-9,
               5.957176147748911404e-11);
    q = horner(d, s, 0.2214295402299318351, 0.1618935680410249783, 0.03856057042517875102,
               0.005588816281840148311, 0.0001971391778050452774, -0.00008079220427446308398,
               -7.340518554528136685e-6, 1.979561911794837773e-6, 1.635017933188847533e-7,
               -7.005356150432759923e-8, -5.937642934649012905e-10, 2.624803073179173328e-9,
               -2.626041744982426684e-10, -7.455104496206309949e-11, 1.838675340599342187e-11,
               4.413385032946698382e-13);
  }
  const auto tail = hn::NegMulAdd(vexp(d, hn::Neg(a2)), q, one);
  return hn::IfThenElse(hn::Lt(a, one), hn::Mul(x, p), hn::CopySignToAbs(tail, x));
}

}  // namespace HWY_NAMESPACE
CFM_ISA_NAMESPACE_END
HWY_AFTER_NAMESPACE();
#endif
