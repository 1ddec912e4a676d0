#pragma once
/// @file  Cross entropy over rows of logits, fused with their log-sum-exp.

#include <cfm/kernels/detail/past_cache.hpp>
#include <cfm/kernels/detail/rows.hpp>
#include <cfm/kernels/loss-inl.hpp>

CFM_NAMESPACE_BEGIN

/// What a cross entropy weighs how.
template <class T>
struct CrossEntropyOptions {
  View<const T, 1> class_weights = {};  ///< [classes], or empty: 1
  double label_smoothing = 0;           ///< share of the target spread over all classes, in [0, 1]
  Index ignore_index = -100;            ///< rows with this label count for nothing
};

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN
namespace isa_detail {

template <class T, class I>
void check_cross_entropy(std::string_view op, In<T, 2> logits, View<const I, 1> labels,
                         const CrossEntropyOptions<T>& options) {
  detail::check_vector(op, "labels", labels, logits.rows());
  detail::check_optional(op, "class_weights", options.class_weights, logits.cols());
  CFM_CHECK(logits.last_contiguous(), concat(op, ": rows must be dense"), logits);
  CFM_CHECK(options.label_smoothing >= 0 && options.label_smoothing <= 1,
            concat(op, ": label_smoothing must be in [0, 1]"), options.label_smoothing);
  for (Index r = 0; r < logits.rows(); ++r) {
    const Index y = static_cast<Index>(labels(r));
    CFM_CHECK(
        (0 <= y && y < logits.cols()) || y == options.ignore_index,
        concat(op, ": label ", y, " of row ", r, " is outside the ", logits.cols(), " classes"));
  }
}

template <class T>
T class_weight(const CrossEntropyOptions<T>& options, Index label) {
  return options.class_weights.data == nullptr ? T{1} : options.class_weights(label);
}

}  // namespace isa_detail

/// loss[r] = (1 - s) w[y] (L - x[y]) + s / classes * sum_c w[c] (L - x[c]), L = log(sum(exp(x))),
/// for x = logits[r, :], y = labels[r], weights w and smoothing s; 0 for ignored rows.
///
/// Shapes:  logits [rows, classes] with last stride 1, labels [rows] of i32 or i64, loss and
///          log_total [rows].
/// Saved:   log_total = L for cross_entropy_rows_backward.
/// Errors:  ShapeError if the shapes do not fit, Error for a label that is no class.
/// Order:   each row alone: the same bits for any number of threads.
template <Real T, std::signed_integral I>
void cross_entropy_rows(In<T, 2> logits, View<I, 1> labels, View<T, 1> loss,
                        View<std::type_identity_t<T>, 1> log_total,
                        const std::type_identity_t<CrossEntropyOptions<T>>& options = {}) {
  isa_detail::check_cross_entropy<T, std::remove_const_t<I>>("cross_entropy_rows", logits, labels,
                                                             options);
  detail::check_vector("cross_entropy_rows", "loss", loss, logits.rows());
  detail::check_vector("cross_entropy_rows", "log_total", log_total, logits.rows());
  const Index n = logits.cols();
  const T smoothing = static_cast<T>(options.label_smoothing);
  if (n == 0) {  // no classes: every row is ignored
    for (Index r = 0; r < logits.rows(); ++r)
      loss(r) = T{0}, log_total(r) = -std::numeric_limits<T>::infinity();
    return;
  }
  detail::for_each_row(logits.rows(), n * Index{sizeof(T)}, [&](Index r) {
    const T* const x = logits.row(r);
    const auto sum = CFM_CALL(log_sum_row)
    (x, n, r + 1 < logits.rows() ? logits.row(r + 1) : nullptr);
    log_total(r) = sum.high + sum.log_sum;
    const Index y = static_cast<Index>(labels(r));
    if (y == options.ignore_index) {
      loss(r) = 0;
      return;
    }
    const T own =
        (sum.high - x[y]) + sum.log_sum;  // in this order: the difference is exact if near
    T value = (T{1} - smoothing) * isa_detail::class_weight(options, y) * own;
    if (smoothing > 0)
      value += smoothing / static_cast<T>(n) *
               CFM_CALL(smooth_row)(x, options.class_weights.data, n, log_total(r));
    loss(r) = value;
  });
}

/// dlogits = beta dlogits + dloss[r] d(loss[r]) / d(logits): the gradient of cross_entropy_rows.
/// Shapes:  as there; dloss [rows], dlogits [rows, classes], which may be logits itself if beta is
/// 0.
template <Real T, std::signed_integral I>
void cross_entropy_rows_backward(In<T, 2> logits, View<I, 1> labels, In<T, 1> log_total,
                                 In<T, 1> dloss, View<T, 2> dlogits,
                                 const std::type_identity_t<CrossEntropyOptions<T>>& options = {},
                                 std::type_identity_t<T> beta = 0) {
  isa_detail::check_cross_entropy<T, std::remove_const_t<I>>("cross_entropy_rows_backward", logits,
                                                             labels, options);
  detail::check_rows("cross_entropy_rows_backward", logits, dlogits);
  detail::check_vector("cross_entropy_rows_backward", "log_total", log_total, logits.rows());
  detail::check_vector("cross_entropy_rows_backward", "dloss", dloss, logits.rows());
  const Index n = logits.cols();
  const T smoothing = static_cast<T>(options.label_smoothing);
  if (n == 0) return;
  T all_weights = static_cast<T>(n);
  if (options.class_weights.data != nullptr)
    all_weights = CFM_CALL(reduce_row)(detail::FoldSum{}, options.class_weights.data, n);
  const bool past = beta == T{0} && dlogits.data != logits.data &&
                    isa_detail::past_cache(dlogits.data, logits.rows(), n, dlogits.stride[0]);
  isa_detail::for_rows_past_cache(logits.rows(), 2 * n * Index{sizeof(T)}, past, [&](Index r) {
    const Index y = static_cast<Index>(labels(r));
    T* const dx = dlogits.row(r);
    if (y == options.ignore_index) {
      for (Index c = 0; c < n; ++c) dx[c] = beta == T{0} ? T{0} : beta * dx[c];
      return;
    }
    const T own = dloss(r) * (T{1} - smoothing) * isa_detail::class_weight(options, y);
    const T spread = dloss(r) * smoothing / static_cast<T>(n);
    CFM_CALL(cross_entropy_row_back)
    (logits.row(r), options.class_weights.data, dx, n, log_total(r), own + spread * all_weights,
     spread, beta, past);
    dx[y] -= own;
  });
}

/// Sum of the class weights of all rows that count: what the mean divides by.
/// Shapes:  labels [rows].
template <Real T, std::signed_integral I>
T cross_entropy_total_weight(View<I, 1> labels, const CrossEntropyOptions<T>& options) {
  double total = 0;
  for (Index r = 0; r < labels.extent[0]; ++r) {
    const Index y = static_cast<Index>(labels(r));
    if (y == options.ignore_index) continue;
    CFM_CHECK(
        options.class_weights.data == nullptr || (0 <= y && y < options.class_weights.extent[0]),
        concat("cross_entropy_total_weight: label ", y, " of row ", r, " has no weight"));
    total += static_cast<double>(isa_detail::class_weight(options, y));
  }
  return static_cast<T>(total);
}

CFM_ISA_NAMESPACE_END
