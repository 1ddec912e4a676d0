#include <cfm/kernels/matmul_half.hpp>

#include <cfm/kernels/matmul.hpp>

#include "../reference/matmul.hpp"
#include "support.hpp"

using namespace cfm;
using test::normals;

namespace {

template <class H>
std::vector<H> rounded(const std::vector<float>& x) {
  std::vector<H> out;
  for (float v : x) out.push_back(H(v));
  return out;
}

template <class H>
std::vector<float> widened(const std::vector<H>& x) {
  return std::vector<float>(x.begin(), x.end());
}

template <class T>
std::vector<T> turned(const std::vector<T>& x, Index rows, Index cols) {
  return reference::transposed(x, static_cast<std::size_t>(rows), static_cast<std::size_t>(cols));
}

}  // namespace

TEST_CASE_TEMPLATE("16-bit product: the bits of the f32 product of the same numbers", H, bf16,
                   f16) {
  for (Index m : {1, 2, 7, 16, 20, 103})
    for (Index n : {1, 16, 31, 130})
      for (Index k : {0, 1, 9, 384, 401}) {
        CAPTURE(m);
        CAPTURE(n);
        CAPTURE(k);
        const auto a = rounded<H>(normals<float>(m * k, 1));
        const auto b = rounded<H>(normals<float>(k * n, 2));
        const auto at = turned(a, m, k), bt = turned(b, k, n);
        const auto wide_a = widened(a), wide_b = widened(b);
        const auto size = static_cast<std::size_t>(m * n);
        std::vector<float> want(size, 2.0f), nn = want, nt = want, tn = want, mixed = want;
        matmul_nn(matrix_view(wide_a.data(), m, k), matrix_view(wide_b.data(), k, n),
                  matrix_view(want.data(), m, n), 0.5f);
        matmul_nn(matrix_view(a.data(), m, k), matrix_view(b.data(), k, n),
                  matrix_view(nn.data(), m, n), epilogue(), 0.5f);
        matmul_nt(matrix_view(a.data(), m, k), matrix_view(bt.data(), n, k),
                  matrix_view(nt.data(), m, n), epilogue(), 0.5f);
        matmul_tn(matrix_view(at.data(), k, m), matrix_view(b.data(), k, n),
                  matrix_view(tn.data(), m, n), epilogue(), 0.5f);
        matmul_nt(matrix_view(wide_a.data(), m, k), matrix_view(bt.data(), n, k),
                  matrix_view(mixed.data(), m, n), epilogue(), 0.5f);
        CHECK(test::same_bits(nn, want));
        CHECK(test::same_bits(nt, want));
        CHECK(test::same_bits(tn, want));
        CHECK(test::same_bits(mixed, want));
        std::vector<H> half(size, H(2.0f));
        matmul_nn(matrix_view(a.data(), m, k), matrix_view(b.data(), k, n),
                  matrix_view(half.data(), m, n), epilogue(), 0.5f);
        bool same = true;
        for (std::size_t i = 0; i < size; ++i) same = same && half[i].bits == H(want[i]).bits;
        CHECK(same);
      }
}

TEST_CASE("16-bit product: more columns than fit at once, with an epilogue, for any threads") {
  const Index m = 40, n = 1100, k = 3000;  // 2 groups of columns
  const auto a = rounded<bf16>(normals<float>(m * k, 3));
  const auto b = rounded<f16>(normals<float>(k * n, 4));
  const auto bias = normals<float>(n, 5);
  const auto wide_a = widened(a), wide_b = widened(b);
  const auto e = epilogue(Bias<float>{vector_view(bias.data(), n)}, ops::Relu{});
  std::vector<float> want(static_cast<std::size_t>(m * n));
  matmul_nn(matrix_view(wide_a.data(), m, k), matrix_view(wide_b.data(), k, n),
            matrix_view(want.data(), m, n));
  isa_detail::finish_of<float>(e)(want.data(), n, 0, m, 0, n);
  const auto run = [&] {
    std::vector<float> out(static_cast<std::size_t>(m * n));
    matmul_nn(matrix_view(a.data(), m, k), matrix_view(b.data(), k, n),
              matrix_view(out.data(), m, n), e);
    return out;
  };
  CHECK(test::same_bits(run(), want));
  test::check_threads(run);
}

TEST_CASE("16-bit product: nothing is written outside; what does not fit is reported") {
  for (Index n = 1; n <= 34; ++n) {
    const auto a = rounded<bf16>(normals<float>(5 * 6, 6)),
               b = rounded<bf16>(normals<float>(6 * n, 7));
    test::Guarded<float> out(5 * n, n % 3);
    matmul_nn(matrix_view(a.data(), 5, 6), matrix_view(b.data(), 6, n),
              matrix_view(out.data(), 5, n));
    CHECK(out.intact());
  }
  const std::vector<f16> x(12);
  std::vector<float> out(4);
  CHECK_THROWS_WITH_AS(matmul_nt(matrix_view(x.data(), 2, 3), matrix_view(x.data(), 2, 4),
                                 matrix_view(out.data(), 2, 2)),
                       doctest::Contains("matmul_nt: shapes of a, b and out do not fit"),
                       ShapeError);
}
