#include <cfm/kernels/sum_to.hpp>

#include <doctest/doctest.h>

using namespace cfm;

TEST_CASE("sum_to: ones count what a broadcast stretched") {
  const Shape wide{2, 3, 4};
  for (const Shape& shape : {Shape{}, Shape{4}, Shape{1}, Shape{3, 1}, Shape{1, 4}, Shape{2, 1, 4},
                             Shape{2, 3, 4}, Shape{1, 1, 1}}) {
    const Tensor y = sum_to(Tensor::ones(wide), shape);
    REQUIRE(y.shape() == shape);
    const Tensor dense = y.contiguous();
    for (float v : dense.span<float>()) REQUIRE(v == static_cast<float>(24 / shape.size()));
  }
}

TEST_CASE("sum_to: nothing to sum, and no elements") {
  const Tensor x = Tensor::ones({2, 3});
  CHECK(sum_to(x, {2, 3}).address() == x.address());
  CHECK(sum_to(Tensor::ones({1, 2}), {2}).shape() == Shape{2});
  const Tensor zero = sum_to(Tensor::ones({0, 2}), {2});
  for (float v : zero.span<float>()) CHECK(v == 0);
  CHECK_THROWS_AS(sum_to(x, {2}), ShapeError);
  CHECK_THROWS_AS(sum_to(x, {1, 2, 3}), ShapeError);
}
