#pragma once
/// @file  Tensors from and to the bytes of files, which are little-endian on every machine.

#include <algorithm>
#include <bit>
#include <span>

#include <cfm/io/cursor.hpp>
#include <cfm/tensor/tensor.hpp>

CFM_NAMESPACE_BEGIN

namespace detail {

// Reverses the bytes of every element.
inline void swap_elements(std::byte* data, std::size_t bytes, std::size_t element) {
  for (std::size_t i = 0; i + element <= bytes; i += element)
    std::reverse(data + i, data + i + element);
}

// Any byte but 0 means true; C++ allows 0 and 1 alone in memory.
inline void normalize_bools(std::byte* data, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; ++i)
    data[i] = data[i] != std::byte{0} ? std::byte{1} : std::byte{0};
}

inline bool are_bools(std::span<const std::byte> bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b <= std::byte{1}; });
}

}  // namespace detail

/// The elements of a contiguous tensor in memory order.
/// Errors:  ShapeError if it is not contiguous.
inline std::span<const std::byte> element_bytes(const Tensor& tensor) {
  CFM_CHECK(tensor.is_contiguous(), "element_bytes: needs a contiguous tensor", tensor);
  return {tensor.bytes(), static_cast<std::size_t>(tensor.size() * size_of(tensor.dtype()))};
}

/// A dense tensor with a copy of these bytes, which are in `order`.
/// Errors:  ShapeError if their number differs from what the shape needs.
inline Tensor tensor_from_bytes(std::span<const std::byte> bytes, DType dtype, const Shape& shape,
                                std::endian order = std::endian::little) {
  CFM_CHECK(static_cast<Index>(bytes.size()) == shape.size() * size_of(dtype),
            "tensor_from_bytes: as many bytes as the shape needs", shape, bytes.size());
  Storage storage = Storage::allocate(bytes.size());
  std::copy(bytes.begin(), bytes.end(), storage.data());
  if (order != std::endian::native)
    detail::swap_elements(storage.data(), bytes.size(), static_cast<std::size_t>(size_of(dtype)));
  if (dtype == DType::boolean) detail::normalize_bools(storage.data(), bytes.size());
  return Tensor(std::move(storage), dtype, shape, row_major(shape));
}

/// A dense tensor over little-endian bytes inside `whole`, which it keeps alive. The tensor has a
/// Storage of its own, so that tensors of one file are told apart. Copies where it must: elements
/// that are not aligned, a big-endian machine, bools that are neither 0 nor 1.
inline Tensor tensor_over_bytes(const Storage& whole, std::span<const std::byte> bytes, DType dtype,
                                const Shape& shape) {
  const auto size = static_cast<std::size_t>(size_of(dtype));
  const bool aligned = reinterpret_cast<std::uintptr_t>(bytes.data()) % size == 0;
  const bool usable = aligned && (std::endian::native == std::endian::little || size == 1) &&
                      (dtype != DType::boolean || detail::are_bools(bytes));
  if (!usable || bytes.empty()) return tensor_from_bytes(bytes, dtype, shape);
  CFM_CHECK(static_cast<Index>(bytes.size()) == shape.size() * size_of(dtype),
            "tensor_over_bytes: as many bytes as the shape needs", shape, bytes.size());
  Storage part = Storage::foreign(
      const_cast<std::byte*>(bytes.data()), bytes.size(), [whole] {}, whole.writable());
  return Tensor(std::move(part), dtype, shape, row_major(shape));
}

/// Calls sink(std::span<const std::byte>) with the elements in row-major order, little-endian.
template <class Sink>
void emit_little(const Tensor& tensor, const Sink& sink) {
  const Tensor dense = tensor.contiguous();
  if (std::endian::native == std::endian::little || size_of(dense.dtype()) == 1)
    return sink(element_bytes(dense));
  const auto bytes = element_bytes(dense);
  std::vector<std::byte> swapped(bytes.begin(), bytes.end());
  detail::swap_elements(swapped.data(), swapped.size(),
                        static_cast<std::size_t>(size_of(dense.dtype())));
  sink(std::span<const std::byte>(swapped));
}

CFM_NAMESPACE_END
