#include <cfm/exec/batch.hpp>

#include <cmath>
#include <limits>
#include <vector>

#include <cfm/core/rng.hpp>
#include <cfm/exec/activation.hpp>

#include "../test.hpp"

using namespace cfm;

namespace {

template <class T>
T ulp(T value) {
  const T a = std::max(std::fabs(value), std::numeric_limits<T>::min());
  return std::nextafter(a, std::numeric_limits<T>::infinity()) - a;
}

// The largest error of f over [low, high] in ulp, against g in long double. Both signs if `low` is
// negative; evenly in the exponent if it is positive.
template <class T, class F, class G>
double worst_ulp(double low, double high, const F& f, const G& g) {
  Rng rng(3);
  double worst = 0;
  for (int i = 0; i < 4000; ++i) {
    std::array<T, Batch<T>::count> x, y;
    for (T& v : x)
      v = static_cast<T>(low > 0 ? low * std::pow(high / low, rng.uniform())
                                 : rng.uniform(low, high));
    f(Batch<T>::load_unaligned(x.data())).store_unaligned(y.data());
    for (std::size_t k = 0; k < x.size(); ++k) {
      const long double exact = g(static_cast<long double>(x[k]));
      const auto error = static_cast<double>(std::fabs(y[k] - exact)) /
                         static_cast<double>(ulp(static_cast<T>(exact)));
      if (!(error <= worst)) worst = error;
    }
  }
  return worst;
}

template <class T>
const std::vector<T> specials{0,
                              T(-0.0),
                              1,
                              -1,
                              T(0.3),
                              T(-2.5),
                              3,
                              100,
                              -1000,
                              std::numeric_limits<T>::infinity(),
                              -std::numeric_limits<T>::infinity(),
                              std::numeric_limits<T>::quiet_NaN(),
                              std::numeric_limits<T>::max(),
                              std::numeric_limits<T>::lowest(),
                              std::numeric_limits<T>::min(),
                              std::numeric_limits<T>::denorm_min()};

template <class T>
bool same(T a, T b, double tolerance = 0) {
  if (a != a || b != b) return a != a && b != b;
  return a == b ||
         std::fabs(a - b) <= std::max(tolerance * std::fabs(b),
                                      double{std::numeric_limits<T>::min()} * 2 * (tolerance > 0));
}

}  // namespace

TEST_CASE_TEMPLATE("batch: load, store, lanes at any alignment", T, float, double) {
  constexpr Index lanes = Batch<T>::size;
  std::vector<T> memory(static_cast<std::size_t>(3 * lanes + 1));
  for (std::size_t i = 0; i < memory.size(); ++i) memory[i] = static_cast<T>(i);
  for (Index shift = 0; shift <= lanes; ++shift) {
    const auto b = Batch<T>::load_unaligned(memory.data() + shift);
    for (Index k = 0; k < lanes; ++k) CHECK(b[k] == static_cast<T>(shift + k));
    std::vector<T> out(static_cast<std::size_t>(2 * lanes + 2), T(-1));
    b.store_unaligned(out.data() + shift);
    CHECK(out[static_cast<std::size_t>(shift + lanes)] == -1);
    CHECK(out[static_cast<std::size_t>(shift)] == static_cast<T>(shift));
  }
}

TEST_CASE_TEMPLATE("batch: exact functions give what they give for single numbers", T, float,
                   double) {
  for (T a : specials<T>)
    for (T b : specials<T>) {
      CAPTURE(a);
      CAPTURE(b);
      const Batch<T> x(a), y(b);
      CHECK(same((x + y)[0], a + b));
      CHECK(same((x - y)[0], a - b));
      CHECK(same((x * y)[0], a * b));
      CHECK(same((x / y)[0], a / b));
      CHECK(same(min(x, y)[0], min(a, b)));
      CHECK(same(max(x, y)[0], max(a, b)));
      CHECK(all(x < y) == (a < b));
      CHECK(all(x <= y) == (a <= b));
      CHECK(all(x > y) == (a > b));
      CHECK(all(x >= y) == (a >= b));
      CHECK(all(x == y) == (a == b));
      CHECK(any(x != y) == (a != b));
      CHECK(same(select(x < y, x, y)[0], select(a < b, a, b)));
      CHECK(any(!(x < y) && (x == x)) == (!(a < b) && a == a));
      CHECK(any((x < y) || is_nan(x)) == (a < b || is_nan(a)));
      CHECK(same(pow(x, y)[0], std::pow(a, b)));
    }
  for (T a : specials<T>) {
    CAPTURE(a);
    const Batch<T> x(a);
    CHECK(same(abs(x)[0], std::fabs(a)));
    CHECK(same(sqrt(x)[0], std::sqrt(a)));
    CHECK(same(floor(x)[0], std::floor(a)));
    CHECK(same(ceil(x)[0], std::ceil(a)));
    CHECK(same(trunc(x)[0], std::trunc(a)));
    CHECK(same(round(x)[0], std::nearbyint(a)));
    CHECK(same((-x)[0], -a));
    CHECK(std::signbit((-x)[0]) == std::signbit(-a));
    CHECK(same(relu(x)[0], relu(a)));
    CHECK(same(clamp(x, T(-1), T(2))[0], clamp(a, T(-1), T(2))));
  }
  CHECK(round(Batch<T>(T(2.5)))[0] == 2);
  CHECK(round(Batch<T>(T(3.5)))[0] == 4);
}

TEST_CASE_TEMPLATE("batch: limits of the inexact functions at infinities, zeros and NaN", T, float,
                   double) {
  const double e = 1e-5;
  for (T a : specials<T>) {
    CAPTURE(a);
    const Batch<T> x(a);
    CHECK(same(exp(x)[0], std::exp(a), e));
    CHECK(same(expm1(x)[0], std::expm1(a), e));
    CHECK(same(log(x)[0], std::log(a), e));
    CHECK(same(log1p(x)[0], std::log1p(a), e));
    CHECK(same(tanh(x)[0], std::tanh(a), e));
    CHECK(same(erf(x)[0], std::erf(a), e));
    CHECK(same(sigmoid(x)[0], sigmoid(a), e));
    CHECK(same(softplus(x)[0], softplus(a), e));
    CHECK(same(silu(x)[0], silu(a), e));
    CHECK(same(gelu(x)[0], gelu(a), e));
    CHECK(same(elu(x)[0], elu(a), e));
    CHECK(same(leaky_relu(x)[0], leaky_relu(a), e));
    if (std::fabs(a) <= 1000 || !std::isfinite(a)) {
      CHECK(same(sin(x)[0], std::sin(a), e));
      CHECK(same(cos(x)[0], std::cos(a), e));
    }
  }
  CHECK(sigmoid(T(-1000)) == 0);
  CHECK(sigmoid(T(1000)) == 1);
  CHECK(softplus(T(1000)) == 1000);
}

TEST_CASE_TEMPLATE("batch: errors stay within the documented bounds", T, float, double) {
  const bool f32 = std::same_as<T, float>;
  using L = long double;
  CHECK(worst_ulp<T>(
            f32 ? -87 : -700, f32 ? 88 : 700, [](auto x) { return exp(x); },
            [](L x) { return std::exp(x); }) < 2);
  CHECK(worst_ulp<T>(
            1e-8, 5, [](auto x) { return expm1(x); }, [](L x) { return std::expm1(x); }) < 2);
  CHECK(worst_ulp<T>(
            -5, 5, [](auto x) { return expm1(x); }, [](L x) { return std::expm1(x); }) < 2);
  CHECK(worst_ulp<T>(
            1e-37, 1e37, [](auto x) { return log(x); }, [](L x) { return std::log(x); }) < 1);
  CHECK(worst_ulp<T>(
            0.5, 2, [](auto x) { return log(x); }, [](L x) { return std::log(x); }) < 1);
  CHECK(worst_ulp<T>(
            1e-8, 10, [](auto x) { return log1p(x); }, [](L x) { return std::log1p(x); }) < 1);
  CHECK(worst_ulp<T>(
            -9, 9, [](auto x) { return tanh(x); }, [](L x) { return std::tanh(x); }) < 2);
  CHECK(worst_ulp<T>(
            -4, 4, [](auto x) { return erf(x); }, [](L x) { return std::erf(x); }) < 3);
  CHECK(worst_ulp<T>(
            -100, 100, [](auto x) { return sin(x); }, [](L x) { return std::sin(x); }) < 2.5);
  CHECK(worst_ulp<T>(
            -100, 100, [](auto x) { return cos(x); }, [](L x) { return std::cos(x); }) < 2.5);
  CHECK(worst_ulp<T>(
            -80, 80, [](auto x) { return sigmoid(x); },
            [](L x) { return 1 / (1 + std::exp(-x)); }) < 4);
  CHECK(worst_ulp<T>(
            -20, 20, [](auto x) { return softplus(x); },
            [](L x) { return std::log1p(std::exp(x)); }) < 3);
}

TEST_CASE("batch: gelu errs by 2^-22 |x| at most") {
  for (float v = -6; v < 6; v += 0.0137f) {
    const double exact = 0.5 * v * (1 + std::erf(v / std::sqrt(2.0)));
    CHECK(std::fabs(gelu(Batch<float>(v))[0] - exact) <= 0x1p-22 * std::fabs(v));
  }
}

TEST_CASE_TEMPLATE("batch: reductions, fma, mixing with numbers", T, float, double) {
  constexpr Index lanes = Batch<T>::size;
  std::array<T, Batch<T>::count> x;
  T sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    x[i] = static_cast<T>((i * 5) % 7) + 1;
    sum += x[i];
  }
  const auto b = Batch<T>::load_unaligned(x.data());
  CHECK(reduce_add(b) == sum);
  CHECK(reduce_max(b) == *std::max_element(x.begin(), x.end()));
  CHECK(reduce_min(b) == *std::min_element(x.begin(), x.end()));
  CHECK(reduce_add(T(3)) == 3);
  CHECK(fma(b, T(2), T(1))[lanes - 1] == 2 * x.back() + 1);
  Batch<T> c = b;
  c += 1;
  c *= 2;
  c -= b;
  c /= 2;
  CHECK(c[0] == (2 * (x[0] + 1) - x[0]) / 2);
  const auto generic = [](auto v) { return select(v < T(3), v * T(10), max(v, T(5)) + abs(-v)); };
  for (Index k = 0; k < lanes; ++k) CHECK(generic(b)[k] == generic(x[static_cast<std::size_t>(k)]));
}

TEST_CASE("batch: has the lanes of the target") {
#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512VL__)
  CHECK(Batch<float>::size == 16);
#elif defined(__AVX__)
  CHECK(Batch<float>::size == 8);
  CHECK(Batch<double>::size == 4);
#elif defined(__SSE2__) || defined(__aarch64__)
  CHECK(Batch<float>::size == 4);
  CHECK(Batch<double>::size == 2);
#else
  CHECK(Batch<float>::size == 1);
#endif
}
