#include <cfm/train/adam.hpp>

#include <cmath>
#include <vector>

#include <doctest/doctest.h>

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
