#include <cfm/exec/dual.hpp>

#include <doctest/doctest.h>

using namespace cfm;

namespace {

// The slope of f at x against a central difference, and its value against f of a plain number.
template <class F>
void check(const F& f, std::initializer_list<double> points) {
  for (const double x : points) {
    CAPTURE(x);
    const Dual<double> y = f(Dual<double>(Batch<double>(x), Batch<double>(1.0)));
    const auto plain = [&](double at) { return f(Batch<double>(at))[0]; };
    const double h = 1e-5, want = (plain(x + h) - plain(x - h)) / (2 * h);
    CHECK(y.value[0] == plain(x));
    CHECK(y.slope[Batch<double>::size - 1] == doctest::Approx(want).epsilon(1e-7));
    const Dual<float> single = f(Dual<float>(Batch<float>(static_cast<float>(x)), Batch<float>(1)));
    CHECK(static_cast<double>(single.slope[0]) == doctest::Approx(want).epsilon(1e-4));
  }
}

}  // namespace

TEST_CASE("dual numbers: every function has the slope of its central difference") {
  check([](auto x) { return x * x * 3.0f - x / (x + 5.0f) + 2.0f; }, {-2.5, 0.0, 1.5});
  check([](auto x) { return 1.0f / -x; }, {-2.5, 1.5});
  check([](auto x) { return +x - 4.0f; }, {-2.5, 1.5});
  check([](auto x) { return abs(x) * x; }, {-2.5, 1.5});
  check([](auto x) { return sqrt(x) + log(x) + log1p(x); }, {0.5, 3.0});
  check([](auto x) { return exp(x) + expm1(x * 0.5f); }, {-1.0, 0.0, 1.25});
  check([](auto x) { return sin(x) * cos(x); }, {-1.0, 0.5, 2.0});
  check([](auto x) { return tanh(x) + erf(x); }, {-1.0, 0.5, 2.0});
  check([](auto x) { return floor(x) + ceil(x) + trunc(x) + round(x) + x; }, {-1.25, 0.25, 2.375});
  check([](auto x) { return min(x, decltype(x)(1)) + max(x * 2.0f, decltype(x)(0)); },
        {-1.0, 0.5, 2.0});
  check([](auto x) { return fma(x, x, x); }, {-1.0, 0.5});
  check([](auto x) { return pow(x, decltype(x)(3)); }, {-1.5, 0.0, 2.0});
  check([](auto x) { return pow(decltype(x)(2), x); }, {-1.5, 0.0, 2.0});
  check([](auto x) { return pow(x, x); }, {0.5, 2.0});
  check([](auto x) { return select(x < decltype(x)(1), x * x, x + x); }, {-1.5, 2.0});
  check(
      [](auto x) {
        auto y = x;
        y += x * x;
        y -= 2.0f;
        y *= x;
        y /= x + 3.0f;
        return y;
      },
      {-1.5, 2.0});
}

TEST_CASE("dual numbers: activations take them, also at their joints") {
  check([](auto x) { return relu(x); }, {-1.5, 2.0});
  check([](auto x) { return leaky_relu(x); }, {-1.5, 2.0});
  check([](auto x) { return elu(x); }, {-1.5, 2.0});
  check([](auto x) { return sigmoid(x); }, {-1.5, 0.0, 2.0});
  check([](auto x) { return silu(x); }, {-1.5, 0.0, 2.0});
  check([](auto x) { return softplus(x); }, {-1.5, 0.0, 2.0});
  check([](auto x) { return gelu(x); }, {-1.5, 0.0, 2.0});
  check([](auto x) { return clamp(x, -1, 1); }, {-1.5, 0.25, 2.0});
}

TEST_CASE("dual numbers: comparisons look at values, NaN is seen") {
  const Dual<double> a(Batch<double>(1.0), Batch<double>(9.0)), b(2.0);
  CHECK(all(a < b));
  CHECK(all(a <= b));
  CHECK_FALSE(any(a > b));
  CHECK_FALSE(any(a >= b));
  CHECK_FALSE(any(a == b));
  CHECK(all(a != b));
  CHECK(all(is_nan(Dual<double>(0.0) / Dual<double>(0.0))));
}

TEST_CASE_TEMPLATE("dual: what does not vary has no slope, even where the function has none", T,
                   float, double) {
  const Dual<T> zero(Batch<T>(T{0}));
  for (const Dual<T>& y : {sqrt(zero), log(zero), log1p(Dual<T>(Batch<T>(T{-1})))})
    CHECK(y.slope[0] == T{0});
  const Dual<T> x(Batch<T>(T{2}), Batch<T>(T{3}));
  const Dual<T> chosen = select(x.value > Batch<T>(T{1}), Batch<T>(T{-1}), x);
  CHECK(chosen.value[0] == T{-1});
  CHECK(chosen.slope[0] == T{0});
}
