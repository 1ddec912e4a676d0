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
