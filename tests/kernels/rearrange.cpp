#include <cfm/kernels/rearrange.hpp>

#include <doctest/doctest.h>

using namespace cfm;

namespace {

Tensor ascending(const Shape& shape, DType dtype = DType::f32) {
  Tensor out = Tensor::empty(shape, DType::f64);
  double i = 0;
  for (double& v : out.span<double>()) v = ++i;
  return out.to(dtype);
}

std::vector<double> values(const Tensor& t) {
  const Tensor wide = t.to(DType::f64).contiguous();
  const auto s = wide.span<double>();
  return {s.begin(), s.end()};
}

}  // namespace

TEST_CASE("rearrange: cat and slices are inverse for every type and dimension") {
  for (DType dtype : {DType::f32, DType::i8, DType::f64, DType::u16})
    for (int dim : {0, 1, -1}) {
      const Tensor x = ascending({3, 4, 2}, dtype);
      const std::vector<Tensor> parts = {x.slice(dim, 0, 1), x.slice(dim, 1, 1),
                                         x.slice(dim, 1, 9)};
      CHECK(values(cat(parts, dim)) == values(x));
    }
}

TEST_CASE("rearrange: flip") {
  const Tensor x = ascending({2, 3});
  CHECK(values(flip(x, {0})) == std::vector<double>{4, 5, 6, 1, 2, 3});
  CHECK(values(flip(x, {-1})) == std::vector<double>{3, 2, 1, 6, 5, 4});
  CHECK(values(flip(x.transpose(0, 1).slice(0, 1, 3), {0, 1})) == std::vector<double>{6, 3, 5, 2});
  CHECK(flip(Tensor::zeros({0, 2}), {0}).shape() == Shape{0, 2});
  CHECK(values(flip(Tensor::scalar(4.0f), {})) == std::vector<double>{4});
  CHECK_THROWS_AS(flip(x, {0, -2}), ShapeError);
}

TEST_CASE("rearrange: pad puts around, and takes away where negative") {
  const Tensor x = ascending({2, 2}, DType::i32);
  CHECK(values(pad(x, {0, 1}, {1, 0}, 9)) == std::vector<double>{9, 1, 2, 9, 3, 4, 9, 9, 9});
  CHECK(values(pad(x, {-1, 0}, {0, -1})) == std::vector<double>{3});
  CHECK(values(pad(x, {-1, 1}, {0, -2}, 7)) == std::vector<double>{7});
  CHECK(pad(x, {-2, 0}, {0, 0}).shape() == Shape{0, 2});
  CHECK_THROWS_AS(pad(x, {-3, 0}, {0, 0}), ShapeError);
  CHECK_THROWS_AS(pad(x, {0}, {0, 0}), ShapeError);
}

TEST_CASE("rearrange: triangles, also of several and of empty matrices") {
  const Tensor x = ascending({2, 3, 3});
  for (Index diagonal : {-4, -1, 0, 1, 4}) {
    const Tensor low = keep_triangle(x, Triangle::lower, diagonal);
    const Tensor high = keep_triangle(x, Triangle::upper, diagonal);
    for (Index i = 0; i < 18; ++i) {
      const Index r = i / 3 % 3, c = i % 3;
      const auto k = static_cast<std::size_t>(i);
      REQUIRE(low.span<float>()[k] == (c - r <= diagonal ? x.span<float>()[k] : 0));
      REQUIRE(high.span<float>()[k] == (c - r >= diagonal ? x.span<float>()[k] : 0));
    }
  }
  CHECK(keep_triangle(Tensor::zeros({0, 3}), Triangle::lower, 0).size() == 0);
  CHECK(keep_triangle(Tensor::zeros({3, 0}), Triangle::upper, 0).size() == 0);
}
