#include <cfm/kernels/reduces.hpp>

#include <doctest/doctest.h>

using namespace cfm;

TEST_CASE("reduces: what they say of themselves") {
  CHECK(StdDev{}.epsilon == 1e-5);
  CHECK(SoftmaxSum{}.temperature == 1);
  CHECK(SoftmaxSum(0.5).temperature == 0.5);
  const SoftmaxSum scored([](auto s) { return s; }, 2.0);
  CHECK(scored.temperature == 2);
  CHECK(scored.score(3) == 3);
  const Multi many(Mean{}, StdDev{.epsilon = 2}, Max{});
  CHECK(std::tuple_size_v<decltype(many.parts)> == 3);
  CHECK(std::get<1>(many.parts).epsilon == 2);
}
