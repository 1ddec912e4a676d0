#include <cfm/nn/activation.hpp>

#include <cmath>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "module_cases.hpp"

using namespace cfm;
using namespace cfm::test;

TEST_CASE("activate: every name is another function, right at a point") {
  const Tensor x = Tensor::of<double>({-1, 0, 2});
  const auto at = [&](Activation a, std::size_t i) {
    return activate(x, a).value().span<double>()[i];
  };
  CHECK(at(Activation::none, 0) == -1);
  CHECK(at(Activation::relu, 0) == 0);
  CHECK(at(Activation::relu, 2) == 2);
  CHECK(at(Activation::leaky_relu, 0) == doctest::Approx(-0.01));
  CHECK(at(Activation::elu, 0) == doctest::Approx(std::exp(-1.0) - 1));
  CHECK(at(Activation::gelu, 2) == doctest::Approx(1.9544997361036416));
  CHECK(at(Activation::gelu_tanh, 2) == doctest::Approx(1.954597694087775));
  CHECK(at(Activation::silu, 2) == doctest::Approx(2 / (1 + std::exp(-2.0))));
  CHECK(at(Activation::softplus, 1) == doctest::Approx(std::log(2.0)));
  CHECK(at(Activation::sigmoid, 0) == doctest::Approx(1 / (1 + std::exp(1.0))));
  CHECK(at(Activation::tanh, 2) == doctest::Approx(std::tanh(2.0)));
  CHECK_THROWS_AS(activate(x, static_cast<Activation>(77)), Error);
}

TEST_CASE("activate: names are in the order of the values") {
  CHECK(concat(Activation::none) == "none");
  CHECK(concat(Activation::gelu_tanh) == "gelu_tanh");
  CHECK(concat(Activation::tanh) == "tanh");
}
