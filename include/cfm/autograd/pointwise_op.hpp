#pragma once
/// @file  Recording element-wise operations: the slope of one element is all that differs.

#include <cfm/autograd/tape.hpp>
#include <cfm/kernels/elementwise.hpp>
#include <cfm/kernels/pointwise.hpp>
#include <cfm/kernels/sum_to.hpp>

CFM_ISA_NAMESPACE_BEGIN

/// Records y = f(x) whose gradient is grad(dy, x), element by element. It saves x.
template <class Grad>
Var record_by_input(const Var& x, Tensor y, const Grad& grad) {
  return record({&x}, std::move(y),
                [to = x.slot(), x = Saved(x), grad](Gradients& gradients, const Tensor& dy) {
                  gradients.add(to, pointwise("backward", grad, dy, *x));
                });
}

/// Records y = f(x) for a function of ops.hpp that has a slope there. It saves x.
template <class Op>
Var record_function(const Var& x, Tensor y, const Op& op) {
  return record({&x}, std::move(y),
                [to = x.slot(), x = Saved(x), op](Gradients& gradients, const Tensor& dy) {
                  gradients.add(
                      to, isa_detail::map_tensor("backward", ops::Slope<Op>{op}, dy, *x));
                });
}

/// Records y = f(x) whose gradient is grad(dy, y), element by element. It saves y.
template <class Grad>
Var record_by_output(const Var& x, Tensor y, const Grad& grad) {
  Saved saved(y);
  return record(
      {&x}, std::move(y),
      [to = x.slot(), y = std::move(saved), grad](Gradients& gradients, const Tensor& dy) {
        gradients.add(to, pointwise("backward", grad, dy, *y));
      });
}

/// Records y = f(x) where f is constant between its jumps.
inline Var record_step(const Var& x, Tensor y) {
  return record({&x}, std::move(y), [to = x.slot()](Gradients& gradients, const Tensor& dy) {
    gradients.add(to, Tensor::zeros(dy.shape(), dy.dtype()));
  });
}

/// Records y = f(a, b), broadcast, whose gradients are grad_a(dy, a, b) and grad_b(dy, a, b),
/// element by element, summed back to the shapes of a and b. It saves a and b.
template <class GradA, class GradB>
Var record_by_inputs(const Var& a, const Var& b, Tensor y, const GradA& grad_a,
                     const GradB& grad_b) {
  return record(
      {&a, &b}, std::move(y),
      [to_a = a.slot(), to_b = b.slot(), a = Saved(a), b = Saved(b), grad_a, grad_b](
          Gradients& gradients, const Tensor& dy) {
        if (gradients.wanted(to_a))
          gradients.add(to_a, sum_to(pointwise("backward", grad_a, dy, *a, *b), a->shape()));
        if (gradients.wanted(to_b))
          gradients.add(to_b, sum_to(pointwise("backward", grad_b, dy, *a, *b), b->shape()));
      });
}

CFM_ISA_NAMESPACE_END
