#include <cfm/train/rmsprop.hpp>

#include <cmath>
#include <vector>

#include <doctest/doctest.h>

#include "optimizer_cases.hpp"

using namespace cfm;
using namespace cfm::test;

TEST_CASE("rmsprop: two updates by hand, plain, centred, with momentum") {
  CHECK(after_two_updates<RmsProp>({.learning_rate = 0.1, .alpha = 0.5, .epsilon = 0}) ==
        doctest::Approx(1 - 0.05 / std::sqrt(0.125) + 0.1 / std::sqrt(0.5625)));
  // Mean square 0.125, 0.5625; mean 0.25, -0.375.
  CHECK(after_two_updates<RmsProp>(
            {.learning_rate = 0.1, .alpha = 0.5, .epsilon = 0, .centered = true}) ==
        doctest::Approx(1 - 0.05 / std::sqrt(0.0625) + 0.1 / std::sqrt(0.421875)));
  const double first = 0.5 / std::sqrt(0.125), second = 0.5 * first - 1 / std::sqrt(0.5625);
  CHECK(after_two_updates<RmsProp>(
            {.learning_rate = 0.1, .alpha = 0.5, .epsilon = 0, .momentum = 0.5}) ==
        doctest::Approx(1 - 0.1 * (first + second)));
  One m{{Tensor::of<double>({1})}};
  CHECK_THROWS_WITH_AS(RmsProp(m, {.alpha = 1}), doctest::Contains("rmsprop: alpha"), Error);
}

TEST_CASE("rmsprop: a saved state goes on with the same bits") {
  check_resume<RmsProp>({.momentum = 0.5, .centered = true});
}
