#pragma once
/// @file  Figures of merit of predictions.

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include <cfm/tensor/tensor.hpp>

CFM_NAMESPACE_BEGIN

/// The column of the largest element of each row; the first of equal ones, NaN last.
/// Shapes:  logits f32 or f64 [n, classes]  ->  i64 [n].
/// Errors:  ShapeError if there is no column.
inline Tensor argmax_rows(const Tensor& logits) {
  CFM_CHECK(logits.rank() == 2 && logits.size(1) > 0, "argmax_rows: needs [n, classes]", logits);
  Tensor out = Tensor::empty({logits.size(0)}, DType::i64);
  visit_real(logits.dtype(), "argmax_rows", [&]<class T>(std::type_identity<T>) {
    const auto x = logits.view<T, 2>();
    const auto best = out.span<std::int64_t>();
    for (Index r = 0; r < x.rows(); ++r) {
      Index at = 0;
      for (Index c = 1; c < x.cols(); ++c)
        if (x(r, c) > x(r, at) || std::isnan(x(r, at))) at = c;
      best[static_cast<std::size_t>(r)] = at;
    }
  });
  return out;
}

/// Counts of (label, prediction) pairs, and what follows from them. Counts add up over calls.
class ConfusionMatrix {
 public:
  explicit ConfusionMatrix(Index classes)
      : classes_(classes), counts_(static_cast<std::size_t>(classes * classes)) {
    CFM_CHECK(classes > 0, "confusion matrix: needs at least one class", classes);
  }

  /// Counts n pairs. A label `ignore` is left out.
  /// Shapes:  predictions, labels: i32 or i64 [n], or predictions as logits [n, classes].
  /// Errors:  ShapeError, TypeError; Error for a class out of range, and nothing is counted.
  void add(const Tensor& predictions, const Tensor& labels, Index ignore = -100) {
    if (predictions.rank() == 2 && is_floating(predictions.dtype()))
      return add(argmax_rows(predictions), labels, ignore);
    CFM_CHECK(predictions.rank() == 1 && predictions.shape() == labels.shape(),
              "confusion matrix: as many predictions as labels", predictions, labels);
    std::vector<std::int64_t> counts = counts_;
    const Tensor p = to_i64(predictions), l = to_i64(labels);
    for (Index i = 0; i < l.size(); ++i) {
      const auto at = static_cast<std::size_t>(i);
      const Index label = l.span<std::int64_t>()[at], guess = p.span<std::int64_t>()[at];
      if (label == ignore) continue;
      CFM_CHECK(0 <= label && label < classes_ && 0 <= guess && guess < classes_,
                "confusion matrix: a class is out of range", label, guess, classes_);
      ++counts[static_cast<std::size_t>(label * classes_ + guess)];
    }
    counts_ = std::move(counts);
  }

  Index classes() const { return classes_; }
  std::int64_t count(Index label, Index prediction) const {
    return counts_.at(static_cast<std::size_t>(label * classes_ + prediction));
  }
  /// Number of pairs.
  std::int64_t total() const {
    std::int64_t sum = 0;
    for (std::int64_t c : counts_) sum += c;
    return sum;
  }

  /// Part of the pairs that agree; NaN if there is none.
  double accuracy() const {
    std::int64_t hits = 0;
    for (Index c = 0; c < classes_; ++c) hits += count(c, c);
    return ratio(hits, total());
  }
  /// Part of the pairs with this label that were predicted; NaN if there is none.
  double recall(Index c) const { return ratio(count(c, c), labelled(c)); }
  /// Part of the predictions of this class that were right; NaN if there is none.
  double precision(Index c) const { return ratio(count(c, c), predicted(c)); }
  /// 2 TP / (2 TP + FP + FN); NaN for a class that never occurs.
  double f1(Index c) const { return ratio(2 * count(c, c), labelled(c) + predicted(c)); }
  /// Mean of f1 over the classes that occur among labels or predictions; NaN if none does.
  double macro_f1() const {
    double sum = 0;
    Index present = 0;
    for (Index c = 0; c < classes_; ++c) {
      if (labelled(c) + predicted(c) == 0) continue;
      sum += f1(c);
      ++present;
    }
    return present == 0 ? std::numeric_limits<double>::quiet_NaN()
                        : sum / static_cast<double>(present);
  }

 private:
  static Tensor to_i64(const Tensor& t) {
    visit_index(t.dtype(), "confusion matrix", [](auto) {});
    return t.to(DType::i64).contiguous();
  }
  static double ratio(std::int64_t a, std::int64_t b) {
    return b == 0 ? std::numeric_limits<double>::quiet_NaN()
                  : static_cast<double>(a) / static_cast<double>(b);
  }
  std::int64_t labelled(Index c) const {
    std::int64_t sum = 0;
    for (Index p = 0; p < classes_; ++p) sum += count(c, p);
    return sum;
  }
  std::int64_t predicted(Index c) const {
    std::int64_t sum = 0;
    for (Index l = 0; l < classes_; ++l) sum += count(l, c);
    return sum;
  }

  Index classes_;
  std::vector<std::int64_t> counts_;
};

/// Part of the rows whose largest logit is at the label; NaN for no rows.
/// Shapes:  logits [n, classes], labels i32 or i64 [n].
inline double accuracy(const Tensor& logits, const Tensor& labels) {
  CFM_CHECK(logits.rank() == 2, "accuracy: needs logits [n, classes]", logits);
  ConfusionMatrix counts(logits.size(1));
  counts.add(logits, labels);
  return counts.accuracy();
}

namespace detail {

// Both tensors as dense doubles of one shape.
struct Pairs {
  Tensor prediction, truth;
  std::span<const double> p, t;

  Pairs(const Tensor& a, const Tensor& b, std::string_view op)
      : prediction(a.to(DType::f64).contiguous()), truth(b.to(DType::f64).contiguous()) {
    CFM_CHECK(a.shape() == b.shape(), concat(op, ": shapes differ"), a, b);
    p = std::as_const(prediction).span<double>();
    t = std::as_const(truth).span<double>();
  }
  // Mean of f(p, t) over the pairs.
  template <class F>
  double mean(const F& f) const {
    double sum = 0;
    for (std::size_t i = 0; i < p.size(); ++i) sum += f(p[i], t[i]);
    return sum / static_cast<double>(p.size());
  }
};

}  // namespace detail

/// Mean of |prediction - truth|.
inline double mean_absolute_error(const Tensor& prediction, const Tensor& truth) {
  return detail::Pairs(prediction, truth, "mean_absolute_error").mean([](double p, double t) {
    return std::abs(p - t);
  });
}

/// Root of the mean of (prediction - truth)^2.
inline double root_mean_square_error(const Tensor& prediction, const Tensor& truth) {
  return std::sqrt(detail::Pairs(prediction, truth, "root_mean_square_error")
                       .mean([](double p, double t) { return (p - t) * (p - t); }));
}

/// Mean of |prediction - truth| / |truth|, as a fraction, over the pairs whose truth is not 0; NaN
/// if there is none.
inline double mean_absolute_percentage_error(const Tensor& prediction, const Tensor& truth) {
  const detail::Pairs x(prediction, truth, "mean_absolute_percentage_error");
  double sum = 0, n = 0;
  for (std::size_t i = 0; i < x.p.size(); ++i) {
    if (x.t[i] == 0) continue;
    sum += std::abs((x.p[i] - x.t[i]) / x.t[i]);
    ++n;
  }
  return sum / n;
}

/// Correlation R: covariance / (deviation * deviation). NaN if one of them is constant.
inline double pearson(const Tensor& prediction, const Tensor& truth) {
  const detail::Pairs x(prediction, truth, "pearson");
  const double mp = x.mean([](double p, double) { return p; });
  const double mt = x.mean([](double, double t) { return t; });
  const double cov = x.mean([=](double p, double t) { return (p - mp) * (t - mt); });
  const double vp = x.mean([=](double p, double) { return (p - mp) * (p - mp); });
  const double vt = x.mean([=](double, double t) { return (t - mt) * (t - mt); });
  return cov / (std::sqrt(vp) * std::sqrt(vt));
}

/// Coefficient of determination: 1 - sum (t - p)^2 / sum (t - mean t)^2. NaN if the truth is
/// constant and met, -infinity if it is constant and missed.
inline double r_squared(const Tensor& prediction, const Tensor& truth) {
  const detail::Pairs x(prediction, truth, "r_squared");
  const double mt = x.mean([](double, double t) { return t; });
  const double left = x.mean([](double p, double t) { return (t - p) * (t - p); });
  return 1 - left / x.mean([=](double, double t) { return (t - mt) * (t - mt); });
}

CFM_NAMESPACE_END
