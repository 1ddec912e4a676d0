#include <cfm/nn/dropout.hpp>

#include <cmath>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "module_cases.hpp"

using namespace cfm;
using namespace cfm::test;

TEST_CASE("dropout: keeps the mean, drops its share, passes all through outside training") {
  const Dropout layer{.probability = 0.25};
  const Tensor x = Tensor::ones({40000});
  CHECK(layer(x).value().address() == x.address());
  Tape evaluation;
  CHECK(layer(evaluation.input(x)).value().address() == x.address());
  Tape tape({.training = true, .rng = Rng(3)});
  const Tensor y = layer(tape.leaf(x)).value();
  Index dropped = 0;
  for (float v : y.span<float>()) {
    if (v == 0) ++dropped;
    else CHECK(v == doctest::Approx(1 / 0.75));
  }
  // 40,000 draws: four deviations are 350.
  CHECK(std::abs(static_cast<double>(dropped) - 10000) < 350);
  CHECK(parameter_count(layer) == 0);
}

TEST_CASE("dropout: probability 1 drops all, others are refused") {
  Tape tape({.training = true});
  const Tensor y = Dropout{.probability = 1}(tape.input(Tensor::ones({9}))).value();
  for (float v : y.span<float>()) CHECK(v == 0);
  CHECK_THROWS_AS(Dropout{.probability = 1.5}(tape.input(Tensor::ones({9}))), Error);
}
