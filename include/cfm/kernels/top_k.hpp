#pragma once
/// @file  The k largest or smallest elements along a dimension.

#include <algorithm>

#include <cfm/exec/scratch.hpp>
#include <cfm/kernels/sort.hpp>
#include <cfm/kernels/top_k-inl.hpp>

CFM_NAMESPACE_BEGIN

/// Which elements top_k chooses, and in what order it gives them.
struct TopKOptions {
  bool largest = true;
  bool sorted = true;  ///< best first; otherwise by position
};

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN
namespace isa_detail {

// The position of the next element of x, from i on, that beats the threshold; n for none. Equal
// ones lose: the lower position wins.
template <bool largest, class T>
Index next_better(const T* x, Index i, Index n, T threshold) {
  if constexpr (Real<T>) {
    return CFM_CALL(first_beyond)(x, i, n, threshold, largest);
  } else {
    while (i < n && !(largest ? threshold < x[i] : x[i] < threshold)) ++i;
    return i;
  }
}

// For small k: the best so far in order, each new one put into its place. Elements that do not beat
// `bound` are left out unless it is NaN; returns how many of the k were found.
template <bool largest, class T>
Index insert_best(const T* x, Index n, Index k, [[maybe_unused]] double bound,
                  detail::Ranked<T>* entries) {
  const auto better = [](T a, T b) {
    return largest ? detail::ranks_below(b, a) : detail::ranks_below(a, b);
  };
  Index count = 0;
  for (Index i = 0; i < n; ++i) {
    if (count == k)
      i = next_better<largest>(x, i, n, entries[k - 1].value);
    else if constexpr (Real<T>)
      if (bound == bound) i = next_better<largest>(x, i, n, static_cast<T>(bound));
    if (i == n) break;
    Index at = count < k ? count++ : k - 1;
    for (; at > 0 && better(x[i], entries[at - 1].value); --at) entries[at] = entries[at - 1];
    entries[at] = {x[i], i};
  }
  return count;
}

template <bool largest, class T>
void choose_few(const T* x, Index n, Index k, detail::Ranked<T>* entries) {
  constexpr double none = std::numeric_limits<double>::quiet_NaN();
  if constexpr (Real<T>) {
    const double bound = static_cast<double>(CFM_CALL(bound_of_best)(x, n, k, largest));
    if (bound == bound && insert_best<largest>(x, n, k, bound, entries) == k) return;
  }
  insert_best<largest>(x, n, k, none, entries);
}

// The best k of a row to the front of `entries`, in no order. `entries` has room for 2 k + 64:
// what beats the k-th best so far is collected there, and when it is full the k best are kept. So
// a long row is read once, and most of it is only compared.
template <bool largest, class T>
void choose_k(const T* x, Index n, Index k, detail::Ranked<T>* entries) {
  if (k <= 32) return choose_few<largest>(x, n, k, entries);
  const detail::RanksBefore<largest> before;
  const Index room = 2 * k + 64;
  Index count = std::min(n, room), i = count;
  for (Index at = 0; at < count; ++at) entries[at] = {x[at], at};
  while (true) {
    if (count > k) std::nth_element(entries, entries + (k - 1), entries + count, before);
    count = k;
    const T threshold = entries[k - 1].value;
    while (count < room && (i = next_better<largest>(x, i, n, threshold)) < n) {
      entries[count++] = {x[i], i};
      ++i;
    }
    if (count == k) return;
  }
}

}  // namespace isa_detail

/// values[r, :] = the k best of x[r, :], indices[r, :] their positions.
///
/// Shapes:  x [rows, n], values and indices [rows, k] with k <= n; last stride 1.
/// Order:   of equal elements the one at the lower position is better. -0 equals 0; a NaN is larger
///          than every number and equals every NaN.
/// Errors:  ShapeError if the shapes do not fit.
/// Cost:    one pass over x for small k: a vector comparison for most elements.
template <class T>
void top_k_rows(In<T, 2> x, View<T, 2> values, View<std::int64_t, 2> indices,
                const TopKOptions& options = {}) {
  detail::check_rows("top_k_rows", values, indices);
  const Index n = x.cols(), k = values.cols();
  CFM_CHECK(x.rows() == values.rows() && k <= n && x.last_contiguous(),
            "top_k_rows: needs a row of outputs, no longer, for every row", x, values);
  if (k == 0) return;
  parallel_for(x.rows(), grain_for(n * Index{sizeof(T)}), [&](Index begin, Index end) {
    const Scratch<detail::Ranked<T>> scratch(std::min(n, 2 * k + 64));
    detail::Ranked<T>* const entries = scratch.data();
    for (Index r = begin; r < end; ++r) {
      if (options.largest)
        isa_detail::choose_k<true>(x.row(r), n, k, entries);
      else
        isa_detail::choose_k<false>(x.row(r), n, k, entries);
      if (!options.sorted)
        std::sort(entries, entries + k,
                  [](const auto& a, const auto& b) { return a.index < b.index; });
      else if (options.largest)
        std::sort(entries, entries + k, detail::RanksBefore<true>{});
      else
        std::sort(entries, entries + k, detail::RanksBefore<false>{});
      for (Index i = 0; i < k; ++i) {
        values.row(r)[i] = entries[i].value;
        indices.row(r)[i] = entries[i].index;
      }
    }
  });
}

/// The k best elements along a dimension, whose extent becomes k, and their positions; see
/// top_k_rows.
/// Errors:  ShapeError for a dimension that is not there or shorter than k, Error for a negative k,
///          TypeError for fp8.
inline Ordered top_k(const Tensor& x, Index k, int dim = -1, const TopKOptions& options = {}) {
  if (isa_detail::is_half(x.dtype())) {  // exact both ways
    const Ordered wide = top_k(x.to(DType::f32), k, dim, options);
    return {wide.values.to(x.dtype()), wide.indices};
  }
  const detail::RowsOf rows("top_k", x, dim);
  CFM_CHECK(k >= 0, "top_k: k must not be negative", k);
  CFM_CHECK(k <= rows.x.size(-1), "top_k: k is larger than the dimension", x, dim, k);
  CFM_CHECK(x.rank() > 0 || k == 1, "top_k: a scalar has its one element", x, k);
  Extents shape = rows.x.shape();
  shape[shape.rank() - 1] = k;
  Tensor values = Tensor::empty(Shape(shape), x.dtype());
  Tensor indices = Tensor::empty(Shape(shape), DType::i64);
  isa_detail::visit_ranked("top_k", x.dtype(), [&]<class T>(std::type_identity<T>) {
    if (values.size() > 0)
      top_k_rows<T>(rows.view<T>(), matrix_view(values.data<T>(), rows.rows, k),
                    matrix_view(indices.data<std::int64_t>(), rows.rows, k), options);
  });
  return {rows.restore(x, values), rows.restore(x, indices)};
}

CFM_ISA_NAMESPACE_END
