#pragma once
/// @file  Adam and AdamW.

#include <cfm/train/optimizer.hpp>

CFM_NAMESPACE_BEGIN

/// What Adam is told.
struct AdamOptions {
  double learning_rate = 1e-3;
  double beta1 = 0.9;        ///< decay of the mean of the gradients
  double beta2 = 0.999;      ///< decay of the mean of their squares
  double epsilon = 1e-8;     ///< added to the root of the mean square
  double weight_decay = 0;   ///< added to the gradient as weight_decay * parameter
  bool amsgrad = false;      ///< divides by the largest mean square so far
};

/// What AdamW is told: the same, with a weight decay of its own kind.
struct AdamWOptions {
  double learning_rate = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 1e-2;  ///< shrinks parameters by learning_rate * weight_decay each step
  bool amsgrad = false;
};

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2;
/// p -= learning_rate / (1 - beta1^t) * m / (sqrt(v / (1 - beta2^t)) + epsilon).
/// Source:  D. Kingma, J. Ba, "Adam", ICLR 2015, algorithm 1; S. Reddi et al., "On the convergence
///          of Adam and beyond", ICLR 2018 (amsgrad); I. Loshchilov, F. Hutter, "Decoupled weight
///          decay regularization", ICLR 2019, algorithm 2.
template <class AnyOptions, bool decoupled>
struct AdamRule {
  using Options = AnyOptions;
  static constexpr std::string_view name = decoupled ? "adamw" : "adam";
  static constexpr std::array<std::string_view, 3> states{"mean", "mean_square",
                                                          "largest_mean_square"};

  static void check(const Options& o) {
    CFM_CHECK(0 <= o.beta1 && o.beta1 < 1 && 0 <= o.beta2 && o.beta2 < 1,
              "adam: beta1 and beta2 are in [0, 1)", o.beta1, o.beta2);
    CFM_CHECK(o.epsilon >= 0, "adam: epsilon is not negative", o.epsilon);
  }
  static bool uses(const Options& o, std::size_t k) { return k < 2 || o.amsgrad; }
  static double initial_state(const Options&, std::size_t) { return 0; }

  template <Real T>
  struct Step {
    T rate, correction, beta1, rest1, beta2, rest2, epsilon, decay, keep;
    bool amsgrad;

    Step(const Options& o, const UpdateContext& c)
        : rate(static_cast<T>(c.learning_rate /
                              (1 - std::pow(o.beta1, static_cast<double>(c.step))))),
          correction(static_cast<T>(
              1 / std::sqrt(1 - std::pow(o.beta2, static_cast<double>(c.step))))),
          beta1(static_cast<T>(o.beta1)),
          rest1(static_cast<T>(1 - o.beta1)),
          beta2(static_cast<T>(o.beta2)),
          rest2(static_cast<T>(1 - o.beta2)),
          epsilon(static_cast<T>(o.epsilon)),
          decay(static_cast<T>(c.weight_decay)),
          keep(static_cast<T>(1 - c.learning_rate * c.weight_decay)),
          amsgrad(o.amsgrad) {}

    template <class V>
    void operator()(V& p, V g, std::array<V, 3>& state) const {
      auto& [m, v, largest] = state;
      if constexpr (decoupled) p = V(keep) * p;
      else g = g + V(decay) * p;
      m = V(beta1) * m + V(rest1) * g;
      v = V(beta2) * v + V(rest2) * (g * g);
      V square = v;
      if (amsgrad) square = largest = max(largest, v);
      p = p - V(rate) * (m / (sqrt(square) * V(correction) + V(epsilon)));
    }
  };
};

/// Adam:  cfm::Adam optimizer(model, {.learning_rate = 1e-3});
using Adam = Optimizer<AdamRule<AdamOptions, false>>;
/// Adam with decoupled weight decay.
using AdamW = Optimizer<AdamRule<AdamWOptions, true>>;

CFM_ISA_NAMESPACE_END
