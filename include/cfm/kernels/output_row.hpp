#pragma once
/// @file  Finished results of a product, on their way through an epilogue.

#include <cfm/core/dtype.hpp>

CFM_NAMESPACE_BEGIN

/// Finished results of one row of a product, in cache: what a part of an epilogue changes in place.
template <Real T>
struct OutputRow {
  T* values;  ///< [columns]
  Index columns;
  Index row;           ///< of the result
  Index first_column;  ///< the column of values[0]
};

namespace detail {

// Results of a block of rows and columns, and what is to be done to them. The type of the epilogue
// is hidden: products are compiled once for all epilogues.
template <class T>
struct Finish {
  void (*call)(const void* epilogue, const OutputRow<T>& row) = nullptr;
  const void* epilogue = nullptr;

  void operator()(T* out, Index out_row, Index row, Index rows, Index column, Index columns) const {
    if (call == nullptr) return;
    for (Index r = 0; r < rows; ++r)
      call(epilogue, OutputRow<T>{out + r * out_row, columns, row + r, column});
  }
};

}  // namespace detail

CFM_NAMESPACE_END
