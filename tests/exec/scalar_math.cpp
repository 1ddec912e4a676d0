#include <cfm/exec/scalar_math.hpp>

#include <cmath>
#include <limits>

#include "../test.hpp"

namespace {

// The rules that a lambda relies on when it is called with a number instead of a batch.
template <class T>
void check_rules() {
  const T nan = std::numeric_limits<T>::quiet_NaN(), infinity = std::numeric_limits<T>::infinity();
  CHECK(cfm::exp(T(0)) == T(1));
  CHECK(cfm::log(cfm::exp(T(1))) == doctest::Approx(1));
  CHECK(cfm::round(T(2.5)) == T(2));  // ties to even
  CHECK(cfm::round(T(-3.5)) == T(-4));
  CHECK(cfm::trunc(T(-1.7)) == T(-1));
  CHECK(cfm::sqrt(infinity) == infinity);
  CHECK(std::isnan(cfm::sqrt(T(-1))));
  CHECK(cfm::min(nan, 1) == T(1));  // the second one if one is NaN
  CHECK(std::isnan(cfm::max(T(1), nan)));
  CHECK(cfm::min(T(2), 1) == T(1));
  CHECK(cfm::pow(T(2), 10) == T(1024));
  CHECK(cfm::fma(T(2), 3, 4) == T(10));
  CHECK(cfm::select(true, T(1), 2) == T(1));
  CHECK(cfm::select(false, T(1), 2) == T(2));
  CHECK(cfm::any(true));
  CHECK_FALSE(cfm::all(false));
}

}  // namespace

TEST_CASE("scalar math: float") { check_rules<float>(); }
TEST_CASE("scalar math: double") { check_rules<double>(); }
