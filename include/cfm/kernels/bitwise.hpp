#pragma once
/// @file  Integers as rows of bits: and, or, xor, not, shifts.

#include <cfm/kernels/detail/integer.hpp>
#include <cfm/kernels/pointwise.hpp>
#include <cfm/tensor/bit_cast.hpp>

CFM_ISA_NAMESPACE_BEGIN
namespace isa_detail {

inline void check_integers(std::string_view op, const Tensor& x) {
  CFM_CHECK(is_integer(x.dtype()), concat(op, ": needs integers"), x.dtype());
}

// f on the elements as unsigned numbers of their size, of which there are only four.
template <class F, class... Tensors>
Tensor map_bits(std::string_view op, const F& f, const Tensor& x, const Tensors&... rest) {
  check_integers(op, x);
  check_same_types(op, {&x, &rest...});
  const auto run = [&]<class T>(std::type_identity<T>) {
    const auto narrow = [&f](T a, auto... b) { return static_cast<T>(f(a, b...)); };
    return bit_cast(pointwise_as<T, std::conditional_t<true, T, Tensors>...>(
                        narrow, bit_cast(x, dtype_of<T>), bit_cast(rest, dtype_of<T>)...),
                    x.dtype());
  };
  switch (size_of(x.dtype())) {
    case 1: return run(std::type_identity<std::uint8_t>{});
    case 2: return run(std::type_identity<std::uint16_t>{});
    case 4: return run(std::type_identity<std::uint32_t>{});
    default: return run(std::type_identity<std::uint64_t>{});
  }
}

// Counts as unsigned numbers: a negative one is larger than any width.
template <class T>
bool shifts_all_out(T count) {
  return static_cast<std::make_unsigned_t<T>>(count) >= 8 * sizeof(T);
}

}  // namespace isa_detail

/// @name Bits of integers
/// Element by element with NumPy's broadcasting, for the eight integer types; bool tensors have
/// logical_and and its like.
/// Errors:  TypeError for other types or mixed ones, ShapeError if the shapes do not fit.
/// @{
inline Tensor bitwise_and(const Tensor& a, const Tensor& b) {
  return isa_detail::map_bits(
      "bitwise_and", [](auto x, auto y) { return x & y; }, a, b);
}
inline Tensor bitwise_or(const Tensor& a, const Tensor& b) {
  return isa_detail::map_bits(
      "bitwise_or", [](auto x, auto y) { return x | y; }, a, b);
}
inline Tensor bitwise_xor(const Tensor& a, const Tensor& b) {
  return isa_detail::map_bits(
      "bitwise_xor", [](auto x, auto y) { return x ^ y; }, a, b);
}
inline Tensor bitwise_not(const Tensor& x) {
  return isa_detail::map_bits(
      "bitwise_not", [](auto v) { return ~v; }, x);
}

/// a 2^b, the bits that leave are lost. A count that is negative or at least the number of bits
/// gives 0.
inline Tensor shift_left(const Tensor& a, const Tensor& b) {
  return isa_detail::map_bits(
      "shift_left",
      [](auto x, auto count) {
        return isa_detail::shifts_all_out(count)
                   ? decltype(x){0}
                   : static_cast<decltype(x)>(std::uint64_t{x} << count);
      },
      a, b);
}

/// a / 2^b downwards: signed numbers keep their sign. A count that is negative or at least the
/// number of bits gives 0, or -1 for a negative number.
inline Tensor shift_right(const Tensor& a, const Tensor& b) {
  isa_detail::check_integers("shift_right", a);
  isa_detail::check_same_types("shift_right", {&a, &b});
  return visit_integer(a.dtype(), [&]<class T>(std::type_identity<T>) {
    return pointwise_as<T, T>(
        [](T x, T count) {
          if (isa_detail::shifts_all_out(count)) return x < T{0} ? static_cast<T>(-1) : T{0};
          return static_cast<T>(x >> count);
        },
        a, b);
  });
}
/// @}

CFM_ISA_NAMESPACE_END
