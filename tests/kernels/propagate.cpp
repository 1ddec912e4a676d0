#include <cfm/kernels/propagate.hpp>

#include "../reference/aggregate.hpp"
#include "support.hpp"

using namespace cfm;

namespace {

// The message of the tests, for batches and for numbers.
constexpr auto blend = [](auto s, auto t, auto e) { return s * e - t; };

// One column of one row by the definitions, in double.
std::vector<double> reduced_by_hand(const std::vector<double>& m, double temperature,
                                    double epsilon) {
  if (m.empty()) return std::vector<double>(6, 0.0);
  const auto n = static_cast<double>(m.size());
  double sum = 0, squares = 0, weights = 0, weighted = 0;
  for (double x : m) sum += x;
  for (double x : m) squares += (x - sum / n) * (x - sum / n);
  const double high = *std::max_element(m.begin(), m.end());
  for (double x : m) {
    weights += std::exp((x - high) / temperature);
    weighted += x * std::exp((x - high) / temperature);
  }
  return {sum,
          sum / n,
          high,
          *std::min_element(m.begin(), m.end()),
          std::sqrt(squares / n + epsilon),
          weighted / weights};
}

}  // namespace

TEST_CASE_TEMPLATE("propagate: every width equals the definitions, all reductions at once", T,
                   float, double) {
  const Index rows = 17, cols = 13;
  const auto csr = reference::random_csr(rows, cols, 4, 3);
  const Index edges = static_cast<Index>(csr.columns.size());
  const Multi all(Sum{}, Mean{}, Max{}, Min{}, StdDev{.epsilon = 0.25}, SoftmaxSum(0.7));
  const double bound = 2000 * static_cast<double>(std::numeric_limits<T>::epsilon());
  for (Index width = 1; width <= 70; width += width < 20 ? 1 : 11) {
    CAPTURE(width);
    const auto s = test::normals<T>(cols * width, 1), t = test::normals<T>(rows * width, 2),
               e = test::normals<T>(edges, 3);
    std::vector<T> out(static_cast<std::size_t>(rows * 6 * width + 1), T(-77));
    propagate<T>(CsrView(csr), cols, matrix_view(out.data(), rows, 6 * width), blend, all,
                 at_source(matrix_view(s.data(), cols, width)),
                 at_target(matrix_view(t.data(), rows, width)),
                 at_edge(matrix_view(e.data(), edges, 1)));
    CHECK(out.back() == T(-77));
    double worst = 0;
    for (Index v = 0; v < rows; ++v)
      for (Index c = 0; c < width; ++c) {
        std::vector<double> m;
        for (auto i = csr.offsets[static_cast<std::size_t>(v)];
             i < csr.offsets[static_cast<std::size_t>(v) + 1]; ++i) {
          const Index u = csr.columns[static_cast<std::size_t>(i)];
          m.push_back(blend(static_cast<double>(s[static_cast<std::size_t>(u * width + c)]),
                            static_cast<double>(t[static_cast<std::size_t>(v * width + c)]),
                            static_cast<double>(e[static_cast<std::size_t>(i)])));
        }
        const auto want = reduced_by_hand(m, 0.7, 0.25);
        for (Index k = 0; k < 6; ++k) {
          const double got = static_cast<double>(
              out[static_cast<std::size_t>(v * 6 * width + k * width + c)]);
          const double right = want[static_cast<std::size_t>(k)];
          worst = std::max(worst, std::abs(got - right) / (1 + std::abs(right)));
        }
      }
    CHECK(worst <= bound);
  }
}

TEST_CASE("propagate: a NaN wins an extremum, the first of equals is picked") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<std::int64_t> offsets{0, 3, 3, 6};
  const std::vector<std::int32_t> columns{0, 1, 2, 1, 1, 3};
  const std::vector<float> x{1, 5, nan, 5};
  std::vector<float> out(3);
  std::vector<std::int32_t> picks(3, 99);
  const auto same = [](auto s) { return s; };
  propagate<float>(CsrView{offsets, columns}, 4, matrix_view(out.data(), 3, 1), same, Max{},
                   std::tuple(at_source(matrix_view(x.data(), 4, 1))), {},
                   matrix_view(picks.data(), 3, 1));
  CHECK(std::isnan(out[0]));
  CHECK(out[1] == 0);
  CHECK(out[2] == 5);
  CHECK(picks == std::vector<std::int32_t>{2, -1, 3});
}

TEST_CASE("propagate: the same bits for any number of threads") {
  const auto csr = reference::random_csr(3000, 2000, 6, 5);
  const auto x = test::normals<float>(2000 * 9, 1);
  test::check_threads([&] {
    std::vector<float> out(3000 * 18);
    propagate<float>(CsrView(csr), 2000, matrix_view(out.data(), 3000, 18),
                     [](auto s) { return tanh(s); }, Multi(SoftmaxSum{}, StdDev{}),
                     at_source(matrix_view(x.data(), 2000, 9)));
    return out;
  });
}

TEST_CASE("propagate: what does not fit is refused") {
  const std::vector<std::int64_t> offsets{0, 1};
  const std::vector<std::int32_t> columns{0};
  const CsrView csr{offsets, columns};
  std::vector<float> x(8), out(8);
  const auto same = [](auto s) { return s; };
  CHECK_THROWS_AS(propagate<float>(csr, matrix_view(x.data(), 1, 4), matrix_view(out.data(), 1, 3),
                                   same),
                  ShapeError);
  CHECK_THROWS_AS(propagate<float>(csr, 1, matrix_view(out.data(), 1, 4), same, Sum{},
                                   at_edge(matrix_view(x.data(), 2, 4))),
                  ShapeError);
  CHECK_THROWS_WITH_AS(
      propagate<float>(csr, 1, matrix_view(out.data(), 1, 4), blend, Sum{},
                       at_source(matrix_view(x.data(), 1, 4)),
                       at_target(matrix_view(x.data(), 1, 2)),
                       at_edge(matrix_view(x.data(), 1, 1))),
      doctest::Contains("of 4 columns or 1"), ShapeError);
}
