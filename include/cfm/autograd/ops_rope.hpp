#pragma once
/// @file  Rotary position embedding with gradients.

#include <cfm/autograd/record.hpp>
#include <cfm/kernels/rope.hpp>

CFM_ISA_NAMESPACE_BEGIN

/// Rows turned to their positions; see the kernel.   Shapes:  x [.., positions, width].
/// Saved:   the positions: turning back is the gradient.
/// Errors:  TypeError, ShapeError.
inline Var rope(const Var& x, const Rope& options = {}, const Tensor& positions = {}) {
  return record({&x}, rope(x.value(), options, positions),
                [to = x.slot(), options, positions = Saved(positions)](Gradients& gradients,
                                                                       const Tensor& dy) {
                  gradients.add(to, rope_backward(dy, options, *positions));
                });
}

CFM_ISA_NAMESPACE_END
