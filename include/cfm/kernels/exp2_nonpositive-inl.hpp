/// @file  The power of two of attention: several vectors side by side.
#ifndef CFM_KERNELS_EXP2_NONPOSITIVE_INL_HPP_
#define CFM_KERNELS_EXP2_NONPOSITIVE_INL_HPP_
#include <type_traits>

#include <cfm/kernels/dispatch.hpp>
#endif

#include <cfm/kernels/lanes-inl.hpp>
#include <cfm/kernels/math-inl.hpp>

#if CFM_BODIES && defined(CFM_KERNELS_EXP2_NONPOSITIVE_TARGET) == defined(HWY_TARGET_TOGGLE)
#ifdef CFM_KERNELS_EXP2_NONPOSITIVE_TARGET
#undef CFM_KERNELS_EXP2_NONPOSITIVE_TARGET
#else
#define CFM_KERNELS_EXP2_NONPOSITIVE_TARGET
#endif
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
CFM_ISA_NAMESPACE_BEGIN
namespace HWY_NAMESPACE {

// The larger; t if that is NaN. Max keeps the second operand on x86, other targets do not promise.
template <class D>
HWY_INLINE hn::Vec<D> not_below(D, hn::Vec<D> low, hn::Vec<D> t) {
#if HWY_ARCH_X86 && HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_EMU128
  return hn::Max(low, t);
#else
  return hn::IfThenElse(hn::Lt(t, low), low, t);
#endif
}

// Horner's rule for N vectors x at once, highest coefficient first: p begins as that.
template <std::size_t N, class D>
HWY_INLINE void horner_step(D d, const hn::Vec<D>* x, hn::Vec<D>* p, double coefficient) {
  const auto c = constant(d, coefficient);
  HWY_UNROLL(4) for (std::size_t i = 0; i < N; ++i) { p[i] = hn::MulAdd(p[i], x[i], c); }
}
template <std::size_t N, class D, class... C>
HWY_INLINE void horner_all(D d, const hn::Vec<D>* x, hn::Vec<D>* p, double first, C... rest) {
  HWY_UNROLL(4) for (std::size_t i = 0; i < N; ++i) { p[i] = constant(d, first); }
  (horner_step<N>(d, x, p, rest), ...);
}

// t[i] = 2^t[i] for t <= 0: 0.94 ulp (f32). From half of the smallest normal number down it is
// zero, so that masked keys weigh nothing; NaN stays, whatever its bits: the power of two is a
// factor, not added to the exponent. N vectors go side by side: one alone waits for itself, and the
// processor's window holds too few.
template <std::size_t N, class D>
HWY_INLINE void exp2_nonpositive(D d, hn::Vec<D>* t) {
  constexpr bool single = std::is_same_v<hn::TFromD<D>, float>;
  constexpr int mantissa = single ? 23 : 52;
  const hn::RebindToSigned<D> di;
  // There the power's bits are all zero.
  const auto low = constant(d, single ? -127 : -1023);
  // Adding `magic` rounds to an integer, and leaves it, plus the bias of exponents, in the low
  // bits.
  const auto magic = constant(d, single ? 0x1.8p23 + 127 : 0x1.8p52 + 1023);
  hn::Vec<D> n[N], p[N];
  HWY_UNROLL(4) for (std::size_t i = 0; i < N; ++i) { t[i] = not_below(d, low, t[i]); }
  HWY_UNROLL(4) for (std::size_t i = 0; i < N; ++i) { n[i] = hn::Add(t[i], magic); }
  HWY_UNROLL(4) for (std::size_t i = 0; i < N; ++i) { t[i] = hn::Sub(t[i], hn::Sub(n[i], magic)); }
  if constexpr (single)
    horner_all<N>(d, t, p, 0.00015353362, 0.00133988739, 0.00961843692, 0.0555033237, 0.240226477,
                  0.693147182, 1.0);
  else  // ln(2)^k / k!
    horner_all<N>(d, t, p, 1.3691488853904128881e-12, 2.5678435993488205142e-11,
                  4.4455382718708114976e-10, 7.0549116208011233299e-9, 1.0178086009239699728e-7,
                  1.3215486790144309488e-6, 0.000015252733804059840280, 0.00015403530393381609954,
                  0.0013333558146428443423, 0.0096181291076284771620, 0.055504108664821579953,
                  0.24022650695910071233, 0.69314718055994530942, 1.0);
  HWY_UNROLL(4) for (std::size_t i = 0; i < N; ++i) {
    t[i] = hn::Mul(p[i], hn::BitCast(d, hn::ShiftLeft<mantissa>(hn::BitCast(di, n[i]))));
  }
}

}  // namespace HWY_NAMESPACE
CFM_ISA_NAMESPACE_END
HWY_AFTER_NAMESPACE();
#endif
