#pragma once
/// @file  Batch<T>, a few numbers side by side in a SIMD register, for lambdas of users. The only
///        header that names xsimd.

#include <array>

#include <xsimd/xsimd.hpp>

#include <cfm/core/isa.hpp>
#include <cfm/exec/scalar_math.hpp>

CFM_ISA_NAMESPACE_BEGIN

namespace isa_detail {

// xsimd's name for our instruction sets. Chosen by our tag and not by xsimd's own default, so that
// units with the same tag agree on layout and code.
struct NoLanes {};
template <Isa>
struct LaneArch {
#if defined(__SSE2__)
  using type = xsimd::sse2;
#else
  using type = NoLanes;
#endif
};
template <>
struct LaneArch<Isa::ssse3> {
  using type = xsimd::ssse3;
};
template <>
struct LaneArch<Isa::sse4> {
  using type = xsimd::sse4_1;
};
template <>
struct LaneArch<Isa::avx> {
  using type = xsimd::avx;
};
template <>
struct LaneArch<Isa::avx2_partial> {
  using type = xsimd::avx2;
};
template <>
struct LaneArch<Isa::avx2> {
  using type = xsimd::fma3<xsimd::avx2>;
};
template <>
struct LaneArch<Isa::avx512> {
  using type = xsimd::avx512bw;
};
#if defined(__aarch64__)
template <>
struct LaneArch<Isa::neon> {
  using type = xsimd::neon64;
};
#elif defined(__ARM_NEON)
template <>
struct LaneArch<Isa::neon> {
  using type = xsimd::neon;
};
#endif

// A register of xsimd, or the number itself where the target has none for T.
#if defined(XSIMD_NO_SUPPORTED_ARCHITECTURE)  // then xsimd declares no batches
template <class T, class Arch, bool = false>
struct LaneTypes;
#else
template <class T, class Arch, bool = xsimd::has_simd_register<T, Arch>::value>
struct LaneTypes {
  using Register = xsimd::batch<T, Arch>;
  using Bits = xsimd::batch_bool<T, Arch>;
  static constexpr Index lanes = static_cast<Index>(Register::size);
  static Register load(const T* x) { return Register::load_unaligned(x); }
  static void store(T* y, Register v) { v.store_unaligned(y); }
  static Register divide(Register a, Register b) {
    if constexpr (isa() != Isa::neon) return a / b;
    std::array<T, Register::size> p, q;  // xsimd 8.1 refines an estimate on ARM: not IEEE division
    a.store_unaligned(p.data());
    b.store_unaligned(q.data());
    for (std::size_t i = 0; i < p.size(); ++i) p[i] /= q[i];
    return load(p.data());
  }
  static Register negate(Register v) { return v ^ Register(T(-0.0)); }  // AVX-512: xsimd has 0 - v
  static Register select(Bits c, Register a, Register b) { return xsimd::select(c, a, b); }
  static bool any(Bits c) { return xsimd::any(c); }
  static bool all(Bits c) { return xsimd::all(c); }
};
#endif
template <class T, class Arch>
struct LaneTypes<T, Arch, false> {
  using Register = T;
  using Bits = bool;
  static constexpr Index lanes = 1;
  static Register load(const T* x) { return *x; }
  static void store(T* y, Register v) { *y = v; }
  static Register divide(Register a, Register b) { return a / b; }
  static Register negate(Register v) { return -v; }
  static Register select(Bits c, Register a, Register b) { return c ? a : b; }
  static bool any(Bits c) { return c; }
  static bool all(Bits c) { return c; }
};

template <class T>
using Lanes = LaneTypes<T, typename LaneArch<isa()>::type>;

}  // namespace isa_detail

/// One truth value a lane.
template <Real T>
struct BatchMask {
  typename isa_detail::Lanes<T>::Bits value;

  friend BatchMask operator&&(BatchMask a, BatchMask b) { return {a.value && b.value}; }
  friend BatchMask operator||(BatchMask a, BatchMask b) { return {a.value || b.value}; }
  friend BatchMask operator&(BatchMask a, BatchMask b) { return a && b; }
  friend BatchMask operator|(BatchMask a, BatchMask b) { return a || b; }
  friend BatchMask operator!(BatchMask a) { return {!a.value}; }
};

/// `size` numbers of type T. Arithmetic and the functions below work on each lane by itself; a
/// number converts to a batch of copies, so `2.0f * x + 1.0f` reads as for single numbers.
template <Real T>
struct Batch {
  using Lanes = isa_detail::Lanes<T>;
  using value_type = T;
  using Mask = BatchMask<T>;

  /// Lanes: 1 where the target has no registers for T.
  static constexpr Index size = Lanes::lanes;
  static constexpr std::size_t count = static_cast<std::size_t>(size);

  typename Lanes::Register value{};

  Batch() = default;
  Batch(T number) : value(number) {}  // NOLINT: numbers mix with batches

  /// Wraps a register of xsimd (a T where size is 1).
  static Batch wrap(typename Lanes::Register reg) {
    Batch out;
    out.value = reg;
    return out;
  }
  /// From and to `size` neighbours, at any alignment.
  static Batch load_unaligned(const T* x) { return wrap(Lanes::load(x)); }
  void store_unaligned(T* y) const { Lanes::store(y, value); }

  /// One lane; slow, for tests and debugging.
  T operator[](Index lane) const {
    std::array<T, count> lanes;
    store_unaligned(lanes.data());
    return lanes[static_cast<std::size_t>(lane)];
  }

  friend Batch operator+(Batch a, Batch b) { return wrap(a.value + b.value); }
  friend Batch operator-(Batch a, Batch b) { return wrap(a.value - b.value); }
  friend Batch operator*(Batch a, Batch b) { return wrap(a.value * b.value); }
  friend Batch operator/(Batch a, Batch b) { return wrap(Lanes::divide(a.value, b.value)); }
  friend Batch operator-(Batch a) { return wrap(Lanes::negate(a.value)); }
  friend Batch operator+(Batch a) { return a; }
  Batch& operator+=(Batch b) { return *this = *this + b; }
  Batch& operator-=(Batch b) { return *this = *this - b; }
  Batch& operator*=(Batch b) { return *this = *this * b; }
  Batch& operator/=(Batch b) { return *this = *this / b; }

  friend Mask operator<(Batch a, Batch b) { return {a.value < b.value}; }
  friend Mask operator<=(Batch a, Batch b) { return {a.value <= b.value}; }
  friend Mask operator>(Batch a, Batch b) { return {a.value > b.value}; }
  friend Mask operator>=(Batch a, Batch b) { return {a.value >= b.value}; }
  friend Mask operator==(Batch a, Batch b) { return {a.value == b.value}; }
  friend Mask operator!=(Batch a, Batch b) { return !(a == b); }  // xsimd's is false for NaN
};

/// a where the mask holds, else b.
template <Real T>
Batch<T> select(BatchMask<T> mask, std::type_identity_t<Batch<T>> a,
                std::type_identity_t<Batch<T>> b) {
  return Batch<T>::wrap(Batch<T>::Lanes::select(mask.value, a.value, b.value));
}
template <Real T>
bool any(BatchMask<T> mask) {
  return Batch<T>::Lanes::any(mask.value);
}
template <Real T>
bool all(BatchMask<T> mask) {
  return Batch<T>::Lanes::all(mask.value);
}
template <Real T>
BatchMask<T> is_nan(Batch<T> x) {
  return x != x;
}

/// a < b ? a : b in each lane, so b if one of them is NaN. The other number may be a scalar.
template <Real T>
Batch<T> min(Batch<T> a, std::type_identity_t<Batch<T>> b) {
  if constexpr (isa() == Isa::neon || Batch<T>::size == 1)
    return select(a < b, a, b);
  else
    return Batch<T>::wrap(xsimd::min(a.value, b.value));
}
/// a > b ? a : b in each lane, so b if one of them is NaN.
template <Real T>
Batch<T> max(Batch<T> a, std::type_identity_t<Batch<T>> b) {
  if constexpr (isa() == Isa::neon || Batch<T>::size == 1)
    return select(a > b, a, b);
  else
    return Batch<T>::wrap(xsimd::max(a.value, b.value));
}

/// a * b + c, rounded once where the target has such an instruction.
template <Real T>
Batch<T> fma(Batch<T> a, std::type_identity_t<Batch<T>> b, std::type_identity_t<Batch<T>> c) {
  if constexpr (Batch<T>::size == 1)
    return Batch<T>(fma(a.value, b.value, c.value));
  else
    return Batch<T>::wrap(xsimd::fma(a.value, b.value, c.value));
}

namespace isa_detail {
// f on each lane by itself, where xsimd is not good enough.
template <class T, class F, class... More>
Batch<T> each_lane(const F& f, Batch<T> x, More... more) {
  std::array<T, Batch<T>::count> out;
  for (Index i = 0; i < Batch<T>::size; ++i) out[static_cast<std::size_t>(i)] = f(x[i], more[i]...);
  return Batch<T>::load_unaligned(out.data());
}

// f32 by xsimd. f64, which serves gradient checks, lane by lane through <cmath>: xsimd 8.1 converts
// doubles of any size to integers there, which is undefined, and its erf is 70 ulp off.
template <class T, class Vector, class Scalar>
Batch<T> inexact(const Vector& vector, const Scalar& scalar, Batch<T> x) {
  if constexpr (std::same_as<T, float>)
    return Batch<T>::wrap(vector(x.value));
  else
    return each_lane(scalar, x);
}
}  // namespace isa_detail

// Errors in units of the last place (ulp) are the largest that tests/exec/batch.cpp finds. Where
// nothing else is said, infinities and NaN give what the functions of <cmath> give.

template <Real T>
Batch<T> abs(Batch<T> x) {
  return Batch<T>::wrap(xsimd::abs(x.value));
}
/// Correctly rounded; lane by lane on ARM, where xsimd 8.1 has NaN for infinity.
template <Real T>
Batch<T> sqrt(Batch<T> x) {
  if constexpr (isa() == Isa::neon)
    return isa_detail::each_lane([](T a) { return sqrt(a); }, x);
  else
    return Batch<T>::wrap(xsimd::sqrt(x.value));
}
template <Real T>
Batch<T> floor(Batch<T> x) {
  return Batch<T>::wrap(xsimd::floor(x.value));
}
template <Real T>
Batch<T> ceil(Batch<T> x) {
  return Batch<T>::wrap(xsimd::ceil(x.value));
}
template <Real T>
Batch<T> trunc(Batch<T> x) {
  return Batch<T>::wrap(xsimd::trunc(x.value));
}
/// Nearest integer, ties to even.
template <Real T>
Batch<T> round(Batch<T> x) {
  return Batch<T>::wrap(xsimd::nearbyint(x.value));
}

/// 2 ulp; in f32 what would be subnormal is 0.
template <Real T>
Batch<T> exp(Batch<T> x) {
  return isa_detail::inexact([](auto v) { return xsimd::exp(v); }, [](T v) { return exp(v); }, x);
}
/// e^x - 1 without cancellation; 2 ulp.
template <Real T>
Batch<T> expm1(Batch<T> x) {
  return isa_detail::inexact([](auto v) { return xsimd::expm1(v); }, [](T v) { return expm1(v); },
                             x);
}
/// 1 ulp.
template <Real T>
Batch<T> log(Batch<T> x) {
  return isa_detail::inexact([](auto v) { return xsimd::log(v); }, [](T v) { return log(v); }, x);
}
/// log(1 + x) without cancellation; 1 ulp.
template <Real T>
Batch<T> log1p(Batch<T> x) {
  return isa_detail::inexact([](auto v) { return xsimd::log1p(v); }, [](T v) { return log1p(v); },
                             x);
}
/// 2 ulp up to |x| = 100; beyond that, in f32, as good as xsimd's reduction.
template <Real T>
Batch<T> sin(Batch<T> x) {
  return isa_detail::inexact([](auto v) { return xsimd::sin(v); }, [](T v) { return sin(v); }, x);
}
template <Real T>
Batch<T> cos(Batch<T> x) {
  return isa_detail::inexact([](auto v) { return xsimd::cos(v); }, [](T v) { return cos(v); }, x);
}
/// 2 ulp.
template <Real T>
Batch<T> tanh(Batch<T> x) {
  return isa_detail::inexact([](auto v) { return xsimd::tanh(v); }, [](T v) { return tanh(v); }, x);
}
/// 3 ulp.
template <Real T>
Batch<T> erf(Batch<T> x) {
  return isa_detail::inexact([](auto v) { return xsimd::erf(v); }, [](T v) { return erf(v); }, x);
}
/// As std::pow, lane by lane: xsimd's is wrong at most of the special cases.
template <Real T>
Batch<T> pow(Batch<T> x, std::type_identity_t<Batch<T>> y) {
  return isa_detail::each_lane([](T a, T b) { return pow(a, b); }, x, y);
}

namespace isa_detail {
template <class T, class F>
T fold(Batch<T> x, const F& f) {
  std::array<T, Batch<T>::count> lanes;
  x.store_unaligned(lanes.data());
  for (std::size_t half = lanes.size() / 2; half > 0; half /= 2)
    for (std::size_t i = 0; i < half; ++i) lanes[i] = f(lanes[i], lanes[i + half]);
  return lanes[0];
}
}  // namespace isa_detail

/// All lanes combined.
/// Order:   lane i with lane i + size / 2, and so on by halves.
template <Real T>
T reduce_add(Batch<T> x) {
  return isa_detail::fold(x, [](T a, T b) { return a + b; });
}
template <Real T>
T reduce_min(Batch<T> x) {
  return isa_detail::fold(x, [](T a, T b) { return min(a, b); });
}
template <Real T>
T reduce_max(Batch<T> x) {
  return isa_detail::fold(x, [](T a, T b) { return max(a, b); });
}

CFM_ISA_NAMESPACE_END
