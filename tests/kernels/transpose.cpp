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
  // Rows of a result of whole lines, of whole vectors but not lines, of neither, and padded ones.
  struct Case {
    Index rows, padding, at;
  };
  for (const Case& c : {Case{4096, 0, 0}, Case{4096, 0, 1}, Case{4096, 0, 13}, Case{4100, 0, 0},
                        Case{4095, 0, 4}, Case{4090, 6, 1}}) {
    CAPTURE(c.rows);
    CAPTURE(c.at);
    const Index rows = c.rows, cols = (Index{1} << 25) / (4090 * Index{sizeof(T)}) + 3;
    const Index stride = rows + c.padding;
    Tensor x = Tensor::empty({rows, cols}, dtype_of<T>);
    Tensor y = Tensor::full({stride * cols + 64}, -1.0, dtype_of<T>);
    T* const from = x.data<T>();
    for (Index i = 0; i < x.size(); ++i) from[i] = static_cast<T>(i % 100'003);
    T* const to = y.data<T>();
    View<T, 2> out = matrix_view(to + c.at, cols, rows);
    out.stride[0] = stride;
    transpose(matrix_view(std::as_const(from), rows, cols), out);
    Index wrong = 0;
    for (Index k = 0; k < y.size(); ++k) {
      const Index at = k - c.at, row = at < 0 ? cols : at / stride, r = at < 0 ? 0 : at % stride;
      const bool inside = row < cols && r < rows;
      wrong += to[k] != (inside ? from[r * cols + row] : T(-1));
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("transpose: shapes that do not fit are reported") {
  std::vector<float> x(6), y(6);
  CHECK_THROWS_WITH_AS(transpose(matrix_view(x.data(), 2, 3), matrix_view(y.data(), 2, 3)),
                       doctest::Contains("transpose: out must be [cols, rows]"), ShapeError);
}
