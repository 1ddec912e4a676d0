#include <cfm/kernels/quantize_linear.hpp>

#include <cfm/tensor/compare.hpp>
#include <cfm/tensor/factories.hpp>

#include "../test.hpp"

using namespace cfm;

namespace {

// One number by the definition, in double.
double quantized_by_definition(double x, double scale, double zero, DType dtype) {
  const double low = dtype == DType::i8 ? -128 : dtype == DType::i16 ? -32768 : 0;
  return std::clamp(std::nearbyint(x / scale) + zero, low, largest_finite(dtype));
}

}  // namespace

TEST_CASE("quantize_linear: the definition, for one scale, one a channel, one a block") {
  const Tensor x = uniform({2, 6, 3}, Rng(1), -40, 40).to(DType::i64).to(DType::f32);
  for (DType dtype : {DType::i8, DType::u8, DType::i16, DType::u16})
    for (int kind = 0; kind < 3; ++kind) {
      const QuantizeOptions options{.dim = 1, .block = kind == 2 ? 4 : 0};
      const Shape shape = kind == 0 ? Shape{} : kind == 1 ? Shape{6} : Shape{2, 2, 3};
      Tensor scale = Tensor::full(shape, 0.25);
      if (kind == 1) scale.slice(0, 3, 6).fill(4);
      if (kind == 2) scale.slice(1, 1, 2).fill(4);
      const Tensor zero = Tensor::full(shape, dtype == DType::i8 ? -3 : 3, dtype);
      const Tensor q = quantize_linear(x, scale, zero, dtype, options);
      CHECK(q.dtype() == dtype);
      const Tensor back = dequantize_linear(q, scale, zero, options);
      CHECK(back.dtype() == DType::f32);
      for (Index i = 0; i < x.size(); ++i) {
        const Index channel = i / 3 % 6;
        const double s = kind == 1 && channel >= 3 ? 4 : kind == 2 && channel >= 4 ? 4 : 0.25;
        const double z = dtype == DType::i8 ? -3 : 3;
        const double want =
            quantized_by_definition(static_cast<double>(x.data<float>()[i]), s, z, dtype);
        CHECK(q.to(DType::f64).data<double>()[i] == want);
        CHECK(static_cast<double>(back.data<float>()[i]) == (want - z) * s);
      }
    }
}

TEST_CASE("quantize_linear: ties to even, limits, no zero point") {
  const Tensor x = Tensor::of<float>({0.5f, 1.5f, 2.5f, -0.5f, -1.5f, 1e9f, -1e9f});
  const Tensor q = quantize_linear(x, Tensor::scalar(1.0f), {}, DType::i8);
  const std::int8_t want[] = {0, 2, 2, 0, -2, 127, -128};
  for (std::size_t i = 0; i < 7; ++i) CHECK(q.span<std::int8_t>()[i] == want[i]);
}

TEST_CASE("quantize_linear: 8-bit floats are scaled and saturated, not rounded to integers") {
  const Tensor x = Tensor::of<float>({0.3f, 1000, -1e9f});
  const Tensor q = quantize_linear(x, Tensor::scalar(2.0f), {}, DType::f8_e4m3fn);
  const Tensor back = dequantize_linear(q, Tensor::scalar(2.0f));
  CHECK(back.data<float>()[0] == 2 * static_cast<float>(f8_e4m3fn(0.15f)));
  CHECK(back.data<float>()[1] == 896);
  CHECK(back.data<float>()[2] == -896);
}

TEST_CASE("quantize_linear: half precision and double") {
  const Tensor x = Tensor::of<double>({1, 2, 3.5});
  for (DType dtype : {DType::f16, DType::bf16, DType::f32, DType::f64}) {
    const Tensor scale = Tensor::full({}, 0.5, dtype);
    const Tensor q = quantize_linear(x.to(dtype), scale, {}, DType::u8);
    const Tensor back = dequantize_linear(q, scale);
    CHECK(back.dtype() == dtype);
    CHECK(all_equal(back.to(DType::f64), x));
  }
}

TEST_CASE("dynamic_quantize: the range holds 0 and every value comes back within half a step") {
  for (double shift : {-9.0, -1.0, 0.0, 1.0, 9.0}) {
    const Tensor x = uniform({50}, Rng(7), -4 + shift, 4 + shift);
    const DynamicQuantized q = dynamic_quantize(x);
    const Tensor back = dequantize_linear(q.values, q.scale, q.zero_point);
    const float step = q.scale.item<float>();
    CHECK(max(abs(sub(back, x))).item<float>() <= 0.51f * step);
  }
  const DynamicQuantized zeros = dynamic_quantize(Tensor::zeros({3}));
  CHECK(zeros.scale.item<float>() == 1);
  CHECK_THROWS_AS(dynamic_quantize(Tensor::zeros({0})), ShapeError);
}

TEST_CASE("quantize_linear: what it refuses") {
  const Tensor x = Tensor::ones({2, 4}), one = Tensor::scalar(1.0f);
  CHECK_THROWS_AS(quantize_linear(x, one, {}, DType::i32), TypeError);
  CHECK_THROWS_AS(quantize_linear(x.to(DType::i32), one, {}, DType::i8), TypeError);
  CHECK_THROWS_AS(quantize_linear(x, one, Tensor::zeros({}, DType::u8), DType::i8), TypeError);
  CHECK_THROWS_AS(quantize_linear(x, Tensor::ones({3}), {}, DType::i8), ShapeError);
  CHECK_THROWS_AS(quantize_linear(x, Tensor::ones({2, 3}), {}, DType::i8, {.dim = 1, .block = 2}),
                  ShapeError);
  CHECK_THROWS_AS(quantize_linear(x, one, Tensor::ones({}, DType::f8_e5m2), DType::f8_e5m2),
                  TypeError);
  CHECK_THROWS_AS(dequantize_linear(x, one), TypeError);
  CHECK_THROWS_AS(dequantize_linear(x.to(DType::i8), one, Tensor::zeros({}, DType::u8)), TypeError);
}
