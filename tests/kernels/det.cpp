#include <cfm/kernels/det.hpp>

#include <cfm/kernels/matmul.hpp>
#include <cfm/tensor/factories.hpp>

#include "../test.hpp"

using namespace cfm;

TEST_CASE("det: products, triangles, exchanged rows") {
  Rng rng(5);
  for (Index n = 0; n <= 7; ++n) {
    const Tensor a = normal({3, n, n}, rng, 0, 1, DType::f64);
    const Tensor b = normal({3, n, n}, rng, 0, 1, DType::f64);
    const Tensor da = det(a), db = det(b), dab = det(matmul(a, b));
    CHECK(da.shape() == Shape{3});
    for (Index i = 0; i < 3; ++i)
      CHECK(dab.data<double>()[i] ==
            doctest::Approx(da.data<double>()[i] * db.data<double>()[i]).epsilon(1e-10));
    CHECK(det(eye(n, n, DType::f64)).item<double>() == 1);
  }
  const Tensor rows = Tensor::of<double>({0, 1, 1, 0}).reshape({2, 2});
  CHECK(det(rows).item<double>() == -1);
  CHECK(det(Tensor::of<float>({3, 7, 0, 2}).reshape({2, 2})).item<float>() == 6);
}

TEST_CASE("det: singular, strided, refused") {
  CHECK(det(Tensor::ones({3, 3})).item<float>() == 0);
  const Tensor x = Tensor::of<float>({1, 2, 3, 4}).reshape({2, 2});
  CHECK(det(x.transpose(0, 1)).item<float>() == det(x).item<float>());
  CHECK_THROWS_AS(det(Tensor::ones({2, 3})), ShapeError);
  CHECK_THROWS_AS(det(Tensor::ones({3})), ShapeError);
  CHECK_THROWS_AS(det(Tensor::ones({2, 2}, DType::i32)), TypeError);
}

TEST_CASE("det: NaN below the pivot is not lost") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(std::isnan(det(Tensor::from(std::vector<double>{0, 1, nan, 1}, {2, 2})).item<double>()));
}
