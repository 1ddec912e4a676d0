#include <cfm/kernels/matmul_fused.hpp>

#include "support.hpp"

using namespace cfm;
using test::normals;

TEST_CASE_TEMPLATE("fused product: the bits of the product and then the epilogue, on every path", T,
                   float, double) {
  const Index sizes[][3] = {{1, 1, 1},       {1, 600, 500}, {3, 40, 390}, {4, 515, 20},
                            {6, 33, 8},      {64, 64, 64},  {64, 70, 64}, {100, 300, 800},
                            {200, 1100, 30}, {7, 9, 0}};
  for (const auto& size : sizes) {
    const Index m = size[0], n = size[1], k = size[2];
    CAPTURE(m);
    CAPTURE(n);
    CAPTURE(k);
    const auto a = normals<T>(m * k, 1), b = normals<T>(k * n, 2), bias = normals<T>(n, 3);
    const auto residual = normals<T>(m * n, 4);
    const auto e =
        epilogue(Bias<T>{vector_view(bias.data(), n)}, ops::Silu{},
                 Residual<T>{matrix_view(residual.data(), m, n)}, [](auto v) { return v * v; });
    const auto check = [&](const auto& product) {
      const auto fused = normals<T>(m * n, 5), plain = fused;
      auto out = fused, want = plain;
      product(matrix_view(out.data(), m, n), true);
      product(matrix_view(want.data(), m, n), false);
      isa_detail::finish_of<T>(e)(want.data(), n, 0, m, 0, n);
      CHECK(test::same_bits(out, want));
    };
    const T beta = T(0.25);
    check([&](View<T, 2> out, bool fused) {
      const auto x = matrix_view(a.data(), m, k);
      const auto y = matrix_view(b.data(), k, n);
      fused ? matmul_nn(x, y, out, e, beta) : matmul_nn(x, y, out, beta);
    });
    check([&](View<T, 2> out, bool fused) {
      const auto x = matrix_view(a.data(), m, k);
      const auto y = matrix_view(b.data(), n, k);
      fused ? matmul_nt(x, y, out, e, beta) : matmul_nt(x, y, out, beta);
    });
    check([&](View<T, 2> out, bool fused) {
      const auto x = matrix_view(a.data(), k, m);
      const auto y = matrix_view(b.data(), k, n);
      fused ? matmul_tn(x, y, out, e, beta) : matmul_tn(x, y, out, beta);
    });
  }
}

TEST_CASE("fused product: the same bits for any number of threads; parts are checked") {
  const auto a = normals<float>(250 * 400, 6), b = normals<float>(400 * 700, 7);
  test::check_threads([&] {
    std::vector<float> out(250 * 700);
    matmul_nn(matrix_view(a.data(), 250, 400), matrix_view(b.data(), 400, 700),
              matrix_view(out.data(), 250, 700), ops::GeluTanh{});
    return out;
  });
  std::vector<float> out(6);
  CHECK_THROWS_WITH_AS(
      matmul_nt(matrix_view(a.data(), 2, 4), matrix_view(b.data(), 3, 4),
                matrix_view(out.data(), 2, 3), Bias<float>{vector_view(b.data(), 2)}),
      doctest::Contains("matmul_nt: the bias needs"), ShapeError);
}
