#pragma once
/// @file  Element-wise functions on integers and bools: plain loops.

#include <cfm/kernels/ops.hpp>
#include <cfm/tensor/tensor.hpp>

CFM_ISA_NAMESPACE_BEGIN
namespace isa_detail {

/// The functions of two operands that integers have too.
template <class Op>
inline constexpr bool integer_op =
    std::same_as<Op, ops::Add> || std::same_as<Op, ops::Sub> || std::same_as<Op, ops::Mul> ||
    std::same_as<Op, ops::Min> || std::same_as<Op, ops::Max>;

// Calls f with the type of an integer dtype.
template <class F>
auto visit_integer(DType dtype, const F& f) {
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

template <class Op, std::integral T>
void integer_binary(Op, const T* a, const T* b, T* out, Index n) {
  using Wide = std::uint64_t;  // wraps around, where the signed types would overflow
  for (Index i = 0; i < n; ++i) {
    if constexpr (std::same_as<Op, ops::Min>) {
      out[i] = std::min(a[i], b[i]);
    } else if constexpr (std::same_as<Op, ops::Max>) {
      out[i] = std::max(a[i], b[i]);
    } else {
      const Wide x = static_cast<Wide>(a[i]), y = static_cast<Wide>(b[i]);
      if constexpr (std::same_as<Op, ops::Add>)
        out[i] = static_cast<T>(x + y);
      else if constexpr (std::same_as<Op, ops::Sub>)
        out[i] = static_cast<T>(x - y);
      else
        out[i] = static_cast<T>(x * y);
    }
  }
}

}  // namespace isa_detail
CFM_ISA_NAMESPACE_END
