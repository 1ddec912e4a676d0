/// @file  Matrix products with few rows: b is read once, where it lies, in long streams, because
///        the memory that it comes from is the limit.
#ifndef CFM_KERNELS_MATMUL_FEW_ROWS_INL_HPP_
#define CFM_KERNELS_MATMUL_FEW_ROWS_INL_HPP_
#include <cfm/kernels/dispatch.hpp>

CFM_NAMESPACE_BEGIN
namespace detail {
// More rows are worth packing b.
inline constexpr Index gemm_few_rows = 4;
// Columns whose sums are kept in the first-level cache.
inline constexpr Index gemm_few_rows_columns = 512;
}  // namespace detail
CFM_NAMESPACE_END
#endif

#include <cfm/kernels/lanes-inl.hpp>
#include <cfm/kernels/matmul-inl.hpp>

#if CFM_BODIES && defined(CFM_KERNELS_MATMUL_FEW_ROWS_TARGET) == defined(HWY_TARGET_TOGGLE)
#ifdef CFM_KERNELS_MATMUL_FEW_ROWS_TARGET
#undef CFM_KERNELS_MATMUL_FEW_ROWS_TARGET
#else
#define CFM_KERNELS_MATMUL_FEW_ROWS_TARGET
#endif
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
CFM_ISA_NAMESPACE_BEGIN
namespace HWY_NAMESPACE {

// sums[MR][n] += terms k .. k + KU of a b, each column in the order of its terms. Rows of b dense.
template <std::size_t MR, std::size_t KU, class T>
HWY_INLINE void add_dense_terms(const detail::Gemm<T>& g, Index k, T* HWY_RESTRICT sums,
                                Index sums_row) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  V a[MR][KU];
  HWY_UNROLL(4) for (std::size_t i = 0; i < MR; ++i) {
    const T* const row = g.a + static_cast<Index>(i) * g.a_row + k * g.a_col;
    HWY_UNROLL(4) for (std::size_t u = 0; u < KU; ++u) {
      a[i][u] = hn::Set(d, row[static_cast<Index>(u) * g.a_col]);
    }
  }
  const T* const HWY_RESTRICT b = g.b + k * g.b_row;
  each_vector<T>(g.n, [&](Index j, Index count) CFM_LANES {
    V bv[KU];
    HWY_UNROLL(4) for (std::size_t u = 0; u < KU; ++u) {
      bv[u] = load_some(d, b + static_cast<Index>(u) * g.b_row + j, count);
    }
    HWY_UNROLL(4) for (std::size_t i = 0; i < MR; ++i) {
      T* const at = sums + static_cast<Index>(i) * sums_row + j;  // padded to full vectors
      V sum = hn::LoadU(d, at);
      HWY_UNROLL(4) for (std::size_t u = 0; u < KU; ++u) { sum = hn::MulAdd(a[i][u], bv[u], sum); }
      hn::StoreU(sum, d, at);
    }
  });
}

// All of g, rows of b dense; `sums` has room for MR * sums_row elements, sums_row >= n + lanes.
template <std::size_t MR, class T>
HWY_NOINLINE void few_rows_dense(const detail::Gemm<T>& g, T* sums, Index sums_row) {
  const hn::ScalableTag<T> d;
  constexpr std::size_t KU = MR <= 2 ? 4 : 2;  // broadcasts, rows and a sum must fit registers
  constexpr Index step = static_cast<Index>(KU);
  for (Index k0 = 0; k0 < g.k; k0 += detail::gemm_k_block) {
    const Index end = std::min(k0 + detail::gemm_k_block, g.k);
    std::fill_n(sums, static_cast<Index>(MR) * sums_row, T{0});
    Index k = k0;
    for (; k + step <= end; k += step) add_dense_terms<MR, KU>(g, k, sums, sums_row);
    for (; k < end; ++k) add_dense_terms<MR, 1>(g, k, sums, sums_row);
    const T beta = k0 == 0 ? g.beta : T{1};
    const auto scale = hn::Set(d, beta);
    for (std::size_t i = 0; i < MR; ++i)
      each_vector<T>(g.n, [&](Index j, Index count) CFM_LANES {
        T* const out = g.out + static_cast<Index>(i) * g.out_row + j;
        auto sum = hn::LoadU(d, sums + static_cast<Index>(i) * sums_row + j);
        if (beta != T{0}) sum = hn::MulAdd(scale, load_some(d, out, count), sum);
        store_some(d, sum, out, count);
      });
  }
}

// All of g, columns of b dense, n a multiple of two vectors: columns are transposed in registers.
template <std::size_t MR, class T>
HWY_NOINLINE void few_rows_transposed(const detail::Gemm<T>& g) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  constexpr std::size_t block = block_of(hn::ScalableTag<T>());
  constexpr Index step = static_cast<Index>(block);
  const Index lanes = static_cast<Index>(hn::Lanes(d));
  for (Index j = 0; j < g.n; j += 2 * lanes) {
    const T* const b0 = g.b + j * g.b_col;
    const T* const b1 = b0 + lanes * g.b_col;
    for (Index k0 = 0; k0 < g.k; k0 += detail::gemm_k_block) {
      const Index end = std::min(k0 + detail::gemm_k_block, g.k);
      V acc[MR][2];
      HWY_UNROLL(4) for (std::size_t i = 0; i < MR; ++i) acc[i][0] = acc[i][1] = hn::Zero(d);
      Index k = k0;
      for (; k + step <= end; k += step) {
        HWY_UNROLL(2) for (int half = 0; half < 2; ++half) {
          V v[block];
          load_transposed(d, (half == 0 ? b0 : b1) + k, g.b_col, v);
          HWY_UNROLL(4) for (std::size_t u = 0; u < block; ++u) {
            const T* const column = g.a + (k + static_cast<Index>(u)) * g.a_col;
            HWY_UNROLL(4) for (std::size_t i = 0; i < MR; ++i) {
              const V w = hn::Set(d, column[static_cast<Index>(i) * g.a_row]);
              acc[i][half] = hn::MulAdd(w, v[u], acc[i][half]);
            }
          }
        }
      }
      for (; k < end; ++k) {
        HWY_ALIGN T column[2 * hn::MaxLanes(hn::ScalableTag<T>())];
        for (Index c = 0; c < 2 * lanes; ++c) column[c] = b0[c * g.b_col + k];
        HWY_UNROLL(4) for (std::size_t i = 0; i < MR; ++i) {
          const V v = hn::Set(d, g.a[static_cast<Index>(i) * g.a_row + k * g.a_col]);
          acc[i][0] = hn::MulAdd(v, hn::Load(d, column), acc[i][0]);
          acc[i][1] = hn::MulAdd(v, hn::Load(d, column + lanes), acc[i][1]);
        }
      }
      const T beta = k0 == 0 ? g.beta : T{1};
      const V scale = hn::Set(d, beta);
      HWY_UNROLL(4) for (std::size_t i = 0; i < MR; ++i) {
        HWY_UNROLL(2) for (int half = 0; half < 2; ++half) {
          T* const out = g.out + static_cast<Index>(i) * g.out_row + j + half * lanes;
          V sum = acc[i][half];
          if (beta != T{0}) sum = hn::MulAdd(scale, hn::LoadU(d, out), sum);
          hn::StoreU(sum, d, out);
        }
      }
    }
  }
}

// g with at most gemm_few_rows rows; b has dense rows, or dense columns and full panels.
template <class T>
inline void gemm_few_rows(const detail::Gemm<T>& g, T* sums, Index sums_row) {
  const bool dense = g.b_col == 1;
  switch (g.m) {
    case 1: return dense ? few_rows_dense<1>(g, sums, sums_row) : few_rows_transposed<1>(g);
    case 2: return dense ? few_rows_dense<2>(g, sums, sums_row) : few_rows_transposed<2>(g);
    case 3: return dense ? few_rows_dense<3>(g, sums, sums_row) : few_rows_transposed<3>(g);
    default: return dense ? few_rows_dense<4>(g, sums, sums_row) : few_rows_transposed<4>(g);
  }
}

}  // namespace HWY_NAMESPACE
CFM_ISA_NAMESPACE_END
HWY_AFTER_NAMESPACE();
#endif

#if !CFM_BODIES || (defined(CFM_UNIT_MATMUL_FEW_ROWS) && HWY_ONCE)  // what doors call
CFM_NAMESPACE_BEGIN
namespace dispatched {
CFM_BODY(void, gemm_few_rows, (const detail::Gemm<T>& g, T* sums, Index sums_row),
         (g, sums, sums_row))
}  // namespace dispatched
CFM_NAMESPACE_END
#endif
