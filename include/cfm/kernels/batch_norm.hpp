#pragma once
/// @file  Batch normalisation: every column of a matrix by its own mean and variance.

#include <algorithm>
#include <cmath>
#include <limits>

#include <cfm/kernels/norm.hpp>

CFM_ISA_NAMESPACE_BEGIN

/// mean[c] and biased variance[c] of every column.
///
/// Shapes:  x [rows, n] with last stride 1; mean, variance [n], NaN for no rows.
/// Order:   chunks of 256 rows, combined in double: the same bits for any number of threads. Sums
///          are of deviations from the mean of the chunk's first rows: a large mean costs few
///          digits.
/// Cost:    one pass over x.
/// Source:  T. Chan, G. Golub, R. LeVeque, "Updating formulae and a pairwise algorithm for
/// computing
///          sample variances", 1979: how chunks are put together.
template <Real T>
void batch_norm_stats(In<T, 2> x, View<T, 1> mean, View<std::type_identity_t<T>, 1> variance) {
  detail::check_rows("batch_norm_stats", x, x);
  detail::check_vector("batch_norm_stats", "mean", mean, x.cols());
  detail::check_vector("batch_norm_stats", "variance", variance, x.cols());
  const Index rows = x.rows(), n = x.cols();
  if (rows == 0) {
    std::fill_n(mean.data, n, std::numeric_limits<T>::quiet_NaN());
    std::fill_n(variance.data, n, std::numeric_limits<T>::quiet_NaN());
    return;
  }
  // Each chunk by itself, around the mean of its first rows; then the chunks are put together.
  const Index chunk = isa_detail::norm_row_chunk, chunks = (rows - 1) / chunk + 1;
  const detail::Scratch<T> scratch(chunks * 3 * n);
  T* const partial = scratch.data();
  parallel_for(chunks, grain_for(chunk * n * Index{sizeof(T)}), [&](Index begin, Index end) {
    for (Index k = begin; k < end; ++k) {
      T* const sums = partial + k * 3 * n;
      T* const shift = sums + 2 * n;
      const Index first = k * chunk, length = std::min(chunk, rows - first);
      const Index some = std::min<Index>(8, length);
      CFM_CALL(reduce_columns)(detail::FoldSum{}, x.row(first), some, x.stride[0], shift, n);
      for (Index c = 0; c < n; ++c) shift[c] /= static_cast<T>(some);
      std::fill_n(sums, 2 * n, T{0});
      CFM_CALL(column_moments)(x.row(first), x.stride[0], length, shift, sums, sums + n, n);
    }
  });
  parallel_for(n, grain_for(chunks * 3 * Index{sizeof(T)}), [&](Index begin, Index end) {
    for (Index c = begin; c < end; ++c) {
      const double origin = static_cast<double>(partial[2 * n + c]);  // far from 0, perhaps
      double count = 0, middle = 0, squares = 0;
      for (Index k = 0; k < chunks; ++k) {
        const auto m = static_cast<double>(std::min(chunk, rows - k * chunk));
        const double off = static_cast<double>(partial[k * 3 * n + c]) / m;
        const double delta =
            (static_cast<double>(partial[k * 3 * n + 2 * n + c]) - origin) + off - middle;
        squares += static_cast<double>(partial[k * 3 * n + n + c]) - m * off * off +
                   delta * delta * count * m / (count + m);
        middle += delta * m / (count + m);
        count += m;
      }
      mean(c) = static_cast<T>(origin + middle);
      variance(c) = static_cast<T>(std::max(0.0, squares / count));
    }
  });
}

/// inv_std[c] = 1 / sqrt(variance[c] + eps)
template <Real T>
void inverse_std(In<T, 1> variance, View<T, 1> inv_std, std::type_identity_t<T> eps = T(1e-5)) {
  detail::check_vector("inverse_std", "inv_std", inv_std, variance.extent[0]);
  for (Index c = 0; c < inv_std.extent[0]; ++c) inv_std(c) = T{1} / std::sqrt(variance(c) + eps);
}

/// out[:, c] = (x[:, c] - mean[c]) inv_std[c] gain[c] + bias[c]: training with the batch's own
/// statistics, inference with the running ones.
/// Shapes:  x, out [rows, n]; mean, inv_std [n]; gain, bias [n] or empty. out may be x itself.
/// Source:  S. Ioffe, C. Szegedy, "Batch Normalization", 2015, algorithm 1.
template <Real T>
void batch_norm(In<T, 2> x, In<T, 1> mean, In<T, 1> inv_std, In<T, 1> gain, In<T, 1> bias,
                View<T, 2> out) {
  detail::check_rows("batch_norm", x, out);
  detail::check_vector("batch_norm", "mean", mean, x.cols());
  detail::check_vector("batch_norm", "inv_std", inv_std, x.cols());
  detail::check_optional("batch_norm", "gain", gain, x.cols());
  detail::check_optional("batch_norm", "bias", bias, x.cols());
  const bool past =
      x.data != out.data && isa_detail::past_cache(out.data, x.rows(), x.cols(), out.stride[0]);
  isa_detail::for_rows_past_cache(x.rows(), 2 * x.cols() * Index{sizeof(T)}, past, [&](Index r) {
    CFM_CALL(normalize_columns)
    (x.row(r), mean.data, inv_std.data, gain.data, bias.data, out.row(r), x.cols(), past);
  });
}

/// Gradients of batch_norm; empty outputs are skipped. With `training` mean and inv_std were the
/// batch's own and take part in the gradient, else they were constants.
/// Shapes:  dy, x, dx [rows, n]; mean, inv_std [n]; gain, dgain, dbias [n] or empty. dx may be dy
///          itself if beta is 0.
template <Real T>
void batch_norm_backward(In<T, 2> dy, In<T, 2> x, In<T, 1> mean, In<T, 1> inv_std, In<T, 1> gain,
                         View<T, 2> dx, View<std::type_identity_t<T>, 1> dgain,
                         View<std::type_identity_t<T>, 1> dbias, bool training,
                         std::type_identity_t<T> beta = 0) {
  const Index rows = x.rows(), n = x.cols();
  detail::check_rows("batch_norm_backward", dy, x);
  detail::check_vector("batch_norm_backward", "mean", mean, n);
  detail::check_vector("batch_norm_backward", "inv_std", inv_std, n);
  detail::check_optional("batch_norm_backward", "gain", gain, n);
  detail::check_optional("batch_norm_backward", "dgain", dgain, n);
  detail::check_optional("batch_norm_backward", "dbias", dbias, n);
  if (n == 0) return;
  const detail::Scratch<T> sums(2 * n);
  T* const along = sums.data();
  T* const level = along + n;
  isa_detail::sum_over_rows(rows, n, along, level, T{0},
                            [&](Index begin, Index end, T* first, T* second) {
                              CFM_CALL(column_grads)
                              (dy.row(begin), dy.stride[0], x.row(begin), x.stride[0], end - begin,
                               mean.data, inv_std.data, first, second, n);
                            });
  for (Index c = 0; c < n; ++c) {
    const auto keep = [&](T old) { return beta == T{0} ? T{0} : beta * old; };
    if (dgain.data != nullptr) dgain(c) = keep(dgain(c)) + along[c];
    if (dbias.data != nullptr) dbias(c) = keep(dbias(c)) + level[c];
    along[c] = training ? along[c] / static_cast<T>(rows) : T{0};
    level[c] = training ? level[c] / static_cast<T>(rows) : T{0};
  }
  if (dx.data == nullptr) return;
  detail::check_rows("batch_norm_backward", dy, dx);
  detail::for_each_row(rows, 3 * n * Index{sizeof(T)}, [&](Index r) {
    CFM_CALL(normalize_columns_back)
    (dy.row(r), x.row(r), mean.data, inv_std.data, gain.data, along, level, dx.row(r), n, beta);
  });
}

CFM_ISA_NAMESPACE_END
