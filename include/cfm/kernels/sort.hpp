#pragma once
/// @file  Sorting along a dimension, with positions.

#include <algorithm>

#include <cfm/exec/scratch.hpp>
#include <cfm/kernels/detail/integer.hpp>
#include <cfm/kernels/detail/ranked.hpp>
#include <cfm/kernels/detail/rows.hpp>

CFM_NAMESPACE_BEGIN

/// Values in order and where they came from.
struct Ordered {
  Tensor values;   ///< of the type of x
  Tensor indices;  ///< i64: positions along the dimension of x
};

/// How to sort.
struct SortOptions {
  bool descending = false;  ///< largest first
};

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// values[r, :] = x[r, :] in order, indices[r, :] their positions.
///
/// Shapes:  x, values, indices [rows, n]; last stride 1; values may be x itself. An empty `values`
///          or `indices` is left out.
/// Order:   stable: equal elements keep their order, also if descending. -0 equals 0; a NaN is
///          larger than every number and equals every NaN.
/// Errors:  ShapeError if the shapes differ.
/// Cost:    n log n comparisons a row.
template <class T>
void sort_rows(In<T, 2> x, View<T, 2> values, View<std::int64_t, 2> indices,
               const SortOptions& options = {}) {
  if (values.data != nullptr) detail::check_rows("sort_rows", x, values);
  if (indices.data != nullptr) detail::check_rows("sort_rows", x, indices);
  const Index n = x.cols();
  parallel_for(x.rows(), grain_for(16 * n * Index{sizeof(T)}), [&](Index begin, Index end) {
    const Scratch<detail::Ranked<T>> scratch(n);
    detail::Ranked<T>* const entries = scratch.data();
    for (Index r = begin; r < end; ++r) {
      for (Index i = 0; i < n; ++i) entries[i] = {x.row(r)[i], i};
      if (options.descending)
        std::sort(entries, entries + n, detail::RanksBefore<true>{});
      else
        std::sort(entries, entries + n, detail::RanksBefore<false>{});
      if (values.data != nullptr)
        for (Index i = 0; i < n; ++i) values.row(r)[i] = entries[i].value;
      if (indices.data != nullptr)
        for (Index i = 0; i < n; ++i) indices.row(r)[i] = entries[i].index;
    }
  });
}

namespace isa_detail {

inline Ordered sort_along(std::string_view op, const Tensor& x, int dim, const SortOptions& options,
                          bool values_too) {
  if (is_half(x.dtype())) {  // exact both ways
    const Ordered wide = sort_along(op, x.to(DType::f32), dim, options, values_too);
    return {wide.values.to(x.dtype()), wide.indices};
  }
  const detail::RowsOf rows(op, x, dim);
  Tensor values = values_too ? Tensor::empty_like(rows.x) : Tensor();
  Tensor indices = Tensor::empty(rows.x.shape(), DType::i64);
  visit_ranked(op, x.dtype(), [&]<class T>(std::type_identity<T>) {
    if (x.size() == 0) return;
    View<T, 2> ordered;
    if (values_too) ordered = matrix_view(values.data<T>(), rows.rows, rows.cols);
    sort_rows<T>(rows.view<T>(), ordered,
                 matrix_view(indices.data<std::int64_t>(), rows.rows, rows.cols), options);
  });
  return {values_too ? rows.restore(x, values) : values, rows.restore(x, indices)};
}

}  // namespace isa_detail

/// The elements in order along a dimension, and their positions; see sort_rows.
/// Errors:  ShapeError for a dimension that is not there, TypeError for fp8.
inline Ordered sort(const Tensor& x, int dim = -1, const SortOptions& options = {}) {
  return isa_detail::sort_along("sort", x, dim, options, true);
}

/// The positions that sort x along a dimension, as i64.   Errors:  as sort.
inline Tensor argsort(const Tensor& x, int dim = -1, const SortOptions& options = {}) {
  return isa_detail::sort_along("argsort", x, dim, options, false).indices;
}

CFM_ISA_NAMESPACE_END
