#pragma once
/// @file  Sums, means, extrema and softmax over groups of rows.

#include <cfm/autograd/ops_index.hpp>
#include <cfm/autograd/ops_reduce.hpp>

CFM_ISA_NAMESPACE_BEGIN

// Shapes:  x [rows, ...], one row for every key of the segments  ->  [count, ...].
// Errors:  ShapeError if the number of rows differs.

namespace isa_detail {

inline void check_segments(std::string_view op, const Var& x, const Segments& segments) {
  CFM_CHECK(x.rank() >= 1 && x.size(0) == segments.rows(),
            concat(op, ": needs a row for each of ", segments.rows(), " keys"), x);
}

}  // namespace isa_detail

/// y[k] = sum of the rows with key k; 0 for none.
inline Var segment_sum(const Var& x, const Segments& segments) {
  isa_detail::check_segments("segment_sum", x, segments);
  return record({&x}, sum_rows_of(segments.members(), x.value()),
                [to = x.slot(), segments](Gradients& gradients, const Tensor& dy) {
                  gradients.add(to, sum_rows_of(segments.keys(), dy));
                });
}

/// y[r] = x[key of row r]: every row gets what its group has.
/// Shapes:  x [count, ...]  ->  [rows, ...].
inline Var segment_spread(const Var& x, const Segments& segments) {
  CFM_CHECK(x.rank() >= 1 && x.size(0) == segments.count(),
            concat("segment_spread: needs a row for each of ", segments.count(), " groups"), x);
  return record({&x}, sum_rows_of(segments.keys(), x.value()),
                [to = x.slot(), segments](Gradients& gradients, const Tensor& dy) {
                  gradients.add(to, sum_rows_of(segments.members(), dy));
                });
}

/// y[k] = mean of the rows with key k; 0 for none.
inline Var segment_mean(const Var& x, const Segments& segments) {
  isa_detail::check_segments("segment_mean", x, segments);
  Extents column = x.shape();
  for (int d = 0; d < x.rank(); ++d) column[d] = d == 0 ? segments.count() : 1;
  Tensor share = Tensor::empty({segments.count()}, x.dtype());
  visit_real(x.dtype(), "segment_mean", [&]<class T>(std::type_identity<T>) {
    inverse_degree<T>(segments.members(), share.view<T, 1>());
  });
  return mul(segment_sum(x, segments), share.reshape(column));
}

/// y[k] = element-wise maximum of the rows with key k; 0 for none. The first of equals has the
/// gradient.
inline Var segment_max(const Var& x, const Segments& segments) {
  isa_detail::check_segments("segment_max", x, segments);
  const Tensor rows = isa_detail::as_matrix(x.value()).contiguous();
  Tensor which = Tensor::empty({segments.count(), rows.size(1)}, DType::i32);
  Tensor y = Tensor::empty(which.shape(), x.dtype());
  visit_real(x.dtype(), "segment_max", [&]<class T>(std::type_identity<T>) {
    aggregate_max<T>(segments.members(), rows.view<T, 2>(), y.view<T, 2>(),
                     which.view<std::int32_t, 2>());
  });
  return record({&x}, y.reshape(isa_detail::with_rows(x.shape(), segments.count())),
                [to = x.slot(), like = x.shape(), segments, which = Saved(which)](
                    Gradients& gradients, const Tensor& dy) {
                  const Tensor from = isa_detail::as_matrix(dy).contiguous();
                  Tensor dx = Tensor::empty({like[0], from.size(1)}, dy.dtype());
                  visit_real(dy.dtype(), "segment_max", [&]<class T>(std::type_identity<T>) {
                    aggregate_max_backward<T>(segments.keys(), from.view<T, 2>(),
                                              which->view<std::int32_t, 2>(), dx.view<T, 2>());
                  });
                  gradients.add(to, dx.reshape(like));
                });
}

/// y[k] = element-wise minimum of the rows with key k; 0 for none. The first of equals has the
/// gradient.
inline Var segment_min(const Var& x, const Segments& segments) {
  return neg(segment_max(neg(x), segments));
}

/// exp(x) over its sum in the group, without overflow.   Shapes:  [rows, ...] -> the same.
inline Var segment_softmax(const Var& x, const Segments& segments) {
  const Var top = segment_max(Var(x.value()), segments);  // only shifts: no gradient
  const Var e = exp(sub(x, segment_spread(top, segments)));
  return div(e, segment_spread(segment_sum(e, segments), segments));
}

CFM_ISA_NAMESPACE_END
