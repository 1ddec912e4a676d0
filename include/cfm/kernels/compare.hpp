#pragma once
/// @file  Comparisons, selection and logic of tensors. Comparisons give bool tensors.

#include <cfm/kernels/detail/integer.hpp>
#include <cfm/kernels/detail/operand.hpp>
#include <cfm/kernels/dispatch.hpp>

CFM_ISA_NAMESPACE_BEGIN
namespace isa_detail {

inline void check_same_dtype(std::string_view name, const Tensor& a, const Tensor& b) {
  CFM_CHECK(a.dtype() == b.dtype(), concat(name, ": both operands must have the same type"),
            a.dtype(), b.dtype());
}

// A value, not a type: one loop for each element type holds all six.
enum class Comparison { eq, ne, lt, le, gt, ge };

template <class T>
void compare_run(Comparison c, const T* a, const T* b, bool* out, Index n) {
  const auto run = [&](auto f) {
    for (Index i = 0; i < n; ++i) out[i] = f(a[i], b[i]);
  };
  switch (c) {
    case Comparison::eq: return run([](T x, T y) { return x == y; });
    case Comparison::ne: return run([](T x, T y) { return x != y; });
    case Comparison::lt: return run([](T x, T y) { return x < y; });
    case Comparison::le: return run([](T x, T y) { return x <= y; });
    case Comparison::gt: return run([](T x, T y) { return x > y; });
    case Comparison::ge: return run([](T x, T y) { return x >= y; });
  }
}

// f32, f64, bool and the integers.
template <class F>
Tensor visit_ordered(std::string_view name, DType dtype, const F& f) {
  if (is_integer(dtype)) return visit_integer(dtype, f);
  if (dtype == DType::boolean) return f(std::type_identity<bool>{});
  return visit_real(dtype, name, f);
}

template <class T>
Tensor compare_operands(Comparison c, const ElementOperand<T>& a, const ElementOperand<T>& b,
                        const Shape& shape) {
  Tensor out = Tensor::empty(shape, DType::boolean);
  bool* const target = out.data<bool>();
  for_each_piece(shape.size(), a.dense() && b.dense(), 2 * sizeof(T) + 1,
                 [&](Index begin, Index n) {
                   T buffer_a[operand_chunk], buffer_b[operand_chunk];
                   compare_run(c, a.fetch(begin, n, buffer_a), b.fetch(begin, n, buffer_b),
                               target + begin, n);
                 });
  return out;
}

inline Tensor compare(std::string_view name, Comparison c, const Tensor& a, const Tensor& b) {
  check_same_dtype(name, a, b);
  const Shape shape = broadcast(a.shape(), b.shape());
  return visit_ordered(name, a.dtype(), [&]<class T>(std::type_identity<T>) {
    return compare_operands<T>(c, ElementOperand<T>(a, shape), ElementOperand<T>(b, shape), shape);
  });
}
inline Tensor compare(std::string_view name, Comparison c, const Tensor& a, double b) {
  return visit_ordered(name, a.dtype(), [&]<class T>(std::type_identity<T>) {
    const ElementOperand<T> value(convert<T>(b));
    return compare_operands<T>(c, ElementOperand<T>(a, a.shape()), value, a.shape());
  });
}

enum class Logic { both, either, differs };

inline Tensor logic(std::string_view name, Logic op, const Tensor& a, const Tensor& b) {
  CFM_CHECK(a.dtype() == DType::boolean && b.dtype() == DType::boolean,
            concat(name, ": needs bool tensors"), a.dtype(), b.dtype());
  const Shape shape = broadcast(a.shape(), b.shape());
  Tensor out = Tensor::empty(shape, DType::boolean);
  bool* const target = out.data<bool>();
  const ElementOperand<bool> oa(a, shape), ob(b, shape);
  for_each_piece(shape.size(), oa.dense() && ob.dense(), 3, [&](Index begin, Index n) {
    bool buffer_a[operand_chunk], buffer_b[operand_chunk];
    const bool* const pa = oa.fetch(begin, n, buffer_a);
    const bool* const pb = ob.fetch(begin, n, buffer_b);
    for (Index i = 0; i < n; ++i)
      target[begin + i] = op == Logic::both     ? pa[i] && pb[i]
                          : op == Logic::either ? pa[i] || pb[i]
                                                : pa[i] != pb[i];
  });
  return out;
}

}  // namespace isa_detail

/// @name Comparisons
/// Bool tensors of the broadcast shape. NaN equals nothing and is not ordered.
/// Errors:  TypeError if the types differ or are small floats, ShapeError if the shapes do not fit.
/// @{
inline Tensor equal(const Tensor& a, const Tensor& b) {
  return isa_detail::compare("equal", isa_detail::Comparison::eq, a, b);
}
inline Tensor equal(const Tensor& a, double b) {
  return isa_detail::compare("equal", isa_detail::Comparison::eq, a, b);
}
inline Tensor not_equal(const Tensor& a, const Tensor& b) {
  return isa_detail::compare("not_equal", isa_detail::Comparison::ne, a, b);
}
inline Tensor not_equal(const Tensor& a, double b) {
  return isa_detail::compare("not_equal", isa_detail::Comparison::ne, a, b);
}
inline Tensor less(const Tensor& a, const Tensor& b) {
  return isa_detail::compare("less", isa_detail::Comparison::lt, a, b);
}
inline Tensor less(const Tensor& a, double b) {
  return isa_detail::compare("less", isa_detail::Comparison::lt, a, b);
}
inline Tensor less_equal(const Tensor& a, const Tensor& b) {
  return isa_detail::compare("less_equal", isa_detail::Comparison::le, a, b);
}
inline Tensor less_equal(const Tensor& a, double b) {
  return isa_detail::compare("less_equal", isa_detail::Comparison::le, a, b);
}
inline Tensor greater(const Tensor& a, const Tensor& b) {
  return isa_detail::compare("greater", isa_detail::Comparison::gt, a, b);
}
inline Tensor greater(const Tensor& a, double b) {
  return isa_detail::compare("greater", isa_detail::Comparison::gt, a, b);
}
inline Tensor greater_equal(const Tensor& a, const Tensor& b) {
  return isa_detail::compare("greater_equal", isa_detail::Comparison::ge, a, b);
}
inline Tensor greater_equal(const Tensor& a, double b) {
  return isa_detail::compare("greater_equal", isa_detail::Comparison::ge, a, b);
}
/// @}

/// Both, on bool tensors with broadcasting.   Errors:  TypeError for other types.
inline Tensor logical_and(const Tensor& a, const Tensor& b) {
  return isa_detail::logic("logical_and", isa_detail::Logic::both, a, b);
}
/// At least one.
inline Tensor logical_or(const Tensor& a, const Tensor& b) {
  return isa_detail::logic("logical_or", isa_detail::Logic::either, a, b);
}
/// Exactly one.
inline Tensor logical_xor(const Tensor& a, const Tensor& b) {
  return isa_detail::logic("logical_xor", isa_detail::Logic::differs, a, b);
}
/// True where x is false.
inline Tensor logical_not(const Tensor& x) {
  return isa_detail::logic("logical_not", isa_detail::Logic::differs, x, Tensor::scalar(true));
}

/// condition ? a : b, all three broadcast to one shape.
/// Errors:  TypeError unless condition is bool and a, b have one type, any; ShapeError.
inline Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b) {
  CFM_CHECK(condition.dtype() == DType::boolean, "where: the condition must be bool",
            condition.dtype());
  isa_detail::check_same_dtype("where", a, b);
  const Shape shape = broadcast(condition.shape(), broadcast(a.shape(), b.shape()));
  return visit_dtype(a.dtype(), [&]<class T>(std::type_identity<T>) {
    Tensor out = Tensor::empty(shape, a.dtype());
    T* const target = out.data<T>();
    const isa_detail::ElementOperand<bool> oc(condition, shape);
    const isa_detail::ElementOperand<T> oa(a, shape), ob(b, shape);
    isa_detail::for_each_piece(
        shape.size(), oc.dense() && oa.dense() && ob.dense(), 3 * sizeof(T) + 1,
        [&](Index begin, Index n) {
          bool buffer_c[isa_detail::operand_chunk];
          T buffer_a[isa_detail::operand_chunk], buffer_b[isa_detail::operand_chunk];
          const bool* const pc = oc.fetch(begin, n, buffer_c);
          const T* const pa = oa.fetch(begin, n, buffer_a);
          const T* const pb = ob.fetch(begin, n, buffer_b);
          for (Index i = 0; i < n; ++i) target[begin + i] = pc[i] ? pa[i] : pb[i];
        });
    return out;
  });
}

CFM_ISA_NAMESPACE_END
