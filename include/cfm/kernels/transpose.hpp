#pragma once
/// @file  Transposition of dense matrices, tile by tile.

#include <cfm/exec/parallel.hpp>
#include <cfm/tensor/tensor.hpp>

CFM_ISA_NAMESPACE_BEGIN

/// out = x^T
///
/// Shapes:  x [rows, cols], out [cols, rows]; last stride 1; out may not alias x.
/// Errors:  ShapeError if the shapes do not fit.
/// Cost:    tiles of 32 x 32 elements: both sides of a tile stay in the first-level cache.
template <Element T>
void transpose(In<T, 2> x, View<T, 2> out) {
  CFM_CHECK(x.rows() == out.cols() && x.cols() == out.rows(), "transpose: out must be [cols, rows]",
            x, out);
  CFM_CHECK(x.last_contiguous() && out.last_contiguous(), "transpose: rows must be dense", x, out);
  constexpr Index tile = 32;
  const Index tiles = (out.rows() + tile - 1) / tile;
  parallel_for(tiles, grain_for(2 * tile * x.rows() * Index{sizeof(T)}),
               [&](Index begin, Index end) {
                 for (Index t = begin; t < end; ++t) {
                   const Index c0 = t * tile, c1 = std::min(out.rows(), c0 + tile);
                   for (Index r0 = 0; r0 < x.rows(); r0 += tile) {
                     const Index r1 = std::min(x.rows(), r0 + tile);
                     for (Index c = c0; c < c1; ++c) {
                       T* const to = out.row(c);
                       for (Index r = r0; r < r1; ++r) to[r] = x.row(r)[c];
                     }
                   }
                 }
               });
}

CFM_ISA_NAMESPACE_END
