#pragma once
/// @file  Element-wise functions of tensors, with NumPy broadcasting and without a tape.

#include <cfm/kernels/compare.hpp>
#include <cfm/kernels/detail/integer.hpp>
#include <cfm/kernels/detail/operand.hpp>
#include <cfm/kernels/detail/past_cache.hpp>
#include <cfm/kernels/elementwise-inl.hpp>

CFM_ISA_NAMESPACE_BEGIN

/// out[i] = op(x[i]) for a function of ops.hpp.
/// Shapes:  x [n], out [n]; stride 1; out may be x itself.
template <class Op, Real T>
void map(Op op, In<T, 1> x, View<T, 1> out) {
  CFM_CHECK(x.extent[0] == out.extent[0], "map: x and out must have the same length", x, out);
  CFM_CHECK(x.last_contiguous() && out.last_contiguous(), "map: elements must be adjacent", x, out);
  const Index n = out.extent[0];
  const bool past = x.data != out.data && isa_detail::past_cache(out.data, 1, n, n);
  const Index grain = grain_for(2 * sizeof(T));
  isa_detail::for_chunks_past_cache(n, grain, past, [&](Index begin, Index end) {
    CFM_CALL(map_unary)(op, x.data + begin, out.data + begin, end - begin, past);
  });
}

/// out[i] = op(a[i], b[i]) for a function of ops.hpp.
/// Shapes:  a [n], b [n], out [n]; stride 1; out may be a or b itself.
template <class Op, Real T>
void map(Op op, In<T, 1> a, In<T, 1> b, View<T, 1> out) {
  CFM_CHECK(a.extent[0] == out.extent[0] && b.extent[0] == out.extent[0],
            "map: a, b and out must have the same length", a, b, out);
  CFM_CHECK(a.last_contiguous() && b.last_contiguous() && out.last_contiguous(),
            "map: elements must be adjacent", a, b, out);
  const Index n = out.extent[0], grain = grain_for(3 * sizeof(T)) / 64 * 64;
  const bool past = a.data != out.data && b.data != out.data &&
                    isa_detail::past_cache(out.data, 1, n, n);
  isa_detail::for_chunks_past_cache(n, grain, past, [&](Index begin, Index end) {
    CFM_CALL(map_binary)(op, a.data + begin, b.data + begin, out.data + begin, end - begin, past);
  });
}

namespace isa_detail {

template <class Op>
Tensor map_tensor(std::string_view name, Op op, const Tensor& x) {
  return visit_real(x.dtype(), name, [&]<class T>(std::type_identity<T>) {
    Tensor out = Tensor::empty_like(x);
    T* const target = out.data<T>();
    const ElementOperand<T> a(x, x.shape());
    if (a.dense()) {
      map(op, vector_view(x.data<T>(), x.size()), vector_view(target, x.size()));
      return out;
    }
    for_each_piece(x.size(), a.dense(), 2 * sizeof(T), [&](Index begin, Index n) {
      alignas(64) T buffer[operand_chunk];
      CFM_CALL(map_unary)(op, a.fetch(begin, n, buffer), target + begin, n, false);
    });
    return out;
  });
}

template <class Op, class T>
void map_operands(Op op, const ElementOperand<T>& a, const ElementOperand<T>& b, T* out, Index n) {
  if constexpr (Real<T>)
    if (a.dense() && b.dense())
      return map(op, vector_view(a.fetch(0, n, nullptr), n), vector_view(b.fetch(0, n, nullptr), n),
                 vector_view(out, n));
  for_each_piece(n, a.dense() && b.dense(), 3 * sizeof(T), [&](Index begin, Index count) {
    alignas(64) T buffer_a[operand_chunk], buffer_b[operand_chunk];
    const T* const pa = a.fetch(begin, count, buffer_a);
    const T* const pb = b.fetch(begin, count, buffer_b);
    if constexpr (Real<T>)
      CFM_CALL(map_binary)(op, pa, pb, out + begin, count, false);
    else
      integer_binary(op, pa, pb, out + begin, count);
  });
}

// The types that a binary function takes: f32, f64, and integers for those that are exact there.
template <class Op, class F>
Tensor visit_binary(std::string_view name, DType dtype, const F& f) {
  if constexpr (integer_op<Op>)
    if (is_integer(dtype)) return visit_integer(dtype, f);
  return visit_real(dtype, name, f);
}

template <class Op>
Tensor map_tensor(std::string_view name, Op op, const Tensor& a, const Tensor& b) {
  check_same_dtype(name, a, b);
  const Shape shape = broadcast(a.shape(), b.shape());
  return visit_binary<Op>(name, a.dtype(), [&]<class T>(std::type_identity<T>) {
    Tensor out = Tensor::empty(shape, a.dtype());
    map_operands(op, ElementOperand<T>(a, shape), ElementOperand<T>(b, shape), out.data<T>(),
                 shape.size());
    return out;
  });
}
template <class Op>
Tensor map_tensor(std::string_view name, Op op, const Tensor& a, double b) {
  return visit_binary<Op>(name, a.dtype(), [&]<class T>(std::type_identity<T>) {
    Tensor out = Tensor::empty_like(a);
    map_operands(op, ElementOperand<T>(a, a.shape()), ElementOperand<T>(convert<T>(b)),
                 out.data<T>(), a.size());
    return out;
  });
}
template <class Op>
Tensor map_tensor(std::string_view name, Op op, double a, const Tensor& b) {
  return visit_binary<Op>(name, b.dtype(), [&]<class T>(std::type_identity<T>) {
    Tensor out = Tensor::empty_like(b);
    map_operands(op, ElementOperand<T>(convert<T>(a)), ElementOperand<T>(b, b.shape()),
                 out.data<T>(), b.size());
    return out;
  });
}

}  // namespace isa_detail

/// @name Functions of one f32 or f64 tensor
/// Each gives a dense tensor of the same shape and type. What it computes, and how exactly, is said
/// at its name in ops.hpp.
/// Errors:  TypeError for other types.
/// @{
inline Tensor neg(const Tensor& x) { return isa_detail::map_tensor("neg", ops::Neg{}, x); }
inline Tensor abs(const Tensor& x) { return isa_detail::map_tensor("abs", ops::Abs{}, x); }
inline Tensor exp(const Tensor& x) { return isa_detail::map_tensor("exp", ops::Exp{}, x); }
inline Tensor log(const Tensor& x) { return isa_detail::map_tensor("log", ops::Log{}, x); }
inline Tensor log1p(const Tensor& x) { return isa_detail::map_tensor("log1p", ops::Log1p{}, x); }
inline Tensor expm1(const Tensor& x) { return isa_detail::map_tensor("expm1", ops::Expm1{}, x); }
inline Tensor sqrt(const Tensor& x) { return isa_detail::map_tensor("sqrt", ops::Sqrt{}, x); }
inline Tensor rsqrt(const Tensor& x) { return isa_detail::map_tensor("rsqrt", ops::Rsqrt{}, x); }
inline Tensor square(const Tensor& x) { return isa_detail::map_tensor("square", ops::Square{}, x); }
inline Tensor reciprocal(const Tensor& x) {
  return isa_detail::map_tensor("reciprocal", ops::Reciprocal{}, x);
}
inline Tensor tanh(const Tensor& x) { return isa_detail::map_tensor("tanh", ops::Tanh{}, x); }
inline Tensor sigmoid(const Tensor& x) {
  return isa_detail::map_tensor("sigmoid", ops::Sigmoid{}, x);
}
inline Tensor relu(const Tensor& x) { return isa_detail::map_tensor("relu", ops::Relu{}, x); }
inline Tensor leaky_relu(const Tensor& x, double slope = 0.01) {
  return isa_detail::map_tensor("leaky_relu", ops::LeakyRelu{slope}, x);
}
inline Tensor elu(const Tensor& x, double alpha = 1) {
  return isa_detail::map_tensor("elu", ops::Elu{alpha}, x);
}
inline Tensor gelu(const Tensor& x) { return isa_detail::map_tensor("gelu", ops::Gelu{}, x); }
inline Tensor gelu_tanh(const Tensor& x) {
  return isa_detail::map_tensor("gelu_tanh", ops::GeluTanh{}, x);
}
inline Tensor silu(const Tensor& x) { return isa_detail::map_tensor("silu", ops::Silu{}, x); }
inline Tensor softplus(const Tensor& x, double beta = 1) {
  return isa_detail::map_tensor("softplus", ops::Softplus{beta}, x);
}
inline Tensor sin(const Tensor& x) { return isa_detail::map_tensor("sin", ops::Sin{}, x); }
inline Tensor cos(const Tensor& x) { return isa_detail::map_tensor("cos", ops::Cos{}, x); }
inline Tensor erf(const Tensor& x) { return isa_detail::map_tensor("erf", ops::Erf{}, x); }
inline Tensor sign(const Tensor& x) { return isa_detail::map_tensor("sign", ops::Sign{}, x); }
inline Tensor floor(const Tensor& x) { return isa_detail::map_tensor("floor", ops::Floor{}, x); }
inline Tensor ceil(const Tensor& x) { return isa_detail::map_tensor("ceil", ops::Ceil{}, x); }
inline Tensor round(const Tensor& x) { return isa_detail::map_tensor("round", ops::Round{}, x); }
inline Tensor trunc(const Tensor& x) { return isa_detail::map_tensor("trunc", ops::Trunc{}, x); }
inline Tensor clamp(const Tensor& x, double low, double high) {
  return isa_detail::map_tensor("clamp", ops::Clamp{low, high}, x);
}

/// @}

/// @name Functions of two operands
/// The operands are broadcast to a common shape by NumPy's rule; the result is dense. A number
/// takes the type of the tensor beside it. add, sub, mul, minimum and maximum take integers too,
/// and wrap around on overflow.
/// Errors:  TypeError if the types differ or are not offered, ShapeError if the shapes do not fit.
/// @{
inline Tensor add(const Tensor& a, const Tensor& b) {
  return isa_detail::map_tensor("add", ops::Add{}, a, b);
}
inline Tensor add(const Tensor& a, double b) {
  return isa_detail::map_tensor("add", ops::Add{}, a, b);
}
inline Tensor sub(const Tensor& a, const Tensor& b) {
  return isa_detail::map_tensor("sub", ops::Sub{}, a, b);
}
inline Tensor sub(const Tensor& a, double b) {
  return isa_detail::map_tensor("sub", ops::Sub{}, a, b);
}
inline Tensor sub(double a, const Tensor& b) {
  return isa_detail::map_tensor("sub", ops::Sub{}, a, b);
}
inline Tensor mul(const Tensor& a, const Tensor& b) {
  return isa_detail::map_tensor("mul", ops::Mul{}, a, b);
}
inline Tensor mul(const Tensor& a, double b) {
  return isa_detail::map_tensor("mul", ops::Mul{}, a, b);
}
inline Tensor div(const Tensor& a, const Tensor& b) {
  return isa_detail::map_tensor("div", ops::Div{}, a, b);
}
inline Tensor div(const Tensor& a, double b) {
  return isa_detail::map_tensor("div", ops::Div{}, a, b);
}
inline Tensor div(double a, const Tensor& b) {
  return isa_detail::map_tensor("div", ops::Div{}, a, b);
}
inline Tensor minimum(const Tensor& a, const Tensor& b) {
  return isa_detail::map_tensor("minimum", ops::Min{}, a, b);
}
inline Tensor maximum(const Tensor& a, const Tensor& b) {
  return isa_detail::map_tensor("maximum", ops::Max{}, a, b);
}
inline Tensor pow(const Tensor& a, const Tensor& b) {
  return isa_detail::map_tensor("pow", ops::Pow{}, a, b);
}
inline Tensor pow(const Tensor& a, double b) {
  return isa_detail::map_tensor("pow", ops::Pow{}, a, b);
}

inline Tensor operator-(const Tensor& x) { return neg(x); }
inline Tensor operator+(const Tensor& a, const Tensor& b) { return add(a, b); }
inline Tensor operator+(const Tensor& a, double b) { return add(a, b); }
inline Tensor operator+(double a, const Tensor& b) { return add(b, a); }
inline Tensor operator-(const Tensor& a, const Tensor& b) { return sub(a, b); }
inline Tensor operator-(const Tensor& a, double b) { return sub(a, b); }
inline Tensor operator-(double a, const Tensor& b) { return sub(a, b); }
inline Tensor operator*(const Tensor& a, const Tensor& b) { return mul(a, b); }
inline Tensor operator*(const Tensor& a, double b) { return mul(a, b); }
inline Tensor operator*(double a, const Tensor& b) { return mul(b, a); }
inline Tensor operator/(const Tensor& a, const Tensor& b) { return div(a, b); }
inline Tensor operator/(const Tensor& a, double b) { return div(a, b); }
inline Tensor operator/(double a, const Tensor& b) { return div(a, b); }
/// @}

CFM_ISA_NAMESPACE_END
