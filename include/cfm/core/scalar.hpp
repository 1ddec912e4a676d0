#pragma once
/// @file  The small floating-point types: storage formats that convert from and to float.

#include <bit>
#include <cstdint>

#include <cfm/core/fwd.hpp>  // DType first: its enumerators share the names of these types

CFM_NAMESPACE_BEGIN

namespace detail {

/// What tells one small float format from another.
struct FloatFormat {
  int exponent_bits;
  int mantissa_bits;
  int bias;
  enum Specials {
    ieee,        // all-ones exponent: infinities and NaNs
    finite_nan,  // no infinity; the all-ones code alone is NaN (E4M3FN)
    fnuz         // no infinity, no negative zero; the code of -0 is NaN
  } specials;
};

// Value of a code. Exact: every code of these formats is a float.
constexpr float decode_float(FloatFormat f, std::uint32_t code) {
  const std::uint32_t exponent_mask = (1u << f.exponent_bits) - 1;
  const std::uint32_t mantissa_mask = (1u << f.mantissa_bits) - 1;
  const std::uint32_t sign = (code >> (f.exponent_bits + f.mantissa_bits)) & 1;
  const std::uint32_t exponent = (code >> f.mantissa_bits) & exponent_mask;
  const std::uint32_t mantissa = code & mantissa_mask;
  const std::uint32_t top = sign << 31;
  const std::uint32_t shift = 23u - static_cast<std::uint32_t>(f.mantissa_bits);
  constexpr std::uint32_t nan = 0x7FC00000u;
  if (f.specials == FloatFormat::fnuz && sign == 1 && exponent == 0 && mantissa == 0)
    return std::bit_cast<float>(nan);
  if (f.specials == FloatFormat::finite_nan && exponent == exponent_mask &&
      mantissa == mantissa_mask)
    return std::bit_cast<float>(top | nan);
  if (f.specials == FloatFormat::ieee && exponent == exponent_mask)
    return std::bit_cast<float>(top | 0x7F800000u | (mantissa << shift) |
                                (mantissa != 0 ? 0x00400000u : 0u));
  if (exponent == 0 && f.bias == 127)  // subnormals of float itself, which no product may flush
    return std::bit_cast<float>(top | (mantissa << shift));
  if (exponent == 0) {  // zero and subnormals: mantissa * 2^(1 - bias - mantissa_bits)
    float value = static_cast<float>(mantissa);
    const int power = 1 - f.bias - f.mantissa_bits;
    value *= std::bit_cast<float>(static_cast<std::uint32_t>(power + 127) << 23);
    return sign != 0 ? -value : value;
  }
  const std::uint32_t wide =
      static_cast<std::uint32_t>(static_cast<int>(exponent) - f.bias + 127);
  return std::bit_cast<float>(top | (wide << 23) | (mantissa << shift));
}

// Nearest code, ties to even. Overflow gives infinity where the format has one, else NaN.
constexpr std::uint32_t encode_float(FloatFormat f, float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = (bits >> 31) << (f.exponent_bits + f.mantissa_bits);
  const std::uint32_t magnitude = bits & 0x7FFFFFFFu;
  const std::uint32_t exponent_mask = (1u << f.exponent_bits) - 1;
  const std::uint32_t infinity = exponent_mask << f.mantissa_bits;
  const std::uint32_t all_ones = infinity | ((1u << f.mantissa_bits) - 1);
  const std::uint32_t fnuz_nan = 1u << (f.exponent_bits + f.mantissa_bits);
  const bool fnuz = f.specials == FloatFormat::fnuz;
  if (magnitude > 0x7F800000u) {
    if (fnuz) return fnuz_nan;
    if (f.specials == FloatFormat::finite_nan) return sign | all_ones;
    return sign | infinity | (1u << (f.mantissa_bits - 1)) |
           ((magnitude >> (23 - f.mantissa_bits)) & ((1u << f.mantissa_bits) - 1));
  }
  const std::uint32_t stored = magnitude >> 23;
  const int exponent = (stored == 0 ? 1 : static_cast<int>(stored)) - 127;
  const int lowest = 1 - f.bias;  // exponent of the smallest normal number
  std::uint32_t significand = (magnitude & 0x7FFFFFu) | (magnitude >= 0x800000u ? 0x800000u : 0u);
  int drop = 23 - f.mantissa_bits;
  if (exponent < lowest) drop += lowest - exponent;
  std::uint32_t code = 0;
  if (drop < 25) {
    const std::uint32_t half = 1u << (drop - 1);
    const std::uint32_t kept = significand >> drop;
    const std::uint32_t rest = significand & ((1u << drop) - 1);
    code = kept + ((rest > half || (rest == half && (kept & 1) != 0)) ? 1u : 0u);
    if (exponent >= lowest)  // the hidden bit of `code` carries one unit of the exponent
      code += static_cast<std::uint32_t>(exponent + f.bias - 1) << f.mantissa_bits;
  }
  if (magnitude == 0x7F800000u) code = 0x7FFFFFFFu;
  const std::uint32_t largest = f.specials == FloatFormat::ieee         ? infinity - 1
                                : f.specials == FloatFormat::finite_nan ? all_ones - 1
                                                                        : all_ones;
  if (code > largest) {
    if (f.specials == FloatFormat::ieee) return sign | infinity;
    return fnuz ? fnuz_nan : (sign | all_ones);
  }
  return fnuz && code == 0 ? 0 : sign | code;
}

}  // namespace detail

/// A float stored in fewer bits. Converts from float by rounding to nearest, ties to even, and to
/// float exactly. Out of range gives infinity, or NaN in the formats that have no infinity.
template <class Bits, detail::FloatFormat Format>
struct SmallFloat {
  Bits bits = 0;

  constexpr SmallFloat() = default;
  CFM_HOST_DEVICE constexpr explicit SmallFloat(float value)
      : bits(static_cast<Bits>(detail::encode_float(Format, value))) {}
  CFM_HOST_DEVICE constexpr operator float() const { return detail::decode_float(Format, bits); }

  /// The number that has these bits.
  CFM_HOST_DEVICE static constexpr SmallFloat from_bits(Bits bits) {
    SmallFloat out;
    out.bits = bits;
    return out;
  }
};

/// The upper half of a float: range of float, 8 bits of precision.
using bf16 = SmallFloat<std::uint16_t, detail::FloatFormat{8, 7, 127, detail::FloatFormat::ieee}>;
/// IEEE 754 binary16.
using f16 = SmallFloat<std::uint16_t, detail::FloatFormat{5, 10, 15, detail::FloatFormat::ieee}>;
/// OCP 8-bit float, E4M3: largest 448, no infinity.
using f8_e4m3fn =
    SmallFloat<std::uint8_t, detail::FloatFormat{4, 3, 7, detail::FloatFormat::finite_nan}>;
/// OCP 8-bit float, E5M2: largest 57344, with infinity.
using f8_e5m2 = SmallFloat<std::uint8_t, detail::FloatFormat{5, 2, 15, detail::FloatFormat::ieee}>;
/// E4M3 without infinity and without -0: largest 240.
using f8_e4m3fnuz =
    SmallFloat<std::uint8_t, detail::FloatFormat{4, 3, 8, detail::FloatFormat::fnuz}>;
/// E5M2 without infinity and without -0: largest 57344.
using f8_e5m2fnuz =
    SmallFloat<std::uint8_t, detail::FloatFormat{5, 2, 16, detail::FloatFormat::fnuz}>;

CFM_NAMESPACE_END
