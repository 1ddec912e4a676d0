#include <cfm/train/sgd.hpp>

#include <cmath>
#include <vector>

#include <doctest/doctest.h>

#include "optimizer_cases.hpp"

using namespace cfm;
using namespace cfm::test;

TEST_CASE("sgd: two updates by hand, plain, with momentum, looking ahead") {
  CHECK(after_two_updates<Sgd>({.learning_rate = 0.1}) == doctest::Approx(1 - 0.05 + 0.1));
  // Momentum: 0.5, then 0.9 * 0.5 + 0.5 * -1 = -0.05.
  CHECK(after_two_updates<Sgd>({.learning_rate = 0.1, .momentum = 0.9, .dampening = 0.5}) ==
        doctest::Approx(1 - 0.05 + 0.005));
  // Momentum: 0.5, -0.55; steps g + 0.9 m: 0.95, -1.495.
  CHECK(after_two_updates<Sgd>({.learning_rate = 0.1, .momentum = 0.9, .nesterov = true}) ==
        doctest::Approx(1 - 0.095 + 0.1495));
  // Weight decay: g = 0.5 + 0.5 * 1, then -1 + 0.5 * 0.9.
  CHECK(after_two_updates<Sgd>({.learning_rate = 0.1, .weight_decay = 0.5}) ==
        doctest::Approx(0.9 + 0.055));
  One m{{Tensor::of<double>({1})}};
  CHECK_THROWS_WITH_AS(Sgd(m, {.nesterov = true}),
                       doctest::Contains("sgd: nesterov needs momentum"), Error);
}

TEST_CASE("sgd: a saved state goes on with the same bits") {
  check_resume<Sgd>({.learning_rate = 0.1});
  check_resume<Sgd>({.learning_rate = 0.1, .momentum = 0.9, .weight_decay = 0.01});
}
