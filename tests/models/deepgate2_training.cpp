#include <cfm/models/deepgate2_training.hpp>

#include <cfm/autograd/gradcheck.hpp>
#include <cfm/train/adam.hpp>

#include "golden.hpp"

using namespace cfm;

namespace {

DeepGate2Targets golden_targets() {
  const float p[] = {.5f, .5f, .5f, .25f, .75f, .375f, .5f, .1875f, .8125f};
  const std::int32_t function[] = {3, 5, 3, 7, 5, 7, 4, 8, 3, 4};
  const float distance[] = {.375f, .25f, .1875f, .3f, 1.f};
  const std::int32_t cones[] = {3, 5, 0, 1};
  const float overlap[] = {1, 0};
  return {Tensor::from(std::span<const float>(p), {9}),
          Tensor::from(std::span<const std::int32_t>(function), {5, 2}),
          Tensor::from(std::span<const float>(distance), {5}),
          Tensor::from(std::span<const std::int32_t>(cones), {2, 2}),
          Tensor::from(std::span<const float>(overlap), {2})};
}

}  // namespace

TEST_CASE("deepgate2 training: the loss is the weighted mean of its parts") {
  DeepGate2<> model({.width = 4, .reconvergence = true});
  test::fill_by_formula(model);
  const DeepGate2Graph g = deepgate2_graph(test::golden_graph(), test::golden_kinds());
  const GateStates y = model(g);
  const DeepGate2Targets t = golden_targets();
  const auto loss = [&](DeepGate2Weights w) {
    return static_cast<double>(deepgate2_loss(model, y, t, w).item<float>());
  };
  const double p = loss({1, 0, 0}), rc = loss({0, 1, 0}), f = loss({0, 0, 1});
  CHECK(loss({3, 1, 2}) == doctest::Approx((3 * p + rc + 2 * f) / 6));
  CHECK(test::error_of([&] { loss({0, 0, 0}); }).find("no loss") != std::string::npos);
}

TEST_CASE("deepgate2 training: gradients of the whole model in double") {
  const DeepGate2<> model({.width = 3, .dropout = 0}, Init(Rng(2), DType::f64));
  const DeepGate2Graph g = deepgate2_graph(test::golden_graph(), test::golden_kinds());
  const DeepGate2Targets t = golden_targets();
  const auto f = [&](const std::vector<Var>& in) {
    const GateStates y = model.sweep(g.schedule, in[0], in[1]);
    return function_loss(y.function, t.function_pairs, t.function_distance.to(DType::f64)) +
           sum(square(y.structure));
  };
  const auto report = gradcheck(
      f, {orthonormal_states(g, 3, 1, DType::f64), Init(Rng(3), DType::f64).normal({9, 3}, 0, 1)});
  CHECK_MESSAGE(report.passed, concat(report));
}

TEST_CASE("deepgate2 training: a small circuit is learned") {
  DeepGate2<> model({.width = 8, .dropout = 0, .reconvergence = true}, Rng(1));
  const DeepGate2Graph g = deepgate2_graph(test::golden_graph(), test::golden_kinds());
  const DeepGate2Targets t = golden_targets();
  Adam optimizer(model, {.learning_rate = 1e-2});
  float first = 0, last = 0;
  for (int step = 0; step < 60; ++step) {
    Tape tape({.training = true});
    const Var loss = deepgate2_loss(model, model(g, tape.input(Tensor::zeros({1}))), t);
    if (step == 0) first = loss.item<float>();
    last = loss.item<float>();
    tape.backward(loss);
    optimizer.step(tape);
  }
  CHECK(last < 0.6f * first);
}
