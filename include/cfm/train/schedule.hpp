#pragma once
/// @file  Learning-rate schedules: the factor of the learning rate at a step, step 0 first.
///
/// A schedule is an aggregate with `double operator()(Index step) const`: no state, so training
/// resumes at any step. Use:  optimizer.scale_learning_rate(schedule(step));

#include <algorithm>
#include <cmath>
#include <concepts>
#include <utility>
#include <vector>

#include <cfm/core/error.hpp>

CFM_NAMESPACE_BEGIN

/// Gives the factor of the learning rate at a step.
template <class S>
concept Schedule = requires(const S& s, Index step) {
  { s(step) } -> std::convertible_to<double>;
};

namespace detail {

// Half a cosine from `from` at 0 to `to` at 1.
inline double cosine_between(double from, double to, double part) {
  return to + (from - to) / 2 * (1 + std::cos(3.14159265358979323846 * part));
}

inline double part_of(Index step, Index steps) {
  return steps <= 0 ? 1.0
                    : std::clamp(static_cast<double>(step) / static_cast<double>(steps), 0.0, 1.0);
}

}  // namespace detail

/// Always the same factor.
struct ConstantRate {
  double factor = 1;
  double operator()(Index) const { return factor; }
};

/// factor^(step / every), rounded down.
struct StepDecay {
  Index every = 30;
  double factor = 0.1;
  double operator()(Index step) const {
    return std::pow(factor, static_cast<double>(step / std::max<Index>(1, every)));
  }
};

/// factor^(number of milestones that are not after the step).
struct MultiStepDecay {
  std::vector<Index> milestones{};
  double factor = 0.1;
  double operator()(Index step) const {
    const auto passed = std::count_if(milestones.begin(), milestones.end(),
                                      [step](Index m) { return m <= step; });
    return std::pow(factor, static_cast<double>(passed));
  }
};

/// factor^step.
struct ExponentialDecay {
  double factor = 0.95;
  double operator()(Index step) const { return std::pow(factor, static_cast<double>(step)); }
};

/// On a straight line from `from` at step 0 to `to` at step `steps`, then `to`.
struct LinearRate {
  Index steps = 100;
  double from = 1;
  double to = 0;
  double operator()(Index step) const { return from + (to - from) * detail::part_of(step, steps); }
};

/// Half a cosine from 1 at step 0 to `minimum` at step `steps`, then `minimum`.
/// Source:  I. Loshchilov, F. Hutter, "SGDR", ICLR 2017, eq. (5), without restarts.
struct CosineDecay {
  Index steps = 100;
  double minimum = 0;
  double operator()(Index step) const {
    return detail::cosine_between(1, minimum, detail::part_of(step, steps));
  }
};

/// 1 up to step `scale`, then sqrt(scale / step).
/// Source:  A. Vaswani et al., "Attention is all you need", NeurIPS 2017, eq. (3), without warm-up.
struct InverseSquareRoot {
  Index scale = 1000;
  double operator()(Index step) const {
    return std::sqrt(static_cast<double>(scale) / static_cast<double>(std::max(scale, step)));
  }
};

/// Up by half a cosine from 1 / `divisor` to 1 during `warm_part` of the steps, then down to
/// 1 / (divisor * final_divisor) at the last step. The learning rate of the optimizer is the peak.
/// Source:  L. Smith, N. Topin, "Super-convergence", 2018; phases as in PyTorch's OneCycleLR.
struct OneCycle {
  Index steps = 100;
  double warm_part = 0.3;
  double divisor = 25;
  double final_divisor = 1e4;
  double operator()(Index step) const {
    const double at = static_cast<double>(step), last = static_cast<double>(steps - 1);
    const double peak = warm_part * static_cast<double>(steps) - 1;
    const double start = 1 / divisor;
    if (at <= peak && peak > 0) return detail::cosine_between(start, 1, at / peak);
    const double part = last > peak ? std::min(1.0, (at - peak) / (last - peak)) : 1.0;
    return detail::cosine_between(1, start / final_divisor, part);
  }
};

/// (step + 1) / steps during the first `steps` steps, then `next`, which starts at its step 0.
template <Schedule Next = ConstantRate>
struct WarmUp {
  Index steps = 100;
  Next next{};
  double operator()(Index step) const {
    if (step < steps) return static_cast<double>(step + 1) / static_cast<double>(steps);
    return next(step - steps);
  }
};
template <class Next>
WarmUp(Index, Next) -> WarmUp<Next>;

/// 1 up to step `steady`, then `next`, which starts at its step 0. With WarmUp in front and
/// LinearRate behind: warm-up, stable, decay.
template <Schedule Next = LinearRate>
struct HoldThen {
  Index steady = 100;
  Next next{};
  double operator()(Index step) const { return step < steady ? 1.0 : next(step - steady); }
};
template <class Next>
HoldThen(Index, Next) -> HoldThen<Next>;

/// What ReduceOnPlateau is told.
struct PlateauOptions {
  double factor = 0.1;       ///< multiplies the learning rate on a plateau
  Index patience = 10;       ///< evaluations without progress that are borne
  double threshold = 1e-4;   ///< relative change that counts as progress
  Index cooldown = 0;        ///< evaluations after a reduction that do not count
  double minimum = 0;        ///< of the factor of the learning rate
  bool maximize = false;     ///< the metric is better when larger
};

/// Lowers the learning rate when a metric stops improving. It has state, which visit() lists, so
/// that a checkpoint saves it.
class ReduceOnPlateau {
 public:
  explicit ReduceOnPlateau(const PlateauOptions& options = {}) : options_(options) {
    CFM_CHECK(0 < options.factor && options.factor < 1, "plateau: the factor is between 0 and 1",
              options.factor);
  }

  /// Takes the metric of one evaluation; returns the factor of the learning rate from now on.
  double operator()(double metric) {
    if (improves(metric)) {
      best_ = metric;
      seen_ = true;
      bad_ = 0;
    } else {
      ++bad_;
    }
    if (cooling_ > 0) {
      --cooling_;
      bad_ = 0;
    }
    if (bad_ > options_.patience) {
      factor_ = std::max(options_.minimum, factor_ * options_.factor);
      cooling_ = options_.cooldown;
      bad_ = 0;
    }
    return factor_;
  }

  double factor() const { return factor_; }

  static void visit(auto& self, auto&& v) {
    v("factor", self.factor_);
    v("best", self.best_);
    v("seen", self.seen_);
    v("bad", self.bad_);
    v("cooling", self.cooling_);
  }

 private:
  bool improves(double metric) const {
    if (!seen_) return metric == metric;
    const double change = options_.threshold * std::abs(best_);
    return options_.maximize ? metric > best_ + change : metric < best_ - change;
  }

  PlateauOptions options_;
  double factor_ = 1;
  double best_ = 0;
  bool seen_ = false;
  Index bad_ = 0;
  Index cooling_ = 0;
};

CFM_NAMESPACE_END
