#include <cfm/kernels/batch_norm.hpp>

#include "../reference/rows.hpp"
#include "support.hpp"

using namespace cfm;

namespace {

template <class T>
reference::Row column(const std::vector<T>& x, Index n, Index c) {
  reference::Row out;
  for (std::size_t i = static_cast<std::size_t>(c); i < x.size(); i += static_cast<std::size_t>(n))
    out.push_back(static_cast<double>(x[i]));
  return out;
}

}  // namespace

TEST_CASE_TEMPLATE("batch_norm_stats: mean and variance of columns, also far from zero", T, float,
                   double) {
  const double eps = static_cast<double>(std::numeric_limits<T>::epsilon());
  for (Index n : {1, 3, 8, 33})
    for (Index rows : {1, 2, 255, 700})
      for (double shift : {0.0, 1e4}) {
        const auto x = test::normals<T>(rows * n, 1, 1, shift);
        std::vector<T> mean(static_cast<std::size_t>(n)), variance(mean.size());
        batch_norm_stats(matrix_view(x.data(), rows, n), vector_view(mean.data(), n),
                         vector_view(variance.data(), n));
        for (Index c = 0; c < n; ++c) {
          const auto want = column(x, n, c);
          CHECK(std::abs(static_cast<double>(mean[static_cast<std::size_t>(c)]) -
                         reference::mean(want)) <= 4 * eps * (1 + shift));
          CHECK(static_cast<double>(variance[static_cast<std::size_t>(c)]) ==
                doctest::Approx(reference::variance(want)).epsilon(100 * eps));
        }
      }
}

TEST_CASE("batch_norm: every width writes its own columns only") {
  for (Index n = 1; n <= 33; ++n) {
    const auto x = test::normals<float>(3 * n, 2), mean = test::normals<float>(n, 3),
               scale = test::normals<float>(n, 4);
    test::Guarded<float> y(3 * n, n % 4);
    batch_norm(matrix_view(x.data(), 3, n), vector_view(mean.data(), n),
               vector_view(scale.data(), n), {}, {}, matrix_view(y.data(), 3, n));
    CHECK(y.intact());
    for (Index i = 0; i < 3 * n; ++i) {
      const auto c = static_cast<std::size_t>(i % n);
      CHECK(y.data()[i] ==
            doctest::Approx((x[static_cast<std::size_t>(i)] - mean[c]) * scale[c]).epsilon(1e-6));
    }
  }
}

TEST_CASE("batch_norm backward: central differences, in training and in evaluation") {
  const Index rows = 6, n = 5;
  const auto x = test::normals<double>(rows * n, 5, 2, 1), dy = test::normals<double>(rows * n, 6);
  const auto gain = test::normals<double>(n, 7), bias = test::normals<double>(n, 8);
  const auto m = [&](auto& v) { return matrix_view(v.data(), rows, n); };
  const auto v = [](auto& w) { return vector_view(w.data(), static_cast<Index>(w.size())); };
  std::vector<double> mean(5), variance(5), scale(5);
  batch_norm_stats(m(x), v(mean), v(variance));
  inverse_std(v(variance), v(scale));
  for (bool training : {true, false}) {
    const auto loss = [&](const reference::Row& at, const reference::Row& g,
                          const reference::Row& b) {
      double total = 0;
      for (Index c = 0; c < n; ++c) {
        const auto col = column(at, n, c), dcol = column(dy, n, c);
        const auto u = static_cast<std::size_t>(c);
        const double mid = training ? reference::mean(col) : mean[u];
        const double f = training ? 1 / std::sqrt(reference::variance(col) + 1e-5) : scale[u];
        for (std::size_t r = 0; r < col.size(); ++r)
          total += ((col[r] - mid) * f * g[u] + b[u]) * dcol[r];
      }
      return total;
    };
    std::vector<double> dx(x.size(), 1.0), dgain(5, 1.0), dbias(5, 1.0);
    batch_norm_backward(m(dy), m(x), v(mean), v(scale), v(gain), m(dx), v(dgain), v(dbias),
                        training, 2.0);
    const auto close = [](const std::vector<double>& got, const reference::Row& want) {
      for (std::size_t i = 0; i < want.size(); ++i)
        CHECK(std::abs(got[i] - 2 - want[i]) < 2e-7 * (1 + std::abs(want[i])));
    };
    close(dx,
          reference::gradient([&](const reference::Row& at) { return loss(at, gain, bias); }, x));
    close(dgain,
          reference::gradient([&](const reference::Row& at) { return loss(x, at, bias); }, gain));
    close(dbias,
          reference::gradient([&](const reference::Row& at) { return loss(x, gain, at); }, bias));
  }
}

TEST_CASE("batch_norm: no rows, wrong sizes, and the same bits for any number of threads") {
  std::vector<float> x = test::normals<float>(3000 * 17, 9), mean(17), variance(17);
  batch_norm_stats(matrix_view(x.data(), 0, 17), vector_view(mean.data(), 17),
                   vector_view(variance.data(), 17));
  CHECK(std::isnan(mean[0]));
  CHECK_THROWS_AS(batch_norm_stats(matrix_view(x.data(), 3, 17), vector_view(mean.data(), 16),
                                   vector_view(variance.data(), 17)),
                  ShapeError);
  test::check_threads([&] {
    batch_norm_stats(matrix_view(x.data(), 3000, 17), vector_view(mean.data(), 17),
                     vector_view(variance.data(), 17));
    auto all = mean;
    all.insert(all.end(), variance.begin(), variance.end());
    return all;
  });
}
