#include <cfm/exec/activation.hpp>

#include <cmath>
#include <limits>

#include "../test.hpp"

namespace {

template <class T>
void check_values() {
  for (T x : {T(-30), T(-2), T(-0.5), T(0), T(0.25), T(3), T(30)}) {
    CAPTURE(x);
    CHECK(cfm::relu(x) == (x > 0 ? x : T(0)));
    CHECK(cfm::leaky_relu(x) == doctest::Approx(x > 0 ? x : 0.01 * x));
    CHECK(cfm::sigmoid(x) == doctest::Approx(1 / (1 + std::exp(-x))));
    CHECK(cfm::silu(x) == doctest::Approx(x / (1 + std::exp(-x))));
  }
  CHECK(std::isnan(cfm::relu(std::numeric_limits<T>::quiet_NaN())));
}

}  // namespace

TEST_CASE("activation: float follows the formulas") { check_values<float>(); }
TEST_CASE("activation: double follows the formulas") { check_values<double>(); }
