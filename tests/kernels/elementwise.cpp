#include <cfm/kernels/elementwise.hpp>

#include "support.hpp"

using namespace cfm;

TEST_CASE_TEMPLATE("elementwise: a value does not depend on its place, nothing is written outside",
                   T, float, double) {
  const Index lanes = 64 / static_cast<Index>(sizeof(T));
  const auto all = test::normals<T>(3 * lanes, 5, 3);
  std::vector<T> one_by_one;
  for (T v : all) one_by_one.push_back(test::value_of<T>(ops::Gelu{}, static_cast<double>(v)));
  for (Index n = 0; n <= 2 * lanes + 1; ++n)
    for (Index offset : {0, 1, 3}) {
      test::Guarded<T> x(n, offset), y(n, 2 - offset / 2);
      x.fill(std::vector<T>(all.begin(), all.begin() + n));
      map(ops::Gelu{}, vector_view(x.data(), n), vector_view(y.data(), n));
      CHECK(y.intact());
      CHECK(
          test::same_bits(y.values(), std::vector<T>(one_by_one.begin(), one_by_one.begin() + n)));
      map(ops::Add{}, vector_view(x.data(), n), vector_view(x.data(), n), vector_view(y.data(), n));
      CHECK(y.intact());
      for (Index i = 0; i < n; ++i) CHECK(y.data()[i] == 2 * x.data()[i]);
    }
}

TEST_CASE("elementwise: broadcasts of every kind equal the loop over indices") {
  const Shape shapes[] = {{},      {1},        {70},      {5, 1},    {1, 70},
                          {5, 70}, {3, 1, 70}, {3, 5, 1}, {3, 1, 1}, {3, 5, 70}};
  for (const Shape& sa : shapes)
    for (const Shape& sb : shapes) {
      const Tensor a = Tensor::from(test::normals<double>(sa.size(), 1), sa);
      const Tensor b = Tensor::from(test::normals<double>(sb.size(), 2), sb);
      const Shape shape = broadcast(sa, sb);
      const Tensor c = a - b;
      REQUIRE(c.shape() == shape);
      const Tensor wide_a = a.expand(shape).clone(), wide_b = b.expand(shape).clone();
      bool equal = true;
      for (Index i = 0; i < shape.size(); ++i) {
        const auto u = static_cast<std::size_t>(i);
        equal = equal && c.span<double>()[u] == wide_a.span<double>()[u] - wide_b.span<double>()[u];
      }
      CAPTURE(concat(sa, sb));
      CHECK(equal);
    }
}

TEST_CASE("elementwise: any strides") {
  const Tensor x = Tensor::from(test::normals<float>(6 * 40 * 30, 3), {6, 40, 30});
  const Tensor views[] = {x.transpose(0, 2), x.permute({1, 2, 0}), x.slice(1, 3, 40, 5),
                          x.slice(2, 0, 30, 2), x.select(1, 4).transpose(0, 1)};
  for (const Tensor& v : views) {
    CAPTURE(concat(v));
    const Tensor want = exp(v.clone()), got = exp(v);
    CHECK(std::equal(want.span<float>().begin(), want.span<float>().end(),
                     got.span<float>().begin()));
    const Tensor sum = v + v.select(0, 0);
    const Tensor dense = v.clone() + v.select(0, 0).clone();
    CHECK(std::equal(sum.span<float>().begin(), sum.span<float>().end(),
                     dense.span<float>().begin()));
  }
}

TEST_CASE("elementwise: operators with numbers, min, max and pow") {
  const Tensor x = Tensor::of<float>({1, 2, 4});
  const auto is = [](const Tensor& t, std::vector<float> want) {
    const auto s = t.span<float>();
    return std::equal(s.begin(), s.end(), want.begin(), want.end());
  };
  CHECK(is(x + 1.0, {2, 3, 5}));
  CHECK(is(1.0 + x, {2, 3, 5}));
  CHECK(is(1.0 - x, {0, -1, -3}));
  CHECK(is(x - 1.0, {0, 1, 3}));
  CHECK(is(2.0 * x, {2, 4, 8}));
  CHECK(is(8.0 / x, {8, 4, 2}));
  CHECK(is(x / 2.0, {0.5, 1, 2}));
  CHECK(is(-x, {-1, -2, -4}));
  CHECK(is(pow(x, 2.0), {1, 4, 16}));
  CHECK(is(minimum(x, Tensor::scalar(2.0f)), {1, 2, 2}));
  CHECK(is(maximum(x, Tensor::scalar(2.0f)), {2, 2, 4}));
  const float bad = std::numeric_limits<float>::quiet_NaN();
  CHECK(std::isnan(maximum(Tensor::scalar(bad), Tensor::scalar(1.0f)).item<float>()));
  CHECK(std::isnan(maximum(Tensor::scalar(1.0f), Tensor::scalar(bad)).item<float>()));
  CHECK(std::isnan(minimum(Tensor::scalar(1.0f), Tensor::scalar(bad)).item<float>()));
}

TEST_CASE("elementwise: integers add, multiply and compare exactly, and wrap around") {
  const Tensor a = Tensor::of<std::int32_t>({2147483647, -5}), b = Tensor::of<std::int32_t>({1, 7});
  CHECK((a + b).span<std::int32_t>()[0] == std::numeric_limits<std::int32_t>::min());
  CHECK((a * b).span<std::int32_t>()[1] == -35);
  CHECK(minimum(a, b).span<std::int32_t>()[1] == -5);
  const Tensor big = Tensor::of<std::int64_t>({(std::int64_t{1} << 53) + 1});
  CHECK((big + Tensor::of<std::int64_t>({0})).item<std::int64_t>() == (std::int64_t{1} << 53) + 1);
  CHECK_THROWS_AS(a / b, TypeError);
  CHECK_THROWS_AS(exp(a), TypeError);
}

TEST_CASE("elementwise: types are never promoted") {
  const Tensor f = Tensor::ones({2}), d = Tensor::ones({2}, DType::f64);
  CHECK_THROWS_WITH_AS(
      f + d, doctest::Contains("add: both operands must have the same type: f32, f64"), TypeError);
  CHECK_THROWS_WITH_AS(Tensor::ones({2, 3}) + Tensor::ones({4}), doctest::Contains("[2, 3], [4]"),
                       ShapeError);
  CHECK_THROWS_AS(exp(f.to(DType::bf16)), TypeError);
}

TEST_CASE("elementwise: zero sizes, and the same bits for any number of threads") {
  CHECK((Tensor::ones({0, 3}) + Tensor::ones({3})).shape() == Shape{0, 3});
  CHECK(exp(Tensor::ones({0})).size() == 0);
  const Tensor x = Tensor::from(test::normals<float>(300 * 401, 4), {300, 401});
  test::check_threads([&] {
    const Tensor y = tanh(x.transpose(0, 1)) * x.slice(0, 0, 1).reshape({401, 1});
    return std::vector<float>(y.span<float>().begin(), y.span<float>().end());
  });
}

TEST_CASE_TEMPLATE("activations: limits at infinities, slopes too", T, float, double) {
  const T inf = std::numeric_limits<T>::infinity();
  const Tensor x = Tensor::from(std::vector<T>{inf, -inf, T(2e13), T(-2e13), T(900), T(-900)}, {6});
  const auto check = [&](const Tensor& y, T high, T low) {
    const auto v = y.span<T>();
    for (std::size_t i = 0; i < 6; i += 2) {
      CHECK(v[i] == high);
      CHECK(v[i + 1] == low);
    }
  };
  for (const auto& y : {gelu(x), gelu_tanh(x), silu(x)}) {
    CHECK(y.template span<T>()[0] == inf);
    CHECK(y.template span<T>()[1] == 0);
  }
  const Tensor one = Tensor::ones({6}, x.dtype());
  check(isa_detail::map_tensor("slope", ops::Slope<ops::Gelu>{}, one, x), 1, 0);
  check(isa_detail::map_tensor("slope", ops::Slope<ops::GeluTanh>{}, one, x), 1, 0);
  check(isa_detail::map_tensor("slope", ops::Slope<ops::Silu>{}, one, x), 1, 0);
}
