#include <cfm/kernels/matmul_batched.hpp>

#include "support.hpp"

using namespace cfm;
using test::normals;

namespace {

template <class T>
View<T, 3> cube(T* data, Index batch, Index rows, Index cols, Index step, Index row) {
  return {data, {batch, rows, cols}, {step, row, 1}};
}

template <class T, std::size_t N = 3>
View<T, 2> one(const View<T, 3>& x, Index i) {
  return matrix_view(x.data + i * x.stride[0], x.extent[1], x.extent[2], x.stride[1]);
}

}  // namespace

TEST_CASE_TEMPLATE("batched product: each result has the bits of its own product", T, float,
                   double) {
  const Index batch = 5;
  for (const auto& size :
       {std::array<Index, 3>{3, 4, 5}, {1, 40, 390}, {17, 33, 64}, {70, 20, 9}}) {
    const Index m = size[0], n = size[1], k = size[2];
    // Rows and products at odd distances; the products of b lie in reverse order.
    const auto a = normals<T>(batch * (m * (k + 2) + 3) + k * m * 9, 1);
    const auto b = normals<T>(batch * (k + n) * (k + n + 2), 2);
    const auto run = [&](auto product, View<const T, 3> x, View<const T, 3> y) {
      std::vector<T> out(static_cast<std::size_t>(batch * (m * (n + 1) + 5)), T(2));
      auto want = out;
      const auto o = cube(out.data(), batch, m, n, m * (n + 1) + 5, n + 1);
      const auto w = cube(want.data(), batch, m, n, m * (n + 1) + 5, n + 1);
      product(x, y, o, T(0.5));
      for (Index i = 0; i < batch; ++i)
        product(one(x, x.extent[0] == 1 ? 0 : i), one(y, i), one(w, i), T(0.5));
      CHECK(test::same_bits(out, want));
    };
    const T* const last = b.data() + (batch - 1) * n * (k + n + 2);
    run([](auto x, auto y, auto o, T beta) { matmul_nn<T>(x, y, o, beta); },
        cube(a.data(), batch, m, k, m * (k + 2) + 3, k + 2),
        cube(b.data() + (batch - 1) * k * (n + 1), batch, k, n, -k * (n + 1), n + 1));
    run([](auto x, auto y, auto o, T beta) { matmul_nt<T>(x, y, o, beta); },
        cube(a.data(), 1, m, k, 0, k + 2), cube(last, batch, n, k, -n * (k + 2), k + 2));
    run([](auto x, auto y, auto o, T beta) { matmul_tn<T>(x, y, o, beta); },
        cube(a.data(), batch, k, m, k * m + 1, m), cube(b.data(), batch, k, n, k * (n + 1), n + 1));
  }
}

TEST_CASE("batched product: no products, the same bits for any threads, errors") {
  const auto a = normals<float>(40 * 30 * 20, 3), b = normals<float>(20 * 50, 4);
  test::check_threads([&] {
    std::vector<float> out(40 * 30 * 50);
    matmul_nn(cube(a.data(), 40, 30, 20, 600, 20), cube(b.data(), 1, 20, 50, 0, 50),
              cube(out.data(), 40, 30, 50, 1500, 50));
    return out;
  });
  std::vector<float> out(100);
  matmul_nn(cube(a.data(), 0, 3, 2, 6, 2), cube(b.data(), 1, 2, 5, 0, 5),
            cube(out.data(), 0, 3, 5, 15, 5));
  CHECK_THROWS_WITH_AS(matmul_nn(cube(a.data(), 3, 3, 2, 6, 2), cube(b.data(), 1, 2, 5, 0, 5),
                                 cube(out.data(), 2, 3, 5, 15, 5)),
                       doctest::Contains("matmul_nn: a and b need the batch of out, or one matrix"),
                       ShapeError);
  CHECK_THROWS_WITH_AS(matmul_nt(cube(a.data(), 2, 3, 2, 6, 2), cube(b.data(), 1, 2, 5, 0, 5),
                                 cube(out.data(), 2, 3, 2, 6, 2)),
                       doctest::Contains("matmul_nt: shapes of a, b and out do not fit"),
                       ShapeError);
}
