#include <cfm/tensor/check.hpp>

#include "../test.hpp"

using namespace cfm;

TEST_CASE("check: what fits passes, what does not is named with what would be right") {
  const Tensor t = Tensor::zeros({2, 4});
  CHECK_NOTHROW(check_shape(t, {2, 4}, "linear", "weight"));
  CHECK_NOTHROW(check_shape(t, {-1, 4}, "linear", "weight"));
  CHECK_NOTHROW(check_shape(Tensor::scalar(1.f), {}, "mean", "x"));
  CHECK_THROWS_WITH_AS(check_shape(t, {-1, 3}, "linear", "weight"),
                       "linear: weight must have the shape [*, 3], got f32[2, 4]", ShapeError);
  CHECK_THROWS_AS(check_shape(t, {-1}, "linear", "weight"), ShapeError);
  CHECK_NOTHROW(check_rank(t, 2, "softmax", "x"));
  CHECK_THROWS_WITH_AS(check_rank(t, 1, "softmax", "x"),
                       "softmax: x must have rank 1, got f32[2, 4]", ShapeError);
  CHECK_NOTHROW(check_same_shape(t, t, "add"));
  CHECK_THROWS_WITH_AS(check_same_shape(t, Tensor::zeros({2}), "add"),
                       "add: operands must have the same shape, got f32[2, 4] and f32[2]",
                       ShapeError);
  CHECK_NOTHROW(check_dtype(t, {DType::f64, DType::f32}, "gemm", "a"));
  CHECK_THROWS_WITH_AS(check_dtype(t, {DType::i32, DType::i64}, "gather", "index"),
                       "gather: index must be i32 or i64, got f32[2, 4]", TypeError);
  CHECK_THROWS_WITH_AS(check_dtype(t, DType::boolean, "where", "condition"),
                       "where: condition must be bool, got f32[2, 4]", TypeError);
  CHECK_NOTHROW(check_same_dtype(t, t, "add"));
  CHECK_THROWS_AS(check_same_dtype(t, t.to(DType::f64), "add"), TypeError);
}
