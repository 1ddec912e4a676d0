#include <cfm/kernels/integer_math.hpp>

#include <limits>

#include "../test.hpp"

using namespace cfm;

namespace {

constexpr DType whole_types[] = {DType::i8, DType::i16, DType::i32, DType::i64,
                                 DType::u8, DType::u16, DType::u32, DType::u64};

Tensor sevens(DType dtype) { return Tensor::of<double>({7, 100, 0, 6}).to(dtype); }

}  // namespace

TEST_CASE("integer_math: quotient and remainder put together give the number back") {
  for (DType dtype : whole_types) {
    const Tensor a = sevens(dtype), b = Tensor::of<double>({2, 9, 5, 3}).to(dtype);
    const Tensor q = quotient(a, b).to(DType::i64), r = fmod(a, b).to(DType::i64);
    CHECK(quotient(a, b).dtype() == dtype);
    for (Index i = 0; i < 4; ++i)
      CHECK(q.data<std::int64_t>()[i] * b.to(DType::i64).data<std::int64_t>()[i] +
                r.data<std::int64_t>()[i] ==
            a.to(DType::i64).data<std::int64_t>()[i]);
  }
}

TEST_CASE("integer_math: signs by both rules, for integers and floats alike") {
  const Tensor a = Tensor::of<double>({-7, 7, -7, 7, 6}), b = Tensor::of<double>({3, -3, -3, 3, 3});
  const double towards_zero[] = {-1, 1, -1, 1, 0}, downwards[] = {2, -2, -1, 1, 0};
  const double halves[] = {-2, -2, 2, 2, 2};
  for (DType dtype : {DType::f64, DType::f32, DType::i8, DType::i16, DType::i32, DType::i64}) {
    const Tensor f = fmod(a.to(dtype), b.to(dtype)).to(DType::f64);
    const Tensor r = remainder(a.to(dtype), b.to(dtype)).to(DType::f64);
    for (std::size_t i = 0; i < 5; ++i) {
      CHECK(f.span<double>()[i] == towards_zero[i]);
      CHECK(r.span<double>()[i] == downwards[i]);
    }
    if (!is_integer(dtype)) continue;
    const Tensor q = quotient(a.to(dtype), b.to(dtype)).to(DType::f64);
    for (std::size_t i = 0; i < 5; ++i) CHECK(q.span<double>()[i] == halves[i]);
  }
}

TEST_CASE("integer_math: the quotient that does not fit wraps around") {
  const Tensor low = Tensor::of<std::int8_t>({-128}), minus = Tensor::of<std::int8_t>({-1});
  CHECK(quotient(low, minus).item<std::int8_t>() == -128);
  CHECK(fmod(low, minus).item<std::int8_t>() == 0);
  CHECK(remainder(low, minus).item<std::int8_t>() == 0);
  const Tensor lowest = Tensor::of<std::int64_t>({std::numeric_limits<std::int64_t>::min()});
  CHECK(quotient(lowest, Tensor::of<std::int64_t>({-1})).item<std::int64_t>() ==
        std::numeric_limits<std::int64_t>::min());
}

TEST_CASE("integer_math: powers, exact and wrapping") {
  const Tensor base = Tensor::of<std::int64_t>({3, -2, 0, 7, 1});
  const Tensor exponent = Tensor::of<std::int64_t>({39, 5, 0, 0, 1000});
  const std::int64_t want[] = {4052555153018976267, -32, 1, 1, 1};
  const Tensor out = integer_pow(base, exponent);
  for (std::size_t i = 0; i < 5; ++i) CHECK(out.span<std::int64_t>()[i] == want[i]);
  CHECK(integer_pow(Tensor::of<std::uint8_t>({3}), Tensor::of<std::uint8_t>({6}))
            .item<std::uint8_t>() == 217);  // 729 mod 256
}

TEST_CASE("integer_math: what it refuses") {
  const Tensor one = Tensor::ones({2}, DType::i32), zero = Tensor::zeros({2}, DType::i32);
  CHECK_THROWS_AS(quotient(one, zero), NumericError);
  CHECK_THROWS_AS(remainder(one, zero), NumericError);
  CHECK_THROWS_AS(fmod(one, zero), NumericError);
  CHECK(test::error_of([&] { fmod(one, zero); }) == "fmod: division by zero");
  CHECK_THROWS_AS(integer_pow(one, Tensor::full({2}, -1, DType::i32)), NumericError);
  CHECK_THROWS_AS(quotient(Tensor::ones({1}), Tensor::ones({1})), TypeError);
  CHECK_THROWS_AS(quotient(one, Tensor::ones({2}, DType::i64)), TypeError);
  CHECK_THROWS_AS(remainder(one, Tensor::ones({3}, DType::i32)), ShapeError);
  CHECK(std::isnan(remainder(Tensor::ones({1}), Tensor::zeros({1})).item<float>()));
}
