#include <cfm/autograd/ops_activation.hpp>

#include "check.hpp"

using namespace cfm;
using namespace cfm::test;

TEST_CASE("activation: gradients") {
  const auto all = [](const std::vector<Var>& v) {
    const Var& x = v[0];
    return std::vector<Var>{relu(x),
                            leaky_relu(x, 0.2),
                            elu(x, 1.3),
                            celu(x, 1.7),
                            selu(x),
                            gelu(x),
                            gelu_tanh(x),
                            silu(x),
                            softplus(x),
                            softplus(x, 3),
                            logsigmoid(x),
                            mish(x),
                            hardtanh(x),
                            relu6(x),
                            hardsigmoid(x),
                            hardswish(x),
                            softsign(x),
                            tanhshrink(x),
                            threshold(x, 0.4, 5)};
  };
  check_gradients(all, {spread({2, 6}, 1)}, {.tolerance = 3e-6});
  check_gradients(all, {random({}, 2)});
  check_gradients(all, {random({0}, 3)});
}

TEST_CASE("activation: values far out stay finite") {
  const Tensor far = Tensor::of<double>({-800, 800});
  const Var x(far);
  for (const Var& y : {logsigmoid(x), softplus(x), mish(x), silu(x), gelu(x)})
    for (double v : y.value().span<double>()) CHECK(std::isfinite(v));
}

TEST_CASE("activation: prelu and glu") {
  check_gradients([](const std::vector<Var>& v) { return prelu(v[0], v[1]); },
                  {spread({4, 3}, 1), random({3}, 2)});
  check_gradients([](const std::vector<Var>& v) { return glu(v[0], 1); }, {random({2, 4, 3}, 1)});
  CHECK_THROWS_AS(glu(random({3}, 1)), ShapeError);
}

TEST_CASE("dropout: gradients pass the mask of the forward step") {
  check_gradients([](const std::vector<Var>& v) { return dropout(v[0], 0.4) * v[0]; },
                  {random({5, 7}, 1)}, {.training = true});
}

TEST_CASE("dropout: keeps the mean, and does nothing outside training") {
  const Tensor x = Tensor::ones({400, 250});
  Tape tape({.training = true, .rng = Rng(5)});
  const Var y = dropout(tape.input(x), 0.25);
  double sum = 0;
  Index zeros = 0;
  for (float v : y.value().span<float>()) {
    sum += static_cast<double>(v);
    zeros += v == 0 ? 1 : 0;
    CHECK_MESSAGE((v == 0 || v == doctest::Approx(4.0 / 3)), v);
  }
  CHECK(sum / 1e5 == doctest::Approx(1).epsilon(0.01));
  CHECK(static_cast<double>(zeros) / 1e5 == doctest::Approx(0.25).epsilon(0.03));
  const Var again = dropout(tape.input(x), 0.25);
  CHECK_FALSE(identical(y.value(), again.value()));

  Tape evaluation;
  CHECK(identical(dropout(evaluation.input(x), 0.25).value(), x));
  CHECK(identical(dropout(x, 0.25).value(), x));
  const Var all = dropout(tape.input(x), 1);
  for (float v : all.value().span<float>()) REQUIRE(v == 0);
  CHECK_THROWS_AS(dropout(x, 1.5), Error);
}
