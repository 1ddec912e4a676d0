#include <cfm/tensor/compare.hpp>

#include <cmath>

#include <cfm/tensor/factories.hpp>

#include "../test.hpp"

using namespace cfm;

TEST_CASE("all_equal: same values of the same type and shape, whatever the strides") {
  const Tensor t = arange(6).reshape({2, 3});
  CHECK(all_equal(t, t.clone()));
  CHECK(all_equal(t.transpose(0, 1), t.transpose(0, 1).clone()));
  CHECK_FALSE(all_equal(t, t.to(DType::i32)));
  CHECK_FALSE(all_equal(t, t.reshape({3, 2})));
  CHECK(all_equal(Tensor::zeros({0, 2}), Tensor::zeros({0, 2})));
  CHECK(all_equal(Tensor::of<float>({0.0f}), Tensor::of<float>({-0.0f})));
  CHECK_FALSE(all_equal(Tensor::of<float>({NAN}), Tensor::of<float>({NAN})));
  CHECK(all_equal(t, t.reshape({3, 2})).reason ==
        "types or shapes differ: i64[2, 3] and i64[3, 2]");
}

TEST_CASE("all_equal: 64-bit integers that a double cannot tell apart differ") {
  CHECK_FALSE(all_equal(Tensor::of<Index>({INT64_MAX}), Tensor::of<Index>({INT64_MAX - 1})));
  CHECK_FALSE(all_equal(Tensor::of<std::uint64_t>({UINT64_MAX}),
                        Tensor::of<std::uint64_t>({UINT64_MAX - 1})));
}

TEST_CASE("allclose: the limit is absolute + relative |b|, inclusive, not symmetric") {
  const auto close = [](double a, double b, Tolerance t) {
    return static_cast<bool>(allclose(Tensor::scalar(a), Tensor::scalar(b), t));
  };
  CHECK(close(1.5, 1, {.relative = 0.5, .absolute = 0}));
  CHECK_FALSE(close(std::nextafter(1.5, 2), 1, {.relative = 0.5, .absolute = 0}));
  CHECK(close(0.25, 0, {.relative = 0, .absolute = 0.25}));
  CHECK(close(1, 2, {.relative = 0.5, .absolute = 0}));
  CHECK_FALSE(close(2, 1, {.relative = 0.5, .absolute = 0}));
  CHECK(close(INFINITY, INFINITY, {}));
  CHECK_FALSE(close(INFINITY, -INFINITY, {.relative = 1}));
  CHECK_FALSE(close(1e300, INFINITY, {.relative = 1}));
  CHECK_FALSE(close(NAN, NAN, {}));
  CHECK(close(NAN, NAN, {.equal_nan = true}));
  CHECK_FALSE(close(NAN, 1, {.equal_nan = true}));
  CHECK_FALSE(close(1, NAN, {.absolute = 1e300}));
}

TEST_CASE("the report names the worst element and counts the rest") {
  const Tensor a = Tensor::zeros({2, 3});
  Tensor b = a.clone();
  b.view<float, 2>()(0, 1) = 0.5f;
  b.view<float, 2>()(1, 2) = -2;
  const Comparison c = allclose(a, b);
  CHECK_FALSE(c);
  CHECK(c.mismatches == 2);
  CHECK(c.worst == Extents{1, 2});
  CHECK(c.a == 0);
  CHECK(c.b == -2);
  CHECK(c.reason == "2 of 6 elements differ, worst at [1, 2]: 0 and -2");
  b.view<float, 2>()(0, 0) = NAN;  // NaN is worse than any distance
  CHECK(allclose(a, b).worst == Extents{0, 0});
}
