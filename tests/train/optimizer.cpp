#include <cfm/train/optimizer.hpp>

#include <cmath>
#include <vector>

#include <doctest/doctest.h>

#include <cfm/exec/thread_limit.hpp>
#include <cfm/train/adam.hpp>
#include <cfm/train/sgd.hpp>

#include "optimizer_cases.hpp"

using namespace cfm;
using namespace cfm::test;

TEST_CASE("optimizers: the same bits for any number of threads") {
  std::vector<Tensor> results;
  for (int threads : {1, 2, 3, 8}) {
    ThreadLimit limit(threads);
    limit.run([&] {
      Pair m(DType::f32, 100'003);
      Adam optimizer(m, {}, {.clip_norm = 1.0});
      steps(optimizer, m, 0, 3);
      results.push_back(m.a.value);
    });
  }
  for (const Tensor& r : results) CHECK(same_bits(r, results[0]));
}

TEST_CASE("optimizers: accumulating equals one gradient, the mean or the sum") {
  for (bool mean : {true, false}) {
    Pair one, four;
    Adam whole(one), parts(four, {}, {.accumulate = 4, .mean = mean});
    for (int k = 0; k < 5; ++k) {
      Rng rng(static_cast<std::uint64_t>(k));
      Tensor sum_a = Tensor::zeros({5}, DType::f64);
      for (int i = 0; i < 4; ++i) {
        const Tensor g = noise({5}, rng);
        for (std::size_t j = 0; j < 5; ++j)
          sum_a.span<double>()[j] += g.span<double>()[j] / (mean ? 4 : 1);
        CHECK(parts.step_gradients({g, Tensor()}) == (i == 3));
        CHECK(parts.pending() == (i + 1) % 4);
      }
      whole.step_gradients({sum_a, Tensor()});
    }
    for (std::size_t j = 0; j < 5; ++j)
      CHECK(one.a.value.span<double>()[j] ==
            doctest::Approx(four.a.value.span<double>()[j]).epsilon(1e-12));
    CHECK(same_bits(four.b.value, Tensor::ones({2, 3}, DType::f64)));  // no gradient, no move
    CHECK(parts.updates() == 5);
  }
}

TEST_CASE("optimizers: groups, the first that fits wins") {
  Pair m;
  Sgd optimizer(m, {.learning_rate = 1, .weight_decay = 0.5},
                {.groups = {{.parameters = NamePattern("b"), .learning_rate = 0.1,
                             .weight_decay = 0.0},
                            {.parameters = EveryName{}, .weight_decay = 0.25}}});
  CHECK(optimizer.learning_rate("a") == 1);
  CHECK(optimizer.learning_rate("b") == 0.1);
  optimizer.scale_learning_rate(0.5);
  CHECK(optimizer.learning_rate("b") == 0.05);
  m.a.value.fill(1);
  optimizer.step_gradients({Tensor::zeros({5}, DType::f64), Tensor::zeros({2, 3}, DType::f64)});
  CHECK(m.a.value.span<double>()[0] == doctest::Approx(1 - 0.5 * 0.25));
  CHECK(m.b.value.span<double>()[0] == 1);
  CHECK_THROWS_WITH_AS(Sgd(m, {}, {.groups = {{.parameters = NamePattern("c*")}}}),
                       doctest::Contains("optimizer: group 0 accepts no parameter"), Error);
}

TEST_CASE("optimizers: a norm that is not finite stops before anything moves") {
  Pair m;
  Adam optimizer(m, {}, {.clip_norm = 1.0});
  Tensor bad = Tensor::zeros({5}, DType::f64);
  bad.span<double>()[2] = INFINITY;
  CHECK_THROWS_WITH_AS(optimizer.step_gradients({bad, Tensor::ones({2, 3}, DType::f64)}),
                       "optimizer: the norm of the gradients is inf", NumericError);
  CHECK(optimizer.updates() == 0);
  CHECK(same_bits(m.b.value, Tensor::ones({2, 3}, DType::f64)));
}

TEST_CASE("optimizers: read the tape, share with copies, leave frozen parameters, commit") {
  Pair m;
  Pair copy = m;  // shares
  const Pair before = clone(m);
  m.b.frozen = true;
  Tensor statistic = Tensor::zeros({1});
  Sgd optimizer(m, {.learning_rate = 1, .weight_decay = 0.5});
  Tape tape({.training = true});
  const Var x = tape.input(Tensor::zeros({1}, DType::f64));
  const Var a = bind(x, m.a), b = bind(x, m.b);
  CHECK(a.needs_grad());
  CHECK(!b.needs_grad());
  CHECK(!bind(Var(Tensor::zeros({1})), m.a).needs_grad());
  tape.write_on_commit(statistic, Tensor::ones({1}));
  tape.backward(a, Tensor::full({5}, 2, DType::f64));
  CHECK(optimizer.step(tape));
  CHECK(copy.a.value.span<double>()[3] == -2);
  CHECK(same_bits(copy.b.value, before.b.value));
  CHECK(before.a.value.span<double>()[3] == 0);
  CHECK(statistic.item<float>() == 1);
}

TEST_CASE("optimizers: a parameter that is listed twice moves once") {
  Tied m;
  Sgd optimizer(m, {.learning_rate = 1});
  CHECK(optimizer.names() == std::vector<std::string>{"w"});
  optimizer.step_gradients({Tensor::ones({1}, DType::f64)});
  CHECK(m.again.value.item<double>() == -1);
}

TEST_CASE("optimizers: what does not fit is named") {
  Pair m;
  Adam optimizer(m);
  CHECK_THROWS_WITH_AS(optimizer.step_gradients({Tensor::zeros({4}, DType::f64), Tensor()}),
                       doctest::Contains("the gradient of a has another shape: f64[4], f64[5]"),
                       ShapeError);
  CHECK_THROWS_AS(optimizer.step_gradients({Tensor::zeros({5}), Tensor()}), TypeError);
  CHECK_THROWS_AS(optimizer.step_gradients({}), Error);
  Pair half(DType::f16);
  CHECK_THROWS_WITH_AS(Adam{half}, doctest::Contains("parameter a: needs f32 or f64, got f16"),
                       TypeError);

  steps(optimizer, m, 0, 2);
  NamedTensors state = optimizer.state();
  const auto expect = [&](NamedTensors changed, const char* text) {
    Pair fresh;
    Adam other(fresh);
    CHECK_THROWS_WITH_AS(other.set_state(changed), doctest::Contains(text), FormatError);
    CHECK(other.updates() == 0);
  };
  NamedTensors less = state;
  std::erase_if(less, [](const auto& t) { return t.first == "a.mean"; });
  expect(less, "\"a.mean\" is missing");
  NamedTensors more = state;
  more.emplace_back("c.mean", Tensor::zeros({1}));
  expect(more, "1 tensors belong to no parameter");
  NamedTensors other = state;
  for (auto& [name, t] : other)
    if (name == "b.mean_square") t = Tensor::zeros({6}, DType::f64);
  expect(other, "\"b.mean_square\" is f64[6], but the parameter is f64[2, 3]");
  expect({}, "\"updates\" is missing");
}

TEST_CASE("optimizers: a copy has a state of its own") {
  Pair m;
  Adam optimizer(m);
  steps(optimizer, m, 0, 1);
  Adam copy = optimizer;
  const NamedTensors before = optimizer.state();
  std::vector<Tensor> kept;
  for (const auto& [name, value] : before) kept.push_back(value.clone());
  steps(copy, m, 1, 3);
  const NamedTensors after = optimizer.state();
  for (std::size_t i = 0; i < after.size(); ++i) CHECK(same_bits(after[i].second, kept[i]));
}
