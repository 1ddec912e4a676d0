#pragma once
/// @file  Adagrad.

#include <cfm/train/optimizer.hpp>

CFM_NAMESPACE_BEGIN

/// What Adagrad is told.
struct AdagradOptions {
  double learning_rate = 1e-2;
  double learning_rate_decay = 0;  ///< divides the rate by 1 + (step - 1) * this
  double epsilon = 1e-10;          ///< added to the root of the sum of squares
  double weight_decay = 0;         ///< added to the gradient as weight_decay * parameter
  double initial_sum = 0;          ///< what the sums of squares start from
};

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// s += g^2;  p -= learning_rate / (1 + (t - 1) learning_rate_decay) * g / (sqrt(s) + epsilon).
/// Source:  J. Duchi et al., "Adaptive subgradient methods", JMLR 12, 2011.
struct AdagradRule {
  using Options = AdagradOptions;
  static constexpr std::string_view name = "adagrad";
  static constexpr std::array<std::string_view, 1> states{"sum_of_squares"};

  static void check(const Options& o) {
    CFM_CHECK(o.initial_sum >= 0, "adagrad: initial_sum is not negative", o.initial_sum);
  }
  static bool uses(const Options&, std::size_t) { return true; }
  static double initial_state(const Options& o, std::size_t) { return o.initial_sum; }

  template <Real T>
  struct Step {
    T rate, decay, epsilon;

    Step(const Options& o, const UpdateContext& c)
        : rate(static_cast<T>(c.learning_rate / (1 + static_cast<double>(c.step - 1) *
                                                         o.learning_rate_decay))),
          decay(static_cast<T>(c.weight_decay)),
          epsilon(static_cast<T>(o.epsilon)) {}

    template <class V>
    void operator()(V& p, V g, std::array<V, 1>& state) const {
      V& sum = state[0];
      g = g + V(decay) * p;
      sum = sum + g * g;
      p = p - V(rate) * (g / (sqrt(sum) + V(epsilon)));
    }
  };
};

/// Adagrad:  cfm::Adagrad optimizer(model, {.learning_rate = 1e-2});
using Adagrad = Optimizer<AdagradRule>;

CFM_ISA_NAMESPACE_END
