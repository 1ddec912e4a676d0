#include <cfm/exec/map.hpp>

#include <cfenv>
#include <cmath>
#include <vector>

#include <cfm/exec/thread_limit.hpp>
#include <cfm/tensor/compare.hpp>
#include <cfm/tensor/factories.hpp>
#include <cfm/tensor/slice.hpp>

#include "../test.hpp"

using namespace cfm;

namespace {

const auto curve = [](auto x) { return tanh(x) * 2.0f + exp(-abs(x)); };
const auto blend = [](auto a, auto b) { return select(a < b, a * b, a - b * 0.5f); };

}  // namespace

TEST_CASE("map: a value depends on its input alone, at any length, start and neighbour") {
  constexpr Index most = 70;
  const Tensor x = normal({most}, Rng(1));
  const float* const in = x.data<float>();
  std::vector<float> alone(most);  // each element mapped by itself
  for (Index i = 0; i < most; ++i)
    map(vector_view(in + i, 1), vector_view(alone.data() + i, 1), curve);
  for (Index start : {0, 1, 2, 3})
    for (Index n = 0; n + start <= most; ++n) {
      std::vector<float> out(static_cast<std::size_t>(n) + 1, -7);
      map(vector_view(in + start, n), vector_view(out.data(), n), curve);
      for (Index i = 0; i < n; ++i)
        if (out[static_cast<std::size_t>(i)] != alone[static_cast<std::size_t>(start + i)])
          FAIL_CHECK("length " << n << ", start " << start << ", element " << i);
      if (out.back() != -7) FAIL_CHECK("wrote behind the end, length " << n);
    }
}

TEST_CASE("map: agrees with the lambda on single numbers") {
  for (DType dtype : {DType::f32, DType::f64}) {
    const Tensor x = normal({1003}, Rng(2), 0, 3, dtype);
    const Tensor y = map(x, curve);
    REQUIRE(y.dtype() == dtype);
    visit_real(dtype, "test", [&]<class T>(std::type_identity<T>) {
      for (Index i = 0; i < x.size(); ++i)
        CHECK(static_cast<double>(y.data<T>()[i]) ==
              doctest::Approx(static_cast<double>(curve(x.data<T>()[i]))).epsilon(1e-5));
    });
  }
}

TEST_CASE("map and zip_map: same bits for 1, 2, 3 and 8 threads") {
  const Tensor a = normal({100, 1001}, Rng(3)), b = normal({1001}, Rng(4));
  const Tensor y = map(a, curve), z = zip_map(a, b, blend);
  for (int threads : {1, 2, 3, 8}) {
    ThreadLimit limit(threads);
    CHECK(all_equal(limit.run([&] { return map(a, curve); }), y));
    CHECK(all_equal(limit.run([&] { return zip_map(a, b, blend); }), z));
  }
}

TEST_CASE("map: input and output may be the same memory") {
  Tensor x = normal({50000}, Rng(5));
  const Tensor wanted = map(x, [](auto v) { return v * 3.0f; });
  const auto v = x.view<float, 1>();
  map(v, v, [](auto value) { return value * 3.0f; });
  CHECK(all_equal(x, wanted));
  zip_map(v, v, v, [](auto p, auto q) { return p - q; });
  CHECK(all_equal(x, Tensor::zeros({50000})));
}

TEST_CASE("map: tensors of any strides and shapes, zip_map with broadcasting") {
  const Tensor t = normal({6, 5}, Rng(6));
  const auto twice = [](auto v) { return v + v; };
  CHECK(all_equal(map(t.transpose(0, 1), twice), map(t, twice).transpose(0, 1)));
  CHECK(all_equal(map(flip(t, 0), twice), flip(map(t, twice), 0)));
  CHECK(map(Tensor::zeros({0, 3}), twice).shape() == Shape{0, 3});
  CHECK(map(Tensor::scalar(2.0f), twice).item<float>() == 4);
  const Tensor column = arange(0, 3, 1, DType::f32).reshape({3, 1});
  const Tensor row = arange(0, 4, 1, DType::f32);
  const Tensor grid = zip_map(column, row, [](auto a, auto b) { return a * 10.0f + b; });
  REQUIRE(grid.shape() == Shape{3, 4});
  CHECK(grid.view<float, 2>()(2, 3) == 23);
}

TEST_CASE("map: what does not fit is named") {
  const Tensor x = Tensor::zeros({4}), y = Tensor::zeros({5});
  Tensor out = Tensor::zeros({4});
  const auto same = [](auto v) { return v; };
  const auto sum = [](auto a, auto b) { return a + b; };
  CHECK_THROWS_AS(map(y.view<float, 1>(), out.view<float, 1>(), same), ShapeError);
  CHECK_THROWS_AS(zip_map(x, y, sum), ShapeError);
  CHECK_THROWS_AS(zip_map(x, x.to(DType::f64), sum), TypeError);
  CHECK_THROWS_WITH_AS(map(arange(3), same), "map: needs f32 or f64, got i64", TypeError);
  CHECK_THROWS_WITH_AS(map(x.to(DType::f64), [](Batch<float> v) { return v; }),
                       "map: the function does not take f64", TypeError);
  const View<float, 1> sparse{out.data<float>(), {2}, {2}};
  CHECK_THROWS_AS(map(x.slice(0, 0, 2).view<float, 1>(), sparse, same), ShapeError);
}

TEST_CASE("map: the padding of the tail brings no foreign value to the function") {
  // 1 / x would see a zero in a zero-padded tail and raise the exception flag of the processor.
  std::feclearexcept(FE_ALL_EXCEPT);
  map(Tensor::full({3}, 2.0), [](auto v) { return 1.0f / v; });
  CHECK(std::fetestexcept(FE_DIVBYZERO) == 0);
}
