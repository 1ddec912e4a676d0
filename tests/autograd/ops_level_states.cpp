#include <cfm/autograd/ops_level_states.hpp>

#include <cfm/autograd/gradcheck.hpp>

#include "../test.hpp"

using namespace cfm;

namespace {

Tensor states_index(std::vector<std::int32_t> v) {
  return Tensor::from(std::span<const std::int32_t>(v), Shape{static_cast<Index>(v.size())});
}

}  // namespace

TEST_CASE("level states: reads, writes and rewrites have gradients") {
  const auto f = [](const std::vector<Var>& in) {
    LevelStates h(in[0]);
    h.assign(states_index({2}), h.rows(states_index({0})) * h.rows(states_index({1})));
    h.assign(states_index({3, 0}), h.rows(states_index({2, 2})) * in[1]);  // row 0 is replaced
    h.assign(states_index({2}), tanh(h.rows(states_index({0}))));          // row 2 again
    const Var seen = h.rows(states_index({3, 3, 1}));
    return std::vector<Var>{seen, std::move(h).take()};
  };
  Tensor start = Tensor::empty({4, 3}, DType::f64), scale = Tensor::empty({2, 3}, DType::f64);
  Rng rng(1);
  for (double& v : start.span<double>()) v = rng.uniform(-1, 1);
  for (double& v : scale.span<double>()) v = rng.uniform(-1, 1);
  const auto report = gradcheck(f, {start, scale});
  CHECK_MESSAGE(report.passed, concat(report));
}

TEST_CASE("level states: the start is not touched, and constants record nothing") {
  const Tensor start = Tensor::zeros({2, 2});
  LevelStates h((Var(start)));
  h.assign(states_index({1}), Var(Tensor::ones({1, 2})));
  CHECK(start.view<float, 2>()(1, 1) == 0);
  const Var y = std::move(h).take();
  CHECK_FALSE(y.needs_grad());
  CHECK(y.value().view<float, 2>()(1, 1) == 1);
}

TEST_CASE("level states: values need a gradient although the start has none") {
  Tape tape;
  const Tensor w = Tensor::ones({1, 2});
  LevelStates h(tape.input(Tensor::zeros({3, 2})));
  const Var leaf = tape.leaf(w);
  h.assign(states_index({1}), leaf * 2.0);
  h.assign(states_index({2}), h.rows(states_index({1})) * 3.0);
  tape.backward(std::move(h).take(), Tensor::ones({3, 2}));
  CHECK(tape.grad(leaf).view<float, 2>()(0, 1) == 8);
}

TEST_CASE("level states: errors") {
  LevelStates h(Var(Tensor::zeros({2, 2})));
  CHECK(test::error_of([&] { h.rows(states_index({2})); }) != "no error");
  CHECK(test::error_of([&] {
          h.assign(states_index({2}), Var(Tensor::zeros({1, 2})));
        }).find("no such row") != std::string::npos);
  CHECK(test::error_of([&] {
          h.assign(states_index({0}), Var(Tensor::zeros({2, 2})));
        }).find("one row of values") != std::string::npos);
}
