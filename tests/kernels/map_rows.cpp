#include <cfm/kernels/map_rows.hpp>

#include <doctest/doctest.h>

using namespace cfm;

TEST_CASE("map_rows: rows run along any dimension") {
  Tensor x = Tensor::empty({2, 3, 4}, DType::f64);
  double next = 1;
  for (double& v : x.span<double>()) v = next++;
  const auto running = [](auto* out, Index n, const auto* in) {
    for (Index i = 0; i < n; ++i) out[i] = in[i] + (i > 0 ? out[i - 1] : 0);
  };
  for (int dim : {0, 1, 2, -1}) {
    const Tensor y = map_rows("test", running, dim, x);
    REQUIRE(y.shape() == x.shape());
    const int d = dim < 0 ? dim + 3 : dim;
    for (Index k = 1; k < x.size(d); ++k) {
      const Tensor now = y.select(d, k).contiguous(), before = y.select(d, k - 1).contiguous();
      const Tensor added = x.select(d, k).contiguous();
      for (std::size_t i = 0; i < now.span<double>().size(); ++i)
        REQUIRE(now.span<double>()[i] == before.span<double>()[i] + added.span<double>()[i]);
    }
  }
}

TEST_CASE("map_rows: several operands, rank 0 and no elements") {
  const auto product = [](auto* out, Index n, const auto* a, const auto* b) {
    for (Index i = 0; i < n; ++i) out[i] = a[i] * b[i];
  };
  CHECK(map_rows("test", product, 0, Tensor::scalar(3.0f), Tensor::scalar(4.0f)).item<float>() ==
        12);
  CHECK(map_rows("test", product, 1, Tensor::zeros({2, 0}), Tensor::zeros({2, 0})).size() == 0);
  CHECK_THROWS_AS(map_rows("test", product, 0, Tensor::zeros({2}), Tensor::zeros({2}, DType::f64)),
                  TypeError);
  CHECK_THROWS_AS(map_rows("test", product, 1, Tensor::zeros({2}), Tensor::zeros({2})), ShapeError);
  CHECK_THROWS_AS(map_rows("test", product, 0, Tensor::zeros({2}), Tensor::zeros({3})), ShapeError);
}

TEST_CASE("map_rows: what a reduction does to a shape") {
  const Reduction r({2, 3, 4}, {1, -1}, "test");
  CHECK(r.kept == Shape{2, 1, 1});
  CHECK(r.dropped == Shape{2});
  CHECK(r.order == Extents{0, 1, 2});
  CHECK(r.rows == 2);
  CHECK(r.length == 12);
  CHECK(Reduction({2, 3}, {0}, "test").order == Extents{1, 0});
  CHECK(Reduction({2, 3}, {}, "test").dropped == Shape{});
  CHECK_THROWS_AS(Reduction({2, 3}, {0, -2}, "test"), ShapeError);
  CHECK_THROWS_AS(Reduction({2, 3}, {2}, "test"), ShapeError);
}
