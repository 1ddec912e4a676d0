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

  template <Real T, class G>
  static void update(const Options& o, const UpdateContext& c, Index n, T* p,
                     const std::array<T*, 3>& at, const G& gradient) {
    const double t = static_cast<double>(c.step);
    const T rate = static_cast<T>(c.learning_rate / (1 - std::pow(o.beta1, t)));
    const T correction = static_cast<T>(std::sqrt(1 - std::pow(o.beta2, t)));
    const T beta1 = static_cast<T>(o.beta1), rest1 = static_cast<T>(1 - o.beta1);
    const T beta2 = static_cast<T>(o.beta2), rest2 = static_cast<T>(1 - o.beta2);
    const T epsilon = static_cast<T>(o.epsilon), decay = static_cast<T>(c.weight_decay);
    const T keep = static_cast<T>(1 - c.learning_rate * c.weight_decay);
    T *const m = at[0], *const v = at[1], *const largest = at[2];
    for (Index i = 0; i < n; ++i) {
      T g = gradient(i);
      T value = p[i];
      if constexpr (decoupled) value *= keep;
      else g += decay * value;
      m[i] = beta1 * m[i] + rest1 * g;
      v[i] = beta2 * v[i] + rest2 * (g * g);
      T square = v[i];
      if (largest) square = largest[i] = std::max(largest[i], square);
      p[i] = value - rate * (m[i] / (std::sqrt(square) / correction + epsilon));
    }
  }
};

/// Adam:  cfm::Adam optimizer(model, {.learning_rate = 1e-3});
using Adam = Optimizer<AdamRule<AdamOptions, false>>;
/// Adam with decoupled weight decay.
using AdamW = Optimizer<AdamRule<AdamWOptions, true>>;

CFM_ISA_NAMESPACE_END
