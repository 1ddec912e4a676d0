#include <cfm/kernels/softmax.hpp>

#include "../reference/rows.hpp"
#include "support.hpp"

using namespace cfm;

TEST_CASE_TEMPLATE("softmax: every length and misalignment equals the definition", T, float,
                   double) {
  const double eps = static_cast<double>(std::numeric_limits<T>::epsilon());
  const Index lanes = 64 / static_cast<Index>(sizeof(T));
  for (Index n = 1; n <= 2 * lanes + 1; ++n)
    for (Index offset : {0, 1, 3}) {
      const auto values = test::normals<T>(n, 1, 5);
      test::Guarded<T> x(n, offset), y(n, 3 - offset), l(n, offset);
      x.fill(values);
      softmax_rows(matrix_view(x.data(), 1, n), matrix_view(y.data(), 1, n));
      log_softmax_rows(matrix_view(x.data(), 1, n), matrix_view(l.data(), 1, n));
      CHECK(y.intact());
      CHECK(l.intact());
      const auto want = reference::softmax(test::widened(values.data(), n));
      const auto log_want = reference::log_softmax(test::widened(values.data(), n));
      for (Index i = 0; i < n; ++i) {
        const auto u = static_cast<std::size_t>(i);
        // exp(x - max) inherits the rounding of x - max: up to |x - max| / 2 ulp.
        CHECK(static_cast<double>(y.data()[i]) ==
              doctest::Approx(want[u]).epsilon(eps * (20 + 30)).scale(0));
        CHECK(std::abs(static_cast<double>(l.data()[i]) - log_want[u]) <=
              8 * eps * (1 + std::abs(log_want[u])));
      }
    }
}

TEST_CASE("softmax: shifts do not matter, rows sum to one, extremes survive") {
  const float infinity = std::numeric_limits<float>::infinity();
  const Tensor x = Tensor::of<float>({1000, 1001, 999, -infinity});
  const Tensor y = softmax(x);
  CHECK(y.span<float>()[1] == doctest::Approx(0.66524094));
  CHECK(y.span<float>()[3] == 0);
  CHECK(log_softmax(x).span<float>()[3] == -infinity);
  const Tensor none = Tensor::of<float>({-infinity, -infinity});
  CHECK(std::isnan(softmax(none).span<float>()[0]));
}

TEST_CASE("softmax: any dimension of any strides, rank 0, zero sizes") {
  const Tensor x = Tensor::from(test::normals<double>(3 * 4 * 5, 2), {3, 4, 5});
  for (int dim : {0, 1, 2, -2}) {
    const Tensor y = softmax(x, dim), z = softmax(x.transpose(0, 2), 2 - (dim < 0 ? dim + 3 : dim));
    CHECK(y.shape() == x.shape());
    const Tensor back = z.transpose(0, 2).clone();
    CHECK(
        std::equal(y.span<double>().begin(), y.span<double>().end(), back.span<double>().begin()));
  }
  CHECK(softmax(Tensor::scalar(3.0f), 0).item<float>() == 1);
  CHECK(softmax(Tensor::zeros({0, 3}), 1).size() == 0);
  CHECK(softmax(Tensor::zeros({3, 0}), 1).size() == 0);
  CHECK_THROWS_AS(softmax(x, 3), ShapeError);
  CHECK_THROWS_AS(softmax(x.to(DType::i64)), TypeError);
}

TEST_CASE("softmax backward: central differences, and beta keeps the old gradient") {
  for (Index n : {1, 5, 16, 19}) {
    const auto x = test::normals<double>(n, 3), dy = test::normals<double>(n, 4);
    std::vector<double> y(x.size()), dx(x.size(), 1.0);
    const auto view = [&](auto& v) { return matrix_view(v.data(), 1, n); };
    for (bool log : {false, true}) {
      const auto forward = [&](const reference::Row& at) {
        const auto out = log ? reference::log_softmax(at) : reference::softmax(at);
        double total = 0;
        for (std::size_t i = 0; i < out.size(); ++i) total += out[i] * dy[i];
        return total;
      };
      const auto want = reference::gradient(forward, x);
      std::fill(dx.begin(), dx.end(), 1.0);
      if (log) {
        log_softmax_rows(view(x), view(y));
        log_softmax_rows_backward(view(y), view(dy), view(dx), 2.0);
      } else {
        softmax_rows(view(x), view(y));
        softmax_rows_backward(view(y), view(dy), view(dx), 2.0);
      }
      for (std::size_t i = 0; i < want.size(); ++i) CHECK(std::abs(dx[i] - 2 - want[i]) < 1e-8);
    }
  }
}

TEST_CASE("softmax: shapes that differ are reported; the same bits for any number of threads") {
  std::vector<float> x = test::normals<float>(600 * 70, 5), y(600 * 70);
  CHECK_THROWS_WITH_AS(
      softmax_rows(matrix_view(x.data(), 2, 3), matrix_view(y.data(), 3, 2)),
      doctest::Contains(
          "softmax_rows: matrices must have one shape and dense rows: [2, 3], [3, 2]"),
      ShapeError);
  test::check_threads([&] {
    softmax_rows(matrix_view(x.data(), 600, 70), matrix_view(y.data(), 600, 70));
    return y;
  });
}
