#include <cfm/kernels/elementwise.hpp>

#include <functional>

#include "support.hpp"

using namespace cfm;

namespace {

// The largest error of op on `steps` arguments from low to high, in ulp.
template <class T, class Op, class F>
double worst_ulps(Op op, const F& want, double low, double high, Index steps = 20011) {
  std::vector<T> x(static_cast<std::size_t>(steps)), y(x.size());
  for (std::size_t i = 0; i < x.size(); ++i)
    x[i] = static_cast<T>(low + (high - low) * static_cast<double>(i) / static_cast<double>(steps - 1));
  map(op, vector_view(x.data(), steps), vector_view(y.data(), steps));
  double worst = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    // long double: the reference of double must be better than double
    worst = std::max(worst, test::ulps(y[i], want(static_cast<long double>(x[i]))));
  }
  return worst;
}

using Real80 = long double;
constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

template <class T, class Op>
T value_of(Op op, double x) {
  T in = static_cast<T>(x), out = 0;
  map(op, vector_view(&in, 1), vector_view(&out, 1));
  return out;
}

}  // namespace

TEST_CASE_TEMPLATE("elementwise: errors stay within the bounds of ops.hpp", T, float, double) {
  const bool single = std::is_same_v<T, float>;
  const double low = single ? -103 : -744, high = single ? 88.7 : 709.7;
  const double slack = 0.01;  // where the reference is a long double that is a double
  CHECK(worst_ulps<T>(ops::Exp{}, [](Real80 x) { return std::exp(x); }, low, high) < 1.2 + slack);
  CHECK(worst_ulps<T>(ops::Log{}, [](Real80 x) { return std::log(x); }, 1e-6, 40) < 2 + slack);
  CHECK(worst_ulps<T>(ops::Log{}, [](Real80 x) { return std::log(x); }, 1e-40, 1e-37) < 2 + slack);
  CHECK(worst_ulps<T>(ops::Log1p{}, [](Real80 x) { return std::log1p(x); }, -0.99, 30) < 4 + slack);
  CHECK(worst_ulps<T>(ops::Log1p{}, [](Real80 x) { return std::log1p(x); }, -1e-3, 1e-3) < 4 + slack);
  CHECK(worst_ulps<T>(ops::Expm1{}, [](Real80 x) { return std::expm1(x); }, -30, 80) < 4 + slack);
  CHECK(worst_ulps<T>(ops::Expm1{}, [](Real80 x) { return std::expm1(x); }, -1, 1) < 4 + slack);
  CHECK(worst_ulps<T>(ops::Tanh{}, [](Real80 x) { return std::tanh(x); }, -22, 22) < 5 + slack);
  CHECK(worst_ulps<T>(ops::Tanh{}, [](Real80 x) { return std::tanh(x); }, -1, 1) < 5 + slack);
  CHECK(worst_ulps<T>(ops::Erf{}, [](Real80 x) { return std::erf(x); }, -7, 7) < 4 + slack);
  CHECK(worst_ulps<T>(ops::Rsqrt{}, [](Real80 x) { return 1 / std::sqrt(x); }, 1e-6, 1e6) < 1.5 + slack);
  const auto sigmoid_of = [](Real80 x) { return 1 / (1 + std::exp(-x)); };
  CHECK(worst_ulps<T>(ops::Sigmoid{}, sigmoid_of, -80, 80) < 3 + slack);
  const auto silu_of = [&](Real80 x) { return x * sigmoid_of(x); };
  CHECK(worst_ulps<T>(ops::Silu{}, silu_of, -80, 80) < 4 + slack);
  const auto elu_of = [](Real80 x) { return x > 0 ? x : 1.5L * std::expm1(x); };
  CHECK(worst_ulps<T>(ops::Elu{1.5}, elu_of, -20, 5) < 6 + slack);
  const auto softplus_of = [](Real80 x) {
    return 2 * x > 20 ? x : (std::max<Real80>(2 * x, 0) + std::log1p(std::exp(-std::abs(2 * x)))) / 2;
  };
  CHECK(worst_ulps<T>(ops::Softplus{2}, softplus_of, -30, 15) < 6 + slack);
  CHECK(worst_ulps<T>(ops::Sqrt{}, [](Real80 x) { return std::sqrt(x); }, 0, 100) < 0.5 + slack);
  CHECK(worst_ulps<T>(ops::Reciprocal{}, [](Real80 x) { return 1 / x; }, 0.1, 100) < 0.5 + slack);
}

TEST_CASE_TEMPLATE("elementwise: sin and cos of any argument", T, float, double) {
  const double near_zero = std::is_same_v<T, float> ? 1e-7 : 2e-16;
  for (double limit : {3.0, 1000.0, 29000.0, 1e7})
    for (Index i = 0; i <= 4001; ++i) {
      const T x = static_cast<T>(limit * (static_cast<double>(i) / 2000.0 - 1));
      const double s = static_cast<double>(std::sin(Real80{x})), c = static_cast<double>(std::cos(Real80{x}));
      const T gs = value_of<T>(ops::Sin{}, static_cast<double>(x)), gc = value_of<T>(ops::Cos{}, static_cast<double>(x));
      const bool sin_good = test::ulps(gs, s) < 4.5 || std::abs(static_cast<double>(gs) - s) < near_zero;
      const bool cos_good = test::ulps(gc, c) < 4.5 || std::abs(static_cast<double>(gc) - c) < near_zero;
      if (!sin_good || !cos_good) {
        CAPTURE(x);
        CHECK(sin_good);
        CHECK(cos_good);
      }
    }
}

TEST_CASE_TEMPLATE("elementwise: both forms of GELU", T, float, double) {
  const double bound = std::is_same_v<T, float> ? 0x1p-22 : 0x1p-51;
  double worst = 0;
  for (Index i = 0; i <= 4001; ++i) {
    const double x = static_cast<double>(static_cast<T>(static_cast<double>(i) / 250 - 8));
    const double z = std::sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * x * x * x);
    const double exact = x * std::erfc(-x / std::sqrt(2.0)) / 2, smooth = x * (1 + std::tanh(z)) / 2;
    worst = std::max(worst, std::abs(static_cast<double>(value_of<T>(ops::Gelu{}, x)) - exact) - bound * std::abs(x));
    worst = std::max(worst, std::abs(static_cast<double>(value_of<T>(ops::GeluTanh{}, x)) - smooth) - bound * std::abs(x));
  }
  CHECK(worst <= 0);
}

TEST_CASE_TEMPLATE("elementwise: limits at infinities and zero, NaN stays", T, float, double) {
  const auto at = [](auto op, double x) { return static_cast<double>(value_of<T>(op, x)); };
  CHECK(at(ops::Exp{}, infinity) == infinity);
  CHECK(at(ops::Exp{}, -infinity) == 0);
  CHECK(at(ops::Exp{}, 1e4) == infinity);
  CHECK(at(ops::Exp{}, -1e4) == 0);
  CHECK(at(ops::Exp{}, 0) == 1);
  CHECK(at(ops::Log{}, 0) == -infinity);
  CHECK(std::isnan(at(ops::Log{}, -1)));
  CHECK(at(ops::Log{}, infinity) == infinity);
  CHECK(at(ops::Log{}, 1) == 0);
  CHECK(at(ops::Log1p{}, -1) == -infinity);
  CHECK(std::isnan(at(ops::Log1p{}, -1.5)));
  CHECK(at(ops::Log1p{}, infinity) == infinity);
  CHECK(at(ops::Expm1{}, infinity) == infinity);
  CHECK(at(ops::Expm1{}, -infinity) == -1);
  CHECK(at(ops::Tanh{}, infinity) == 1);
  CHECK(at(ops::Tanh{}, -infinity) == -1);
  CHECK(at(ops::Sigmoid{}, infinity) == 1);
  CHECK(at(ops::Sigmoid{}, -infinity) == 0);
  CHECK(at(ops::Silu{}, -infinity) == 0);
  CHECK(at(ops::Silu{}, infinity) == infinity);
  CHECK(at(ops::Softplus{}, -infinity) == 0);
  CHECK(at(ops::Softplus{}, infinity) == infinity);
  CHECK(at(ops::Erf{}, infinity) == 1);
  CHECK(at(ops::Elu{}, -infinity) == -1);
  CHECK(std::isnan(at(ops::Sin{}, infinity)));
  CHECK(std::isnan(at(ops::Sqrt{}, -1)));
  CHECK(at(ops::Round{}, 2.5) == 2);
  CHECK(at(ops::Round{}, -3.5) == -4);
  CHECK(at(ops::Floor{}, -0.5) == -1);
  CHECK(at(ops::Ceil{}, 0.5) == 1);
  CHECK(at(ops::Trunc{}, -1.7) == -1);
  CHECK(at(ops::Sign{}, -3) == -1);
  CHECK(at(ops::Sign{}, 0) == 0);
  CHECK(at(ops::Relu{}, -3) == 0);
  CHECK(at(ops::LeakyRelu{0.5}, -3) == -1.5);
  CHECK(at(ops::Clamp{-1, 2}, 5) == 2);
  CHECK(at(ops::Clamp{-1, 2}, -5) == -1);
  const auto keeps_nan = [&](auto... op) { return (std::isnan(at(op, not_a_number)) && ...); };
  CHECK(keeps_nan(ops::Exp{}, ops::Log{}, ops::Log1p{}, ops::Expm1{}, ops::Tanh{}, ops::Sigmoid{},
                  ops::Relu{}, ops::LeakyRelu{}, ops::Elu{}, ops::Gelu{}, ops::GeluTanh{}, ops::Silu{},
                  ops::Softplus{}, ops::Sin{}, ops::Cos{}, ops::Erf{}, ops::Sign{}, ops::Clamp{-1, 1},
                  ops::Floor{}, ops::Round{}, ops::Abs{}, ops::Neg{}, ops::Rsqrt{}, ops::Square{}));
}

TEST_CASE_TEMPLATE("elementwise: a value does not depend on its place, nothing is written outside", T,
                   float, double) {
  const Index lanes = 64 / static_cast<Index>(sizeof(T));
  const auto all = test::normals<T>(3 * lanes, 5, 3);
  std::vector<T> one_by_one;
  for (T v : all) one_by_one.push_back(value_of<T>(ops::Gelu{}, static_cast<double>(v)));
  for (Index n = 0; n <= 2 * lanes + 1; ++n)
    for (Index offset : {0, 1, 3}) {
      test::Guarded<T> x(n, offset), y(n, 2 - offset / 2);
      x.fill(std::vector<T>(all.begin(), all.begin() + n));
      map(ops::Gelu{}, vector_view(x.data(), n), vector_view(y.data(), n));
      CHECK(y.intact());
      CHECK(test::same_bits(y.values(), std::vector<T>(one_by_one.begin(), one_by_one.begin() + n)));
      map(ops::Add{}, vector_view(x.data(), n), vector_view(x.data(), n), vector_view(y.data(), n));
      CHECK(y.intact());
      for (Index i = 0; i < n; ++i) CHECK(y.data()[i] == 2 * x.data()[i]);
    }
}

TEST_CASE("elementwise: broadcasts of every kind equal the loop over indices") {
  const Shape shapes[] = {{}, {1}, {70}, {5, 1}, {1, 70}, {5, 70}, {3, 1, 70}, {3, 5, 1}, {3, 1, 1}, {3, 5, 70}};
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
  const Tensor views[] = {x.transpose(0, 2), x.permute({1, 2, 0}), x.slice(1, 3, 40, 5), x.slice(2, 0, 30, 2),
                          x.select(1, 4).transpose(0, 1)};
  for (const Tensor& v : views) {
    CAPTURE(concat(v));
    const Tensor want = exp(v.clone()), got = exp(v);
    CHECK(std::equal(want.span<float>().begin(), want.span<float>().end(), got.span<float>().begin()));
    const Tensor sum = v + v.select(0, 0);
    const Tensor dense = v.clone() + v.select(0, 0).clone();
    CHECK(std::equal(sum.span<float>().begin(), sum.span<float>().end(), dense.span<float>().begin()));
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
  CHECK_THROWS_WITH_AS(f + d, doctest::Contains("add: both operands must have the same type: f32, f64"), TypeError);
  CHECK_THROWS_WITH_AS(Tensor::ones({2, 3}) + Tensor::ones({4}), doctest::Contains("[2, 3], [4]"), ShapeError);
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
