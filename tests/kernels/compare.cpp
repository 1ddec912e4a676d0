#include <cfm/kernels/compare.hpp>

#include <limits>

#include <doctest/doctest.h>

using namespace cfm;

namespace {

std::vector<bool> bits(const Tensor& t) {
  const auto s = t.span<bool>();
  return std::vector<bool>(s.begin(), s.end());
}
using Bits = std::vector<bool>;

}  // namespace

TEST_CASE("compare: all six, with NaN unordered") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Tensor a = Tensor::of<double>({1, 2, 3, nan}), b = Tensor::of<double>({2, 2, 2, nan});
  CHECK(bits(equal(a, b)) == Bits{false, true, false, false});
  CHECK(bits(not_equal(a, b)) == Bits{true, false, true, true});
  CHECK(bits(less(a, b)) == Bits{true, false, false, false});
  CHECK(bits(less_equal(a, b)) == Bits{true, true, false, false});
  CHECK(bits(greater(a, b)) == Bits{false, false, true, false});
  CHECK(bits(greater_equal(a, b)) == Bits{false, true, true, false});
  CHECK(bits(greater(a, 1.5)) == Bits{false, true, true, false});
}

TEST_CASE("compare: every ordered type, broadcasting, and no promotion") {
  for (DType dtype : {DType::f32, DType::f64, DType::i8, DType::i16, DType::i32, DType::i64,
                      DType::u8, DType::u16, DType::u32, DType::u64}) {
    const Tensor a = Tensor::of<double>({1, 2, 3}).to(dtype), b = Tensor::of<double>({2}).to(dtype);
    CHECK(bits(less(a, b)) == Bits{true, false, false});
    CHECK(less(a.reshape({3, 1}), a).shape() == Shape{3, 3});
  }
  CHECK(bits(equal(Tensor::of<bool>({true, false}), Tensor::scalar(true))) == Bits{true, false});
  CHECK_THROWS_AS(less(Tensor::ones({1}), Tensor::ones({1}, DType::f64)), TypeError);
  CHECK_THROWS_AS(less(Tensor::ones({1}, DType::bf16), Tensor::ones({1}, DType::bf16)), TypeError);
}

TEST_CASE("logic: truth tables") {
  const Tensor a = Tensor::of<bool>({false, false, true, true}),
               b = Tensor::of<bool>({false, true, false, true});
  CHECK(bits(logical_and(a, b)) == Bits{false, false, false, true});
  CHECK(bits(logical_or(a, b)) == Bits{false, true, true, true});
  CHECK(bits(logical_xor(a, b)) == Bits{false, true, true, false});
  CHECK(bits(logical_not(a)) == Bits{true, true, false, false});
  CHECK_THROWS_WITH_AS(logical_and(a, Tensor::ones({4})),
                       doctest::Contains("logical_and: needs bool tensors"), TypeError);
}

TEST_CASE("where: picks by condition, for any type, strides and broadcast") {
  const Tensor c = Tensor::of<bool>({true, false}).reshape({2, 1});
  for (DType dtype : {DType::f32, DType::bf16, DType::i64, DType::boolean}) {
    const Tensor a = Tensor::of<double>({1, 1, 1}).to(dtype), b = Tensor::zeros({2, 3}, dtype);
    const Tensor y = where(c, a, b).to(DType::f64);
    CHECK(y.shape() == Shape{2, 3});
    const std::vector<double> want{1, 1, 1, 0, 0, 0};
    CHECK(std::equal(want.begin(), want.end(), y.span<double>().begin()));
  }
  CHECK_THROWS_AS(where(Tensor::ones({2}), Tensor::ones({2}), Tensor::ones({2})), TypeError);
}
