#pragma once
/// @file  Where a tensor is not zero.

#include <vector>

#include <cfm/tensor/tensor.hpp>

CFM_NAMESPACE_BEGIN

/// The indices of the elements that are not zero (NaN is not), in row-major order.
/// Shapes:  x [..] of rank r and any type -> i64 [count, r].
inline Tensor nonzero(const Tensor& x) {
  const Tensor mask = x.to(DType::boolean).contiguous();
  const auto elements = mask.span<bool>();
  std::vector<Index> places;
  for (std::size_t i = 0; i < elements.size(); ++i)
    if (elements[i]) places.push_back(static_cast<Index>(i));
  Tensor out = Tensor::empty({static_cast<Index>(places.size()), x.rank()}, DType::i64);
  std::int64_t* row = out.data<std::int64_t>();
  for (Index place : places) {
    for (int d = x.rank() - 1; d >= 0; --d) {
      row[d] = place % x.shape()[d];
      place /= x.shape()[d];
    }
    row += x.rank();
  }
  return out;
}

CFM_NAMESPACE_END
