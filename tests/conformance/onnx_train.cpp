// ONNX: steps of optimizers that go on from a given state.

#include <cfm/train/adagrad.hpp>
#include <cfm/train/sgd.hpp>

#include "onnx.hpp"

namespace cfm::conformance::onnx {
namespace {

struct OneParameter {
  Parameter p;
  static void visit(auto& self, auto&& v) { v("p", self.p); }
};

// Inputs R, T, then all parameters, all gradients, all states; outputs the new parameters and the
// new states. `options` are those without the learning rate, which is R.
template <class Optimizer>
Results stepped(Node& n, typename Optimizer::Options options, const std::string& state_name) {
  options.learning_rate = n.scalar(0);
  options.weight_decay = n.number("norm_coefficient", 0);
  const auto steps = static_cast<std::int64_t>(n.scalar(1));
  const std::size_t count = (n.inputs() - 2) / 3;
  std::vector<Tensor> parameters, states;
  for (std::size_t i = 0; i < count; ++i) {
    OneParameter module{{n.in(2 + i).clone()}};
    Optimizer optimizer(module, options);
    NamedTensors state = optimizer.state();
    if (steps > 0) state.emplace_back("p.steps", Tensor::scalar(steps));
    state.emplace_back("p." + state_name, n.in(2 + 2 * count + i));
    optimizer.set_state(state);
    optimizer.step_gradients({n.in(2 + count + i)});
    parameters.push_back(module.p.value);
    for (const auto& [name, tensor] : optimizer.state())
      if (name == "p." + state_name) states.push_back(tensor);
  }
  parameters.insert(parameters.end(), states.begin(), states.end());
  return parameters;
}

Results with_momentum(Node& n) {
  const double dampening = 1 - n.number("beta", 1);  // has no part in the first step
  const bool nesterov = n.text("mode", "standard") == "nesterov";
  SgdOptions options;
  options.momentum = n.number("alpha", 0);
  options.dampening = nesterov ? 0 : dampening;
  options.nesterov = nesterov;
  return stepped<Sgd>(n, options, "momentum");
}

const Nodes onnx_optimizers({
    {"Momentum", with_momentum},
    {"Adagrad",
     [](Node& n) {
       AdagradOptions options;
       options.learning_rate_decay = n.number("decay_factor", 0);
       options.epsilon = n.number("epsilon", 0);
       return stepped<Adagrad>(n, options, "sum_of_squares");
     }},
    {"Adam",
     [](Node&) -> Results {
       throw Skip{"an Adam whose epsilon stands beside uncorrected moments"};
     }},
});

}  // namespace
}  // namespace cfm::conformance::onnx
