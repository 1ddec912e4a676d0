#pragma once
/// @file  Tensors padded, mirrored and masked by position.

#include <cfm/exec/parallel.hpp>
#include <cfm/tensor/join.hpp>
#include <cfm/tensor/tensor.hpp>

CFM_ISA_NAMESPACE_BEGIN

/// The elements in opposite order along these dimensions.
inline Tensor flip(const Tensor& x, const Extents& dims) {
  Strides strides = x.strides();
  Index offset = static_cast<const std::byte*>(x.address()) - x.storage().data();
  unsigned seen = 0;
  for (Index entry : dims) {
    const int d = normalize_dim(static_cast<int>(entry), x.rank(), "flip");
    CFM_CHECK((seen >> d & 1u) == 0, "flip: names a dimension twice", x, dims);
    seen |= 1u << d;
    if (x.rank() == 0 || x.size() == 0) continue;
    offset += (x.shape()[d] - 1) * strides[d] * size_of(x.dtype());
    strides[d] = -strides[d];
  }
  return Tensor(x.storage(), x.dtype(), x.shape(), strides, offset).clone();
}

/// `x` with `value` around it: before[d] and after[d] more elements in dimension d, or fewer if
/// they are negative.   Errors:  ShapeError if an extent would become negative.
inline Tensor pad(const Tensor& x, const Extents& before, const Extents& after, double value = 0) {
  CFM_CHECK(before.rank() == x.rank() && after.rank() == x.rank(),
            "pad: one amount a dimension on each side", x, before, after);
  Extents extents = x.shape();
  Tensor inside = x;
  for (int d = 0; d < x.rank(); ++d) {
    extents[d] += before[d] + after[d];
    CFM_CHECK(extents[d] >= 0, "pad: takes away more than there is", x, before, after);
    const Index begin = std::max<Index>(0, -before[d]);
    inside = inside.slice(d, begin, std::max(begin, x.shape()[d] + std::min<Index>(0, after[d])));
  }
  Tensor out = Tensor::full(Shape(extents), value, x.dtype());
  Tensor place = out;
  for (int d = 0; d < x.rank(); ++d) {
    const Index begin = std::max<Index>(0, before[d]);
    place = place.slice(d, begin, begin + inside.shape()[d]);
  }
  if (inside.size() > 0) place.copy_from(inside);
  return out;
}

/// Which part of a matrix a mask keeps.
enum class Triangle { lower, upper };

/// The part of each matrix on and below (above) diagonal `diagonal`, counted upwards from the main
/// one; zero elsewhere.   Shapes:  [..., rows, cols].
inline Tensor keep_triangle(const Tensor& x, Triangle part, Index diagonal) {
  CFM_CHECK(x.rank() >= 2, "tril, triu: need a matrix", x);
  Tensor out = x.clone();
  const Index rows = x.size(-2), cols = x.size(-1), size = size_of(x.dtype());
  std::byte* const memory =
      static_cast<std::byte*>(const_cast<void*>(out.address()));  // out is ours alone
  const Index lines = cols == 0 ? 0 : x.size() / cols;
  parallel_for(lines, grain_for(cols * size), [&](Index begin, Index end) {
    for (Index line = begin; line < end; ++line) {
      const Index edge = line % rows + diagonal;  // last column kept below, first kept above
      const Index from = part == Triangle::lower ? std::clamp<Index>(edge + 1, 0, cols) : 0;
      const Index to = part == Triangle::lower ? cols : std::clamp<Index>(edge, 0, cols);
      std::fill(memory + (line * cols + from) * size, memory + (line * cols + to) * size,
                std::byte{0});
    }
  });
  return out;
}

CFM_ISA_NAMESPACE_END
