#pragma once
/// @file  Layer, RMS and batch normalisation, forward and backward.

#include <cfm/kernels/detail/past_cache.hpp>
#include <cfm/kernels/detail/rows.hpp>
#include <cfm/kernels/detail/scratch.hpp>
#include <cfm/kernels/norm-inl.hpp>

CFM_ISA_NAMESPACE_BEGIN

// All matrices [rows, n] with last stride 1, all vectors dense. An empty gain is 1, an empty bias
// 0. Sums run over chunks of fixed size: the same bits for any number of threads. `beta` is how
// much of the old output of a backward door stays.

/// out[r, :] = (x[r, :] - mean) inv_std gain + bias with inv_std = 1 / sqrt(variance + eps)
///
/// Shapes:  x, out [rows, n]; gain, bias [n] or empty; mean, inv_std [rows]. out may be x itself.
/// Saved:   mean and inv_std for layer_norm_backward.
/// Errors:  ShapeError if the shapes do not fit.
/// Source:  J. Ba et al., "Layer Normalization", 2016, eq. (4); biased variance.
template <Real T>
void layer_norm(In<T, 2> x, In<T, 1> gain, In<T, 1> bias, View<T, 2> out,
                View<std::type_identity_t<T>, 1> mean, View<std::type_identity_t<T>, 1> inv_std,
                std::type_identity_t<T> eps = T(1e-5)) {
  detail::check_rows("layer_norm", x, out);
  detail::check_optional("layer_norm", "gain", gain, x.cols());
  detail::check_optional("layer_norm", "bias", bias, x.cols());
  detail::check_vector("layer_norm", "mean", mean, x.rows());
  detail::check_vector("layer_norm", "inv_std", inv_std, x.rows());
  if (x.cols() == 0) return;
  const bool past = x.data != out.data &&
                    isa_detail::past_cache(out.data, x.rows(), x.cols(), out.stride[0]);
  isa_detail::for_rows_past_cache(x.rows(), 2 * x.cols() * Index{sizeof(T)}, past, [&](Index r) {
    const auto moments = CFM_CALL(row_moments)
    (x.row(r), x.cols(), eps, r + 1 < x.rows() ? x.row(r + 1) : nullptr);
    mean(r) = moments.mean;
    inv_std(r) = moments.inv_std;
    CFM_CALL(normalize_row)
    (x.row(r), gain.data, bias.data, out.row(r), x.cols(), moments.mean, moments.inv_std,
     past, static_cast<const T*>(nullptr));
  });
}

/// out[r, :] = x[r, :] inv_rms gain with inv_rms = 1 / sqrt(mean(x[r, :]^2) + eps)
///
/// Shapes:  x, out [rows, n]; gain [n] or empty; inv_rms [rows]. out may be x itself.
/// Saved:   inv_rms for rms_norm_backward.
/// Source:  B. Zhang, R. Sennrich, "Root Mean Square Layer Normalization", NeurIPS 2019, eq. (4).
template <Real T>
void rms_norm(In<T, 2> x, In<T, 1> gain, View<T, 2> out, View<std::type_identity_t<T>, 1> inv_rms,
              std::type_identity_t<T> eps = T(1e-6)) {
  detail::check_rows("rms_norm", x, out);
  detail::check_optional("rms_norm", "gain", gain, x.cols());
  detail::check_vector("rms_norm", "inv_rms", inv_rms, x.rows());
  if (x.cols() == 0) return;
  const bool past = x.data != out.data &&
                    isa_detail::past_cache(out.data, x.rows(), x.cols(), out.stride[0]);
  isa_detail::for_rows_past_cache(x.rows(), 2 * x.cols() * Index{sizeof(T)}, past, [&](Index r) {
    inv_rms(r) = CFM_CALL(inverse_rms_row)(x.row(r), x.cols(), eps);
    CFM_CALL(normalize_row)
    (x.row(r), gain.data, static_cast<const T*>(nullptr), out.row(r), x.cols(), T{0}, inv_rms(r),
     past, r + 1 < x.rows() ? x.row(r + 1) : nullptr);
  });
}

namespace isa_detail {

// Rows that one partial sum over rows holds: a constant, so that the order is one.
inline constexpr Index norm_row_chunk = 256;

// Adds up f(begin, end, first [n], second [n]) over chunks of rows; results to out0 and out1, which
// may be null, as out = beta out + sum.
template <class T, class F>
void sum_over_rows(Index rows, Index n, T* out0, T* out1, T beta, const F& f) {
  const Index chunks = std::max<Index>(1, (rows + norm_row_chunk - 1) / norm_row_chunk);
  const detail::Scratch<T> scratch(chunks * 2 * n);
  T* const partial = scratch.data();
  std::fill_n(partial, chunks * 2 * n, T{0});
  parallel_for(chunks, grain_for(norm_row_chunk * n * Index{sizeof(T)}),
               [&](Index begin, Index end) {
                 for (Index c = begin; c < end; ++c)
                   f(c * norm_row_chunk, std::min(rows, (c + 1) * norm_row_chunk),
                     partial + c * 2 * n, partial + c * 2 * n + n);
               });
  for (int which = 0; which < 2; ++which) {
    T* const out = which == 0 ? out0 : out1;
    if (out == nullptr) continue;
    for (Index i = 0; i < n; ++i) {
      double total = 0;
      for (Index c = 0; c < chunks; ++c)
        total += static_cast<double>(partial[c * 2 * n + which * n + i]);
      out[i] = static_cast<T>(total) + (beta == T{0} ? T{0} : beta * out[i]);
    }
  }
}

template <class T>
void row_norm_backward(std::string_view op, In<T, 2> dy, In<T, 2> x, In<T, 1> gain, const T* mean,
                       In<T, 1> scale, View<T, 2> dx, View<T, 1> dgain, View<T, 1> dbias, T beta) {
  const Index n = x.cols();
  detail::check_optional(op, "gain", gain, n);
  detail::check_vector(op, "inv_std", scale, x.rows());
  detail::check_optional(op, "dgain", dgain, n);
  detail::check_optional(op, "dbias", dbias, n);
  if (n == 0) return;
  if (dx.data != nullptr) detail::check_rows(op, dy, x, dx);
  const bool past = dx.data != nullptr && beta == T{0} && dx.data != dy.data && dx.data != x.data &&
                    past_cache(dx.data, x.rows(), n, dx.stride[0]);
  const auto run = [&](Index begin, Index end, T* first, T* second) {
    for (Index r = begin; r < end; ++r)
      CFM_CALL(normalize_row_back)
      (dy.row(r), x.row(r), gain.data, dx.data != nullptr ? dx.row(r) : nullptr, n,
       mean != nullptr ? mean[r] : T{0}, scale(r), mean != nullptr, beta, first, second, past);
    if (past) CFM_CALL(finish_stores)();
  };
  if (dgain.data != nullptr || dbias.data != nullptr)
    return sum_over_rows(x.rows(), n, dgain.data, dbias.data, beta, run);
  parallel_for(dx.data != nullptr ? x.rows() : 0, grain_for(3 * n * Index{sizeof(T)}),
               [&](Index begin, Index end) { run(begin, end, nullptr, nullptr); });
}

}  // namespace isa_detail

/// Gradients of layer_norm; empty outputs are skipped.
/// Shapes:  dy, x, dx [rows, n]; mean, inv_std [rows]; gain, dgain, dbias [n] or empty. dx may be
/// dy
///          itself if beta is 0.
template <Real T>
void layer_norm_backward(In<T, 2> dy, In<T, 2> x, In<T, 1> gain, In<T, 1> mean, In<T, 1> inv_std,
                         View<T, 2> dx, View<std::type_identity_t<T>, 1> dgain,
                         View<std::type_identity_t<T>, 1> dbias, std::type_identity_t<T> beta = 0) {
  detail::check_rows("layer_norm_backward", dy, x);
  detail::check_vector("layer_norm_backward", "mean", mean, x.rows());
  isa_detail::row_norm_backward("layer_norm_backward", dy, x, gain, mean.data, inv_std, dx, dgain,
                                dbias, beta);
}

/// Gradients of rms_norm; empty outputs are skipped.
/// Shapes:  dy, x, dx [rows, n]; inv_rms [rows]; gain, dgain [n] or empty. dx may be dy itself if
///          beta is 0.
template <Real T>
void rms_norm_backward(In<T, 2> dy, In<T, 2> x, In<T, 1> gain, In<T, 1> inv_rms, View<T, 2> dx,
                       View<std::type_identity_t<T>, 1> dgain, std::type_identity_t<T> beta = 0) {
  detail::check_rows("rms_norm_backward", dy, x);
  isa_detail::row_norm_backward<T>("rms_norm_backward", dy, x, gain, nullptr, inv_rms, dx, dgain,
                                   View<T, 1>{}, beta);
}

CFM_ISA_NAMESPACE_END
