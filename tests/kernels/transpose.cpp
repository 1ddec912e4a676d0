#include <cfm/kernels/transpose.hpp>

#include "../reference/matmul.hpp"
#include "support.hpp"

using namespace cfm;

TEST_CASE_TEMPLATE("transpose: every shape around the tile, nothing written outside", T, float,
                   double, std::int8_t) {
  for (std::size_t rows : {0u, 1u, 31u, 32u, 33u, 70u})
    for (std::size_t cols : {0u, 1u, 31u, 32u, 33u, 70u}) {
      std::vector<T> x(rows * cols);
      for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<T>(i % 101);
      std::vector<T> y(x.size() + 1, T(-1));
      const auto r = static_cast<Index>(rows), c = static_cast<Index>(cols);
      transpose(matrix_view(x.data(), r, c), matrix_view(y.data(), c, r));
      CHECK(y.back() == T(-1));
      y.pop_back();
      CHECK(y == reference::transposed(x, rows, cols));
    }
}

TEST_CASE("transpose: shapes that do not fit are reported") {
  std::vector<float> x(6), y(6);
  CHECK_THROWS_WITH_AS(transpose(matrix_view(x.data(), 2, 3), matrix_view(y.data(), 2, 3)),
                       doctest::Contains("transpose: out must be [cols, rows]"), ShapeError);
}
