/// @file  One block of a matrix product: register tiles of 6 rows and 2 vectors over packed panels.
#ifndef CFM_KERNELS_MATMUL_INL_HPP_
#define CFM_KERNELS_MATMUL_INL_HPP_
#include <algorithm>

#include <cfm/kernels/dispatch.hpp>
#include <cfm/tensor/view.hpp>

CFM_NAMESPACE_BEGIN
namespace detail {

// Terms summed in registers before they are added to the output. Part of the result: with it the
// order of summation depends on k alone, whatever the blocking of rows and columns.
inline constexpr Index gemm_k_block = 256;
inline constexpr Index gemm_rows = 6;  // of a register tile
// Columns of b that are packed together: a multiple of every panel's width.
inline constexpr Index gemm_columns = 128;

/// out[m, n] = a[m, k] b[k, n] + beta out, any strides but a dense last one of out.
template <class T>
struct GemmBlock {
  Index m, n, k;
  const T* a;
  Index a_row, a_col;  // elements from one row or column to the next
  const T* b;
  Index b_row, b_col;
  T* out;
  Index out_row;
  T beta;
};

}  // namespace detail
CFM_NAMESPACE_END
#endif

#include <cfm/kernels/lanes-inl.hpp>

#if defined(CFM_KERNELS_MATMUL_TARGET) == defined(HWY_TARGET_TOGGLE)
#ifdef CFM_KERNELS_MATMUL_TARGET
#undef CFM_KERNELS_MATMUL_TARGET
#else
#define CFM_KERNELS_MATMUL_TARGET
#endif
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
CFM_ISA_NAMESPACE_BEGIN
namespace HWY_NAMESPACE {

// c[MR, columns] = beta c + a b over kc terms. b: two full vectors for each term, ldb apart; c: the
// first `columns` of them. GCC keeps the tile in registers only if every loop over it is unrolled.
template <std::size_t MR, class T>
HWY_NOINLINE void gemm_tile(Index kc, const T* HWY_RESTRICT a, Index a_row, Index a_col,
                            const T* HWY_RESTRICT b, Index ldb, T* HWY_RESTRICT c, Index ldc,
                            Index columns, T beta) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const Index lanes = static_cast<Index>(hn::Lanes(d));
  V acc[MR][2];
  HWY_UNROLL(16) for (std::size_t i = 0; i < MR; ++i) acc[i][0] = acc[i][1] = hn::Zero(d);
  const auto term = [&](const T* ak, const T* bk) HWY_ATTR {
    const V b0 = hn::LoadU(d, bk), b1 = hn::LoadU(d, bk + lanes);
    HWY_UNROLL(16) for (std::size_t i = 0; i < MR; ++i) {
      const V v = hn::Set(d, ak[static_cast<Index>(i) * a_row]);
      acc[i][0] = hn::MulAdd(v, b0, acc[i][0]);
      acc[i][1] = hn::MulAdd(v, b1, acc[i][1]);
    }
  };
  Index k = 0;
  for (; k + 4 <= kc; k += 4)
    HWY_UNROLL(4) for (int u = 0; u < 4; ++u, a += a_col, b += ldb) term(a, b);
  for (; k < kc; ++k, a += a_col, b += ldb) term(a, b);
  if (beta != T{0}) {
    const V scale = hn::Set(d, beta);
    HWY_UNROLL(16) for (std::size_t i = 0; i < MR; ++i) {
      T* const row = c + static_cast<Index>(i) * ldc;
      const V c0 = columns >= lanes ? hn::LoadU(d, row) : load_n(d, row, columns);
      const V c1 = columns >= 2 * lanes ? hn::LoadU(d, row + lanes)
                   : columns > lanes    ? load_n(d, row + lanes, columns - lanes)
                                        : hn::Zero(d);
      acc[i][0] = hn::MulAdd(scale, c0, acc[i][0]);
      acc[i][1] = hn::MulAdd(scale, c1, acc[i][1]);
    }
  }
  HWY_UNROLL(16) for (std::size_t i = 0; i < MR; ++i) {
    T* const row = c + static_cast<Index>(i) * ldc;
    if (columns >= 2 * lanes) {
      hn::StoreU(acc[i][0], d, row);
      hn::StoreU(acc[i][1], d, row + lanes);
    } else if (columns >= lanes) {
      hn::StoreU(acc[i][0], d, row);
      if (columns > lanes) store_n(d, acc[i][1], row + lanes, columns - lanes);
    } else {
      store_n(d, acc[i][0], row, columns);
    }
  }
}

template <class T>
inline void gemm_tile_of(Index rows, Index kc, const T* a, Index a_row, Index a_col, const T* b,
                         Index ldb, T* c, Index ldc, Index columns, T beta) {
  switch (rows) {
    case 1: return gemm_tile<1>(kc, a, a_row, a_col, b, ldb, c, ldc, columns, beta);
    case 2: return gemm_tile<2>(kc, a, a_row, a_col, b, ldb, c, ldc, columns, beta);
    case 3: return gemm_tile<3>(kc, a, a_row, a_col, b, ldb, c, ldc, columns, beta);
    case 4: return gemm_tile<4>(kc, a, a_row, a_col, b, ldb, c, ldc, columns, beta);
    case 5: return gemm_tile<5>(kc, a, a_row, a_col, b, ldb, c, ldc, columns, beta);
    default: return gemm_tile<6>(kc, a, a_row, a_col, b, ldb, c, ldc, columns, beta);
  }
}

// Columns [0, columns) of kc rows of b as panels of `width`, each [kc][width], the last one padded
// with zeros.
template <class T>
inline void gemm_pack_b(Index kc, Index columns, Index width, const T* b, Index b_row, Index b_col,
                        T* HWY_RESTRICT to) {
  Index j = 0;
  if (b_col == 1) {  // all full panels together: long reads of each row
    const hn::ScalableTag<T> d;
    const Index lanes = width / 2, panels = columns / width;
    for (Index k = 0; k < kc; ++k)
      for (Index p = 0; p < panels; ++p) {
        const T* const from = b + k * b_row + p * width;
        T* const at = to + (p * kc + k) * width;
        const auto b0 = hn::LoadU(d, from), b1 = hn::LoadU(d, from + lanes);
        hn::StoreU(b0, d, at);
        hn::StoreU(b1, d, at + lanes);
      }
    j = panels * width;
    to += panels * kc * width;
  }
  for (; j < columns; j += width, to += kc * width)
    for (Index c = 0; c < width; ++c) {
      const T* const column = b + (j + c) * b_col;
      if (j + c < columns) for (Index k = 0; k < kc; ++k) to[k * width + c] = column[k * b_row];
      else for (Index k = 0; k < kc; ++k) to[k * width + c] = T{0};
    }
}

// Rows of a, six by six, each group as [kc][rows of the group].
template <class T>
inline void gemm_pack_a(Index m, Index kc, const T* a, Index a_row, Index a_col,
                        T* HWY_RESTRICT to) {
  for (Index i = 0; i < m; i += detail::gemm_rows) {
    const Index rows = std::min(detail::gemm_rows, m - i);
    for (Index r = 0; r < rows; ++r) {
      const T* const row = a + (i + r) * a_row;
      for (Index k = 0; k < kc; ++k) to[k * rows + r] = row[k * a_col];
    }
    to += rows * kc;
  }
}

// One block. `packed_a` has room for m * min(k, gemm_k_block) elements, or is null: then a is read
// in place. `packed_b` has room for gemm_columns columns of as many rows. Packing and blocking do
// not change the result.
template <class T>
inline void gemm_block(const detail::GemmBlock<T>& g, T* packed_a, T* packed_b) {
  static_assert(64 % (2 * hn::MaxLanes(hn::ScalableTag<T>())) == 0, "panels must fill a block");
  const Index width = 2 * lanes_of<T>();
  const bool b_in_place = g.b_col == 1 && (g.m <= detail::gemm_rows || g.k * g.n <= 4096);
  for (Index k0 = 0; k0 < g.k; k0 += detail::gemm_k_block) {
    const Index kc = std::min(detail::gemm_k_block, g.k - k0);
    const T* const a = g.a + k0 * g.a_col;
    if (packed_a != nullptr) gemm_pack_a(g.m, kc, a, g.a_row, g.a_col, packed_a);
    const T beta = k0 == 0 ? g.beta : T{1};
    for (Index j = 0; j < g.n; j += width) {
      const Index columns = std::min(width, g.n - j);
      const T* b = g.b + k0 * g.b_row + j * g.b_col;
      Index ldb = g.b_row;
      if (!b_in_place || columns < width) {
        const Index within = b_in_place ? 0 : j % detail::gemm_columns;
        if (within == 0)
          gemm_pack_b(kc, std::min(detail::gemm_columns, g.n - j), width, b, g.b_row, g.b_col,
                      packed_b);
        b = packed_b + within * kc;
        ldb = width;
      }
      const T* pa = packed_a;
      for (Index i = 0; i < g.m; i += detail::gemm_rows) {
        const Index rows = std::min(detail::gemm_rows, g.m - i);
        T* const c = g.out + i * g.out_row + j;
        if (packed_a != nullptr) {
          gemm_tile_of(rows, kc, pa, Index{1}, rows, b, ldb, c, g.out_row, columns, beta);
          pa += rows * kc;
        } else {
          gemm_tile_of(rows, kc, a + i * g.a_row, g.a_row, g.a_col, b, ldb, c, g.out_row, columns,
                       beta);
        }
      }
    }
  }
}

}  // namespace HWY_NAMESPACE
CFM_ISA_NAMESPACE_END
HWY_AFTER_NAMESPACE();
#endif
