#include <cfm/autograd/ops_math.hpp>

#include "check.hpp"

using namespace cfm;
using namespace cfm::test;

TEST_CASE("math: gradients of functions of one element") {
  check_gradients(
      [](const std::vector<Var>& v) {
        const Var& x = v[0];
        return std::vector<Var>{exp2(x), tan(x),  sinh(x), cosh(x),
                                asin(x), acos(x), atan(x), erfc(x)};
      },
      {random({2, 4}, 1, -0.8, 0.8)});
  check_gradients(
      [](const std::vector<Var>& v) {
        const Var& x = v[0];
        return std::vector<Var>{log2(x), log10(x), logit(x), logit(x, 0.3), frac(x)};
      },
      {random({6}, 2, 0.1, 0.9)});
}

TEST_CASE("math: gradients of functions of two elements") {
  check_gradients(
      [](const std::vector<Var>& v) {
        return std::vector<Var>{atan2(v[0], v[1]), hypot(v[0], v[1]), logaddexp(v[0], v[1]),
                                copysign(v[0], v[1])};
      },
      {spread({2, 3}, 3), spread({3}, 4)}, {.tolerance = 2e-6});
  check_gradients([](const std::vector<Var>& v) { return xlogy(v[0], v[1]); },
                  {random({2, 3}, 3), random({3}, 4, 0.3, 2)});
  check_gradients(
      [](const std::vector<Var>& v) {
        return std::vector<Var>{fmod(v[0], v[1]), remainder(v[0], v[1])};
      },
      {Tensor::of<double>({5.3, -5.3, 2.2}), Tensor::of<double>({2, 2.1, -1.5})});
  check_gradients([](const std::vector<Var>& v) { return lerp(v[0], v[1], v[2]); },
                  {random({2, 3}, 3), random({3}, 4), random({2, 1}, 5)});
}

TEST_CASE("math: limits of logaddexp and xlogy") {
  const double inf = std::numeric_limits<double>::infinity();
  const auto value = [](const Var& v) { return v.value().span<double>()[0]; };
  CHECK(value(logaddexp(Tensor::of<double>({-inf}), Tensor::of<double>({-inf}))) == -inf);
  CHECK(value(logaddexp(Tensor::of<double>({1000}), Tensor::of<double>({0}))) == 1000);
  CHECK(value(xlogy(Tensor::of<double>({0}), Tensor::of<double>({0}))) == 0);
  CHECK(std::isnan(value(xlogy(Tensor::of<double>({0}), Tensor::of<double>({NAN})))));
}

TEST_CASE("math: choices") {
  const Tensor condition = greater(random({2, 3}, 9), 0.0);
  check_gradients([&](const std::vector<Var>& v) { return where(condition, v[0], v[1]); },
                  {random({3}, 1), random({2, 1}, 2)});
  check_gradients([&](const std::vector<Var>& v) { return masked_fill(v[0], condition, 3); },
                  {random({2, 3}, 1)});
  check_gradients(
      [](const std::vector<Var>& v) {
        return std::vector<Var>{clamp_min(v[0], v[1]), clamp_max(v[0], v[1])};
      },
      {spread({2, 3}, 1), random({3}, 2)});
  const double inf = std::numeric_limits<double>::infinity();
  Tape tape;
  const Tensor odd = Tensor::of<double>({1, NAN, inf, -inf});
  const Var y = nan_to_num(tape.leaf(odd), 5, 6, 7);
  CHECK(y.value().span<double>()[1] == 5);
  CHECK(y.value().span<double>()[2] == 6);
  CHECK(y.value().span<double>()[3] == 7);
  tape.backward(y, Tensor::ones({4}, DType::f64));
  CHECK(tape.grad(odd).span<double>()[0] == 1);
  CHECK(tape.grad(odd).span<double>()[2] == 0);
  CHECK(std::isfinite(nan_to_num(Tensor::of<float>({INFINITY})).item<float>()));
  CHECK_THROWS_AS(where(odd, odd, odd), TypeError);
}
