#pragma once
/// @file  Reductions of tensors over dimensions.

#include <cfm/kernels/detail/fold.hpp>
#include <cfm/kernels/elementwise.hpp>

// All functions here: `dims` names the dimensions to reduce, negative ones counted from the back;
// none named means all. With `keepdim` they stay with extent 1. A NaN among the elements gives NaN.
// Order:   four vector accumulators over chunks of fixed size, chunks in order, f32 chunks combined
//          in double: the same bits for any number of threads.
// Errors:  ShapeError for dimensions outside the rank or named twice, TypeError for other types.
CFM_ISA_NAMESPACE_BEGIN

/// Sum. Of integers and bools it is an i64 (u64 for u64) that wraps around; 0 for no elements.
/// Error bound: (n / (4 lanes) + 20) eps times the sum of absolute values, n at most 1024.
inline Tensor sum(const Tensor& x, const Extents& dims = {}, bool keepdim = false) {
  if (is_floating(x.dtype()))
    return isa_detail::fold_real<detail::FoldSum>("sum", x, dims, keepdim);
  return isa_detail::fold_integer<detail::FoldSum>("sum", x, dims, keepdim);
}

/// Product. Of integers and bools as sum; 1 for no elements.
inline Tensor prod(const Tensor& x, const Extents& dims = {}, bool keepdim = false) {
  if (is_floating(x.dtype()))
    return isa_detail::fold_real<detail::FoldProduct>("prod", x, dims, keepdim);
  return isa_detail::fold_integer<detail::FoldProduct>("prod", x, dims, keepdim);
}

namespace isa_detail {

template <class Fold>
Tensor extremum(std::string_view op, const Tensor& x, const Extents& dims, bool keepdim) {
  bool empty = x.size() == 0 && dims.rank() == 0;
  for (Index d : dims) {
    const int at = normalize_dim(static_cast<int>(d), x.rank(), op);
    empty = empty || (x.rank() > 0 && x.shape()[at] == 0);
  }
  Tensor out = is_floating(x.dtype()) ? fold_real<Fold>(op, x, dims, keepdim)
                                      : fold_integer<Fold>(op, x, dims, keepdim).to(x.dtype());
  CFM_CHECK(!empty || out.size() == 0, concat(op, ": nothing to choose from"), x);
  return out;
}

inline Index reduced_count(const Tensor& x, const Tensor& out) {
  if (out.size() > 0) return x.size() / out.size();
  return 0;
}

}  // namespace isa_detail

/// Largest element, of the type of x.   Errors:  ShapeError if there is none.
inline Tensor max(const Tensor& x, const Extents& dims = {}, bool keepdim = false) {
  return isa_detail::extremum<detail::FoldMax>("max", x, dims, keepdim);
}
/// Smallest element, of the type of x.   Errors:  ShapeError if there is none.
inline Tensor min(const Tensor& x, const Extents& dims = {}, bool keepdim = false) {
  return isa_detail::extremum<detail::FoldMin>("min", x, dims, keepdim);
}

/// Position of the first largest element (of the first NaN, if there is one) as i64. Over several
/// dimensions it counts in row-major order of those.   Errors:  ShapeError if there is none.
inline Tensor argmax(const Tensor& x, const Extents& dims = {}, bool keepdim = false) {
  return isa_detail::fold_position<detail::FoldMax>("argmax", x, dims, keepdim);
}
/// Position of the first smallest element, as argmax.
inline Tensor argmin(const Tensor& x, const Extents& dims = {}, bool keepdim = false) {
  return isa_detail::fold_position<detail::FoldMin>("argmin", x, dims, keepdim);
}

/// sum / n of f32 or f64; NaN for no elements.
inline Tensor mean(const Tensor& x, const Extents& dims = {}, bool keepdim = false) {
  const Tensor total = isa_detail::fold_real<detail::FoldSum>("mean", x, dims, keepdim);
  return div(total, static_cast<double>(isa_detail::reduced_count(x, total)));
}

/// Sum of squared deviations from the mean, divided by n - correction. Two passes, so that a large
/// mean does no harm.
inline Tensor var(const Tensor& x, const Extents& dims = {}, bool keepdim = false,
                  double correction = 1) {
  const Tensor squares = square(sub(x, mean(x, dims, true)));
  const Tensor total = sum(squares, dims, keepdim);
  const double n = static_cast<double>(isa_detail::reduced_count(x, total));
  return div(total, std::max(0.0, n - correction));
}

/// log of the sum of exp(x), without overflow; -infinity for no elements.
inline Tensor logsumexp(const Tensor& x, const Extents& dims = {}, bool keepdim = false) {
  if (x.size() == 0) return log(sum(x, dims, keepdim));
  Tensor high = max(x, dims, true);
  high = where(less(abs(high), std::numeric_limits<double>::infinity()), high,
               Tensor::zeros(Shape{}, x.dtype()));  // infinite maxima must not meet themselves
  const Tensor total = sum(exp(sub(x, high)), dims, keepdim);
  return add(log(total), high.reshape(total.shape()));
}

/// True if any element is not zero; false for none.
inline Tensor any(const Tensor& x, const Extents& dims = {}, bool keepdim = false) {
  return not_equal(sum(x.to(DType::boolean), dims, keepdim), 0.0);
}
/// True if no element is zero; true for none.
inline Tensor all(const Tensor& x, const Extents& dims = {}, bool keepdim = false) {
  return logical_not(any(equal(x.to(DType::boolean), 0.0), dims, keepdim));
}

CFM_ISA_NAMESPACE_END
