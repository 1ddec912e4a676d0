#include <cfm/train/adagrad.hpp>

#include <cmath>
#include <vector>

#include <doctest/doctest.h>

#include "optimizer_cases.hpp"

using namespace cfm;
using namespace cfm::test;

TEST_CASE("adagrad: two updates by hand, with decay of the rate and a first sum") {
  CHECK(after_two_updates<Adagrad>({.learning_rate = 0.1, .epsilon = 0}) ==
        doctest::Approx(1 - 0.1 + 0.1 / std::sqrt(1.25)));
  CHECK(after_two_updates<Adagrad>(
            {.learning_rate = 0.1, .learning_rate_decay = 1, .epsilon = 0, .initial_sum = 0.75}) ==
        doctest::Approx(1 - 0.05 + 0.05 / std::sqrt(2.0)));
  One m{{Tensor::of<double>({1})}};
  CHECK_THROWS_WITH_AS(Adagrad(m, {.initial_sum = -1}), doctest::Contains("adagrad: initial_sum"),
                       Error);
}

TEST_CASE("adagrad: a saved state goes on with the same bits") {
  check_resume<Adagrad>({.learning_rate_decay = 0.1, .initial_sum = 0.5});
}
