#pragma once
/// @file  Sorting and choosing along a dimension: the values carry gradients, the positions do not.

#include <cfm/autograd/ops_index.hpp>
#include <cfm/kernels/top_k.hpp>

CFM_ISA_NAMESPACE_BEGIN

/// Values in order, and their positions in x as i64.
struct OrderedVar {
  Var values;
  Tensor indices;
};

namespace isa_detail {

// Each chosen value hands its gradient to the place that it came from.
inline OrderedVar record_ordered(const Var& x, int dim, Ordered&& chosen) {
  const Tensor indices = chosen.indices;
  return {record({&x}, std::move(chosen.values),
                 [to = x.slot(), like = x.shape(), dim, at = Saved(indices)](Gradients& gradients,
                                                                             const Tensor& dy) {
                   Tensor dx = Tensor::zeros(like, dy.dtype());
                   add_along(dx, dim, *at, dy);
                   gradients.add(to, std::move(dx));
                 }),
          indices};
}

}  // namespace isa_detail

/// The elements in order along a dimension; stable, NaN above all numbers: see sort_rows.
inline OrderedVar sort(const Var& x, int dim = -1, const SortOptions& options = {}) {
  return isa_detail::record_ordered(x, dim, sort(x.value(), dim, options));
}

/// The k largest or smallest elements along a dimension, whose extent becomes k: see top_k_rows.
inline OrderedVar top_k(const Var& x, Index k, int dim = -1, const TopKOptions& options = {}) {
  return isa_detail::record_ordered(x, dim, top_k(x.value(), k, dim, options));
}

CFM_ISA_NAMESPACE_END
