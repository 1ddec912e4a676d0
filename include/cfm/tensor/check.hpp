#pragma once
/// @file  Checks of tensors that operations receive, with messages that name operation and operand.

#include <initializer_list>
#include <string_view>

#include <cfm/tensor/tensor.hpp>

CFM_NAMESPACE_BEGIN

namespace detail {

// "[*, 3]": -1 stands for any extent.
inline void append_pattern(std::string& out, const Extents& pattern) {
  out += '[';
  for (int d = 0; d < pattern.rank(); ++d) {
    if (d > 0) out += ", ";
    if (pattern[d] < 0)
      out += '*';
    else
      append_text(out, pattern[d]);
  }
  out += ']';
}

inline bool matches(const Extents& pattern, const Shape& shape) {
  if (pattern.rank() != shape.rank()) return false;
  for (int d = 0; d < pattern.rank(); ++d)
    if (pattern[d] >= 0 && pattern[d] != shape[d]) return false;
  return true;
}

[[noreturn]] __attribute__((noinline, cold)) inline void fail_shape(std::string_view op,
                                                                    std::string_view operand,
                                                                    const Extents& pattern,
                                                                    const Tensor& t) {
  std::string wanted;
  append_pattern(wanted, pattern);
  throw_error<ShapeError>(op, ": ", operand, " must have the shape ", wanted, ", got ", t);
}

}  // namespace detail

/// The operand has this shape; an extent of -1 allows any.
/// Errors:  ShapeError "linear: weight must have the shape [*, 3], got f32[2, 4]".
inline void check_shape(const Tensor& t, const Extents& pattern, std::string_view op,
                        std::string_view operand) {
  if (!detail::matches(pattern, t.shape())) [[unlikely]]
    detail::fail_shape(op, operand, pattern, t);
}

/// The operand has this number of dimensions.   Errors:  ShapeError.
inline void check_rank(const Tensor& t, int rank, std::string_view op, std::string_view operand) {
  if (t.rank() != rank) [[unlikely]]
    throw_error<ShapeError>(op, ": ", operand, " must have rank ", rank, ", got ", t);
}

/// Both have the same shape.   Errors:  ShapeError.
inline void check_same_shape(const Tensor& a, const Tensor& b, std::string_view op) {
  if (!(a.shape() == b.shape())) [[unlikely]]
    throw_error<ShapeError>(op, ": operands must have the same shape, got ", a, " and ", b);
}

/// The operand has one of these element types.   Errors:  TypeError that lists them.
inline void check_dtype(const Tensor& t, std::initializer_list<DType> allowed, std::string_view op,
                        std::string_view operand) {
  for (DType dtype : allowed)
    if (t.dtype() == dtype) return;
  std::string wanted;
  for (DType dtype : allowed) {
    if (!wanted.empty()) wanted += " or ";
    wanted += name(dtype);
  }
  throw_error<TypeError>(op, ": ", operand, " must be ", wanted, ", got ", t);
}
inline void check_dtype(const Tensor& t, DType dtype, std::string_view op,
                        std::string_view operand) {
  check_dtype(t, {dtype}, op, operand);
}

/// Both have the same element type: cfm never promotes.   Errors:  TypeError.
inline void check_same_dtype(const Tensor& a, const Tensor& b, std::string_view op) {
  if (a.dtype() != b.dtype()) [[unlikely]]
    throw_error<TypeError>(op, ": operands must have the same type, got ", a, " and ", b,
                           "; convert one with to()");
}

CFM_NAMESPACE_END
