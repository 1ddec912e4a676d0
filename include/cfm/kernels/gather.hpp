#pragma once
/// @file  Rows picked by index, rows added by index, and reductions over segments of rows.

#include <cstring>
#include <span>
#include <vector>

#include <cfm/kernels/detail/rows.hpp>
#include <cfm/kernels/spmm.hpp>
#include <cfm/tensor/tensor.hpp>

CFM_ISA_NAMESPACE_BEGIN
namespace isa_detail {

// Every index in [0, rows). Checked before anything is read or written.
template <class I>
void check_indices(std::string_view op, View<I, 1> index, Index rows) {
  for (Index i = 0; i < index.extent[0]; ++i) {
    const Index at = static_cast<Index>(index(i));
    CFM_CHECK(0 <= at && at < rows,
              concat(op, ": index ", at, " at position ", i, " is outside the ", rows, " rows"));
  }
}

inline void check_offsets(std::string_view op, std::span<const std::int64_t> offsets, Index rows) {
  CFM_CHECK(!offsets.empty() && offsets.front() == 0 && offsets.back() == rows,
            concat(op, ": offsets must run from 0 to the ", rows, " rows of x"));
  for (std::size_t i = 1; i < offsets.size(); ++i)
    CFM_CHECK(offsets[i - 1] <= offsets[i], concat(op, ": offsets decrease at ", i));
}

}  // namespace isa_detail

/// out[i, :] = x[index[i], :]
///
/// Shapes:  x [rows, n], index [count] of i32 or i64, out [count, n]; last stride 1.
/// Errors:  ShapeError if the shapes do not fit, Error for an index outside the rows.
template <Element T, std::signed_integral I>
void gather_rows(In<T, 2> x, View<I, 1> index, View<T, 2> out) {
  CFM_CHECK(out.rows() == index.extent[0] && out.cols() == x.cols(),
            "gather_rows: out must be [indices, columns of x]", x, index, out);
  CFM_CHECK(x.last_contiguous() && out.last_contiguous(), "gather_rows: rows must be dense", x,
            out);
  isa_detail::check_indices("gather_rows", index, x.rows());
  const std::size_t bytes = static_cast<std::size_t>(x.cols()) * sizeof(T);
  if (bytes == 0) return;
  detail::for_each_row(out.rows(), 2 * static_cast<Index>(bytes), [&](Index i) {
    std::memcpy(out.row(i), x.row(static_cast<Index>(index(i))), bytes);
  });
}

/// out[index[i], :] += values[i, :] for i from first to last.
///
/// Shapes:  values [count, n], index [count] of i32 or i64, out [rows, n]; last stride 1.
/// Order:   each row of out adds its values by increasing i, whatever the threads: the indices are
///          sorted by counting first, nothing is atomic.
/// Errors:  ShapeError if the shapes do not fit, Error for an index outside the rows or 2^31
/// values.
template <Real T, std::signed_integral I>
void scatter_add_rows(In<T, 2> values, View<I, 1> index, View<T, 2> out) {
  CFM_CHECK(values.rows() == index.extent[0] && out.cols() == values.cols(),
            "scatter_add_rows: values must be [indices, columns of out]", values, index, out);
  CFM_CHECK(values.last_contiguous() && out.last_contiguous(),
            "scatter_add_rows: rows must be dense", values, out);
  CFM_CHECK(values.rows() < Index{1} << 31, "scatter_add_rows: at most 2^31 values", values);
  isa_detail::check_indices("scatter_add_rows", index, out.rows());
  std::vector<std::int64_t> offsets(static_cast<std::size_t>(out.rows()) + 1, 0);
  const auto slot = [&](Index i) { return static_cast<std::size_t>(index(i)); };
  for (Index i = 0; i < values.rows(); ++i) ++offsets[slot(i) + 1];
  for (std::size_t r = 1; r < offsets.size(); ++r) offsets[r] += offsets[r - 1];
  std::vector<std::int64_t> next(offsets.begin(), offsets.end() - 1);
  std::vector<std::int32_t> order(static_cast<std::size_t>(values.rows()));
  for (Index i = 0; i < values.rows(); ++i)
    order[static_cast<std::size_t>(next[slot(i)]++)] = static_cast<std::int32_t>(i);
  aggregate_sum(CsrView{offsets, order}, values, out, {.edge = {}, .column = {}, .beta = T{1}});
}

namespace isa_detail {

template <class T>
detail::AggregateRows<T> segment_args(std::string_view op, In<T, 2> x,
                                      std::span<const std::int64_t> offsets, View<T, 2> out) {
  check_offsets(op, offsets, x.rows());
  CFM_CHECK(
      out.rows() + 1 == static_cast<Index>(offsets.size()) && out.cols() == x.cols(),
      concat(op, ": out must be [segments, columns of x] for ", offsets.size() - 1, " segments"), x,
      out);
  CFM_CHECK(x.last_contiguous() && out.last_contiguous(), concat(op, ": rows must be dense"), x,
            out);
  return {offsets.data(), nullptr, x.rows(),    nullptr,  nullptr,       false,
          T{0},           x.data,  x.stride[0], out.data, out.stride[0], x.cols()};
}

template <class T>
Index segment_grain(const detail::AggregateRows<T>& args, Index segments) {
  return grain_for((args.edges / std::max<Index>(1, segments) + 1) * args.width * Index{sizeof(T)});
}

template <int Sign, class T>
void segment_extremum(std::string_view op, In<T, 2> x, std::span<const std::int64_t> offsets,
                      View<T, 2> out, View<std::int32_t, 2> which) {
  const auto args = segment_args<T>(op, x, offsets, out);
  CFM_CHECK(which.data == nullptr || (which.rows() == out.rows() && which.cols() == out.cols() &&
                                      which.last_contiguous()),
            concat(op, ": which must be shaped like out, rows dense"), which, out);
  parallel_for(out.rows(), segment_grain(args, out.rows()), [&](Index begin, Index end) {
    CFM_CALL(aggregate_extremum)<Sign>(args, which.data, which.stride[0], begin, end);
  });
}

}  // namespace isa_detail

/// out[s, :] = sum of x[r, :] for r in [offsets[s], offsets[s + 1]); 0 for empty segments.
///
/// Shapes:  x [rows, n], offsets [segments + 1] from 0 to rows, out [segments, n]; last stride 1.
/// Order:   blocks of 256 rows, each from first to last: the same bits for any number of threads.
/// Errors:  ShapeError if the shapes do not fit, Error if the offsets decrease or miss the ends.
template <Real T>
void segment_sum(In<T, 2> x, std::span<const std::int64_t> offsets, View<T, 2> out) {
  const auto args = isa_detail::segment_args<T>("segment_sum", x, offsets, out);
  parallel_for(out.rows(), isa_detail::segment_grain(args, out.rows()),
               [&](Index begin, Index end) { CFM_CALL(aggregate_rows)
                                             (args, begin, end); });
}

/// The same, divided by the length of the segment; 0 for empty segments.
template <Real T>
void segment_mean(In<T, 2> x, std::span<const std::int64_t> offsets, View<T, 2> out) {
  auto args = isa_detail::segment_args<T>("segment_mean", x, offsets, out);
  args.mean = true;
  parallel_for(out.rows(), isa_detail::segment_grain(args, out.rows()),
               [&](Index begin, Index end) { CFM_CALL(aggregate_rows)
                                             (args, begin, end); });
}

/// Largest row element by column, 0 for empty segments; which[s, c], if given, is its row (the
/// first of equals, a NaN before all, -1 for none).
template <Real T>
void segment_max(In<T, 2> x, std::span<const std::int64_t> offsets, View<T, 2> out,
                 View<std::int32_t, 2> which = {}) {
  isa_detail::segment_extremum<1, T>("segment_max", x, offsets, out, which);
}

/// Smallest row element by column, as segment_max.
template <Real T>
void segment_min(In<T, 2> x, std::span<const std::int64_t> offsets, View<T, 2> out,
                 View<std::int32_t, 2> which = {}) {
  isa_detail::segment_extremum<-1, T>("segment_min", x, offsets, out, which);
}

/// x[index, ..]: rows along the first dimension, for an index tensor of any shape and a tensor of
/// any type. An embedding look-up is this.
/// Shapes:  x [rows, ..], index [shape] of i32 or i64 -> [shape, ..].
/// Errors:  TypeError, ShapeError for rank 0, Error for an index outside the rows.
inline Tensor gather_rows(const Tensor& x, const Tensor& index) {
  CFM_CHECK(x.rank() > 0, "gather_rows: x needs at least one dimension", x);
  Extents shape = index.shape();
  Index width = 1;
  for (int d = 1; d < x.rank(); ++d) {
    shape.push_back(x.shape()[d]);
    width *= x.shape()[d];
  }
  const Tensor source = x.contiguous(), at = index.contiguous();
  return visit_index(index.dtype(), "gather_rows", [&]<class I>(std::type_identity<I>) {
    return visit_dtype(x.dtype(), [&]<class T>(std::type_identity<T>) {
      Tensor out = Tensor::empty(Shape(shape), x.dtype());
      gather_rows(matrix_view(source.data<T>(), x.size(0), width),
                  vector_view(at.data<I>(), at.size()),
                  matrix_view(out.data<T>(), at.size(), width));
      return out;
    });
  });
}

/// The rows of a table that the tokens name.   Shapes:  table [rows, n], tokens [shape] -> [shape,
/// n].
inline Tensor embedding(const Tensor& table, const Tensor& tokens) {
  CFM_CHECK(table.rank() == 2, "embedding: the table must be [rows, n]", table);
  return gather_rows(table, tokens);
}

CFM_ISA_NAMESPACE_END
