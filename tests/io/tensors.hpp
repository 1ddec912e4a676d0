#pragma once
/// @file  What the tests of the tensor formats share.

#include <algorithm>

#include <cfm/io/tensor_bytes.hpp>

#include "../test.hpp"

namespace cfm::test {

inline constexpr DType all_types[] = {
    DType::f64,     DType::f32,         DType::bf16,        DType::f16,     DType::f8_e4m3fn,
    DType::f8_e5m2, DType::f8_e4m3fnuz, DType::f8_e5m2fnuz, DType::boolean, DType::i8,
    DType::i16,     DType::i32,         DType::i64,         DType::u8,      DType::u16,
    DType::u32,     DType::u64};

/// Small whole numbers, of both signs where the type is i64.
inline Tensor pattern(DType dtype, const Shape& shape) {
  Tensor out = Tensor::empty(shape, DType::i64);
  std::int64_t* data = out.data<std::int64_t>();
  for (Index i = 0; i < out.size(); ++i) data[i] = i * 37 % 101 - (dtype == DType::i64 ? 50 : 0);
  return out.to(dtype);
}

/// Equal type, shape and bits.
inline void check_same(const Tensor& a, const Tensor& b) {
  CHECK(a.dtype() == b.dtype());
  REQUIRE(a.shape() == b.shape());
  const Tensor x = a.contiguous(), y = b.contiguous();
  const auto p = element_bytes(x), q = element_bytes(y);
  CHECK(std::equal(p.begin(), p.end(), q.begin(), q.end()));
}

}  // namespace cfm::test
