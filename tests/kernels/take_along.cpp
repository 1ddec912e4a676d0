#include <cfm/kernels/take_along.hpp>

#include <doctest/doctest.h>

using namespace cfm;

TEST_CASE("take_along: the definition, for every dimension, stride and index type") {
  Tensor base = Tensor::empty({4, 4, 4}, DType::i16);
  std::int16_t next = 0;
  for (auto& v : base.span<std::int16_t>()) v = next++;
  for (const Tensor& x : {base, base.transpose(0, 2), base.slice(1, 0, 4, 1)})
    for (int dim : {0, 1, 2})
      for (DType type : {DType::i32, DType::i64}) {
        Tensor index = Tensor::empty({3, 2, 4}, DType::i64);
        std::int64_t k = 0;
        for (auto& i : index.span<std::int64_t>()) i = k++ * 7 % 4;
        const Tensor y = take_along(x, dim, index.to(type));
        for (Index a = 0; a < 3; ++a)
          for (Index b = 0; b < 2; ++b)
            for (Index c = 0; c < 4; ++c) {
              Index at[] = {a, b, c};
              at[dim] = index.view<std::int64_t, 3>()(a, b, c);
              REQUIRE(std::as_const(y).view<std::int16_t, 3>()(a, b, c) ==
                      x.view<std::int16_t, 3>()(at[0], at[1], at[2]));
            }
      }
}

TEST_CASE("add_along: the transpose of take_along") {
  // sum(take_along(x) * y) == sum(x * add_along(0, y)) for whole numbers, exactly.
  for (int dim : {0, 1}) {
    Tensor x = Tensor::empty({5, 6}, DType::f64), y = Tensor::empty({4, 3}, DType::f64);
    Tensor index = Tensor::empty({4, 3}, DType::i32);
    double v = 0;
    for (double& e : x.span<double>()) e = ++v;
    for (double& e : y.span<double>()) e = --v;
    std::int32_t k = 0;
    for (auto& i : index.span<std::int32_t>()) i = k++ * 3 % 5;
    const Tensor taken = take_along(x, dim, index);
    Tensor back = Tensor::zeros({5, 6}, DType::f64);
    add_along(back, dim, index, y);
    double left = 0, right = 0;
    for (std::size_t i = 0; i < 12; ++i) left += taken.span<double>()[i] * y.span<double>()[i];
    for (std::size_t i = 0; i < 30; ++i) right += back.span<double>()[i] * x.span<double>()[i];
    CHECK(left == right);
  }
}

TEST_CASE("take_along: what does not fit is refused before anything is read") {
  const Tensor x = Tensor::zeros({2, 2});
  CHECK_THROWS_WITH_AS(take_along(x, 0, Tensor::full({1, 2}, 2, DType::i32)),
                       doctest::Contains("position 2 is outside an extent of 2"), Error);
  CHECK_THROWS_AS(take_along(x, 0, Tensor::full({1, 2}, -1, DType::i64)), Error);
  CHECK_THROWS_AS(take_along(x, 0, Tensor::zeros({1, 3}, DType::i64)), ShapeError);
  CHECK_THROWS_AS(take_along(x, 0, Tensor::zeros({2}, DType::i64)), ShapeError);
  CHECK_THROWS_AS(take_along(x, 0, Tensor::zeros({1, 2})), TypeError);
  Tensor sum = Tensor::zeros({2, 2});
  CHECK_THROWS_AS(add_along(sum, 0, Tensor::zeros({1, 2}, DType::i64), Tensor::zeros({2, 2})),
                  ShapeError);
}
