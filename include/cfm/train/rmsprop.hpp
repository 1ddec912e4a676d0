#pragma once
/// @file  RMSprop.

#include <cfm/train/optimizer.hpp>

CFM_NAMESPACE_BEGIN

/// What RmsProp is told.
struct RmsPropOptions {
  double learning_rate = 1e-2;
  double alpha = 0.99;      ///< decay of the mean of the squared gradients
  double epsilon = 1e-8;    ///< added to its root
  double weight_decay = 0;  ///< added to the gradient as weight_decay * parameter
  double momentum = 0;
  bool centered = false;    ///< divides by the deviation of the gradients, not their mean square
};

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// v = alpha v + (1 - alpha) g^2;  d = g / (sqrt(v) + epsilon);  m = momentum m + d;
/// p -= learning_rate m. Centred: v minus the square of the mean gradient under the root.
/// Source:  T. Tieleman, G. Hinton, lecture 6.5, "rmsprop", 2012.
struct RmsPropRule {
  using Options = RmsPropOptions;
  static constexpr std::string_view name = "rmsprop";
  static constexpr std::array<std::string_view, 3> states{"mean_square", "momentum", "mean"};

  static void check(const Options& o) {
    CFM_CHECK(0 <= o.alpha && o.alpha < 1, "rmsprop: alpha is in [0, 1)", o.alpha);
  }
  static bool uses(const Options& o, std::size_t k) {
    return k == 0 || (k == 1 ? o.momentum != 0 : o.centered);
  }
  static double initial_state(const Options&, std::size_t) { return 0; }

  template <Real T>
  struct Step {
    T rate, decay, alpha, rest, epsilon, momentum;
    bool moves, centered;

    Step(const Options& o, const UpdateContext& c)
        : rate(static_cast<T>(c.learning_rate)),
          decay(static_cast<T>(c.weight_decay)),
          alpha(static_cast<T>(o.alpha)),
          rest(static_cast<T>(1 - o.alpha)),
          epsilon(static_cast<T>(o.epsilon)),
          momentum(static_cast<T>(o.momentum)),
          moves(o.momentum != 0),
          centered(o.centered) {}

    template <class V>
    void operator()(V& p, V g, std::array<V, 3>& state) const {
      auto& [v, m, mean] = state;
      g = g + V(decay) * p;
      v = V(alpha) * v + V(rest) * (g * g);
      V square = v;
      if (centered) {
        mean = mean + V(rest) * (g - mean);
        square = max(square - mean * mean, V(0));  // rounding may leave less than nothing
      }
      V step = g / (sqrt(square) + V(epsilon));
      if (moves) step = m = V(momentum) * m + step;
      p = p - V(rate) * step;
    }
  };
};

/// RMSprop:  cfm::RmsProp optimizer(model, {.learning_rate = 1e-2});
using RmsProp = Optimizer<RmsPropRule>;

CFM_ISA_NAMESPACE_END
