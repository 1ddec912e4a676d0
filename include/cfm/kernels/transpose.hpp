#pragma once
/// @file  Transposition of dense matrices, tile by tile.

#include <cfm/exec/parallel.hpp>
#include <cfm/kernels/detail/past_cache.hpp>
#include <cfm/kernels/detail/scratch.hpp>
#include <cfm/kernels/transpose-inl.hpp>
#include <cfm/tensor/tensor.hpp>

CFM_ISA_NAMESPACE_BEGIN
namespace isa_detail {

// Elements of four and eight bytes are moved as floats and doubles, the others one by one.
template <class T>
void transpose_tile(const View<const T, 2>& x, const View<T, 2>& out, Index r, Index rows, Index c,
                    Index cols, [[maybe_unused]] T* room) {
  const T* const from = x.row(r) + c;
  T* const to = out.row(c) + r;
  if constexpr (sizeof(T) == 4 || sizeof(T) == 8) {
    using Moved = std::conditional_t<sizeof(T) == 4, float, double>;
    const auto source = reinterpret_cast<const Moved*>(from);
    const auto target = reinterpret_cast<Moved*>(to);
    if (room != nullptr)
      CFM_CALL(transpose_past)
      (source, x.stride[0], target, out.stride[0], rows, cols, reinterpret_cast<Moved*>(room));
    else
      CFM_CALL(transpose_block)(source, x.stride[0], target, out.stride[0], rows, cols);
  } else {
    for (Index i = 0; i < cols; ++i)
      for (Index j = 0; j < rows; ++j) to[i * out.stride[0] + j] = from[j * x.stride[0] + i];
  }
}

// Elements from the beginning of a cache line to p.
template <class T>
Index into_line(const T* p) {
  return static_cast<Index>(reinterpret_cast<std::uintptr_t>(p) % 64 / sizeof(T));
}

// As past_cache, wherever out begins; but its rows must begin alike.
template <class T>
bool transposes_past_cache(const View<T, 2>& out) {
  if constexpr (sizeof(T) == 4 || sizeof(T) == 8) {
    const Index in_line = 64 / Index{sizeof(T)};
    return out.size() * Index{sizeof(T)} >= past_cache_bytes && out.stride[0] % in_line == 0;
  }
  return false;
}

}  // namespace isa_detail

/// out = x^T
///
/// Shapes:  x [rows, cols], out [cols, rows]; last stride 1; out may not alias x.
/// Errors:  ShapeError if the shapes do not fit.
/// Cost:    tiles of 64 x 64 elements, transposed in registers if they have four or eight bytes;
///          results much larger than the caches are written past them.
template <Element T>
void transpose(In<T, 2> x, View<T, 2> out) {
  CFM_CHECK(x.rows() == out.cols() && x.cols() == out.rows(), "transpose: out must be [cols, rows]",
            x, out);
  CFM_CHECK(x.last_contiguous() && out.last_contiguous(), "transpose: rows must be dense", x, out);
  constexpr Index tile = detail::transpose_tile;
  const bool past = isa_detail::transposes_past_cache(out);
  // Lines written past the caches in two parts cost two trips: tiles begin where lines of out do.
  const Index shift = past ? isa_detail::into_line(out.data) : 0;
  const Index across = (x.cols() + tile - 1) / tile, down = (x.rows() + shift + tile - 1) / tile;
  isa_detail::for_chunks_past_cache(
      across * down, grain_for(2 * tile * tile * Index{sizeof(T)}), past,
      [&](Index begin, Index end) {
        const detail::Scratch<T> room(past ? tile * tile : 0);
        for (Index t = begin; t < end; ++t) {
          const Index at = t / across * tile - shift, c = t % across * tile;
          const Index r = std::max<Index>(at, 0), rows = std::min(at + tile, x.rows()) - r;
          isa_detail::transpose_tile<T>(x, out, r, rows, c, std::min(tile, x.cols() - c),
                                        at < 0 ? nullptr : room.data());
        }
      });
}

CFM_ISA_NAMESPACE_END
