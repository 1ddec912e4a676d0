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

  template <Real T>
  struct Step {
    T rate, decay, momentum, fresh;
    bool moves, nesterov;

    Step(const Options& o, const UpdateContext& c)
        : rate(static_cast<T>(c.learning_rate)),
          decay(static_cast<T>(c.weight_decay)),
          momentum(static_cast<T>(o.momentum)),
          fresh(c.step == 1 ? T{1} : static_cast<T>(1 - o.dampening)),
          moves(o.momentum != 0),
          nesterov(o.nesterov) {}

    template <class V>
    void operator()(V& p, V g, std::array<V, 1>& state) const {
      V& m = state[0];
      g = g + V(decay) * p;
      if (moves) {
        m = V(momentum) * m + V(fresh) * g;
        g = nesterov ? g + V(momentum) * m : m;
      }
      p = p - V(rate) * g;
    }
  };
};

/// Gradient descent:  cfm::Sgd optimizer(model, {.learning_rate = 0.1, .momentum = 0.9});
using Sgd = Optimizer<SgdRule>;

CFM_ISA_NAMESPACE_END
