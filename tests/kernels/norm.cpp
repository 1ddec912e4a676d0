#include <cfm/kernels/norm.hpp>

#include "../reference/rows.hpp"
#include "support.hpp"

using namespace cfm;

namespace {

template <class T>
reference::Row wide(const std::vector<T>& x) {
  return reference::Row(x.begin(), x.end());
}

}  // namespace

TEST_CASE_TEMPLATE("layer_norm and rms_norm: every length and misalignment", T, float, double) {
  const double eps = static_cast<double>(std::numeric_limits<T>::epsilon());
  const Index lanes = 64 / static_cast<Index>(sizeof(T));
  for (Index n = 1; n <= 2 * lanes + 1; ++n)
    for (Index offset : {0, 1, 3}) {
      const auto values = test::normals<T>(n, 1, 2, 1), gain = test::normals<T>(n, 2),
                 bias = test::normals<T>(n, 3);
      test::Guarded<T> x(n, offset), y(n, 3 - offset);
      x.fill(values);
      T mean = 0, scale = 0;
      const auto g = vector_view(gain.data(), n), b = vector_view(bias.data(), n);
      layer_norm(matrix_view(x.data(), 1, n), g, b, matrix_view(y.data(), 1, n),
                 vector_view(&mean, 1), vector_view(&scale, 1), T(1e-5));
      CHECK(y.intact());
      const auto want =
          reference::layer_norm(wide(values), wide(gain), wide(bias), static_cast<double>(T(1e-5)));
      // v = (x - mean) inv_std loses what x - mean cancels: eps |x| inv_std, times the gain.
      const double lost =
          30 * eps *
          (1 + 10 * static_cast<double>(n == 1 ? 300 : 1 / static_cast<double>(1 / scale)));
      for (std::size_t i = 0; i < want.size(); ++i)
        CHECK(std::abs(static_cast<double>(y.data()[i]) - want[i]) <=
              lost * (1 + std::abs(want[i])));
      rms_norm(matrix_view(x.data(), 1, n), g, matrix_view(y.data(), 1, n), vector_view(&scale, 1));
      CHECK(y.intact());
      const auto rms = reference::rms_norm(wide(values), wide(gain), static_cast<double>(T(1e-6)));
      for (std::size_t i = 0; i < rms.size(); ++i)
        CHECK(static_cast<double>(y.data()[i]) == doctest::Approx(rms[i]).epsilon(20 * eps));
    }
}

TEST_CASE("layer_norm: right to the digits that f32 holds at a mean of 1e4") {
  const Index rows = 20, n = 500;
  const auto x = test::normals<float>(rows * n, 4, 1, 1e4);
  std::vector<float> y(x.size()), mean(20), scale(20);
  layer_norm(matrix_view(x.data(), rows, n), {}, {}, matrix_view(y.data(), rows, n),
             vector_view(mean.data(), rows), vector_view(scale.data(), rows));
  double worst = 0;
  for (Index r = 0; r < rows; ++r) {
    const reference::Row row(x.begin() + r * n, x.begin() + (r + 1) * n),
        one(static_cast<std::size_t>(n), 1.0), zero(static_cast<std::size_t>(n), 0.0);
    const auto want = reference::layer_norm(row, one, zero, 1e-5);
    for (std::size_t i = 0; i < want.size(); ++i)
      worst = std::max(
          worst, std::abs(static_cast<double>(y[static_cast<std::size_t>(r * n) + i]) - want[i]));
  }
  CHECK(worst < 1e-3);  // half a step of f32 at 1e4 is 4.9e-4: the mean cannot be held better
}

TEST_CASE("norms backward: central differences for inputs, gains and biases") {
  for (Index n : {2, 7, 16, 21}) {
    const Index rows = 3;
    const auto un = static_cast<std::size_t>(n);
    const auto x = test::normals<double>(rows * n, 5, 2, 1),
               dy = test::normals<double>(rows * n, 6);
    const auto gain = test::normals<double>(n, 7), bias = test::normals<double>(n, 8);
    std::vector<double> y(x.size()), dx(x.size(), 1.0), mean(3), scale(3), dgain(un, 1.0),
        dbias(un, 1.0);
    const auto m = [&](auto& v) { return matrix_view(v.data(), rows, n); };
    const auto v = [](auto& w) { return vector_view(w.data(), static_cast<Index>(w.size())); };
    for (bool layer : {true, false}) {
      const auto loss = [&](const reference::Row& at, const reference::Row& g,
                            const reference::Row& b) {
        double total = 0;
        for (std::size_t r = 0; r < 3; ++r) {
          const reference::Row row(at.begin() + static_cast<Index>(r * un),
                                   at.begin() + static_cast<Index>((r + 1) * un));
          const auto out =
              layer ? reference::layer_norm(row, g, b, 1e-5) : reference::rms_norm(row, g, 1e-6);
          for (std::size_t i = 0; i < un; ++i) total += out[i] * dy[r * un + i];
        }
        return total;
      };
      std::fill(dx.begin(), dx.end(), 1.0);
      std::fill(dgain.begin(), dgain.end(), 1.0);
      std::fill(dbias.begin(), dbias.end(), 1.0);
      if (layer) {
        layer_norm(m(x), v(gain), v(bias), m(y), v(mean), v(scale), 1e-5);
        layer_norm_backward(m(dy), m(x), v(gain), v(mean), v(scale), m(dx), v(dgain), v(dbias),
                            2.0);
      } else {
        rms_norm(m(x), v(gain), m(y), v(scale), 1e-6);
        rms_norm_backward(m(dy), m(x), v(gain), v(scale), m(dx), v(dgain), 2.0);
      }
      const auto close = [&](const std::vector<double>& got, const reference::Row& want) {
        for (std::size_t i = 0; i < want.size(); ++i)
          CHECK(std::abs(got[i] - 2 - want[i]) < 2e-7 * (1 + std::abs(want[i])));
      };
      close(dx,
            reference::gradient([&](const reference::Row& at) { return loss(at, gain, bias); }, x));
      close(dgain,
            reference::gradient([&](const reference::Row& at) { return loss(x, at, bias); }, gain));
      if (layer)
        close(dbias, reference::gradient(
                         [&](const reference::Row& at) { return loss(x, gain, at); }, bias));
    }
  }
}

TEST_CASE("norms: wrong sizes are reported; zero sizes; the same bits for any number of threads") {
  std::vector<float> x = test::normals<float>(1000 * 33, 9), y(x.size()), stat(1000), grad(33);
  const auto m = [](auto& v) { return matrix_view(v.data(), 1000, 33); };
  CHECK_THROWS_WITH_AS(
      rms_norm(m(x), vector_view(x.data(), 32), m(y), vector_view(stat.data(), 1000)),
      doctest::Contains("rms_norm: gain must have 33 dense elements, or be empty: [32]"),
      ShapeError);
  CHECK_THROWS_WITH_AS(
      layer_norm(m(x), {}, {}, m(y), vector_view(stat.data(), 999), vector_view(stat.data(), 1000)),
      doctest::Contains("layer_norm: mean must have 1000 dense elements: [999]"), ShapeError);
  rms_norm(matrix_view(x.data(), 0, 5), {}, matrix_view(y.data(), 0, 5),
           vector_view(stat.data(), 0));
  test::check_threads([&] {
    rms_norm(m(x), {}, m(y), vector_view(stat.data(), 1000));
    rms_norm_backward(m(y), m(x), {}, vector_view(stat.data(), 1000), m(y),
                      vector_view(grad.data(), 33));
    auto all = y;
    all.insert(all.end(), grad.begin(), grad.end());
    return all;
  });
}

TEST_CASE("layer norm: a long row of equal numbers has no variance, and is no NaN") {
  const Index n = 65536;
  for (const float value : {28097.0f, 60031.0f, 12345.678f, 3.3e8f}) {
    const std::vector<float> x(static_cast<std::size_t>(n), value);
    std::vector<float> out(x.size());
    float mean[1], inv_std[1];
    layer_norm<float>(matrix_view(x.data(), 1, n), {}, {}, matrix_view(out.data(), 1, n),
                      vector_view(mean, 1), vector_view(inv_std, 1));
    CHECK(std::isfinite(inv_std[0]));
    CHECK(std::isfinite(out[0]));
  }
}
