#include <cfm/tensor/copy.hpp>

#include <cmath>
#include <limits>
#include <vector>

#include <cfm/core/rng.hpp>
#include <cfm/tensor/compare.hpp>
#include <cfm/tensor/factories.hpp>
#include <cfm/tensor/tensor.hpp>

#include "../test.hpp"

using namespace cfm;

TEST_CASE("convert: floats to integers go towards zero, stay in range, NaN is 0") {
  CHECK(convert<std::int32_t>(2.9) == 2);
  CHECK(convert<std::int32_t>(-2.9) == -2);
  CHECK(convert<std::int8_t>(1e9f) == 127);
  CHECK(convert<std::int8_t>(-1e9f) == -128);
  CHECK(convert<std::uint8_t>(-3.0) == 0);
  CHECK(convert<std::uint8_t>(255.9) == 255);
  CHECK(convert<std::int64_t>(9.3e18) == INT64_MAX);
  CHECK(convert<std::int64_t>(static_cast<float>(INT64_MAX)) == INT64_MAX);
  CHECK(convert<std::uint64_t>(1.8e19) == 18000000000000000000u);
  CHECK(convert<std::uint64_t>(1e20) == UINT64_MAX);
  CHECK(convert<std::int32_t>(std::nan("")) == 0);
  CHECK(convert<std::int16_t>(-INFINITY) == -32768);
  CHECK(convert<std::uint32_t>(INFINITY) == UINT32_MAX);
  CHECK(convert<std::int8_t>(f16(300.0f)) == 127);  // through float, not past its range
  CHECK(convert<std::int32_t>(bf16(NAN)) == 0);
}

TEST_CASE("convert: bool is true unless zero, integers wrap") {
  CHECK(convert<bool>(0.5f));
  CHECK(convert<bool>(std::nan("")));
  CHECK_FALSE(convert<bool>(-0.0));
  CHECK(convert<bool>(256));
  CHECK_FALSE(convert<bool>(f8_e5m2(0.0f)));
  CHECK(convert<float>(true) == 1);
  CHECK(convert<std::uint8_t>(std::int64_t{-1}) == 255);
  CHECK(convert<std::int8_t>(std::int32_t{200}) == -56);
}

TEST_CASE("convert: f64 and 64-bit integers become small floats with one rounding") {
  // 2049 lies between the half floats 2048 and 2050; a little more must not round down by way of
  // a float that has lost that little.
  CHECK(static_cast<float>(convert<f16>(2049.0)) == 2048);
  CHECK(static_cast<float>(convert<f16>(std::nextafter(2049.0, 3000.0))) == 2050);
  CHECK(static_cast<float>(convert<f16>(-std::nextafter(2049.0, 3000.0))) == -2050);
  const Index tie = (Index{1} << 60) + (Index{1} << 52);  // between two bf16
  CHECK(static_cast<float>(convert<bf16>(tie)) == 0x1p60f);
  CHECK(static_cast<float>(convert<bf16>(tie + 1)) == 0x1p60f + 0x1p53f);
  CHECK(static_cast<float>(convert<bf16>(-tie)) == -0x1p60f);
  CHECK(static_cast<float>(convert<bf16>(-tie - 1)) == -0x1p60f - 0x1p53f);
  CHECK(static_cast<float>(convert<bf16>(-tie + 1)) == -0x1p60f);
  CHECK(static_cast<float>(convert<bf16>(static_cast<std::uint64_t>(tie) + 1)) ==
        0x1p60f + 0x1p53f);
  CHECK(std::isinf(static_cast<float>(convert<bf16>(1e300))));
  CHECK(std::isnan(static_cast<float>(convert<f16>(std::nan("")))));
  CHECK(static_cast<float>(convert<f16>(65519.999999999)) == 65504);
  CHECK(static_cast<float>(convert<f16>(0x1p-25)) == 0);
  CHECK(static_cast<float>(convert<f16>(0x1p-25 * (1 + 1e-15))) == 0x1p-24f);
}

TEST_CASE("to: every type to every type, against converting each element alone") {
  const std::vector<double> values{0, 1, -1, 2.5, -3.75, 100, 300, -70000, 1e10, 1e20, 0.1};
  const Tensor source = Tensor::from(values, {static_cast<Index>(values.size())});
  for (int i = 0; i <= static_cast<int>(DType::u64); ++i) {
    const Tensor a = source.to(static_cast<DType>(i));
    for (int j = 0; j <= static_cast<int>(DType::u64); ++j) {
      const Tensor b = a.to(static_cast<DType>(j));
      CAPTURE(concat(a.dtype(), " ", b.dtype()));
      REQUIRE(b.dtype() == static_cast<DType>(j));
      visit_dtype(a.dtype(), [&]<class From>(std::type_identity<From>) {
        visit_dtype(b.dtype(), [&]<class To>(std::type_identity<To>) {
          for (Index k = 0; k < a.size(); ++k) {
            const To wanted = convert<To>(a.data<From>()[k]);
            CHECK(std::memcmp(&wanted, b.data<To>() + k, sizeof(To)) == 0);
          }
        });
      });
    }
  }
}

TEST_CASE("to: integers beyond 2^53 keep their last digit") {
  const Tensor t = Tensor::of<Index>({INT64_MAX, INT64_MIN, (Index{1} << 53) + 1});
  CHECK(all_equal(t.to(DType::u64).to(DType::i64), t));
  CHECK(Tensor::of<std::uint64_t>({UINT64_MAX}).to(DType::i64).item<Index>() == -1);
  CHECK(Tensor::of<std::uint64_t>({UINT64_MAX}).to(DType::f64).item<double>() == 0x1p64);
}

TEST_CASE("copies: any strides to any strides, against index arithmetic") {
  Rng rng(9);
  for (int round = 0; round < 200; ++round) {
    Extents extents, order;
    const int rank = static_cast<int>(rng.below(5));
    for (int d = 0; d < rank; ++d) extents.push_back(static_cast<Index>(rng.below(5)));
    std::vector<int> left;
    for (int d = 0; d < rank; ++d) left.push_back(d);
    while (!left.empty()) {
      const auto at = static_cast<std::ptrdiff_t>(rng.below(left.size()));
      order.push_back(left[static_cast<std::size_t>(at)]);
      left.erase(left.begin() + at);
    }
    const Shape shape(extents);
    Tensor t = arange(shape.size()).reshape(shape).permute(order);
    if (rank > 0) t = t.slice(0, 0, t.size(0), 1 + static_cast<Index>(rng.below(3)));
    CAPTURE(concat(t.shape(), t.strides()));
    const Tensor dense = t.clone();
    REQUIRE(dense.is_contiguous());
    const Tensor wide = t.to(DType::f32);
    for (Index flat = 0; flat < t.size(); ++flat) {
      Index rest = flat, offset = 0;
      for (int d = t.rank() - 1; d >= 0; --d) {
        offset += rest % t.shape()[d] * t.strides()[d];
        rest /= t.shape()[d];
      }
      const Index wanted = t.data<Index>()[offset];
      if (dense.data<Index>()[flat] != wanted) FAIL_CHECK("clone at " << flat);
      if (wide.data<float>()[flat] != static_cast<float>(wanted)) FAIL_CHECK("to at " << flat);
    }
    Tensor back = Tensor::zeros(shape, DType::i64);  // and written through the same strides
    Tensor target = back.permute(order);
    if (rank > 0) target = target.slice(0, 0, target.size(0), t.size(0) < target.size(0) ? 2 : 1);
    if (target.shape() == t.shape()) {
      target.copy_from(dense);
      CHECK(all_equal(target, dense));
    }
  }
}
