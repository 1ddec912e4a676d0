#pragma once
/// @file  Tensors put together, and taken apart, along a dimension. All results are dense copies.

#include <initializer_list>
#include <span>
#include <vector>

#include <cfm/tensor/check.hpp>

CFM_NAMESPACE_BEGIN

/// The tensors one behind the other along an existing dimension.
/// Shapes:  equal except along `dim`.
/// Errors:  Error for no tensors, TypeError for mixed types, ShapeError for other extents.
inline Tensor cat(std::span<const Tensor> tensors, int dim = 0) {
  CFM_CHECK(!tensors.empty(), "cat: needs at least one tensor");
  const Tensor& first = tensors[0];
  CFM_CHECK(first.rank() > 0, "cat: needs at least one dimension", first);
  const int at = normalize_dim(dim, first.rank(), "cat");
  Extents extents = first.shape();
  extents[at] = 0;
  for (const Tensor& t : tensors) {
    check_same_dtype(first, t, "cat");
    Extents pattern = first.shape();
    pattern[at] = -1;
    check_shape(t, pattern, "cat", "every tensor");
    const auto sum = checked_add(extents[at], t.shape()[at]);
    CFM_CHECK(sum, "cat: too many elements", t);
    extents[at] = *sum;
  }
  Tensor out = Tensor::empty(Shape(extents), first.dtype());
  Index begin = 0;
  for (const Tensor& t : tensors) {
    const Index n = t.shape()[at];
    if (t.size() > 0) out.slice(at, begin, begin + n).copy_from(t);
    begin += n;
  }
  return out;
}
inline Tensor cat(std::initializer_list<Tensor> tensors, int dim = 0) {
  return cat(std::span<const Tensor>(tensors.begin(), tensors.size()), dim);
}

/// The tensors one behind the other along a new dimension.
/// Shapes:  all equal; the result has one dimension more, of as many as there are tensors.
/// Errors:  as cat; ShapeError beyond rank 8.
inline Tensor stack(std::span<const Tensor> tensors, int dim = 0) {
  CFM_CHECK(!tensors.empty(), "stack: needs at least one tensor");
  const Tensor& first = tensors[0];
  const int at = normalize_dim(dim, first.rank() + 1, "stack");
  Extents extents;
  for (int d = 0; d <= first.rank(); ++d) {
    if (d == at) extents.push_back(static_cast<Index>(tensors.size()));
    if (d < first.rank()) extents.push_back(first.shape()[d]);
  }
  for (const Tensor& t : tensors) {
    check_same_dtype(first, t, "stack");
    check_shape(t, first.shape(), "stack", "every tensor");
  }
  Tensor out = Tensor::empty(Shape(extents), first.dtype());
  for (std::size_t i = 0; i < tensors.size(); ++i)
    if (first.size() > 0) out.select(at, static_cast<Index>(i)).copy_from(tensors[i]);
  return out;
}
inline Tensor stack(std::initializer_list<Tensor> tensors, int dim = 0) {
  return stack(std::span<const Tensor>(tensors.begin(), tensors.size()), dim);
}

/// Consecutive parts along a dimension, of these sizes.
/// Errors:  ShapeError unless the sizes add up to the extent.
inline std::vector<Tensor> split(const Tensor& t, std::span<const Index> sizes, int dim = 0) {
  CFM_CHECK(t.rank() > 0, "split: needs at least one dimension", t);
  const int at = normalize_dim(dim, t.rank(), "split");
  const Index n = t.shape()[at];
  Index left = n;
  for (Index size : sizes) {
    CFM_CHECK(0 <= size && size <= left, "split: sizes must add up to the extent", t, dim, size);
    left -= size;
  }
  CFM_CHECK(left == 0, "split: sizes must add up to the extent", t, dim);
  std::vector<Tensor> out;
  out.reserve(sizes.size());
  Index begin = 0;
  for (Index size : sizes) {
    out.push_back(t.slice(at, begin, begin + size).clone());
    begin += size;
  }
  return out;
}
inline std::vector<Tensor> split(const Tensor& t, std::initializer_list<Index> sizes, int dim = 0) {
  return split(t, std::span<const Index>(sizes.begin(), sizes.size()), dim);
}

/// Consecutive parts of `size` along a dimension; the last one may be shorter.
/// Errors:  ShapeError; Error if size is not positive.
inline std::vector<Tensor> split(const Tensor& t, Index size, int dim = 0) {
  CFM_CHECK(t.rank() > 0, "split: needs at least one dimension", t);
  CFM_CHECK(size > 0, "split: the size of a part must be positive", size);
  const int at = normalize_dim(dim, t.rank(), "split");
  const Index n = t.shape()[at];
  std::vector<Tensor> out;
  for (Index begin = 0; begin < n; begin += std::min(size, n - begin))
    out.push_back(t.slice(at, begin, begin + std::min(size, n - begin)).clone());
  return out;
}

CFM_NAMESPACE_END
