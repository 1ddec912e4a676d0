#pragma once
/// @file  The bits of a tensor seen as another element type of the same size.

#include <cfm/tensor/tensor.hpp>

CFM_NAMESPACE_BEGIN

/// The same memory with its bits read as `dtype`: f32 as u32, i8 as u8, f16 as bf16. Shares the
/// elements. Values are converted by Tensor::to, not by this.
/// Errors:  TypeError if the sizes differ, or to bool, of which not every byte is one.
inline Tensor bit_cast(const Tensor& x, DType dtype) {
  CFM_CHECK(size_of(x.dtype()) == size_of(dtype), "bit_cast: needs element types of one size",
            x.dtype(), dtype);
  CFM_CHECK(dtype != DType::boolean || x.dtype() == DType::boolean,
            "bit_cast: not every byte is a bool; compare with 0 instead", x.dtype(), dtype);
  const Index offset = static_cast<const std::byte*>(x.address()) - x.storage().data();
  return Tensor(x.storage(), dtype, x.shape(), x.strides(), offset);
}

CFM_NAMESPACE_END
