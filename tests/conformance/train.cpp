// Optimizers, schedules, clipping, and a whole training run.

#include <cfm/autograd/ops_loss.hpp>
#include <cfm/nn/mlp.hpp>
#include <cfm/nn/serialize.hpp>
#include <cfm/train/adagrad.hpp>
#include <cfm/train/adam.hpp>
#include <cfm/train/rmsprop.hpp>
#include <cfm/train/schedule.hpp>
#include <cfm/train/sgd.hpp>

#include "registry.hpp"

namespace cfm::conformance {
namespace {

struct Two {
  Parameter a, b;
  static void visit(auto& self, auto&& v) {
    v("a", self.a);
    v("b", self.b);
  }
};

// a.0 and b.0 before the first step; ga.k and gb.k feed step k; a.k and b.k are the result.
template <class Optimizer>
void follow(Case& c, const typename Optimizer::Options& options) {
  Two two{{c.tensor("a.0")}, {c.tensor("b.0")}};
  Optimizer optimizer(two, options);
  for (int k = 1; c.has(concat("ga.", k)); ++k) {
    optimizer.step_gradients({c.tensor(concat("ga.", k)), c.tensor(concat("gb.", k))});
    c.expect(concat("a.", k), two.a.value);
    c.expect(concat("b.", k), two.b.value);
  }
}

double rate(const Case& c) { return c.number("lr", 0); }
double decay(const Case& c) { return c.number("wd", 0); }

void follow_sgd(Case& c, bool nesterov) {
  follow<Sgd>(c, {.learning_rate = rate(c), .momentum = c.number("momentum", 0),
                  .weight_decay = decay(c), .nesterov = nesterov});
}

const Cases optimizers({
    {"opt_sgd", [](Case& c) { follow_sgd(c, false); }},
    {"opt_sgd_mom", [](Case& c) { follow_sgd(c, false); }},
    {"opt_sgd_nesterov", [](Case& c) { follow_sgd(c, true); }},
    {"opt_adam", [](Case& c) { follow<Adam>(c, {.learning_rate = rate(c)}); }},
    {"opt_adam_wd",
     [](Case& c) { follow<Adam>(c, {.learning_rate = rate(c), .weight_decay = decay(c)}); }},
    {"opt_adamw",
     [](Case& c) {
       follow<AdamW>(c, {.learning_rate = rate(c), .weight_decay = c.number("wd", 1e-2)});
     }},
    {"opt_adamw_amsgrad",
     [](Case& c) {
       follow<AdamW>(c, {.learning_rate = rate(c), .weight_decay = c.number("wd", 1e-2),
                         .amsgrad = true});
     }},
    {"opt_rmsprop",
     [](Case& c) {
       follow<RmsProp>(c, {.learning_rate = rate(c), .weight_decay = decay(c),
                           .momentum = c.number("momentum", 0)});
     }},
    {"opt_adagrad",
     [](Case& c) { follow<Adagrad>(c, {.learning_rate = rate(c), .weight_decay = decay(c)}); }},
});

template <Schedule S>
void follow_schedule(Case& c, const char* name, const S& schedule) {
  Tensor rates = Tensor::empty(c.tensor(name).shape(), DType::f64);
  Index step = 0;
  for (double& r : rates.span<double>()) r = schedule(step++);
  c.expect(name, rates);
}

const Cases others({
    {"lr_schedules",
     [](Case& c) {
       follow_schedule(c, "cosine100", CosineDecay{.steps = 100, .minimum = 0.01});
       follow_schedule(c, "onecycle", OneCycle{.steps = 100});
       follow_schedule(c, "step30", StepDecay{.every = 30, .factor = 0.1});
       follow_schedule(c, "linear", LinearRate{.steps = 20, .from = 0.1, .to = 1});
       follow_schedule(c, "exp", ExponentialDecay{.factor = 0.95});
     }},
    {"clip_grad_norm",
     [](Case& c) {
       Two two{{Tensor::zeros({3})}, {Tensor::zeros({4})}};
       Tape& tape = c.tape();
       replay(tape, {tape.leaf(two.a.value), tape.leaf(two.b.value)},
              {c.tensor("ga"), c.tensor("gb")});
       const double norm = clip_grad_norm(tape, two, c.number("max_norm", 1));
       c.expect("norm", Tensor::scalar(static_cast<float>(norm)));
       c.expect("ga_out", tape.grad(two.a.value));
       c.expect("gb_out", tape.grad(two.b.value));
     }},
    {"train_mlp_200",
     [](Case& c) {
       Mlp<> model({.in = 4, .hidden = 16, .out = 2, .activation = Activation::tanh});
       NamedTensors first;
       for (const auto& [name, t] : named_tensors(model))
         first.emplace_back(name, c.tensor("init." + name));
       load_into(model, first);
       const Tensor x = c.tensor("X"), labels = c.tensor("Y");
       Adam optimizer(model, {.learning_rate = rate(c)});
       Tensor curve = Tensor::empty({200}, DType::f64);
       for (double& out : curve.span<double>()) {
         Tape tape({.training = true});
         const Var loss = cross_entropy(model(tape.input(x)), labels);
         out = static_cast<double>(loss.item<float>());
         tape.backward(loss);
         optimizer.step(tape);
       }
       // The two runs round apart: float losses, 200 steps that feed back.
       c.expect("loss", curve, 300);
       for (const auto& [name, t] : named_tensors(model)) c.expect("final." + name, t, 10);
     }},
});

}  // namespace
}  // namespace cfm::conformance
