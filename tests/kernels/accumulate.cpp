#include <cfm/kernels/accumulate.hpp>

#include <doctest/doctest.h>

using namespace cfm;

TEST_CASE("accumulate: adds in place, broadcast and from any strides") {
  for (Index n : {1, 7, 8, 9, 1000}) {
    Tensor sum = Tensor::full({3, n}, 1);
    const void* const memory = sum.address();
    accumulate(sum, Tensor::full({n}, 2));
    accumulate(sum, Tensor::full({n, 3}, 4).transpose(0, 1));
    CHECK(sum.address() == memory);
    for (float v : sum.span<float>()) REQUIRE(v == 7);
  }
}

TEST_CASE("accumulate: what does not fit is refused") {
  Tensor sum = Tensor::zeros({2, 3});
  CHECK_THROWS_AS(accumulate(sum, Tensor::zeros({2})), ShapeError);
  CHECK_THROWS_AS(accumulate(sum, Tensor::zeros({2, 3}, DType::f64)), TypeError);
  Tensor turned = sum.transpose(0, 1);
  CHECK_THROWS_AS(accumulate(turned, Tensor::zeros({3, 2})), ShapeError);
}
