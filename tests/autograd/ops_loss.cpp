#include <cfm/autograd/ops_loss.hpp>

#include "check.hpp"

using namespace cfm;
using namespace cfm::test;

namespace {
constexpr LossReduction reductions[] = {LossReduction::mean, LossReduction::sum,
                                        LossReduction::none};
}

TEST_CASE("loss: gradients of regression losses, for both operands") {
  for (LossReduction r : reductions)
    check_gradients(
        [r](const std::vector<Var>& v) {
          return std::vector<Var>{mse_loss(v[0], v[1], r), l1_loss(v[0], v[1], r),
                                  smooth_l1_loss(v[0], v[1], r, 2),
                                  smooth_l1_loss(v[0], v[1], r, 0), huber_loss(v[0], v[1], r, 0.7)};
        },
        {spread({2, 3}, 1), random({2, 3}, 2, -0.05, 0.05)});
}

TEST_CASE("loss: gradients of binary cross entropy") {
  const Tensor weight = random({3}, 3, 0.2, 2), positive = random({2, 3}, 4, 0.2, 2);
  for (LossReduction r : reductions) {
    check_gradients(
        [&](const std::vector<Var>& v) {
          return std::vector<Var>{bce_loss(v[0], v[1], {}, r), bce_loss(v[0], v[1], weight, r)};
        },
        {random({2, 3}, 1, 0.1, 0.9), random({2, 3}, 2, 0.1, 0.9)});
    check_gradients(
        [&](const std::vector<Var>& v) {
          return std::vector<Var>{
              bce_with_logits(v[0], v[1], {}, r),
              bce_with_logits(v[0], v[1], {.weight = weight, .positive_weight = positive}, r)};
        },
        {random({2, 3}, 1), random({2, 3}, 2, 0, 1)});
  }
  const Tensor far = Tensor::of<double>({-900, 900}), wrong = Tensor::of<double>({1, 0});
  CHECK(bce_with_logits(Var(far), Var(wrong)).item<double>() == 900);
  CHECK(bce_loss(Var(Tensor::of<double>({0})), Var(Tensor::of<double>({1}))).item<double>() == 100);
}

TEST_CASE("loss: cross entropy with weights, smoothing and ignored rows") {
  const Tensor labels = Tensor::of<std::int64_t>({2, 0, -1, 1, 2});
  const Tensor weight = random({3}, 3, 0.2, 2);
  for (LossReduction r : reductions)
    for (double smoothing : {0.0, 0.3}) {
      CAPTURE(smoothing);
      const ClassOptions plain{.ignore_index = -1, .label_smoothing = smoothing};
      const ClassOptions weighted{
          .weight = weight, .ignore_index = -1, .label_smoothing = smoothing};
      check_gradients(
          [&](const std::vector<Var>& v) {
            return std::vector<Var>{cross_entropy(v[0], labels, plain, r),
                                    cross_entropy(v[0], labels, weighted, r),
                                    nll_loss(v[0], labels, weighted, r)};
          },
          {random({5, 3}, 1)});
    }
  const Tensor grid = Tensor::of<std::int32_t>({0, 1, 2, 2}).reshape({2, 2});
  check_gradients(
      [&](const std::vector<Var>& v) {
        return std::vector<Var>{cross_entropy(v[0], grid, {}, LossReduction::none),
                                nll_loss(v[0], grid)};
      },
      {random({2, 3, 2}, 1)});
  const Tensor one = Tensor::scalar<std::int64_t>(1);
  check_gradients([&](const std::vector<Var>& v) { return cross_entropy(v[0], one); },
                  {random({3}, 1)});
}

TEST_CASE("loss: cross entropy is nll of log_softmax, and of one-hot probabilities") {
  const Tensor x = random({4, 3}, 1), labels = Tensor::of<std::int64_t>({2, 0, 1, 1});
  const double a = cross_entropy(Var(x), labels).item<double>();
  CHECK(a == doctest::Approx(nll_loss(log_softmax(Var(x)), labels).item<double>()));
  Tensor target = Tensor::zeros({4, 3}, DType::f64);
  for (std::size_t i = 0; i < 4; ++i)
    target.span<double>()[i * 3 + static_cast<std::size_t>(labels.span<std::int64_t>()[i])] = 1;
  CHECK(a == doctest::Approx(cross_entropy(Var(x), Var(target)).item<double>()));
  check_gradients(
      [](const std::vector<Var>& v) {
        return std::vector<Var>{cross_entropy(v[0], v[1], {.label_smoothing = 0.2}),
                                kl_div(v[0], v[1])};
      },
      {x, random({4, 3}, 2, 0.1, 0.8)});
}

TEST_CASE("loss: wrong labels, shapes and types are refused") {
  const Var x(Tensor::zeros({2, 3}));
  CHECK_THROWS_AS(cross_entropy(x, Tensor::of<std::int64_t>({0, 3})), Error);
  CHECK_THROWS_AS(cross_entropy(x, Tensor::of<std::int64_t>({0})), ShapeError);
  CHECK_THROWS_AS(cross_entropy(x, Tensor::of<float>({0, 1})), TypeError);
  CHECK_THROWS_AS(nll_loss(x, Tensor::of<std::int64_t>({0, -7})), Error);
  CHECK_THROWS_AS(cross_entropy(x, Var(Tensor::zeros({2, 2}))), ShapeError);
  CHECK_THROWS_AS(
      cross_entropy(x, Tensor::of<std::int64_t>({0, 1}), {.weight = Tensor::ones({3}, DType::f64)}),
      TypeError);
  CHECK_THROWS_AS(smooth_l1_loss(x, x, LossReduction::mean, -1), Error);
  CHECK_THROWS_AS(mse_loss(x, Var(Tensor::zeros({2, 3}, DType::f64))), TypeError);
}
