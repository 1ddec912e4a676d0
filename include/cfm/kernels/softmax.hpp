#pragma once
/// @file  Softmax over rows, and over any dimension of a tensor.

#include <cfm/exec/scratch.hpp>
#include <cfm/kernels/detail/past_cache.hpp>
#include <cfm/kernels/detail/rows.hpp>
#include <cfm/kernels/softmax-inl.hpp>

CFM_ISA_NAMESPACE_BEGIN

/// out[r, :] = exp(x[r, :] - max) / sum(exp(x[r, :] - max))
///
/// Shapes:  x [rows, n], out [rows, n]; last stride 1; out may be x itself.
/// Order:   four vector accumulators a row: the same bits for any number of threads.
/// Errors:  ShapeError if the shapes differ. A row without any finite element gives NaN.
template <Real T>
void softmax_rows(In<T, 2> x, View<T, 2> out) {
  detail::check_rows("softmax_rows", x, out);
  if (x.cols() == 0) return;
  const Index n = x.cols();
  const bool past = x.data != out.data && isa_detail::past_cache(out.data, x.rows(), n,
                                                                 out.stride[0]);
  isa_detail::for_chunks_past_cache(
      x.rows(), grain_for(2 * n * Index{sizeof(T)}), past, [&](Index begin, Index end) {
        const Scratch<T> kept(past ? n : 0);
        for (Index r = begin; r < end; ++r)
          CFM_CALL(softmax_row)(x.row(r), out.row(r), n, past ? kept.data() : out.row(r), past,
                                r + 1 < end ? x.row(r + 1) : nullptr);
      });
}

/// out[r, :] = x[r, :] - log(sum(exp(x[r, :]))), as softmax_rows.
template <Real T>
void log_softmax_rows(In<T, 2> x, View<T, 2> out) {
  detail::check_rows("log_softmax_rows", x, out);
  if (x.cols() == 0) return;
  const bool past = x.data != out.data &&
                    isa_detail::past_cache(out.data, x.rows(), x.cols(), out.stride[0]);
  isa_detail::for_rows_past_cache(x.rows(), 2 * x.cols() * Index{sizeof(T)}, past, [&](Index r) {
    CFM_CALL(log_softmax_row)
    (x.row(r), out.row(r), x.cols(), past, r + 1 < x.rows() ? x.row(r + 1) : nullptr);
  });
}

/// dx = beta dx + y (dy - sum(y dy)) for y = softmax_rows(x).
/// Shapes:  y, dy, dx [rows, n]; last stride 1; dx may be dy or y itself if beta is 0.
template <Real T>
void softmax_rows_backward(In<T, 2> y, In<T, 2> dy, View<T, 2> dx,
                           std::type_identity_t<T> beta = 0) {
  detail::check_rows("softmax_rows_backward", y, dy, dx);
  const bool past = beta == T{0} && dx.data != dy.data && dx.data != y.data &&
                    isa_detail::past_cache(dx.data, y.rows(), y.cols(), dx.stride[0]);
  isa_detail::for_rows_past_cache(y.rows(), 3 * y.cols() * Index{sizeof(T)}, past, [&](Index r) {
    CFM_CALL(softmax_row_back)(y.row(r), dy.row(r), dx.row(r), y.cols(), beta, past);
  });
}

/// dx = beta dx + dy - exp(y) sum(dy) for y = log_softmax_rows(x), as softmax_rows_backward.
template <Real T>
void log_softmax_rows_backward(In<T, 2> y, In<T, 2> dy, View<T, 2> dx,
                               std::type_identity_t<T> beta = 0) {
  detail::check_rows("log_softmax_rows_backward", y, dy, dx);
  const bool past = beta == T{0} && dx.data != dy.data && dx.data != y.data &&
                    isa_detail::past_cache(dx.data, y.rows(), y.cols(), dx.stride[0]);
  isa_detail::for_rows_past_cache(y.rows(), 3 * y.cols() * Index{sizeof(T)}, past, [&](Index r) {
    CFM_CALL(log_softmax_row_back)(y.row(r), dy.row(r), dx.row(r), y.cols(), beta, past);
  });
}

/// Softmax along a dimension.   Errors:  TypeError unless f32 or f64, ShapeError.
inline Tensor softmax(const Tensor& x, int dim = -1) {
  const detail::RowsOf rows("softmax", x, dim);
  return visit_real(x.dtype(), "softmax", [&]<class T>(std::type_identity<T>) {
    Tensor out = Tensor::empty_like(rows.x);
    softmax_rows(rows.view<T>(), matrix_view(out.data<T>(), rows.rows, rows.cols));
    return rows.restore(x, out);
  });
}

/// Logarithm of the softmax along a dimension.   Errors:  TypeError unless f32 or f64, ShapeError.
inline Tensor log_softmax(const Tensor& x, int dim = -1) {
  const detail::RowsOf rows("log_softmax", x, dim);
  return visit_real(x.dtype(), "log_softmax", [&]<class T>(std::type_identity<T>) {
    Tensor out = Tensor::empty_like(rows.x);
    log_softmax_rows(rows.view<T>(), matrix_view(out.data<T>(), rows.rows, rows.cols));
    return rows.restore(x, out);
  });
}

CFM_ISA_NAMESPACE_END
