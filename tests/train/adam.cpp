#include <cfm/train/adam.hpp>

#include <cmath>
#include <vector>

#include <doctest/doctest.h>

#include <cfm/exec/thread_limit.hpp>
#include <cfm/train/sgd.hpp>

#include "optimizer_cases.hpp"

using namespace cfm;
using namespace cfm::test;

TEST_CASE("adamw: three steps known from elsewhere") {
  One m{{Tensor::of<double>({1, -2, 0.5})}};
  AdamW optimizer(m, {.learning_rate = 0.1, .weight_decay = 0.01});
  const auto go = [&](double t) {
    optimizer.step_gradients({Tensor::of<double>({0.1 * t, -0.2, 0.3 / t})});
  };
  const auto w = [&](std::size_t i) { return std::as_const(m.w.value).span<double>()[i]; };
  go(1);
  CHECK(w(0) == doctest::Approx(0.89900001).epsilon(1e-9));
  CHECK(w(1) == doctest::Approx(-1.898000005).epsilon(1e-9));
  CHECK(w(2) == doctest::Approx(0.399500003).epsilon(1e-9));
  go(2);
  go(3);
  CHECK(w(0) == doctest::Approx(0.704981113).epsilon(1e-9));
  CHECK(w(1) == doctest::Approx(-1.694305913).epsilon(1e-9));
  CHECK(w(2) == doctest::Approx(0.218260812).epsilon(1e-9));
}

TEST_CASE("adam: two updates by hand") {
  // The first is one learning rate against the sign, whatever the gradient.
  CHECK(after_two_updates<Adam>({.learning_rate = 0.1, .beta2 = 0.9, .epsilon = 0}) ==
        doctest::Approx(1 - 0.1 + 0.1 * (0.055 / 0.19) / std::sqrt(0.1225 / 0.19)));
  // amsgrad keeps the larger mean square; here the second one is larger, so nothing changes.
  CHECK(after_two_updates<Adam>({.amsgrad = true}) == after_two_updates<Adam>({}));
}

TEST_CASE("adam: amsgrad keeps the largest mean square") {
  const auto run = [](bool amsgrad) {
    One m{{Tensor::of<double>({1})}};
    Adam optimizer(m, {.learning_rate = 0.1, .beta1 = 0, .beta2 = 0.5, .epsilon = 0,
                       .amsgrad = amsgrad});
    optimizer.step_gradients({Tensor::of<double>({4})});
    optimizer.step_gradients({Tensor::of<double>({1})});
    return m.w.value.item<double>();
  };
  CHECK(run(false) == doctest::Approx(0.9 - 0.1 / std::sqrt(4.5 / 0.75)));  // v: 8, then 4.5
  CHECK(run(true) == doctest::Approx(0.9 - 0.1 / std::sqrt(8 / 0.75)));
}

TEST_CASE("adam: bad options are named") {
  One m{{Tensor::of<double>({1})}};
  CHECK_THROWS_WITH_AS(Adam(m, {.beta1 = 1}), doctest::Contains("adam: beta1 and beta2"), Error);
  CHECK_THROWS_WITH_AS(AdamW(m, {.epsilon = -1}), doctest::Contains("adam: epsilon"), Error);
}

TEST_CASE("adam: a saved state goes on with the same bits") {
  check_resume<Adam>({.weight_decay = 0.1});
  check_resume<AdamW>({.amsgrad = true});
}

TEST_CASE("adamw: the update of an element does not depend on its place, its tensor or the threads") {
  // One long parameter, and its elements as parameters of their own.
  constexpr Index n = 43;
  const AdamWOptions options{.learning_rate = 0.1, .amsgrad = true};
  for (Index begin : {0, 1, 5, 37}) {
    Rng rng(3);
    Pair whole(DType::f32, n), part(DType::f32, n - begin);
    AdamW a(whole, options, {.clip_value = 1.5}), b(part, options, {.clip_value = 1.5});
    for (int k = 0; k < 3; ++k) {
      const Tensor gradient = noise({n}, rng, DType::f32);
      a.step_gradients({gradient, Tensor()});
      b.step_gradients({gradient.slice(0, begin, n).clone(), Tensor()});
    }
    CHECK(same_bits(whole.a.value.slice(0, begin, n).clone(), part.a.value));
  }
  const auto run = [] {
    Pair m(DType::f32, 100003);  // several tasks, and a small tensor in the last one
    Sgd optimizer(m, {.learning_rate = 0.1, .momentum = 0.9});
    steps(optimizer, m, 0, 3);
    return m;
  };
  const Pair one = ThreadLimit(1).run(run);
  for (int threads : {2, 3, 8}) {
    const Pair many = ThreadLimit(threads).run(run);
    CHECK(same_bits(one.a.value, many.a.value));
    CHECK(same_bits(one.b.value, many.b.value));
  }
}

TEST_CASE("optimizers: clip_value limits, at 0 too, and keeps NaN") {
  const auto after = [](float gradient, double limit) {
    One m{{Tensor::of<float>({1})}};
    Sgd optimizer(m, {.learning_rate = 1}, {.clip_value = limit});
    optimizer.step_gradients({Tensor::of<float>({gradient})});
    return m.w.value.item<float>();
  };
  CHECK(after(3, 0.5) == 0.5f);
  CHECK(after(-3, 0.5) == 1.5f);
  CHECK(after(0.25f, 0.5) == 0.75f);
  CHECK(after(3, 0) == 1);
  CHECK(std::isnan(after(NAN, 0.5)));
}
