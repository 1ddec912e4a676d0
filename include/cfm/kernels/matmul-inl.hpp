/// @file  Parts of a matrix product: packing into panels, register tiles of 2 vectors and as many
///        rows as the registers hold.
#ifndef CFM_KERNELS_MATMUL_INL_HPP_
#define CFM_KERNELS_MATMUL_INL_HPP_
#include <algorithm>
#include <type_traits>

#include <cfm/kernels/dispatch.hpp>
#include <cfm/tensor/view.hpp>

CFM_NAMESPACE_BEGIN
namespace detail {

// Terms summed in registers before they are added to the output. Part of the result: with it the
// order of summation depends on k alone, whatever the blocking of rows and columns.
inline constexpr Index gemm_k_block = 384;
inline constexpr Index gemm_rows = 6;  // of a tile that fits 16 registers
// Columns that are packed together: a multiple of every panel's width (8 for double on AVX2, 32 for
// float on AVX-512).
inline constexpr Index gemm_columns = 64;

/// out[m, n] = a[m, k] b[k, n] + beta out, any strides but a dense last one of out.
template <class T>
struct Gemm {
  Index m, n, k;
  const T* a;
  Index a_row, a_col;  // elements from one row or column to the next
  const T* b;
  Index b_row, b_col;
  T* out;
  Index out_row;
  T beta;
  Index row = 0, column = 0;  // of out[0] in the whole result

  /// The same for rows i .. i + rows, columns j .. j + columns of out.
  Gemm part(Index i, Index rows, Index j, Index columns) const {
    Gemm g = *this;
    g.m = rows;
    g.n = columns;
    g.a += i * a_row;
    g.b += j * b_col;
    g.out += i * out_row + j;
    g.row += i;
    g.column += j;
    return g;
  }
};

}  // namespace detail
CFM_NAMESPACE_END
#endif

#include <cfm/kernels/lanes-inl.hpp>

#if CFM_BODIES && defined(CFM_KERNELS_MATMUL_TARGET) == defined(HWY_TARGET_TOGGLE)
#ifdef CFM_KERNELS_MATMUL_TARGET
#undef CFM_KERNELS_MATMUL_TARGET
#else
#define CFM_KERNELS_MATMUL_TARGET
#endif
#include <hwy/cache_control.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
CFM_ISA_NAMESPACE_BEGIN
namespace HWY_NAMESPACE {

// Rows of the largest tile: two sums a row, two vectors of b and a number fit the registers.
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3
inline constexpr Index gemm_tile_rows = 12;
#else
inline constexpr Index gemm_tile_rows = detail::gemm_rows;
#endif

// Rows of the first tile of `left` rows. The last ones are shared out evenly: a tile of two rows
// takes as long as one of four.
constexpr Index gemm_rows_of(Index left) {
  if (left >= 12) return gemm_tile_rows;
  if (left <= detail::gemm_rows || (left == 8 && left < gemm_tile_rows)) return left;
  return (left + 1) / 2;
}

// Where the rows of a tile are: packed as [kc / 4][rows][4], so that packing is plain copies and
// every broadcast has a constant address; or in place, dense along rows or along columns.
enum class Left { packed, rows, columns };

// c[MR, NV vectors] = beta c + a b over kc terms. b: NV full vectors for each term, ldb apart.
// a_step: from row to row, or from column to column. GCC keeps the tile in registers only if every
// loop over it is unrolled and nothing but whole vectors is stored: with tails in here it spilled
// four sums a term at -O2, which cost 5 to 8 %.
template <std::size_t MR, std::size_t NV, Left left, class T>
HWY_NOINLINE void gemm_tile(Index kc, const T* HWY_RESTRICT a, Index a_step,
                            const T* HWY_RESTRICT b, Index ldb, T* HWY_RESTRICT c, Index ldc,
                            T beta) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const Index lanes = static_cast<Index>(hn::Lanes(d));
  if constexpr (left == Left::packed) ldb = 2 * lanes;
  const Index a_row = left == Left::packed ? 4 : left == Left::rows ? a_step : 1;
  const Index a_col = left == Left::columns ? a_step : 1;
  V acc[MR][NV];
  HWY_UNROLL(16) for (std::size_t i = 0; i < MR; ++i) {
    HWY_UNROLL(2) for (std::size_t v = 0; v < NV; ++v) acc[i][v] = hn::Zero(d);
  }
  const auto term = [&](const T* ak, const T* bk) HWY_ATTR {
    V bv[NV];
    HWY_UNROLL(2) for (std::size_t v = 0; v < NV; ++v) {
      bv[v] = hn::LoadU(d, bk + static_cast<Index>(v) * lanes);
    }
    HWY_UNROLL(16) for (std::size_t i = 0; i < MR; ++i) {
      const V x = hn::Set(d, ak[static_cast<Index>(i) * a_row]);
      HWY_UNROLL(2) for (std::size_t v = 0; v < NV; ++v) {
        acc[i][v] = hn::MulAdd(x, bv[v], acc[i][v]);
      }
    }
  };
  // A large c comes from far: asked for now, it arrives before the sums do. A tenth at 1024^3.
  for (std::size_t i = 0; kc > 64 && i < MR; ++i) {
    const T* const row = c + static_cast<Index>(i) * ldc;
    hwy::Prefetch(row);
    hwy::Prefetch(row + static_cast<Index>(NV) * lanes - 1);
  }
  Index k = 0;
  constexpr Index terms = left == Left::packed ? 4 : 2;  // at four in place, GCC 12 spills a sum
  for (; k + terms <= kc; k += terms) {
    HWY_UNROLL(4) for (Index u = 0; u < terms; ++u) term(a + u * a_col, b + u * ldb);
    a += left == Left::packed ? 4 * static_cast<Index>(MR) : terms * a_col;
    b += terms * ldb;
  }
  for (; k < kc; ++k, a += a_col, b += ldb) term(a, b);
  const V scale = hn::Set(d, beta);
  const bool adds = beta != T{0};
  HWY_UNROLL(16) for (std::size_t i = 0; i < MR; ++i) {
    HWY_UNROLL(2) for (std::size_t v = 0; v < NV; ++v) {
      T* const at = c + static_cast<Index>(i) * ldc + static_cast<Index>(v) * lanes;
      hn::StoreU(adds ? hn::MulAdd(scale, hn::LoadU(d, at), acc[i][v]) : acc[i][v], d, at);
    }
  }
}

// rows: what gemm_rows_of returns.
template <std::size_t NV, Left left, class T>
inline void gemm_full_tile(Index rows, Index kc, const T* a, Index a_step, const T* b, Index ldb,
                           T* c, Index ldc, T beta) {
  if constexpr (gemm_tile_rows > detail::gemm_rows) {
    if (rows == 12) return gemm_tile<12, NV, left>(kc, a, a_step, b, ldb, c, ldc, beta);
    if (rows == 8) return gemm_tile<8, NV, left>(kc, a, a_step, b, ldb, c, ldc, beta);
  }
  switch (rows) {
    case 1: return gemm_tile<1, NV, left>(kc, a, a_step, b, ldb, c, ldc, beta);
    case 2: return gemm_tile<2, NV, left>(kc, a, a_step, b, ldb, c, ldc, beta);
    case 3: return gemm_tile<3, NV, left>(kc, a, a_step, b, ldb, c, ldc, beta);
    case 4: return gemm_tile<4, NV, left>(kc, a, a_step, b, ldb, c, ldc, beta);
    case 5: return gemm_tile<5, NV, left>(kc, a, a_step, b, ldb, c, ldc, beta);
    default: return gemm_tile<6, NV, left>(kc, a, a_step, b, ldb, c, ldc, beta);
  }
}

// c = beta c + columns first .. first + columns of a tile of NV vectors, behind which c may end.
template <std::size_t NV, Left left, class T>
inline void gemm_part_tile(Index rows, Index kc, const T* a, Index a_step, const T* b, Index ldb,
                           T* c, Index ldc, Index first, Index columns, T beta) {
  const hn::ScalableTag<T> d;
  constexpr Index width = static_cast<Index>(NV * hn::MaxLanes(d));
  if (columns == width)
    return gemm_full_tile<NV, left>(rows, kc, a, a_step, b, ldb, c, ldc, beta);
  HWY_ALIGN T tile[static_cast<std::size_t>(gemm_tile_rows * width) + hn::MaxLanes(d)];
  gemm_full_tile<NV, left>(rows, kc, a, a_step, b, ldb, tile, width, T{0});
  const auto scale = hn::Set(d, beta);
  for (Index r = 0; r < rows; ++r)
    each_vector<T>(columns, [&](Index i, Index count) CFM_LANES {
      auto v = hn::LoadU(d, tile + r * width + first + i);
      if (beta != T{0}) v = hn::MulAdd(scale, load_some(d, c + r * ldc + i, count), v);
      store_some(d, v, c + r * ldc + i, count);
    });
}

// The same for a tile of two vectors, packed or in place.
template <bool Packed, class T>
inline void gemm_tile_of(Index rows, Index kc, const T* a, Index a_row, Index a_col, const T* b,
                         Index ldb, T* c, Index ldc, Index columns, T beta) {
  const Index lanes = lanes_of<T>(), some = std::min(columns, 2 * lanes);
  if constexpr (Packed)
    gemm_part_tile<2, Left::packed>(rows, kc, a, a_row, b, ldb, c, ldc, 0, some, beta);
  else if (a_col != 1)
    gemm_part_tile<2, Left::columns>(rows, kc, a, a_col, b, ldb, c, ldc, 0, some, beta);
  else if (columns > lanes)
    gemm_part_tile<2, Left::rows>(rows, kc, a, a_row, b, ldb, c, ldc, 0, some, beta);
  else
    gemm_part_tile<1, Left::rows>(rows, kc, a, a_row, b, ldb, c, ldc, 0, some, beta);
}

// Columns of a panel.
template <class T>
inline Index gemm_width(const detail::Gemm<T>&) {
  return 2 * lanes_of<T>();
}

// Elements that gemm_pack_a writes.
constexpr Index gemm_packed_a(Index m, Index kc) { return m * ((kc + 3) / 4 * 4); }

// Vectors of four floats exist, and so do shuffles.
template <class T>
inline constexpr bool four_floats =
    std::is_same_v<T, float> && block_of(hn::ScalableTag<float>()) == 4;

// Rows of a, tile by tile, each as [kc / 4][rows of the tile][4]. Where kc is no multiple of four,
// the last places stay unwritten, and the tiles do not read them.
template <class T>
inline void gemm_pack_a(Index m, Index kc, const T* a, Index a_row, Index a_col,
                        T* HWY_RESTRICT to) {
  for (Index rows; m > 0; m -= rows, a += rows * a_row) {
    rows = gemm_rows_of(m);
    Index k = 0;
    if constexpr (four_floats<T>) {  // a read across: transposed four by four
      const hn::CappedTag<float, 4> d;
      if (a_row == 1 && rows >= 4)
        for (; k + 4 <= kc; k += 4, to += 4 * rows)
          for (Index i = 0; i < rows; i += 4) {
            const Index r = std::min(i, rows - 4);
            hn::Vec<decltype(d)> v[4];
            load_transposed(d, a + r + k * a_col, a_col, v);
            for (int u = 0; u < 4; ++u) hn::StoreU(v[u], d, to + 4 * (r + u));
          }
    }
    const hn::CappedTag<T, 4> some;
    const Index step = static_cast<Index>(hn::Lanes(some));
    if (a_col == 1) {
      for (; k + 4 <= kc; k += 4)
        for (Index r = 0; r < rows; ++r, to += 4)
          for (Index u = 0; u < 4; u += step)
            hn::StoreU(hn::LoadU(some, a + r * a_row + k + u), some, to + u);
    } else {
      for (; k + 4 <= kc; k += 4)
        for (Index r = 0; r < rows; ++r, to += 4)
          for (Index u = 0; u < 4; ++u) to[u] = a[r * a_row + (k + u) * a_col];
    }
    // The tail of the tiles steps by one within the first row of four: keep its addresses.
    if (k == kc) continue;
    for (Index r = 0; r < rows; ++r, to += 4)
      for (Index u = 0; k + u < kc; ++u) to[u] = a[r * a_row + (k + u) * a_col];
  }
}

// Columns [0, columns) of kc rows of b as panels of two vectors, each [kc][2 lanes], the last one
// padded with zeros.
template <class T>
inline void gemm_pack_b(Index kc, Index columns, const T* b, Index b_row, Index b_col,
                        T* HWY_RESTRICT to) {
  const hn::ScalableTag<T> d;
  constexpr std::size_t block = block_of(hn::ScalableTag<T>());
  constexpr Index step = static_cast<Index>(block);
  const Index lanes = static_cast<Index>(hn::Lanes(d)), width = 2 * lanes;
  const Index full = columns / width * width;
  // `lanes` columns from column j on.
  const auto pack_lanes = [&](Index j) CFM_LANES {
    const T* const from = b + j * b_col;
    T* const at = to + j / width * width * kc + j % width;
    Index k = 0;
    if (b_col == 1)
      for (; k < kc; ++k) hn::StoreU(hn::LoadU(d, from + k * b_row), d, at + k * width);
    else if (b_row == 1)
      for (; k + step <= kc; k += step) {
        hn::Vec<decltype(d)> v[block];
        load_transposed(d, from + k, b_col, v);
        for (Index u = 0; u < step; ++u) hn::StoreU(v[u], d, at + (k + u) * width);
      }
    for (; k < kc; ++k)
      for (Index c = 0; c < lanes; ++c) at[k * width + c] = from[c * b_col + k * b_row];
  };
  if (b_col == 1) {  // all full panels together: long reads of each row
    for (Index k = 0; k < kc; ++k)
      for (Index j = 0; j < full; j += width) {
        const T* const from = b + k * b_row + j;
        T* const at = to + j * kc + k * width;
        const auto b0 = hn::LoadU(d, from), b1 = hn::LoadU(d, from + lanes);
        hn::StoreU(b0, d, at);
        hn::StoreU(b1, d, at + lanes);
      }
  } else {
    for (Index j = 0; j < full; j += lanes) pack_lanes(j);
  }
  if (full == columns) return;
  for (Index j = full; j < full + width; j += lanes) {
    if (j + lanes <= columns) {
      pack_lanes(j);
      continue;
    }
    T* const at = to + full * kc + j % width;
    for (Index k = 0; k < kc; ++k) hn::StoreU(hn::Zero(d), d, at + k * width);
    for (Index c = 0; c < columns - j; ++c)
      for (Index k = 0; k < kc; ++k) at[k * width + c] = b[(j + c) * b_col + k * b_row];
  }
}

// Elements of b that the second-level cache keeps beside everything else.
inline constexpr Index gemm_thin = Index{1} << 16;

// As gemm_terms, but `packed_a`, if not null, is what gemm_pack_a has already made of these terms
// of all rows.
template <class T>
inline void gemm_packed_terms(const detail::Gemm<T>& g, Index k0, Index kc, const T* packed_b,
                              const T* packed_a, Index packed_terms) {
  const Index lanes = lanes_of<T>(), width = 2 * lanes;
  const T* const a = g.a + k0 * g.a_col;
  const T beta = k0 == 0 ? g.beta : T{1};
  const auto tile = [&](Index i, Index rows, Index j) {
    const Index columns = std::min(width, g.n - j);
    T* const c = g.out + i * g.out_row + j;
    if (packed_b == nullptr) {
      const T* const b = g.b + k0 * g.b_row + j;
      const T* const from = a + i * g.a_row;
      if (columns == width)
        return gemm_tile_of<false>(rows, kc, from, g.a_row, g.a_col, b, g.b_row, c, g.out_row,
                                   columns, beta);
      for (Index v = 0; v < columns; v += lanes) {  // the last vector overlaps the one before
        const Index count = std::min(lanes, columns - v), first = lanes - count;
        gemm_part_tile<1, Left::rows>(rows, kc, from, g.a_row, b + v - first, g.b_row, c + v,
                                      g.out_row, first, count, beta);
      }
    } else if (packed_a == nullptr) {
      gemm_tile_of<false>(rows, kc, a + i * g.a_row, g.a_row, g.a_col, packed_b + j * packed_terms,
                          width, c, g.out_row, columns, beta);
    } else {
      gemm_tile_of<true>(rows, kc, packed_a + gemm_packed_a(i, kc), 4, 1,
                         packed_b + j * packed_terms, width, c, g.out_row, columns, beta);
    }
  };
  if (kc * g.n <= gemm_thin) {  // b stays in cache: out is written along its rows
    for (Index i = 0, rows; i < g.m; i += rows) {
      rows = gemm_rows_of(g.m - i);
      for (Index j = 0; j < g.n; j += width) tile(i, rows, j);
    }
  } else {
    for (Index j = 0; j < g.n; j += width)
      for (Index i = 0, rows; i < g.m; i += rows) {
        rows = gemm_rows_of(g.m - i);
        tile(i, rows, j);
      }
  }
}

// All of g over terms k0 .. k0 + kc. `packed_b` is what gemm_pack_b made of them, or null: then b
// is read in place, which needs dense rows of at least one vector, and where the last panel is not
// full, dense rows of a. `packed_a` has room for gemm_packed_a(m, kc) elements, or is null: then a
// is read in place, which needs dense rows or columns. Where operands are does not change the
// result.
template <class T>
inline void gemm_terms(const detail::Gemm<T>& g, Index k0, Index kc, const T* packed_b, T* packed_a,
                       Index packed_terms) {
  const T* const a = g.a + k0 * g.a_col;
  if (packed_a != nullptr) gemm_pack_a(g.m, kc, a, g.a_row, g.a_col, packed_a);
  gemm_packed_terms(g, k0, kc, packed_b, packed_a, packed_terms);
}

}  // namespace HWY_NAMESPACE
CFM_ISA_NAMESPACE_END
HWY_AFTER_NAMESPACE();
#endif

#if !CFM_BODIES || (defined(CFM_UNIT_MATMUL) && HWY_ONCE)  // what doors call
#undef CFM_UNIT_MATMUL  // once, even if one target is all
CFM_NAMESPACE_BEGIN
namespace dispatched {
CFM_BODY(Index, gemm_width, (const detail::Gemm<T>& g), (g))
CFM_BODY(void, gemm_pack_a, (Index m, Index kc, const T* a, Index a_row, Index a_col, T* to),
         (m, kc, a, a_row, a_col, to))
CFM_BODY(void, gemm_pack_b, (Index kc, Index columns, const T* b, Index b_row, Index b_col, T* to),
         (kc, columns, b, b_row, b_col, to))
CFM_BODY(void, gemm_packed_terms,
         (const detail::Gemm<T>& g, Index k0, Index kc, const T* packed_b, const T* packed_a,
          Index packed_terms), (g, k0, kc, packed_b, packed_a, packed_terms))
CFM_BODY(void, gemm_terms,
         (const detail::Gemm<T>& g, Index k0, Index kc, const T* packed_b, T* packed_a,
          Index packed_terms), (g, k0, kc, packed_b, packed_a, packed_terms))
}  // namespace dispatched
CFM_NAMESPACE_END
#endif
