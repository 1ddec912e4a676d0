#include <cfm/models/gradient_balancer.hpp>

#include <cfm/autograd/ops_elementwise.hpp>
#include <cfm/autograd/ops_reduce.hpp>

#include "../test.hpp"

using namespace cfm;

TEST_CASE("gradient balancer: weights make average norms equal, absent losses have none") {
  GradientBalancer balancer(0.5);
  const auto first = balancer(std::vector<double>{2, 8, -1});
  CHECK(first[0] * 2 == doctest::Approx(0.5));
  CHECK(first[1] * 8 == doctest::Approx(0.5));
  CHECK(first[2] == 0);
  // (0.5 * 2 + 4) / (0.5 + 1): the average of norms, newer ones count more.
  const auto second = balancer(std::vector<double>{4, -1, 3});
  CHECK(second[0] == doctest::Approx(1 / (2 * (5.0 / 1.5))));
  CHECK(second[1] == 0);
  CHECK(second[2] == doctest::Approx(1 / (2 * 3.0)));
  CHECK(test::error_of([] { GradientBalancer(1.0); })
            .starts_with("gradient_balancer: the decay must be in [0, 1)"));
}

TEST_CASE("gradient_norms: the norm of each loss by what they share") {
  const Tensor a = Tensor::of<double>({3, 4}), b = Tensor::of<double>({1, 2});
  const Tensor shared[] = {a, b};
  const auto norms = gradient_norms(shared, [](std::span<const Var> x) {
    return std::vector<Var>{sum(x[0] * 2.0), Var(), sum(x[0] * x[1])};
  });
  CHECK(norms.size() == 3);
  CHECK(norms[0] == doctest::Approx(std::sqrt(8.0)));
  CHECK(norms[1] == -1);
  CHECK(norms[2] == doctest::Approx(std::sqrt(1.0 + 4 + 9 + 16)));
}
