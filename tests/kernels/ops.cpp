#include <cfm/kernels/ops.hpp>

#include <cfm/kernels/elementwise.hpp>

#include <bit>

#include "support.hpp"

using namespace cfm;

namespace {

// The largest error of op on `steps` arguments from low to high, in ulp.
template <class T, class Op, class F>
double worst_ulps(Op op, const F& want, double low, double high, Index steps = 20011) {
  std::vector<T> x(static_cast<std::size_t>(steps)), y(x.size());
  for (std::size_t i = 0; i < x.size(); ++i)
    x[i] = static_cast<T>(low +
                          (high - low) * static_cast<double>(i) / static_cast<double>(steps - 1));
  map(op, vector_view(x.data(), steps), vector_view(y.data(), steps));
  double worst = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    // long double: the reference of double must be better than double
    worst = std::max(worst, test::ulps(y[i], want(static_cast<long double>(x[i]))));
  }
  return worst;
}

using Real80 = long double;
constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

}  // namespace

TEST_CASE_TEMPLATE("ops: errors stay within the bounds of ops.hpp", T, float, double) {
  const bool single = std::is_same_v<T, float>;
  const double low = single ? -103 : -744, high = single ? 88.7 : 709.7;
  const double slack = 0.01;  // where the reference is a long double that is a double
  CHECK(worst_ulps<T>(
            ops::Exp{}, [](Real80 x) { return std::exp(x); }, low, high) < 1.2 + slack);
  CHECK(worst_ulps<T>(
            ops::Log{}, [](Real80 x) { return std::log(x); }, 1e-6, 40) < 2 + slack);
  CHECK(worst_ulps<T>(
            ops::Log{}, [](Real80 x) { return std::log(x); }, 1e-40, 1e-37) < 2 + slack);
  CHECK(worst_ulps<T>(
            ops::Log1p{}, [](Real80 x) { return std::log1p(x); }, -0.99, 30) < 4 + slack);
  CHECK(worst_ulps<T>(
            ops::Log1p{}, [](Real80 x) { return std::log1p(x); }, -1e-3, 1e-3) < 4 + slack);
  CHECK(worst_ulps<T>(
            ops::Expm1{}, [](Real80 x) { return std::expm1(x); }, -30, 80) < 4 + slack);
  CHECK(worst_ulps<T>(
            ops::Expm1{}, [](Real80 x) { return std::expm1(x); }, -1, 1) < 4 + slack);
  CHECK(worst_ulps<T>(
            ops::Tanh{}, [](Real80 x) { return std::tanh(x); }, -22, 22) < 6 + slack);
  CHECK(worst_ulps<T>(
            ops::Tanh{}, [](Real80 x) { return std::tanh(x); }, -1, 1) < 6 + slack);
  CHECK(worst_ulps<T>(
            ops::Erf{}, [](Real80 x) { return std::erf(x); }, -7, 7) < (single ? 7 : 4) + slack);
  CHECK(worst_ulps<T>(
            ops::Rsqrt{}, [](Real80 x) { return 1 / std::sqrt(x); }, 1e-6, 1e6) < 1.5 + slack);
  const auto sigmoid_of = [](Real80 x) { return 1 / (1 + std::exp(-x)); };
  CHECK(worst_ulps<T>(ops::Sigmoid{}, sigmoid_of, -80, 80) < 3 + slack);
  const auto silu_of = [&](Real80 x) { return x * sigmoid_of(x); };
  CHECK(worst_ulps<T>(ops::Silu{}, silu_of, -80, 80) < 4 + slack);
  const auto elu_of = [](Real80 x) { return x > 0 ? x : 1.5L * std::expm1(x); };
  CHECK(worst_ulps<T>(ops::Elu{1.5}, elu_of, -20, 5) < 6 + slack);
  const auto softplus_of = [](Real80 x) {
    return 2 * x > 20 ? x
                      : (std::max<Real80>(2 * x, 0) + std::log1p(std::exp(-std::abs(2 * x)))) / 2;
  };
  CHECK(worst_ulps<T>(ops::Softplus{2}, softplus_of, -30, 15) < 6 + slack);
  CHECK(worst_ulps<T>(
            ops::Sqrt{}, [](Real80 x) { return std::sqrt(x); }, 0, 100) < 0.5 + slack);
  CHECK(worst_ulps<T>(
            ops::Reciprocal{}, [](Real80 x) { return 1 / x; }, 0.1, 100) < 0.5 + slack);
}

TEST_CASE_TEMPLATE("ops: sin and cos of any argument", T, float, double) {
  const double near_zero = std::is_same_v<T, float> ? 1e-7 : 2e-16;
  for (double limit : {3.0, 1000.0, 29000.0, 1e7})
    for (Index i = 0; i <= 4001; ++i) {
      const T x = static_cast<T>(limit * (static_cast<double>(i) / 2000.0 - 1));
      const double s = static_cast<double>(std::sin(Real80{x})),
                   c = static_cast<double>(std::cos(Real80{x}));
      const T gs = test::value_of<T>(ops::Sin{}, static_cast<double>(x)),
              gc = test::value_of<T>(ops::Cos{}, static_cast<double>(x));
      const bool sin_good =
          test::ulps(gs, s) < 4.5 || std::abs(static_cast<double>(gs) - s) < near_zero;
      const bool cos_good =
          test::ulps(gc, c) < 4.5 || std::abs(static_cast<double>(gc) - c) < near_zero;
      if (!sin_good || !cos_good) {
        CAPTURE(x);
        CHECK(sin_good);
        CHECK(cos_good);
      }
    }
}

TEST_CASE("ops: bounds over the floats of every exponent, and nothing beyond 1") {
  // Every 4099th float from the smallest normal one to beyond saturation.
  const auto worst = [](auto op, double (*want)(double), float last, double& largest) {
    std::vector<float> x, y;
    for (std::uint32_t bits = 0x00800000u; bits < std::bit_cast<std::uint32_t>(last); bits += 4099)
      x.push_back(std::bit_cast<float>(bits));
    y.resize(x.size());
    map(op, vector_view(x.data(), static_cast<Index>(x.size())),
        vector_view(y.data(), static_cast<Index>(x.size())));
    double out = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      out = std::max(out, test::ulps(y[i], static_cast<long double>(
                                               want(static_cast<double>(x[i])))));
      largest = std::max(largest, static_cast<double>(y[i]));
    }
    return out;
  };
  double largest = 0;
  CHECK(worst(ops::Tanh{}, [](double v) { return std::tanh(v); }, 50, largest) < 6);
  CHECK(worst(ops::Erf{}, [](double v) { return std::erf(v); }, 50, largest) < 7);
  CHECK(largest == 1);
  CHECK(worst(ops::Sigmoid{}, [](double v) { return 1 / (1 + std::exp(-v)); }, 80, largest) < 3);
  CHECK(worst(ops::Exp{}, [](double v) { return std::exp(v); }, 88.5f, largest) < 1.2);
}

TEST_CASE_TEMPLATE("ops: both forms of GELU", T, float, double) {
  const double bound = std::is_same_v<T, float> ? 0x1p-22 : 0x1p-51;
  double worst = 0;
  for (Index i = 0; i <= 4001; ++i) {
    const double x = static_cast<double>(static_cast<T>(static_cast<double>(i) / 250 - 8));
    const double z = std::sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * x * x * x);
    const double exact = x * std::erfc(-x / std::sqrt(2.0)) / 2,
                 smooth = x * (1 + std::tanh(z)) / 2;
    worst =
        std::max(worst, std::abs(static_cast<double>(test::value_of<T>(ops::Gelu{}, x)) - exact) -
                            bound * std::abs(x));
    worst = std::max(worst,
                     std::abs(static_cast<double>(test::value_of<T>(ops::GeluTanh{}, x)) - smooth) -
                         bound * std::abs(x));
  }
  CHECK(worst <= 0);
}

TEST_CASE_TEMPLATE("ops: limits at infinities and zero, NaN stays", T, float, double) {
  const auto at = [](auto op, double x) { return static_cast<double>(test::value_of<T>(op, x)); };
  CHECK(at(ops::Exp{}, inf) == inf);
  CHECK(at(ops::Exp{}, -inf) == 0);
  CHECK(at(ops::Exp{}, 1e4) == inf);
  CHECK(at(ops::Exp{}, -1e4) == 0);
  CHECK(at(ops::Exp{}, 0) == 1);
  CHECK(at(ops::Log{}, 0) == -inf);
  CHECK(std::isnan(at(ops::Log{}, -1)));
  CHECK(at(ops::Log{}, inf) == inf);
  CHECK(at(ops::Log{}, 1) == 0);
  CHECK(at(ops::Log1p{}, -1) == -inf);
  CHECK(std::isnan(at(ops::Log1p{}, -1.5)));
  CHECK(at(ops::Log1p{}, inf) == inf);
  CHECK(at(ops::Expm1{}, inf) == inf);
  CHECK(at(ops::Expm1{}, -inf) == -1);
  CHECK(at(ops::Tanh{}, inf) == 1);
  CHECK(at(ops::Tanh{}, -inf) == -1);
  CHECK(at(ops::Sigmoid{}, inf) == 1);
  CHECK(at(ops::Sigmoid{}, -inf) == 0);
  CHECK(at(ops::Silu{}, -inf) == 0);
  CHECK(at(ops::Silu{}, inf) == inf);
  CHECK(at(ops::Softplus{}, -inf) == 0);
  CHECK(at(ops::Softplus{}, inf) == inf);
  CHECK(at(ops::Erf{}, inf) == 1);
  CHECK(at(ops::Elu{}, -inf) == -1);
  CHECK(std::isnan(at(ops::Sin{}, inf)));
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
                  ops::Relu{}, ops::LeakyRelu{}, ops::Elu{}, ops::Gelu{}, ops::GeluTanh{},
                  ops::Silu{}, ops::Softplus{}, ops::Sin{}, ops::Cos{}, ops::Erf{}, ops::Sign{},
                  ops::Clamp{-1, 1}, ops::Floor{}, ops::Round{}, ops::Abs{}, ops::Neg{},
                  ops::Rsqrt{}, ops::Square{}));
}
