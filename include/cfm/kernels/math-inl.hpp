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
// an integer and leaves it in the low bits.
template <class D>
struct ExpParts {
  hn::Vec<D> p;                      // e^r
  hn::Vec<hn::RebindToSigned<D>> n;  // in the low bits, with those of `magic` above
};

template <class D>
HWY_INLINE hn::Vec<D> exp_magic(D d) {
  return constant(d, sizeof(hn::TFromD<D>) == 4 ? 0x1.8p23 : 0x1.8p52);
}

template <class D>
HWY_INLINE ExpParts<D> exp_parts(D d, hn::Vec<D> x, hn::Vec<D> magic) {
  constexpr bool single = std::is_same_v<hn::TFromD<D>, float>;
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
  return {hn::Add(hn::MulAdd(hn::Mul(r, r), q, r), constant(d, 1)),
          hn::BitCast(hn::RebindToSigned<D>(), shifted)};
}

// The result where 2^n and p 2^n are normal: |x| <= exp_plain. The bits above n leave the register.
template <class D>
HWY_INLINE hn::Vec<D> exp_scale(D d, const ExpParts<D>& e) {
  const hn::RebindToSigned<D> di;
  constexpr int mantissa = sizeof(hn::TFromD<D>) == 4 ? 23 : 52;
  return hn::BitCast(d, hn::Add(hn::BitCast(di, e.p), hn::ShiftLeft<mantissa>(e.n)));
}
template <class T>
inline constexpr double exp_plain = sizeof(T) == 4 ? 87 : 708;

// The whole range: two factors 2^(n/2) reach infinity and subnormals; NaN stays.
template <class D>
HWY_NOINLINE hn::Vec<D> exp_far(D d, hn::Vec<D> x) {
  const hn::RebindToSigned<D> di;
  constexpr bool single = std::is_same_v<hn::TFromD<D>, float>;
  const auto low = constant(d, single ? -104.5 : -746.0), high = constant(d, single ? 89 : 710);
  x = hn::IfThenElse(hn::Lt(x, low), low, x);  // not Max: NaN must stay
  x = hn::IfThenElse(hn::Gt(x, high), high, x);
  const auto e = exp_parts(d, x, exp_magic(d));
  const auto whole = hn::Sub(e.n, hn::BitCast(di, exp_magic(d)));
  const auto half = hn::ShiftRight<1>(whole);
  return hn::Mul(hn::Mul(e.p, power_of_two(d, half)), power_of_two(d, hn::Sub(whole, half)));
}

template <class D>
HWY_INLINE hn::Vec<D> vexp(D d, hn::Vec<D> x) {
  const auto plain = hn::Le(hn::Abs(x), constant(d, exp_plain<hn::TFromD<D>>));
  if (HWY_UNLIKELY(!hn::AllTrue(d, plain))) return exp_far(d, x);
  return exp_scale(d, exp_parts(d, x, exp_magic(d)));
}

// The larger of x and a constant; NaN stays.
template <class D>
HWY_INLINE hn::Vec<D> at_least(D, hn::Vec<D> x, hn::Vec<D> limit) {
#if HWY_ARCH_X86 && HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_EMU128
  return hn::Max(limit, x);  // the second operand, if one is NaN
#else
  return hn::IfThenElse(hn::Lt(x, limit), limit, x);
#endif
}

// e^x for x <= 0, without a branch: 0 from half of the smallest normal number down. NaN stays: the
// power of two is a factor, not added to the exponent.
template <class D>
HWY_INLINE hn::Vec<D> vexp_nonpositive(D d, hn::Vec<D> x) {
  constexpr bool single = std::is_same_v<hn::TFromD<D>, float>;
  constexpr int mantissa = single ? 23 : 52;
  x = at_least(d, x, constant(d, single ? -88.029691931 : -709.08956571282));  // 2^n is 0 there
  const auto biased = constant(d, single ? 0x1.8p23 + 127 : 0x1.8p52 + 1023);
  const auto e = exp_parts(d, x, biased);
  return hn::Mul(e.p, hn::BitCast(d, hn::ShiftLeft<mantissa>(e.n)));
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

// The smaller of x and a constant; NaN stays.
template <class D>
HWY_INLINE hn::Vec<D> at_most(D, hn::Vec<D> x, hn::Vec<D> limit) {
#if HWY_ARCH_X86 && HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_EMU128
  return hn::Min(limit, x);  // the second operand, if one is NaN
#else
  return hn::IfThenElse(hn::Gt(x, limit), limit, x);
#endif
}

// An odd function that ends at 1: a P(a^2) / Q(a^2) with the sign of x, for a = |x| < last.
template <class D>
HWY_INLINE hn::Vec<D> odd_ratio(D d, hn::Vec<D> x, hn::Vec<D> a, hn::Vec<D> last, hn::Vec<D> p,
                                hn::Vec<D> q) {
  const auto one = constant(d, 1);
  const auto y = at_most(d, hn::Div(hn::Mul(a, p), q), one);
  return hn::CopySignToAbs(hn::IfThenElse(hn::Ge(a, last), one, y), x);
}

// f32: P and Q of degrees 5 and 4, fitted to a relative error of 1.3e-9 by weighted least squares
// with reweighting towards the largest error. f64: (e^2x - 1) / (e^2x + 1).
template <class D>
HWY_INLINE hn::Vec<D> vtanh(D d, hn::Vec<D> x) {
  if constexpr (std::is_same_v<hn::TFromD<D>, float>) {
    const auto last = constant(d, 9.02);
    const auto a = at_most(d, hn::Abs(x), last), u = hn::Mul(a, a);
    const auto p = horner(d, u, 0.9999999987, 0.1367992183, 0.003868336124, 2.800762202e-5,
                          3.058539031e-8, -1.220371621e-11);
    const auto q = horner(d, u, 1.0, 0.4701325389, 0.02724586971, 0.0003938645679, 1.287377675e-6);
    return odd_ratio(d, x, a, last, p, q);
  } else {
    const auto a = hn::Abs(x), limit = constant(d, 20);
    const auto y = vexpm1(d, hn::Add(a, a));
    const auto z = hn::IfThenElse(hn::Gt(a, limit), constant(d, 1),
                                  hn::Div(y, hn::Add(y, constant(d, 2))));
    return hn::CopySignToAbs(z, x);
  }
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

// f32: P and Q of degree 5, fitted to 1.9e-8 as those of tanh. f64: erf(x) = x P(x^2) below 1, else
// 1 - exp(-x^2) Q(s) with s linear in 2 / (2 + x), where P and Q are Chebyshev fits of
// erf(sqrt t) / sqrt t and erfc(x) exp(x^2), made with mpmath.chebyfit: absolute errors 1.3e-19 and
// 3.3e-17 up to 6.
template <class D>
HWY_INLINE hn::Vec<D> verf(D d, hn::Vec<D> x) {
  const auto one = constant(d, 1), two = constant(d, 2);
  if constexpr (std::is_same_v<hn::TFromD<D>, float>) {
    const auto last = constant(d, 3.93);
    const auto a = at_most(d, hn::Abs(x), last), u = hn::Mul(a, a);
    const auto p = horner(d, u, 1.128379145, 0.1907811431, 0.05278993204, 0.003779493377,
                          0.0002848058942, 2.041990692e-6);
    const auto q = horner(d, u, 1.0, 0.5024081064, 0.114256412, 0.01499720696, 0.001165184344,
                          3.800413819e-5);
    return odd_ratio(d, x, a, last, p, q);
  } else {
    const auto a = at_most(d, hn::Abs(x), constant(d, 6)), a2 = hn::Mul(a, a);
    const auto s = hn::Mul(hn::Sub(hn::Div(two, hn::Add(two, a)),
                                   constant(d, 0.45833333333333333333)), constant(d, 4.8));
    const auto p = horner(
        d, a2, 1.128379167095512574, -0.3761263890318374806, 0.1128379167095487867,
        -0.02686617064507679325, 0.005223977624818014467, -0.0008548326980833789905,
        0.0001205533111164271092, -0.00001492559526683118157, 1.646100048412136803e-6,
        -1.635031270105469501e-7, 1.465977527404743581e-8, -1.137284885679167367e-9,
        5.957176147748911404e-11);
    const auto q = horner(
        d, s, 0.2214295402299318351, 0.1618935680410249783, 0.03856057042517875102,
        0.005588816281840148311, 0.0001971391778050452774, -0.00008079220427446308398,
        -7.340518554528136685e-6, 1.979561911794837773e-6, 1.635017933188847533e-7,
        -7.005356150432759923e-8, -5.937642934649012905e-10, 2.624803073179173328e-9,
        -2.626041744982426684e-10, -7.455104496206309949e-11, 1.838675340599342187e-11,
        4.413385032946698382e-13);
    const auto tail = hn::NegMulAdd(vexp(d, hn::Neg(a2)), q, one);
    return hn::IfThenElse(hn::Lt(a, one), hn::Mul(x, p), hn::CopySignToAbs(tail, x));
  }
}

}  // namespace HWY_NAMESPACE
CFM_ISA_NAMESPACE_END
HWY_AFTER_NAMESPACE();
#endif
