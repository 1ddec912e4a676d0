#pragma once
/// @file  What the fuzz targets share.

#include <algorithm>

#include <cfm/io/tensor_bytes.hpp>

/// Traps, which fuzzers report, if a law does not hold.
inline void require(bool holds) {
  if (!holds) __builtin_trap();
}

/// Equal type, shape and bits.
inline void require_same(const cfm::Tensor& a, const cfm::Tensor& b) {
  require(a.dtype() == b.dtype() && a.shape() == b.shape());
  const cfm::Tensor p = a.contiguous(), q = b.contiguous();
  const auto x = cfm::element_bytes(p), y = cfm::element_bytes(q);
  require(std::equal(x.begin(), x.end(), y.begin(), y.end()));
}
