#pragma once
/// @file  Blocks of rows and columns of large products: they follow the caches of the machine, and
///        no result depends on them.

#include <algorithm>

#include <cfm/exec/cache_sizes.hpp>
#include <cfm/kernels/matmul-inl.hpp>

CFM_NAMESPACE_BEGIN
namespace detail {

/// Bytes that a column or a row has in one block of terms.
template <class T>
inline constexpr Index gemm_line = gemm_k_block* static_cast<Index>(sizeof(T));

/// Rows that take a third of the second-level cache in one block of terms, but no more than 96: of
/// a wide result each row lies in a page of its own, and the nearest table of pages is small.
template <class T>
Index gemm_row_block() {
  constexpr Index tiles = 2 * gemm_rows;  // whole ones on every target
  return std::clamp<Index>(cache_sizes().l2 / 3 / gemm_line<T> / tiles, 4, 8) * tiles;
}

/// Columns that take a sixteenth of the third-level cache, which is shared.
template <class T>
Index gemm_column_block() {
  return std::clamp<Index>(cache_sizes().l3 / 16 / gemm_line<T> / gemm_columns, 8, 16) *
         gemm_columns;
}

}  // namespace detail
CFM_NAMESPACE_END
