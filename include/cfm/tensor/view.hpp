#pragma once
/// @file  What kernels take: a pointer with extents and strides.

#include <type_traits>

#include <cfm/core/error.hpp>
#include <cfm/tensor/shape.hpp>

CFM_NAMESPACE_BEGIN

/// Non-owning strided view of rank R. Trivially copyable; pass by value.
/// Layout:  element (i0, i1, ..) is data[i0 * stride[0] + i1 * stride[1] + ..]; strides count
///          elements.
template <class T, std::size_t R>
struct View {
  T* data = nullptr;
  Index extent[R == 0 ? 1 : R] = {};
  Index stride[R == 0 ? 1 : R] = {};

  /// The element at these indices; checked in builds with CFM_CHECKED=1 only.
  template <class... I>
    requires(sizeof...(I) == R)
  CFM_HOST_DEVICE constexpr T& operator()(I... i) const {
    Index offset = 0;
    std::size_t d = 0;
    ((offset += static_cast<Index>(i) * stride[d++]), ...);
    return data[offset];
  }

  /// First element of row i.
  CFM_HOST_DEVICE constexpr T* row(Index i) const
    requires(R == 2)
  {
    return data + i * stride[0];
  }

  constexpr Index rows() const
    requires(R >= 1)
  {
    return extent[0];
  }
  constexpr Index cols() const
    requires(R == 2)
  {
    return extent[1];
  }

  /// Number of elements.
  constexpr Index size() const {
    Index n = 1;
    for (std::size_t d = 0; d < R; ++d) n *= extent[d];
    return n;
  }

  /// Neighbours in the last dimension are neighbours in memory.
  constexpr bool last_contiguous() const {
    if constexpr (R == 0) return true;
    else return stride[R - 1] == 1 || extent[R - 1] <= 1;
  }

  /// Dense, the last dimension fastest.
  constexpr bool contiguous() const {
    Index step = 1;
    for (std::size_t d = R; d-- > 0;) {
      if (extent[d] != 1 && stride[d] != step) return false;
      step *= extent[d];
    }
    return true;
  }

  constexpr Shape shape() const { return Shape(std::span<const Index>(extent, R)); }

  constexpr operator View<const T, R>() const
    requires(!std::is_const_v<T>)
  {
    View<const T, R> out;
    out.data = data;
    for (std::size_t d = 0; d < R; ++d) {
      out.extent[d] = extent[d];
      out.stride[d] = stride[d];
    }
    return out;
  }
};

/// Element type of an input parameter: kept out of deduction, so that a View<T> may be passed
/// where a View<const T> is wanted and T follows from the output.
template <class T, std::size_t R>
using In = View<const std::type_identity_t<T>, R>;

template <class T>
using VectorView = View<T, 1>;
template <class T>
using MatrixView = View<T, 2>;

/// A dense vector over n elements.
template <class T>
constexpr View<T, 1> vector_view(T* data, Index n) {
  return {data, {n}, {1}};
}

/// A matrix over rows x cols elements, rows `row_stride` apart (dense if left out).
template <class T>
constexpr View<T, 2> matrix_view(T* data, Index rows, Index cols, Index row_stride = -1) {
  return {data, {rows, cols}, {row_stride < 0 ? cols : row_stride, 1}};
}

template <class T, std::size_t R>
void append_text(std::string& out, const View<T, R>& view) {
  append_text(out, view.shape());
}

namespace detail {
template <class T, std::size_t R>
inline constexpr CheckKind check_kind<View<T, R>> = CheckKind::shape;
}

static_assert(std::is_trivially_copyable_v<View<float, 2>>);

CFM_NAMESPACE_END
