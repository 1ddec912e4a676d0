/// @file  Vectors of f32 from and to the 16-bit floats; vectors of f32 and f64 as they are.
#ifndef CFM_KERNELS_HALF_INL_HPP_
#define CFM_KERNELS_HALF_INL_HPP_
#include <algorithm>
#include <type_traits>

#include <cfm/core/scalar.hpp>
#include <cfm/kernels/dispatch.hpp>
#endif

#include <cfm/kernels/lanes-inl.hpp>

#if defined(CFM_KERNELS_HALF_TARGET) == defined(HWY_TARGET_TOGGLE)
#ifdef CFM_KERNELS_HALF_TARGET
#undef CFM_KERNELS_HALF_TARGET
#else
#define CFM_KERNELS_HALF_TARGET
#endif
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
CFM_ISA_NAMESPACE_BEGIN
namespace HWY_NAMESPACE {

// A full vector of numbers stored as S. Exact; NaN stays NaN.
template <class D, class S>
HWY_INLINE hn::Vec<D> load_wide(D d, const S* p) {
  if constexpr (std::is_same_v<S, hn::TFromD<D>>) {
    return hn::LoadU(d, p);
  } else {
    static_assert(std::is_same_v<hn::TFromD<D>, float>);
    const hn::RebindToUnsigned<D> du;
    const hn::Rebind<std::uint16_t, D> bits;
    const auto half = hn::LoadU(bits, reinterpret_cast<const std::uint16_t*>(p));
    if constexpr (std::is_same_v<S, bf16>) {
      return hn::BitCast(d, hn::ShiftLeft<16>(hn::PromoteTo(du, half)));
    } else {
      static_assert(std::is_same_v<S, f16>);
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2
      return hn::PromoteTo(d, hn::BitCast(hn::Rebind<hwy::float16_t, D>(), half));
#else
      // The fields at their new places; a product moves the exponent, also that of subnormals.
      const auto wide = hn::PromoteTo(du, half);
      const auto magnitude = hn::ShiftLeft<13>(hn::And(wide, hn::Set(du, 0x7FFFu)));
      const auto sign = hn::ShiftLeft<16>(hn::And(wide, hn::Set(du, 0x8000u)));
      auto x = hn::Mul(hn::BitCast(d, magnitude), hn::Set(d, 0x1p112f));
      const auto special = hn::Ge(x, hn::Set(d, 65536.0f));
      const auto top = hn::BitCast(d, hn::Or(magnitude, hn::Set(du, 0x7F800000u)));
      x = hn::IfThenElse(special, hn::Mul(top, hn::Set(d, 1.0f)), x);
      return hn::Or(x, hn::BitCast(d, sign));
#endif
    }
  }
}

// to[0, n) = from[0, n) in another type. To a 16-bit type: nearest, ties to even.
template <class S, class T>
inline void convert_dense(const S* from, T* to, Index n) {
  if constexpr (std::is_same_v<S, T>) {
    std::copy_n(from, n, to);
  } else if constexpr (std::is_same_v<T, float>) {
    const hn::ScalableTag<float> d;
    const Index lanes = lanes_of<float>();
    Index i = 0;
    for (; i + lanes <= n; i += lanes) hn::StoreU(load_wide(d, from + i), d, to + i);
    for (; i < n; ++i) to[i] = static_cast<float>(from[i]);
  } else {
    Index i = 0;
    const hn::ScalableTag<float> d;
    const Index lanes = lanes_of<float>();
    if constexpr (std::is_same_v<T, bf16>) {
      const hn::RebindToUnsigned<decltype(d)> du;
      const hn::Rebind<std::uint16_t, decltype(d)> bits;
      for (; i + lanes <= n; i += lanes) {
        const auto x = hn::LoadU(d, from + i);
        const auto u = hn::BitCast(du, x);
        const auto odd = hn::And(hn::ShiftRight<16>(u), hn::Set(du, 1u));
        const auto even = hn::Add(u, hn::Add(odd, hn::Set(du, 0x7FFFu)));
        const auto nan = hn::Or(u, hn::Set(du, 0x00400000u));
        const auto y = hn::IfThenElse(hn::RebindMask(du, hn::IsNaN(x)), nan, even);
        // Signed demotion saturates: the shift by 16 with sign leaves what fits.
        const hn::RebindToSigned<decltype(d)> di;
        const hn::Rebind<std::int16_t, decltype(d)> narrow;
        const auto shifted = hn::ShiftRight<16>(hn::BitCast(di, y));
        hn::StoreU(hn::BitCast(bits, hn::DemoteTo(narrow, shifted)), bits,
                   reinterpret_cast<std::uint16_t*>(to + i));
      }
    }
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2
    if constexpr (std::is_same_v<T, f16>) {
      const hn::Rebind<hwy::float16_t, decltype(d)> half;
      const hn::Rebind<std::uint16_t, decltype(d)> bits;
      for (; i + lanes <= n; i += lanes)
        hn::StoreU(hn::BitCast(bits, hn::DemoteTo(half, hn::LoadU(d, from + i))), bits,
                   reinterpret_cast<std::uint16_t*>(to + i));
    }
#endif
    for (; i < n; ++i) to[i] = static_cast<T>(from[i]);
  }
}

}  // namespace HWY_NAMESPACE
CFM_ISA_NAMESPACE_END
HWY_AFTER_NAMESPACE();
#endif
