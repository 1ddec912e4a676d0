#include <cfm/autograd/ops_elementwise.hpp>

#include "check.hpp"

using namespace cfm;
using namespace cfm::test;

TEST_CASE("elementwise: gradients of binary operations, broadcast") {
  const auto all = [](const std::vector<Var>& v) {
    return std::vector<Var>{v[0] + v[1], v[0] - v[1],         v[0] * v[1],
                            v[0] / v[1], maximum(v[0], v[1]), minimum(v[0], v[1])};
  };
  const std::vector<std::pair<Shape, Shape>> shapes = {
      {{}, {}},         {{3}, {3}},       {{2, 3}, {3}},
      {{2, 1}, {1, 3}}, {{}, {2, 2}},     {{2, 3, 1}, {3, 4}},
      {{0}, {1}},       {{2, 0}, {2, 1}}, {{1, 1}, {1}}};
  std::uint64_t seed = 1;
  for (const auto& [a, b] : shapes) {
    const std::string text = concat(a, " ", b);
    CAPTURE(text);
    check_gradients(all, {random(a, seed, -2, 2), random(b, seed + 1, 0.5, 2)});
    seed += 2;
  }
}

TEST_CASE("elementwise: gradients of powers") {
  check_gradients([](const std::vector<Var>& v) { return pow(v[0], v[1]); },
                  {random({2, 3}, 1, 0.3, 2), random({3}, 2, -2, 2)});
  for (double c : {0.0, 1.0, 2.0, 3.0, -1.5, 0.5}) {
    CAPTURE(c);
    check_gradients([c](const std::vector<Var>& v) { return pow(v[0], c); },
                    {random({5}, 3, 0.3, 2)});
  }
  Tape tape;  // slopes at 0
  const Tensor zero = Tensor::of<double>({0});
  tape.backward(pow(tape.leaf(zero), 2.0), Tensor::of<double>({1}));
  CHECK(tape.grad(zero).item<double>() == 0);
}

TEST_CASE("elementwise: shared operands") {
  check_gradients([](const std::vector<Var>& v) { return v[0] + v[0]; }, {random({3}, 1)});
  check_gradients([](const std::vector<Var>& v) { return v[0] * v[0]; }, {random({3}, 1)});
  check_gradients([](const std::vector<Var>& v) { return v[0] - v[0] * v[0] / (v[0] + 5.0); },
                  {random({3}, 1)});
}

TEST_CASE("elementwise: equal operands share the gradient of maximum and minimum") {
  for (bool larger : {true, false}) {
    Tape tape;
    const Tensor a = Tensor::of<double>({1, 2}), b = Tensor::of<double>({1, 3});
    const Var x = tape.leaf(a), y = tape.leaf(b);
    tape.backward(larger ? maximum(x, y) : minimum(x, y), Tensor::of<double>({1, 1}));
    CHECK(tape.grad(a).span<double>()[0] == 0.5);
    CHECK(tape.grad(b).span<double>()[0] == 0.5);
    CHECK(tape.grad(a).span<double>()[1] == (larger ? 0 : 1));
  }
}

TEST_CASE("elementwise: numbers as operands, on both sides") {
  check_gradients(
      [](const std::vector<Var>& v) {
        const Var& x = v[0];
        return std::vector<Var>{x + 2.0, 2.0 + x, x - 2.0, 2.0 - x, x * 3.0,
                                3.0 * x, x / 3.0, 3.0 / x, -x};
      },
      {random({2, 2}, 5, 0.5, 2)});
  const Var x(Tensor::of<float>({2}));
  CHECK((2.0 - x).item<float>() == 0);
  CHECK((3.0 / x).item<float>() == 1.5f);
  CHECK((Tensor::of<float>({5}) - x).item<float>() == 3);
  CHECK((x - Tensor::of<float>({5})).item<float>() == -3);
}

TEST_CASE("elementwise: gradients of functions of one element") {
  const auto anywhere = [](const std::vector<Var>& v) {
    const Var& x = v[0];
    return std::vector<Var>{neg(x),    abs(x),        exp(x),  expm1(x),
                            square(x), reciprocal(x), tanh(x), sigmoid(x),
                            sin(x),    cos(x),        erf(x),  clamp(x, -0.45, 1.05)};
  };
  for (const Shape& shape : {Shape{}, Shape{9}, Shape{2, 3}, Shape{0, 2}}) {
    CAPTURE(shape.rank());
    check_gradients(anywhere, {spread(shape, 7)}, {.tolerance = 2e-6});
  }
  check_gradients(
      [](const std::vector<Var>& v) {
        return std::vector<Var>{log(v[0]), log1p(v[0]), sqrt(v[0]), rsqrt(v[0])};
      },
      {random({7}, 8, 0.2, 3)});
}

TEST_CASE("elementwise: steps have slope 0") {
  check_gradients(
      [](const std::vector<Var>& v) {
        const Var& x = v[0];
        return std::vector<Var>{sign(x), floor(x), ceil(x), round(x), trunc(x)};
      },
      {Tensor::of<double>({-1.7, -0.2, 0.3, 0.7, 2.2})});
}

TEST_CASE("elementwise: the slope of clamp at its limits is 1, of abs at 0 is 0") {
  Tape tape;
  const Tensor x = Tensor::of<double>({-1, 0, 1, 2});
  const Var v = tape.leaf(x);
  tape.backward(clamp(v, -1, 1) + abs(v * 0.0), Tensor::ones({4}, DType::f64));
  const Tensor dx = tape.grad(x);
  CHECK(std::vector<double>(dx.span<double>().begin(), dx.span<double>().end()) ==
        std::vector<double>{1, 1, 1, 0});
}

TEST_CASE("elementwise: shapes that do not broadcast") {
  Tape tape;
  const Var a = tape.leaf(Tensor::zeros({2})), b = tape.leaf(Tensor::zeros({3}));
  CHECK_THROWS_AS(a + b, ShapeError);
  CHECK_THROWS_AS(a * b, ShapeError);
}
