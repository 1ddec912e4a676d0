#pragma once
/// @file  Stochastic gradient descent with momentum.

#include <cfm/train/optimizer.hpp>

CFM_NAMESPACE_BEGIN

/// What Sgd is told.
struct SgdOptions {
  double learning_rate = 1e-2;
  double momentum = 0;
  double dampening = 0;     ///< share of the gradient that does not enter the momentum
  double weight_decay = 0;  ///< added to the gradient as weight_decay * parameter
  bool nesterov = false;    ///< looks ahead along the momentum; needs momentum, no dampening
};

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// g += weight_decay p;  m = momentum m + (1 - dampening) g, with m = g at first;
/// p -= learning_rate (nesterov ? g + momentum m : m).
struct SgdRule {
  using Options = SgdOptions;
  static constexpr std::string_view name = "sgd";
  static constexpr std::array<std::string_view, 1> states{"momentum"};

  static void check(const Options& o) {
    CFM_CHECK(!o.nesterov || (o.momentum > 0 && o.dampening == 0),
              "sgd: nesterov needs momentum > 0 and dampening 0", o.momentum, o.dampening);
  }
  static bool uses(const Options& o, std::size_t) { return o.momentum != 0; }
  static double initial_state(const Options&, std::size_t) { return 0; }

  template <Real T, class G>
  static void update(const Options& o, const UpdateContext& c, Index n, T* p,
                     const std::array<T*, 1>& states_at, const G& gradient) {
    const T rate = static_cast<T>(c.learning_rate), decay = static_cast<T>(c.weight_decay);
    const T momentum = static_cast<T>(o.momentum);
    const T fresh = c.step == 1 ? T{1} : static_cast<T>(1 - o.dampening);
    T* const m = states_at[0];
    for (Index i = 0; i < n; ++i) {
      T g = gradient(i) + decay * p[i];
      if (m) {
        m[i] = momentum * m[i] + fresh * g;
        g = o.nesterov ? g + momentum * m[i] : m[i];
      }
      p[i] -= rate * g;
    }
  }
};

/// Gradient descent:  cfm::Sgd optimizer(model, {.learning_rate = 0.1, .momentum = 0.9});
using Sgd = Optimizer<SgdRule>;

CFM_ISA_NAMESPACE_END
