#include <cfm/autograd/ops_norm.hpp>

#include "check.hpp"

using namespace cfm;
using namespace cfm::test;

TEST_CASE("norm: gradients of layer and RMS normalisation") {
  for (const Shape& shape : {Shape{4}, Shape{3, 4}, Shape{2, 2, 4}, Shape{0, 4}}) {
    check_gradients(
        [](const std::vector<Var>& v) {
          return std::vector<Var>{layer_norm(v[0], v[1], v[2]), layer_norm(v[0]),
                                  layer_norm(v[0], v[1]),       layer_norm(v[0], {}, v[2], 0.5),
                                  rms_norm(v[0], v[1]),         rms_norm(v[0])};
        },
        {random(shape, 1), random({4}, 2), random({4}, 3)});
  }
}

TEST_CASE("norm: gradients of group normalisation") {
  check_gradients(
      [](const std::vector<Var>& v) {
        return std::vector<Var>{group_norm(v[0], 2, v[1], v[2]), group_norm(v[0], 4)};
      },
      {random({2, 4, 3}, 1), random({4}, 2), random({4}, 3)});
  CHECK_THROWS_AS(group_norm(Var(Tensor::zeros({2, 4})), 3), ShapeError);
}

TEST_CASE("norm: gradients of batch normalisation in both modes") {
  const Tensor mean = random({3}, 4), variance = random({3}, 5, 0.5, 2);
  for (bool training : {false, true})
    check_gradients(
        [&](const std::vector<Var>& v) {
          return std::vector<Var>{batch_norm(v[0], v[1], v[2], mean, variance),
                                  batch_norm(v[0], {}, {}, mean, variance),
                                  batch_norm(v[0], v[1], v[2], {}, {})};
        },
        {random({5, 3}, 1), random({3}, 2), random({3}, 3)}, {.training = training});
}

TEST_CASE("norm: running statistics move at the commit, and in training alone") {
  Tensor mean = Tensor::zeros({1}), variance = Tensor::ones({1});
  const Tensor x = Tensor::of<float>({1, 3}).reshape({2, 1});
  Tape evaluation;
  batch_norm(evaluation.input(x), {}, {}, mean, variance);
  evaluation.commit();
  CHECK(mean.item<float>() == 0);
  Tape tape({.training = true});
  const Var y = batch_norm(tape.input(x), {}, {}, mean, variance, {.momentum = 0.25});
  CHECK(mean.item<float>() == 0);
  tape.commit();
  CHECK(mean.item<float>() == doctest::Approx(0.5));       // 0.75 * 0 + 0.25 * 2
  CHECK(variance.item<float>() == doctest::Approx(1.25));  // 0.75 * 1 + 0.25 * 2, unbiased
  CHECK(y.value().span<float>()[0] == doctest::Approx(-1));
}

TEST_CASE("norm: gradients of normalize, also below eps") {
  for (double p : {1.0, 2.0, 3.0})
    check_gradients([p](const std::vector<Var>& v) { return normalize(v[0], p); },
                    {random({3, 4}, 1)});
  check_gradients([](const std::vector<Var>& v) { return normalize(v[0], 2, 1, 100); },
                  {random({3, 4}, 1)});
}

TEST_CASE("norm: what does not fit is refused") {
  const Var x(Tensor::zeros({2, 3}));
  CHECK_THROWS_AS(layer_norm(x, Var(Tensor::zeros({2}))), ShapeError);
  CHECK_THROWS_AS(layer_norm(x, Var(Tensor::zeros({3}, DType::f64))), TypeError);
  CHECK_THROWS_AS(rms_norm(Var(Tensor::zeros({}))), ShapeError);
  CHECK_THROWS_AS(batch_norm(Var(Tensor::zeros({2, 3, 4})), {}, {}, {}, {}), ShapeError);
  CHECK_THROWS_AS(batch_norm(x, {}, {}, Tensor::zeros({3}), {}), Error);
}
