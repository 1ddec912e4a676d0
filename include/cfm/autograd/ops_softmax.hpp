#pragma once
/// @file  Softmax and its logarithm along a dimension.

#include <cfm/autograd/tape.hpp>
#include <cfm/kernels/softmax.hpp>

CFM_ISA_NAMESPACE_BEGIN

namespace isa_detail {

// dx from y and dy by a door on rows, with `dim` made the last dimension and put back.
template <class Door>
Tensor softmax_gradient(const Tensor& y, const Tensor& dy, int dim, const Door& door) {
  if (y.rank() == 0 || y.size() == 0) return Tensor::zeros(y.shape(), y.dtype());
  const Tensor turned_y = y.transpose(dim, -1).contiguous();
  const Tensor turned_dy = dy.transpose(dim, -1).contiguous();
  Tensor dx = Tensor::empty_like(turned_y);
  const Index cols = dx.size(-1), rows = dx.size() / cols;
  visit_real(y.dtype(), "softmax", [&]<class T>(std::type_identity<T>) {
    door(matrix_view(turned_y.data<T>(), rows, cols), matrix_view(turned_dy.data<T>(), rows, cols),
         matrix_view(dx.data<T>(), rows, cols));
  });
  return dx.transpose(dim, -1).contiguous();
}

}  // namespace isa_detail

/// exp(x) over its sum along `dim`, without overflow.   Saved:  y.
inline Var softmax(const Var& x, int dim = -1) {
  Tensor y = softmax(x.value(), dim);
  Saved saved(y);
  return record({&x}, std::move(y),
                [to = x.slot(), y = std::move(saved), dim](Gradients& gradients, const Tensor& dy) {
                  gradients.add(
                      to, isa_detail::softmax_gradient(*y, dy, dim, [](auto a, auto b, auto out) {
                        softmax_rows_backward(a, b, out);
                      }));
                });
}

/// x less the logarithm of the sum of exp(x) along `dim`.   Saved:  y.
inline Var log_softmax(const Var& x, int dim = -1) {
  Tensor y = log_softmax(x.value(), dim);
  Saved saved(y);
  return record({&x}, std::move(y),
                [to = x.slot(), y = std::move(saved), dim](Gradients& gradients, const Tensor& dy) {
                  gradients.add(
                      to, isa_detail::softmax_gradient(*y, dy, dim, [](auto a, auto b, auto out) {
                        log_softmax_rows_backward(a, b, out);
                      }));
                });
}

CFM_ISA_NAMESPACE_END
