#include <cfm/kernels/matmul.hpp>

#include "../reference/matmul.hpp"
#include "support.hpp"

using namespace cfm;
using test::normals;

namespace {

// |error| of a sum of k products in any order: k eps times the sum of absolute products.
template <class T>
void check_product(const std::vector<T>& got, const std::vector<T>& a, const std::vector<T>& b,
                   Index m, Index k, Index n) {
  const auto um = static_cast<std::size_t>(m), uk = static_cast<std::size_t>(k),
             un = static_cast<std::size_t>(n);
  const auto want = reference::matmul(a, b, um, uk, un);
  auto absolute = [](std::vector<T> x) {
    for (T& v : x) v = std::abs(v);
    return x;
  };
  const auto size = reference::matmul(absolute(a), absolute(b), um, uk, un);
  const double eps =
      static_cast<double>(std::numeric_limits<T>::epsilon()) * static_cast<double>(k);
  double worst = 0;
  for (std::size_t i = 0; i < want.size(); ++i)
    worst = std::max(worst, std::abs(static_cast<double>(got[i]) - want[i]) - eps * size[i]);
  CHECK(worst <= 0);
}

template <class T>
std::vector<T> product(const std::vector<T>& a, const std::vector<T>& b, Index m, Index k,
                       Index n) {
  std::vector<T> out(static_cast<std::size_t>(m * n), T(-7));
  matmul_nn(matrix_view(a.data(), m, k), matrix_view(b.data(), k, n),
            matrix_view(out.data(), m, n));
  return out;
}

}  // namespace

TEST_CASE_TEMPLATE("matmul: nn, nt and tn equal the definition and each other bit for bit", T,
                   float, double) {
  const Index sizes[][3] = {{1, 1, 1},
                            {6, 16, 4},
                            {7, 17, 5},
                            {13, 33, 31},
                            {5, 2, 300},
                            {97, 70, 3},
                            {98, 67, 80},
                            {12, 257, 64},
                            {100, 300, 65},
                            {1, 65, 257},
                            // few rows, more than one block of terms and columns, and tails
                            {1, 600, 771},
                            {2, 515, 390},
                            {3, 48, 1153},
                            {4, 33, 386},
                            {5, 1030, 387},
                            {20, 130, 801},
                            {150, 70, 390},
                            {193, 40, 385},
                            {200, 1100, 7},
                            // in place: one vector and a part, parts of tiles
                            {31, 11, 60},
                            {25, 23, 40}};
  for (const auto& size : sizes) {
    const Index m = size[0], n = size[1], k = size[2];  // Clang 14 captures no bindings
    CAPTURE(m);
    CAPTURE(n);
    CAPTURE(k);
    const auto a = normals<T>(m * k, 1), b = normals<T>(k * n, 2);
    const auto nn = product(a, b, m, k, n);
    check_product(nn, a, b, m, k, n);
    const auto at =
        reference::transposed(a, static_cast<std::size_t>(m), static_cast<std::size_t>(k));
    const auto bt =
        reference::transposed(b, static_cast<std::size_t>(k), static_cast<std::size_t>(n));
    std::vector<T> nt(nn.size()), tn(nn.size());
    matmul_nt(matrix_view(a.data(), m, k), matrix_view(bt.data(), n, k),
              matrix_view(nt.data(), m, n));
    matmul_tn(matrix_view(at.data(), k, m), matrix_view(b.data(), k, n),
              matrix_view(tn.data(), m, n));
    CHECK(test::same_bits(nn, nt));
    CHECK(test::same_bits(nn, tn));
  }
}

TEST_CASE_TEMPLATE("matmul: all widths and misalignments, nothing written outside", T, float,
                   double) {
  const Index lanes = 64 / static_cast<Index>(sizeof(T));
  for (Index n = 0; n <= 2 * lanes + 1; ++n)
    for (Index offset : {0, 1, 3}) {
      const Index m = 7, k = 9;
      const auto a = normals<T>(m * k, 3), b = normals<T>(k * n, 4);
      test::Guarded<T> out(m * n, offset), right(k * n, offset + 1);
      right.fill(b);
      matmul_nn(matrix_view(a.data(), m, k), matrix_view(right.data(), k, n),
                matrix_view(out.data(), m, n));
      CHECK(out.intact());
      CHECK(test::same_bits(out.values(), product(a, b, m, k, n)));
      check_product(out.values(), a, b, m, k, n);
    }
}

TEST_CASE("matmul: beta 0 does not read out, other betas keep their share") {
  const auto a = normals<float>(30 * 500, 5), b = normals<float>(500 * 20, 6);
  std::vector<float> out(600, std::numeric_limits<float>::quiet_NaN());
  const auto av = matrix_view(a.data(), 30, 500), bv = matrix_view(b.data(), 500, 20);
  matmul_nn(av, bv, matrix_view(out.data(), 30, 20));
  const auto plain = out;
  CHECK_FALSE(std::isnan(plain[0]));
  out.assign(600, 2.0f);
  matmul_nn(av, bv, matrix_view(out.data(), 30, 20), 3.0f);
  for (std::size_t i = 0; i < 600; ++i)
    CHECK(out[i] == doctest::Approx(plain[i] + 6).epsilon(1e-4));
}

TEST_CASE("matmul: a row gives the same bits alone and among others, and so do columns") {
  const Index m = 130, n = 300, k = 513;
  const auto a = normals<float>(m * k, 7), b = normals<float>(k * n, 8);
  const auto whole = product(a, b, m, k, n);
  for (Index r : {0, 5, 96, 129}) {
    const std::vector<float> row(a.begin() + r * k, a.begin() + (r + 1) * k);
    const std::vector<float> want(whole.begin() + r * n, whole.begin() + (r + 1) * n);
    CHECK(test::same_bits(product(row, b, 1, k, n), want));
  }
  std::vector<float> column(static_cast<std::size_t>(k));
  for (Index i = 0; i < k; ++i)
    column[static_cast<std::size_t>(i)] = b[static_cast<std::size_t>(i * n + 77)];
  const auto narrow = product(a, column, m, k, 1);
  for (Index i = 0; i < m; ++i)
    CHECK(narrow[static_cast<std::size_t>(i)] == whole[static_cast<std::size_t>(i * n + 77)]);
}

TEST_CASE_TEMPLATE("matmul: a corner has the bits that it has in a larger result", T, float,
                   double) {
  // Every number of rows and columns that ends in a part of a tile, in place and packed.
  const Index m = 27, n = 140, k = 33;
  const auto a = normals<T>(m * k, 16), b = normals<T>(k * n, 17), old = normals<T>(m * n, 18);
  const auto av = matrix_view(a.data(), m, k);
  auto whole = old;
  matmul_nn(av, matrix_view(b.data(), k, n), matrix_view(whole.data(), m, n), T(0.5));
  bool same = true;
  for (Index rows : {1, 5, 7, 8, 9, 11, 12, 13, 19, 20, 27})
    for (Index columns = 1; columns <= 70; ++columns) {
      auto out = old;
      matmul_nn(matrix_view(a.data(), rows, k), matrix_view(b.data(), k, columns, n),
                matrix_view(out.data(), rows, columns, n), T(0.5));
      for (Index i = 0; i < m; ++i)
        for (Index j = 0; j < n; ++j) {
          const auto at = static_cast<std::size_t>(i * n + j);
          same = same && out[at] == (i < rows && j < columns ? whole : old)[at];
        }
    }
  CHECK(same);
}

TEST_CASE("matmul: the same bits for any number of threads") {
  const auto a = normals<float>(200 * 300, 9), b = normals<float>(300 * 600, 10);
  test::check_threads([&] { return product(a, b, 200, 300, 600); });
}

TEST_CASE("matmul: rows may be strided, empty sums are zero, zero sizes are fine") {
  const auto a = normals<double>(4 * 10, 11), b = normals<double>(3 * 8, 12);
  std::vector<double> out(4 * 7, 1.0);
  matmul_nn(matrix_view(a.data(), 4, 3, 10), matrix_view(b.data(), 3, 5, 8),
            matrix_view(out.data(), 4, 5, 7));
  CHECK(out[7] == doctest::Approx(a[10] * b[0] + a[11] * b[8] + a[12] * b[16]));
  CHECK(out[5] == 1.0);
  matmul_nn(matrix_view(a.data(), 4, 0), matrix_view(b.data(), 0, 5),
            matrix_view(out.data(), 4, 5, 7));
  CHECK(out[7] == 0.0);
  CHECK(out[5] == 1.0);
  matmul_nn(matrix_view(a.data(), 0, 3), matrix_view(b.data(), 3, 5),
            matrix_view(out.data(), 0, 5));
}

TEST_CASE("matmul: what does not fit is reported, not read") {
  const Tensor a = Tensor::ones({2, 3}), b = Tensor::ones({2, 3});
  Tensor out = Tensor::empty({2, 3});
  CHECK_THROWS_WITH_AS(matmul_nn(a.view<float, 2>(), b.view<float, 2>(), out.view<float, 2>()),
                       doctest::Contains("matmul_nn: shapes of a, b and out do not fit: [2, 3]"),
                       ShapeError);
  CHECK_THROWS_WITH_AS(matmul_nn(a.view<float, 2>(), b.transpose(0, 1).view<float, 2>(),
                                 Tensor::empty({2, 2}).view<float, 2>()),
                       doctest::Contains("rows must be dense"), ShapeError);
  CHECK_THROWS_WITH_AS(matmul(a, b), doctest::Contains("inner extents differ"), ShapeError);
  CHECK_THROWS_AS(matmul(a, b.to(DType::f64)), TypeError);
  CHECK_THROWS_AS(matmul(a.to(DType::i32), b.transpose(0, 1).to(DType::i32)), TypeError);
}

TEST_CASE("matmul of tensors: batches equal their products one by one, whatever the strides") {
  const Tensor a = Tensor::from(normals<float>(2 * 3 * 4 * 5, 13), {2, 3, 4, 5});
  const Tensor b = Tensor::from(normals<float>(3 * 6 * 5, 14), {3, 6, 5}).transpose(1, 2);
  const Tensor c = matmul(a, b);
  CHECK(c.shape() == Shape{2, 3, 4, 6});
  for (Index i = 0; i < 2; ++i)
    for (Index j = 0; j < 3; ++j) {
      const Tensor one = matmul(a.select(0, i).select(0, j), b.select(0, j).contiguous());
      const auto want = one.span<float>();
      const Tensor part = c.select(0, i).select(0, j);
      const auto got = part.span<float>();
      CHECK(std::equal(got.begin(), got.end(), want.begin()));
    }
  const Tensor w = Tensor::from(normals<float>(5 * 7, 15), {5, 7});
  const Tensor folded = matmul(a, w), part = folded.select(0, 1).select(0, 2);
  const Tensor alone = matmul(a.select(0, 1).select(0, 2), w);
  CHECK(std::equal(part.span<float>().begin(), part.span<float>().end(),
                   alone.span<float>().begin()));
}
