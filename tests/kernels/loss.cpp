#include <cfm/kernels/loss.hpp>

#include "../reference/rows.hpp"
#include "support.hpp"

using namespace cfm;

TEST_CASE_TEMPLATE("cross_entropy: weights and smoothing equal the definition", T, float, double) {
  const double eps = static_cast<double>(std::numeric_limits<T>::epsilon());
  const Index lanes = 64 / static_cast<Index>(sizeof(T));
  for (Index n = 1; n <= 2 * lanes + 1; ++n)
    for (double smoothing : {0.0, 0.1}) {
      const Index rows = 3;
      const auto x = test::normals<T>(rows * n, 1, 3);
      auto weight = test::normals<T>(n, 2);
      for (T& w : weight) w = std::abs(w);
      std::vector<std::int32_t> labels{0, static_cast<std::int32_t>(n / 2),
                                       static_cast<std::int32_t>(n - 1)};
      std::vector<T> loss(3), total(3);
      const CrossEntropyOptions<T> options{.class_weights = vector_view<const T>(weight.data(), n),
                                           .label_smoothing = smoothing};
      cross_entropy_rows(matrix_view(x.data(), rows, n), vector_view(labels.data(), rows),
                         vector_view(loss.data(), rows), vector_view(total.data(), rows), options);
      for (std::size_t r = 0; r < 3; ++r) {
        const auto begin = x.begin() + static_cast<Index>(r) * n;
        const reference::Row row(begin, begin + n), w(weight.begin(), weight.end());
        const double want =
            reference::cross_entropy(row, static_cast<std::size_t>(labels[r]), w, smoothing);
        CHECK(std::abs(static_cast<double>(loss[r]) - want) <= 40 * eps * (1 + std::abs(want)));
        CHECK(static_cast<double>(total[r]) ==
              doctest::Approx(reference::log_sum_exp(row)).epsilon(10 * eps));
      }
    }
}

TEST_CASE("cross_entropy backward: central differences, ignored rows, beta") {
  for (double smoothing : {0.0, 0.2}) {
    const Index rows = 3, n = 5;
    const auto x = test::normals<double>(rows * n, 3);
    const std::vector<double> weight{1, 2, 0.5, 3, 1}, dloss{2, 1, -1};
    const std::vector<std::int64_t> labels{4, -7, 1};
    const CrossEntropyOptions<double> options{.class_weights = vector_view(weight.data(), n),
                                              .label_smoothing = smoothing,
                                              .ignore_index = -7};
    std::vector<double> loss(3), total(3), dx(x.size(), 1.0);
    cross_entropy_rows(matrix_view(x.data(), rows, n), vector_view(labels.data(), rows),
                       vector_view(loss.data(), rows), vector_view(total.data(), rows), options);
    CHECK(loss[1] == 0);
    cross_entropy_rows_backward(matrix_view(x.data(), rows, n), vector_view(labels.data(), rows),
                                vector_view(total.data(), rows), vector_view(dloss.data(), rows),
                                matrix_view(dx.data(), rows, n), options, 2.0);
    const auto objective = [&](const reference::Row& at) {
      double out = 0;
      for (std::size_t r : {0u, 2u})
        out += dloss[r] *
               reference::cross_entropy(reference::Row(at.begin() + static_cast<Index>(r) * n,
                                                       at.begin() + static_cast<Index>(r + 1) * n),
                                        static_cast<std::size_t>(labels[r]), weight, smoothing);
      return out;
    };
    const auto want = reference::gradient(objective, x);
    for (std::size_t i = 0; i < want.size(); ++i) CHECK(std::abs(dx[i] - 2 - want[i]) < 1e-8);
    CHECK(cross_entropy_total_weight(vector_view(labels.data(), rows), options) == 3.0);
  }
}

TEST_CASE("cross_entropy: large logits, and labels that are no class") {
  const std::vector<float> x{1e4f, 0, 0, 1e4f};
  std::vector<std::int32_t> labels{0, 0};
  std::vector<float> loss(2), total(2);
  const auto run = [&] {
    cross_entropy_rows(matrix_view(x.data(), 2, 2), vector_view(labels.data(), 2),
                       vector_view(loss.data(), 2), vector_view(total.data(), 2));
  };
  run();
  CHECK(loss[0] == 0);
  CHECK(loss[1] == 1e4f);
  labels[1] = 2;
  CHECK_THROWS_WITH_AS(
      run(), doctest::Contains("cross_entropy_rows: label 2 of row 1 is outside the 2 classes"),
      Error);
  labels[1] = -1;
  CHECK_THROWS_AS(run(), Error);
  CHECK_THROWS_WITH_AS(
      cross_entropy_rows(matrix_view(x.data(), 2, 2), vector_view(labels.data(), 1),
                         vector_view(loss.data(), 2), vector_view(total.data(), 2)),
      doctest::Contains("labels must have 2 dense elements"), ShapeError);
}

TEST_CASE("cross_entropy: the same bits for any number of threads") {
  const Index rows = 5000, n = 13;
  const auto x = test::normals<float>(rows * n, 4);
  std::vector<std::int32_t> labels(static_cast<std::size_t>(rows), 5);
  std::vector<float> loss(static_cast<std::size_t>(rows)), total(loss.size());
  test::check_threads([&] {
    cross_entropy_rows(matrix_view(x.data(), rows, n), vector_view(labels.data(), rows),
                       vector_view(loss.data(), rows), vector_view(total.data(), rows));
    return loss;
  });
}
