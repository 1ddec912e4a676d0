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

TEST_CASE_TEMPLATE("transpose: past the caches, wherever in a line the result begins", T, float,
                   double) {
  // Rows of a result begin alike if there are whole lines of them.
  const Index rows = 4096, cols = (Index{1} << 25) / (4096 * Index{sizeof(T)}) + 3;
  Tensor x = Tensor::empty({rows, cols}, dtype_of<T>),
         y = Tensor::empty({rows * cols + 64}, dtype_of<T>);
  T* const from = x.data<T>();
  for (Index i = 0; i < x.size(); ++i) from[i] = static_cast<T>(i % 100'003);
  for (Index at : {0, 1, 4, 13}) {
    CAPTURE(at);
    T* const to = y.data<T>();
    std::fill(to, to + y.size(), T(-1));
    transpose(matrix_view(std::as_const(from), rows, cols), matrix_view(to + at, cols, rows));
    Index wrong = 0;
    for (Index c = 0; c < cols; ++c)
      for (Index r = 0; r < rows; ++r) wrong += to[at + c * rows + r] != from[r * cols + c];
    CHECK(wrong == 0);
    CHECK(std::all_of(to, to + at, [](T v) { return v == T(-1); }));
    CHECK(std::all_of(to + at + rows * cols, to + y.size(), [](T v) { return v == T(-1); }));
  }
}

TEST_CASE("transpose: shapes that do not fit are reported") {
  std::vector<float> x(6), y(6);
  CHECK_THROWS_WITH_AS(transpose(matrix_view(x.data(), 2, 3), matrix_view(y.data(), 2, 3)),
                       doctest::Contains("transpose: out must be [cols, rows]"), ShapeError);
}
