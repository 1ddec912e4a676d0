#pragma once
/// @file  Division with remainder of tensors, and powers of integers.

#include <cmath>
#include <limits>

#include <cfm/kernels/detail/integer.hpp>
#include <cfm/kernels/pointwise.hpp>

CFM_ISA_NAMESPACE_BEGIN
namespace isa_detail {

template <class T>
T checked_divisor(std::string_view op, T b) {
  if (b == T{0}) [[unlikely]]
    throw_error<NumericError>(op, ": division by zero");
  return b;
}

// The one quotient that does not fit, of the smallest number and -1, wraps around to itself.
template <std::integral T>
T wrapped_quotient(T a, T b) {
  if constexpr (std::signed_integral<T>)
    if (b == T{-1}) return static_cast<T>(std::uint64_t{0} - static_cast<std::uint64_t>(a));
  return static_cast<T>(a / b);
}

template <std::integral T>
T wrapped_fmod(T a, T b) {
  if constexpr (std::signed_integral<T>)
    if (b == T{-1}) return 0;
  return static_cast<T>(a % b);
}

template <std::integral T>
T wrapped_pow(T base, T exponent) {
  std::uint64_t out = 1, factor = static_cast<std::uint64_t>(base);
  for (auto left = static_cast<std::uint64_t>(exponent); left != 0; left >>= 1) {
    if ((left & 1u) != 0) out *= factor;
    factor *= factor;
  }
  return static_cast<T>(out);
}

// f(a, b) on integers of one type.
template <class F>
Tensor map_integers(std::string_view op, const Tensor& a, const Tensor& b, const F& f) {
  check_same_types(op, {&a, &b});
  CFM_CHECK(is_integer(a.dtype()), concat(op, ": needs integers"), a.dtype());
  return visit_integer(a.dtype(), [&]<class T>(std::type_identity<T>) {
    return pointwise_as<T, T>([&f](T x, T y) -> T { return f(x, y); }, a, b);
  });
}

}  // namespace isa_detail

/// @name Division with remainder
/// With NumPy's broadcasting. fmod and remainder take f32, f64 and integers, the others integers.
/// Errors:  NumericError where an integer is divided by zero (floats give NaN), TypeError for other
///          types or mixed ones, ShapeError if the shapes do not fit.
/// @{

/// a / b of integers, towards zero. -128 / -1 of i8 wraps around to -128, and so on.
inline Tensor quotient(const Tensor& a, const Tensor& b) {
  return isa_detail::map_integers("quotient", a, b, [](auto x, auto y) {
    return isa_detail::wrapped_quotient(x, isa_detail::checked_divisor("quotient", y));
  });
}

/// What a leaves when divided by b towards zero; has the sign of a.
inline Tensor fmod(const Tensor& a, const Tensor& b) {
  if (is_floating(a.dtype()))
    return pointwise(
        "fmod", [](auto x, auto y) { return std::fmod(x, y); }, a, b);
  return isa_detail::map_integers("fmod", a, b, [](auto x, auto y) {
    return isa_detail::wrapped_fmod(x, isa_detail::checked_divisor("fmod", y));
  });
}

/// What a leaves when divided by b downwards; has the sign of b.
inline Tensor remainder(const Tensor& a, const Tensor& b) {
  if (is_floating(a.dtype()))
    return pointwise(
        "remainder",
        [](auto x, auto y) {
          const auto r = std::fmod(x, y);
          return r != 0 && (r < 0) != (y < 0) ? r + y : r;
        },
        a, b);
  return isa_detail::map_integers("remainder", a, b, [](auto x, auto y) {
    const auto r = isa_detail::wrapped_fmod(x, isa_detail::checked_divisor("remainder", y));
    return r != 0 && (r < 0) != (y < 0) ? static_cast<decltype(x)>(r + y) : r;
  });
}
/// @}

/// a^b of integers by repeated squaring; wraps around on overflow, and 0^0 is 1.
/// Errors:  NumericError for a negative exponent; TypeError, ShapeError.
inline Tensor integer_pow(const Tensor& a, const Tensor& b) {
  return isa_detail::map_integers("integer_pow", a, b, [](auto x, auto y) {
    if (y < 0) [[unlikely]]
      throw_error<NumericError>("integer_pow: the exponent must not be negative, got ", y);
    return isa_detail::wrapped_pow(x, y);
  });
}

CFM_ISA_NAMESPACE_END
