#pragma once
/// @file  What the doors over rows of a matrix share: one check and one loop.

#include <string_view>

#include <cfm/exec/parallel.hpp>
#include <cfm/tensor/tensor.hpp>

CFM_NAMESPACE_BEGIN
namespace detail {

/// Every view has the shape of the first, and dense rows.
template <class First, class... Views>
void check_rows(std::string_view op, const First& first, const Views&... views) {
  const auto same = [&](const auto& v) {
    return v.rows() == first.rows() && v.cols() == first.cols() && v.last_contiguous();
  };
  CFM_CHECK(first.last_contiguous() && (same(views) && ...),
            concat(op, ": matrices must have one shape and dense rows"), first, views...);
}

/// A dense vector of n elements, or none at all.
template <class V>
void check_optional(std::string_view op, std::string_view what, const V& v, Index n) {
  CFM_CHECK(v.data == nullptr || (v.extent[0] == n && v.last_contiguous()),
            concat(op, ": ", what, " must have ", n, " dense elements, or be empty"), v);
}

/// A dense vector of n elements.
template <class V>
void check_vector(std::string_view op, std::string_view what, const V& v, Index n) {
  CFM_CHECK(v.extent[0] == n && v.last_contiguous(),
            concat(op, ": ", what, " must have ", n, " dense elements"), v);
}

/// f(row) for every row, in parallel.
template <class F>
void for_each_row(Index rows, Index bytes_per_row, const F& f) {
  parallel_for(rows, grain_for(bytes_per_row), [&](Index begin, Index end) {
    for (Index r = begin; r < end; ++r) f(r);
  });
}

/// A tensor as the rows along one dimension, dense: copies unless it is so already.
struct RowsOf {
  Tensor x;
  int dim;
  Index rows = 0, cols = 0;

  RowsOf(std::string_view op, const Tensor& t, int wanted)
      : dim(normalize_dim(wanted, t.rank(), op)) {
    x = (t.rank() == 0 ? t.reshape({1}) : t.transpose(dim, -1)).contiguous();
    cols = x.size(-1);
    rows = cols == 0 ? 0 : x.size() / cols;
  }

  template <class T>
  View<const T, 2> view() const {
    return matrix_view(x.data<T>(), rows, cols);
  }

  /// Undoes the reordering for a tensor that is shaped like x.
  Tensor restore(const Tensor& like, const Tensor& y) const {
    return like.rank() == 0 ? y.reshape(Shape{}) : y.transpose(dim, -1).contiguous();
  }
};

}  // namespace detail
CFM_NAMESPACE_END
