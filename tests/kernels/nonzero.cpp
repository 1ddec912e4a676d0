#include <cfm/kernels/nonzero.hpp>

#include <cmath>

#include "../test.hpp"

using namespace cfm;

TEST_CASE("nonzero: indices in row-major order, of strided tensors too") {
  const Tensor x = Tensor::of<float>({0, 1, 0, -2, 0, std::nanf("")}).reshape({2, 3});
  const Tensor places = nonzero(x);
  CHECK(places.shape() == Shape{3, 2});
  const std::int64_t want[] = {0, 1, 1, 0, 1, 2};
  for (std::size_t i = 0; i < 6; ++i) CHECK(places.span<std::int64_t>()[i] == want[i]);
  const Tensor turned = nonzero(x.transpose(0, 1));
  const std::int64_t other[] = {0, 1, 1, 0, 2, 1};
  for (std::size_t i = 0; i < 6; ++i) CHECK(turned.span<std::int64_t>()[i] == other[i]);
}

TEST_CASE("nonzero: nothing, everything, rank 0") {
  CHECK(nonzero(Tensor::zeros({2, 3})).shape() == Shape{0, 2});
  CHECK(nonzero(Tensor::ones({0, 3})).shape() == Shape{0, 2});
  CHECK(nonzero(Tensor::scalar<std::int32_t>(7)).shape() == Shape{1, 0});
  CHECK(nonzero(Tensor::ones({4, 5}, DType::boolean)).size(0) == 20);
}
