#pragma once
/// @file  Element types of tensors.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <cfm/core/error.hpp>
#include <cfm/core/scalar.hpp>

CFM_NAMESPACE_BEGIN

namespace detail {

struct DTypeInfo {
  std::string_view name;
  std::uint8_t size;
};

inline constexpr std::array<DTypeInfo, 17> dtype_table{{
    {"f64", 8}, {"f32", 4}, {"bf16", 2}, {"f16", 2}, {"f8_e4m3fn", 1}, {"f8_e5m2", 1},
    {"f8_e4m3fnuz", 1}, {"f8_e5m2fnuz", 1}, {"bool", 1}, {"i8", 1}, {"i16", 2}, {"i32", 4},
    {"i64", 8}, {"u8", 1}, {"u16", 2}, {"u32", 4}, {"u64", 8},
}};

template <>
inline constexpr CheckKind check_kind<DType> = CheckKind::type;

template <class T>
struct DTypeOf;
template <> struct DTypeOf<double> { static constexpr DType value = DType::f64; };
template <> struct DTypeOf<float> { static constexpr DType value = DType::f32; };
template <> struct DTypeOf<bf16> { static constexpr DType value = DType::bf16; };
template <> struct DTypeOf<f16> { static constexpr DType value = DType::f16; };
template <> struct DTypeOf<f8_e4m3fn> { static constexpr DType value = DType::f8_e4m3fn; };
template <> struct DTypeOf<f8_e5m2> { static constexpr DType value = DType::f8_e5m2; };
template <> struct DTypeOf<f8_e4m3fnuz> { static constexpr DType value = DType::f8_e4m3fnuz; };
template <> struct DTypeOf<f8_e5m2fnuz> { static constexpr DType value = DType::f8_e5m2fnuz; };
template <> struct DTypeOf<bool> { static constexpr DType value = DType::boolean; };
template <> struct DTypeOf<std::int8_t> { static constexpr DType value = DType::i8; };
template <> struct DTypeOf<std::int16_t> { static constexpr DType value = DType::i16; };
template <> struct DTypeOf<std::int32_t> { static constexpr DType value = DType::i32; };
template <> struct DTypeOf<std::int64_t> { static constexpr DType value = DType::i64; };
template <> struct DTypeOf<std::uint8_t> { static constexpr DType value = DType::u8; };
template <> struct DTypeOf<std::uint16_t> { static constexpr DType value = DType::u16; };
template <> struct DTypeOf<std::uint32_t> { static constexpr DType value = DType::u32; };
template <> struct DTypeOf<std::uint64_t> { static constexpr DType value = DType::u64; };

}  // namespace detail

/// A C++ type that a tensor may hold.
template <class T>
concept Element = requires { detail::DTypeOf<T>::value; };

/// The types that kernels compute in.
template <class T>
concept Real = std::same_as<T, float> || std::same_as<T, double>;

/// The DType of a C++ type.
template <Element T>
inline constexpr DType dtype_of = detail::DTypeOf<T>::value;

/// Bytes of one element.
constexpr Index size_of(DType dtype) {
  return detail::dtype_table[static_cast<std::size_t>(dtype)].size;
}

/// "f32", "bool", "i64" ...
constexpr std::string_view name(DType dtype) {
  return detail::dtype_table[static_cast<std::size_t>(dtype)].name;
}

/// f64, f32, bf16, f16 or an 8-bit float.
constexpr bool is_floating(DType dtype) { return dtype <= DType::f8_e5m2fnuz; }

/// A signed or unsigned integer; bool is not one.
constexpr bool is_integer(DType dtype) { return dtype >= DType::i8; }

inline void append_text(std::string& out, DType dtype) { out += name(dtype); }

/// Calls f(std::type_identity<T>{}) with the C++ type of `dtype`: the one place where a run-time
/// dtype becomes a compile-time type.
template <class F>
decltype(auto) visit_dtype(DType dtype, F&& f) {
  switch (dtype) {
    case DType::f64: return f(std::type_identity<double>{});
    case DType::f32: return f(std::type_identity<float>{});
    case DType::bf16: return f(std::type_identity<bf16>{});
    case DType::f16: return f(std::type_identity<f16>{});
    case DType::f8_e4m3fn: return f(std::type_identity<f8_e4m3fn>{});
    case DType::f8_e5m2: return f(std::type_identity<f8_e5m2>{});
    case DType::f8_e4m3fnuz: return f(std::type_identity<f8_e4m3fnuz>{});
    case DType::f8_e5m2fnuz: return f(std::type_identity<f8_e5m2fnuz>{});
    case DType::boolean: return f(std::type_identity<bool>{});
    case DType::i8: return f(std::type_identity<std::int8_t>{});
    case DType::i16: return f(std::type_identity<std::int16_t>{});
    case DType::i32: return f(std::type_identity<std::int32_t>{});
    case DType::i64: return f(std::type_identity<std::int64_t>{});
    case DType::u8: return f(std::type_identity<std::uint8_t>{});
    case DType::u16: return f(std::type_identity<std::uint16_t>{});
    case DType::u32: return f(std::type_identity<std::uint32_t>{});
    case DType::u64: return f(std::type_identity<std::uint64_t>{});
  }
  throw TypeError("dtype: not one of the element types");
}

/// The same for the types that kernels compute in.
/// Errors:  TypeError naming `op` for every dtype but f32 and f64.
template <class F>
decltype(auto) visit_real(DType dtype, std::string_view op, F&& f) {
  if (dtype == DType::f32) return f(std::type_identity<float>{});
  if (dtype == DType::f64) return f(std::type_identity<double>{});
  throw_error<TypeError>(op, ": needs f32 or f64, got ", dtype);
}

/// The same for index tensors.
/// Errors:  TypeError naming `op` for every dtype but i32 and i64.
template <class F>
decltype(auto) visit_index(DType dtype, std::string_view op, F&& f) {
  if (dtype == DType::i32) return f(std::type_identity<std::int32_t>{});
  if (dtype == DType::i64) return f(std::type_identity<std::int64_t>{});
  throw_error<TypeError>(op, ": needs an index tensor of i32 or i64, got ", dtype);
}

/// The same for integers.   Errors:  TypeError for every other dtype.
template <class F>
decltype(auto) visit_integer(DType dtype, F&& f) {
  switch (dtype) {
    case DType::i8: return f(std::type_identity<std::int8_t>{});
    case DType::i16: return f(std::type_identity<std::int16_t>{});
    case DType::i32: return f(std::type_identity<std::int32_t>{});
    case DType::i64: return f(std::type_identity<std::int64_t>{});
    case DType::u8: return f(std::type_identity<std::uint8_t>{});
    case DType::u16: return f(std::type_identity<std::uint16_t>{});
    case DType::u32: return f(std::type_identity<std::uint32_t>{});
    case DType::u64: return f(std::type_identity<std::uint64_t>{});
    default: throw_error<TypeError>("wanted an integer type, got ", dtype);
  }
}

CFM_NAMESPACE_END
