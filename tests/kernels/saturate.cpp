#include <cfm/kernels/saturate.hpp>

#include "../test.hpp"

using namespace cfm;

TEST_CASE("saturate: limits, infinities and NaN in every floating type") {
  constexpr double inf = std::numeric_limits<double>::infinity();
  for (DType from : {DType::f64, DType::f32, DType::bf16, DType::f16})
    for (DType to : {DType::f64, DType::f32, DType::bf16, DType::f16, DType::f8_e4m3fn,
                     DType::f8_e5m2, DType::f8_e4m3fnuz, DType::f8_e5m2fnuz}) {
      const Tensor x = Tensor::of<double>({inf, -inf, 0.5, std::nan("")}).to(from);
      const Tensor y = to_saturated(x, to);
      CHECK(y.dtype() == to);
      const Tensor wide = y.to(DType::f64);
      CHECK(wide.data<double>()[0] == largest_finite(to));
      CHECK(wide.data<double>()[1] == -largest_finite(to));
      CHECK(wide.data<double>()[2] == 0.5);
      CHECK(std::isnan(wide.data<double>()[3]));
    }
}

TEST_CASE("saturate: the largest finite value is what the type can hold, and no more") {
  for (DType dtype : {DType::bf16, DType::f16, DType::f8_e4m3fn, DType::f8_e5m2, DType::f8_e4m3fnuz,
                      DType::f8_e5m2fnuz}) {
    const double limit = largest_finite(dtype);
    const Tensor x = Tensor::of<double>({limit, limit * 1.5});
    CHECK(x.to(dtype).to(DType::f64).data<double>()[0] == limit);
    CHECK(!std::isfinite(x.to(dtype).to(DType::f64).data<double>()[1]));
    CHECK(to_saturated(x, dtype).to(DType::f64).data<double>()[1] == limit);
  }
  for (DType dtype : {DType::i8, DType::u8, DType::i16, DType::u16, DType::i32, DType::u32})
    CHECK(Tensor::full({1}, largest_finite(dtype), dtype).to(DType::f64).item<double>() ==
          largest_finite(dtype));
}

TEST_CASE("saturate: integers are cut off and limited, and only floats are taken") {
  const Tensor x = Tensor::of<float>({300, -300, 2.9f, -2.9f});
  const Tensor y = to_saturated(x, DType::i8);
  const std::int8_t want[] = {127, -128, 2, -2};
  for (std::size_t i = 0; i < 4; ++i) CHECK(y.span<std::int8_t>()[i] == want[i]);
  CHECK_THROWS_AS(to_saturated(Tensor::ones({1}, DType::i32), DType::i8), TypeError);
}
