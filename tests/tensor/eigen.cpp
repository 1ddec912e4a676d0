#include <cfm/tensor/eigen.hpp>

#include <cfm/tensor/compare.hpp>
#include <cfm/tensor/factories.hpp>

#include "../test.hpp"

using namespace cfm;

TEST_CASE("eigen: maps see and write the same elements, whatever the strides") {
  Tensor t = arange(0, 6, 1, DType::f32).reshape({2, 3});
  const Tensor& fixed = t;
  const auto m = eigen_matrix<float>(fixed);
  CHECK(m.rows() == 2);
  CHECK(m(1, 0) == 3);
  const Tensor turned = t.transpose(0, 1);
  CHECK(eigen_matrix<float>(turned)(2, 1) == 5);
  CHECK((eigen_matrix<float>(turned) - m.transpose()).norm() == 0);
  Tensor column = t.select(1, 2);
  eigen_vector<float>(column) *= 10.0f;
  CHECK(m(1, 2) == 50);
  CHECK(m(1, 1) == 4);
  eigen_matrix<float>(t).setZero();
  CHECK(all_equal(t, Tensor::zeros({2, 3})));
}

TEST_CASE("eigen: a product through maps") {
  const Tensor a = normal({5, 7}, Rng(1), 0, 1, DType::f64),
               b = normal({7, 3}, Rng(2), 0, 1, DType::f64);
  const Tensor c = from_eigen(eigen_matrix<double>(a) * eigen_matrix<double>(b));
  REQUIRE(c.shape() == Shape{5, 3});
  for (Index i = 0; i < 5; ++i)
    for (Index j = 0; j < 3; ++j) {
      double sum = 0;
      for (Index k = 0; k < 7; ++k) sum += a.view<double, 2>()(i, k) * b.view<double, 2>()(k, j);
      CHECK((c.view<double, 2>()(i, j)) == doctest::Approx(sum));
    }
}

TEST_CASE("eigen: column-major matrices and vectors arrive as they are indexed") {
  Eigen::MatrixXf m(2, 3);
  m << 1, 2, 3, 4, 5, 6;
  CHECK(all_equal(from_eigen(m), Tensor::of<float>({1, 2, 3, 4, 5, 6}).reshape({2, 3})));
  CHECK(from_eigen(Eigen::VectorXd::Ones(4)).shape() == Shape{4, 1});
  CHECK(from_eigen(Eigen::MatrixXi(0, 3)).shape() == Shape{0, 3});
}

TEST_CASE("eigen: type and rank are checked") {
  const Tensor t = Tensor::zeros({2, 3});
  CHECK_THROWS_AS(eigen_matrix<double>(t), TypeError);
  CHECK_THROWS_AS(eigen_vector<float>(t), ShapeError);
}
