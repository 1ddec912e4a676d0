#pragma once
/// @file  Products of matrices and vectors.

#include <cfm/autograd/ops_reduce.hpp>
#include <cfm/autograd/ops_shape.hpp>
#include <cfm/kernels/matmul_fused.hpp>

CFM_ISA_NAMESPACE_BEGIN

namespace isa_detail {

// x as a matrix of its last dimension: [rows, last].
inline Tensor as_rows(const Tensor& x) {
  Index rows = 1;
  for (int d = 0; d + 1 < x.rank(); ++d) rows *= x.shape()[d];
  return x.reshape({rows, x.size(-1)});
}

// The two gradients of y = a b with at least two dimensions everywhere.
inline Tensor matmul_grad_left(const Tensor& dy, const Tensor& b, const Shape& shape) {
  return sum_to(matmul(dy, b.transpose(-2, -1)), shape);
}
inline Tensor matmul_grad_right(const Tensor& dy, const Tensor& a, const Shape& shape) {
  if (shape.rank() > 2 || a.rank() == 2) return sum_to(matmul(a.transpose(-2, -1), dy), shape);
  // One right factor for many left ones: a single longer product instead of a sum of them.
  return matmul(as_rows(a).transpose(0, 1), as_rows(dy));
}

}  // namespace isa_detail

/// The matrix product with NumPy's rules for vectors and leading dimensions.
/// Shapes:  a [.., m, k], b [.., k, n] -> [.., m, n].   Grads:  da = dy b^T,  db = a^T dy.
inline Var matmul(const Var& a, const Var& b) {
  if (a.rank() == 1) return squeeze(matmul(unsqueeze(a, 0), b), b.rank() == 1 ? 0 : -2);
  if (b.rank() == 1) return squeeze(matmul(a, unsqueeze(b, 1)), -1);
  Saved save_a = b.needs_grad() ? Saved(a) : Saved();
  Saved save_b = a.needs_grad() ? Saved(b) : Saved();
  return record(
      {&a, &b}, matmul(a.value(), b.value()),
      [to_a = a.slot(), to_b = b.slot(), like_a = a.shape(), like_b = b.shape(),
       a = std::move(save_a), b = std::move(save_b)](Gradients& gradients, const Tensor& dy) {
        if (gradients.wanted(to_a))
          gradients.add(to_a, isa_detail::matmul_grad_left(dy, *b, like_a));
        if (gradients.wanted(to_b))
          gradients.add(to_b, isa_detail::matmul_grad_right(dy, *a, like_b));
      });
}

/// Matrix by matrix.   Shapes:  a [batch, m, k], b [batch, k, n] -> [batch, m, n].
inline Var bmm(const Var& a, const Var& b) {
  CFM_CHECK(a.rank() == 3 && b.rank() == 3 && a.size(0) == b.size(0),
            "bmm: needs [batch, m, k] and [batch, k, n]", a, b);
  return matmul(a, b);
}

/// Sum of the products of two vectors.
inline Var dot(const Var& a, const Var& b) {
  CFM_CHECK(a.rank() == 1 && b.rank() == 1 && a.size() == b.size(),
            "dot: needs two vectors of one length", a, b);
  return sum(mul(a, b));
}

/// Every product of two vectors.   Shapes:  a [m], b [n] -> [m, n].
inline Var outer(const Var& a, const Var& b) {
  CFM_CHECK(a.rank() == 1 && b.rank() == 1, "outer: needs two vectors", a, b);
  return mul(unsqueeze(a, 1), b);
}

namespace isa_detail {

// Throws unless y = x w^T + bias makes sense; the bias may be undefined.
inline void check_linear(const Tensor& x, Index out, Index in, DType dtype, const Tensor& bias) {
  CFM_CHECK(x.rank() >= 1 && x.size(-1) == in, "linear: needs x [.., in] and weight [out, in]", x,
            out, in);
  CFM_CHECK(x.dtype() == dtype, "linear: x and weight differ in type", x.dtype(), dtype);
  if (!bias.defined()) return;
  CFM_CHECK(bias.shape() == Shape{out}, "linear: needs bias [out]", bias, out);
  CFM_CHECK(bias.dtype() == x.dtype(), "linear: x and bias differ in type", x.dtype(),
            bias.dtype());
}

// The shape of x w^T.
inline Shape linear_shape(const Tensor& x, Index out) {
  Extents shape = x.shape();
  shape[x.rank() - 1] = out;
  return Shape(shape);
}

// y = x w^T + bias, without a bias if it is undefined.
inline Tensor linear_forward(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  CFM_CHECK(weight.rank() == 2, "linear: needs weight [out, in]", weight);
  const Index out = weight.size(0);
  check_linear(x, out, weight.size(1), weight.dtype(), bias);
  const Tensor matrix = as_rows(x), dense = weight.contiguous();
  const bool biased = bias.defined();
  Tensor y = Tensor::empty({matrix.size(0), out}, x.dtype());
  const Tensor dense_bias = biased ? bias.contiguous() : bias;
  visit_real(x.dtype(), "linear", [&]<class T>(std::type_identity<T>) {
    const View<const T, 2> rows = matrix.view<T, 2>(), w = dense.view<T, 2>();
    if (biased)
      matmul_nt<T>(rows, w, y.view<T, 2>(), Bias<T>{dense_bias.view<T, 1>()});
    else
      matmul_nt<T>(rows, w, y.view<T, 2>());
  });
  return y.reshape(linear_shape(x, out));
}

// The backward step of y = x w^T + bias.
struct LinearBackward {
  GradSlot to_x, to_w, to_b;
  Shape like;
  Saved x, w;  // only what a wanted gradient reads

  LinearBackward(const Var& in, const Var& weight, const Var& bias)
      : to_x(in.slot()),
        to_w(weight.slot()),
        to_b(bias.slot()),
        like(in.shape()),
        x(weight.needs_grad() ? Saved(in) : Saved()),
        w(in.needs_grad() ? Saved(weight) : Saved()) {}

  void operator()(Gradients& gradients, const Tensor& dy) const {
    const Tensor flat = as_rows(dy);
    if (gradients.wanted(to_x)) gradients.add(to_x, matmul(flat, *w).reshape(like));
    if (gradients.wanted(to_w)) gradients.add(to_w, matmul(flat.transpose(0, 1), as_rows(*x)));
    if (gradients.wanted(to_b)) gradients.add(to_b, sum(flat, {0}));
  }
};

inline Var record_linear(const Var& x, const Var& weight, const Var& bias) {
  Tensor y = linear_forward(x.value(), weight.value(), bias.value());
  return record({&x, &weight, &bias}, std::move(y), LinearBackward(x, weight, bias));
}

}  // namespace isa_detail

/// y = x weight^T
/// Shapes:  x [.., in], weight [out, in] -> [.., out].   Grads:  dx = dy w,  dw = dy^T x.
inline Var linear(const Var& x, const Var& weight) {
  return isa_detail::record_linear(x, weight, Var());
}

/// y = x weight^T + bias.   Shapes:  bias [out].   Grads:  and db = sum of the rows of dy.
inline Var linear(const Var& x, const Var& weight, const Var& bias) {
  CFM_CHECK(bias.value().defined(), "linear: the bias is undefined");
  return isa_detail::record_linear(x, weight, bias);
}

CFM_ISA_NAMESPACE_END
