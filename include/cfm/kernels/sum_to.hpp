#pragma once
/// @file  Undoing a broadcast: sums over the dimensions that it stretched.

#include <cfm/kernels/reduce.hpp>

CFM_ISA_NAMESPACE_BEGIN

/// The sum of `x` over the dimensions in which `shape`, aligned at the back, has 1 or nothing: the
/// gradient of expand. Gives `x` itself where there is nothing to sum.
/// Order:   as sum.
/// Errors:  ShapeError if `shape` does not broadcast to the shape of x, TypeError as sum.
inline Tensor sum_to(const Tensor& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  const int extra = x.rank() - shape.rank();
  CFM_CHECK(extra >= 0, "sum_to: cannot add dimensions", x, shape);
  Extents dims;
  for (int d = 0; d < x.rank(); ++d) {
    const Index want = d < extra ? 1 : shape[d - extra];
    CFM_CHECK(want == x.shape()[d] || want == 1, "sum_to: the shape does not broadcast", x, shape);
    if (want != x.shape()[d]) dims.push_back(d);
  }
  return dims.rank() == 0 ? x.reshape(shape) : sum(x, dims).reshape(shape);
}

CFM_ISA_NAMESPACE_END
