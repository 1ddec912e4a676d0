#include <cfm/autograd/ops_softmax.hpp>

#include "check.hpp"

using namespace cfm;
using namespace cfm::test;

TEST_CASE("softmax: gradients along every dimension") {
  for (int dim : {0, 1, 2, -1}) {
    CAPTURE(dim);
    check_gradients(
        [dim](const std::vector<Var>& v) {
          return std::vector<Var>{softmax(v[0], dim), log_softmax(v[0], dim)};
        },
        {random({2, 3, 4}, 1)});
  }
  for (const Shape& shape : {Shape{}, Shape{1}, Shape{5}, Shape{0, 3}})
    check_gradients(
        [](const std::vector<Var>& v) {
          return std::vector<Var>{softmax(v[0], 0), log_softmax(v[0], 0)};
        },
        {random(shape, 1)});
}

TEST_CASE("softmax: shifts change nothing, far values do not overflow") {
  const Tensor y = softmax(Var(Tensor::of<double>({1000, 1001})), 0).value();
  const Tensor z = softmax(Var(Tensor::of<double>({0, 1})), 0).value();
  CHECK(y.span<double>()[0] == doctest::Approx(z.span<double>()[0]).epsilon(1e-14));
  const Tensor log_y = log_softmax(Var(Tensor::of<double>({-1000, 1000})), 0).value();
  CHECK(log_y.span<double>()[0] == -2000);
}

TEST_CASE("softmax: dimensions and types that are not there") {
  CHECK_THROWS_AS(softmax(Var(Tensor::zeros({2})), 1), ShapeError);
  CHECK_THROWS_AS(softmax(Var(Tensor::zeros({2}, DType::i32)), 0), TypeError);
}
