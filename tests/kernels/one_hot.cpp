#include <cfm/kernels/one_hot.hpp>

#include "../test.hpp"

using namespace cfm;

TEST_CASE("one_hot: one true element a label, at any dimension") {
  const Tensor labels = Tensor::of<std::int64_t>({2, 0, 1, 2, 5, -1}).reshape({2, 3});
  for (int dim : {0, 1, 2, -1, -3}) {
    const Tensor hot = one_hot(labels, 4, dim);
    const int at = dim < 0 ? dim + 3 : dim;
    CHECK(hot.dtype() == DType::boolean);
    CHECK(hot.size(at) == 4);
    const Tensor last = hot.transpose(at, -1);  // [.., 4], the labels' dimensions in some order
    const Tensor rows = at == 0 ? last.transpose(0, 1).contiguous() : last.contiguous();
    for (Index i = 0; i < 6; ++i)
      for (Index c = 0; c < 4; ++c)
        CHECK(rows.data<bool>()[i * 4 + c] == (labels.data<std::int64_t>()[i] == c));
  }
}

TEST_CASE("one_hot: rank 0, no classes, i32, and what it refuses") {
  CHECK(one_hot(Tensor::scalar<std::int32_t>(1), 3).shape() == Shape{3});
  CHECK(one_hot(Tensor::of<std::int32_t>({1}), 0).shape() == Shape{1, 0});
  CHECK_THROWS_AS(one_hot(Tensor::ones({2}), 3), TypeError);
  CHECK_THROWS_AS(one_hot(Tensor::of<std::int64_t>({1}), -1), Error);
  CHECK_THROWS_AS(one_hot(Tensor::of<std::int64_t>({1}), 3, 2), ShapeError);
}
