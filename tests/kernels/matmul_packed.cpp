#include <cfm/kernels/matmul_packed.hpp>

#include <cfm/kernels/matmul.hpp>

#include "../reference/matmul.hpp"
#include "support.hpp"

using namespace cfm;
using test::normals;

namespace {

template <class S>
PackedMatrix<S> pack(const std::vector<compute_type<S>>& w, Index n, Index k) {
  return PackedMatrix<S>::pack(Tensor::from(w, {n, k}));
}

// x W^T without packing, on weights as S has them.
template <class S, class T>
std::vector<T> plain(const std::vector<T>& x, const PackedMatrix<S>& w, Index m, T beta = 0,
                     T old = 0) {
  const Tensor wide = w.unpack().to(dtype_of<T>);
  std::vector<T> out(static_cast<std::size_t>(m * w.outputs()), old);
  matmul_nt(matrix_view(x.data(), m, w.inputs()), wide.view<T, 2>(),
            matrix_view(out.data(), m, w.outputs()), beta);
  return out;
}

template <class T>
std::vector<T> as_stored(const std::vector<float>& x) {
  std::vector<T> out;
  for (float v : x) out.push_back(T(v));
  return out;
}

}  // namespace

TEST_CASE_TEMPLATE("packed product: the bits of the plain product, for any number of rows", S,
                   float, double, bf16, f16) {
  using T = compute_type<S>;
  for (Index k : {1, 3, 17, 32, 383, 384, 385, 801})
    for (Index n : {1, 15, 64, 97}) {
      const auto w = pack<S>(normals<T>(n * k, 1), n, k);
      for (Index m = 0; m <= 20; ++m) {
        CAPTURE(m);
        CAPTURE(n);
        CAPTURE(k);
        const auto x = normals<T>(m * k, 2);
        const T beta = m % 2 == 0 ? T(0) : T(0.5);
        test::Guarded<T> out(m * n, m % 4);
        out.fill(std::vector<T>(static_cast<std::size_t>(m * n), T(3)));
        matmul(matrix_view(x.data(), m, k), w, matrix_view(out.data(), m, n), epilogue(), beta);
        CHECK(out.intact());
        CHECK(test::same_bits(out.values(), plain(x, w, m, beta, T(3))));
      }
    }
}

TEST_CASE("packed product: close to the definition") {
  const Index m = 9, n = 50, k = 500;
  const auto x = normals<float>(m * k, 3), w = normals<float>(n * k, 4);
  std::vector<float> out(static_cast<std::size_t>(m * n));
  matmul(matrix_view(x.data(), m, k), pack<float>(w, n, k), matrix_view(out.data(), m, n));
  const auto wt =
      reference::transposed(w, static_cast<std::size_t>(n), static_cast<std::size_t>(k));
  const auto want = reference::matmul(x, wt, static_cast<std::size_t>(m),
                                      static_cast<std::size_t>(k), static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < want.size(); ++i)
    CHECK(out[i] == doctest::Approx(want[i]).epsilon(1e-4).scale(1));
}

TEST_CASE("packed product: many rows and columns, strided, the same bits for any threads") {
  const Index m = 230, n = 550, k = 400;
  const auto x = normals<float>(m * (k + 3), 5), v = normals<float>(n * k, 6);
  const auto w = pack<float>(v, n, k);
  std::vector<float> dense;
  for (Index r = 0; r < m; ++r)
    dense.insert(dense.end(), x.begin() + r * (k + 3), x.begin() + r * (k + 3) + k);
  for (Index rows : {m, Index{10}, Index{1}}) {
    const auto run = [&] {
      std::vector<float> out(static_cast<std::size_t>(rows * (n + 1)), 0.0f);
      matmul(matrix_view(x.data(), rows, k, k + 3), w, matrix_view(out.data(), rows, n, n + 1),
             ops::Relu{});
      return out;
    };
    test::check_threads(run);
    const auto got = run(), want = plain(dense, w, rows);
    for (Index r = 0; r < rows; ++r) {
      CHECK(got[static_cast<std::size_t>(r * (n + 1) + n)] == 0);
      for (Index c = 0; c < n; ++c) {
        const float y = want[static_cast<std::size_t>(r * n + c)];
        REQUIRE(got[static_cast<std::size_t>(r * (n + 1) + c)] == (y < 0 ? 0 : y));
      }
    }
  }
}

TEST_CASE_TEMPLATE("packed product: results of 16 bits are rounded once, behind the epilogue", H,
                   bf16, f16) {
  const Index n = 70, k = 800;
  const auto w = pack<H>(normals<float>(n * k, 7), n, k);
  const auto bias = normals<float>(n, 8);
  const auto e = epilogue(Bias<float>{vector_view(bias.data(), n)}, ops::Gelu{});
  for (Index m : {1, 5, 16, 17, 100}) {
    CAPTURE(m);
    const auto x = as_stored<H>(normals<float>(m * k, 9));
    std::vector<H> out(static_cast<std::size_t>(m * n), H(2.0f));
    matmul(matrix_view(x.data(), m, k), w, matrix_view(out.data(), m, n), e, 0.5f);
    auto want = plain(std::vector<float>(x.begin(), x.end()), w, m, 0.5f, 2.0f);
    isa_detail::finish_of<float>(e)(want.data(), n, 0, m, 0, n);
    bool same = true;
    for (std::size_t i = 0; i < want.size(); ++i) same = same && out[i].bits == H(want[i]).bits;
    CHECK(same);
  }
}

TEST_CASE_TEMPLATE("packed product: every 16-bit weight arrives as it is", H, bf16, f16) {
  // Row i of the weights is the number with the bits i, and x is 1.
  const Index n = 1 << 16;
  std::vector<H> codes;
  for (Index i = 0; i < n; ++i) codes.push_back(H::from_bits(static_cast<std::uint16_t>(i)));
  const auto w = PackedMatrix<H>::pack(Tensor::from(codes, {n, 1}));
  const float one = 1;
  std::vector<float> out(static_cast<std::size_t>(n));
  matmul(matrix_view(&one, 1, 1), w, matrix_view(out.data(), 1, n));
  std::vector<H> back(codes.size());
  matmul(matrix_view(&one, 1, 1), w, matrix_view(back.data(), 1, n));
  Index wrong = 0;
  for (std::size_t i = 0; i < codes.size(); ++i) {
    const float want = codes[i];
    const bool nan = std::isnan(want);
    wrong += nan ? !std::isnan(out[i]) : out[i] != want;
    wrong += nan ? !std::isnan(static_cast<float>(back[i])) : static_cast<float>(back[i]) != want;
  }
  CHECK(wrong == 0);
}

TEST_CASE("packed product: an empty sum is what the epilogue makes of zero") {
  const PackedMatrix<float> w = PackedMatrix<float>::pack(Tensor::zeros({3, 0}));
  std::vector<float> out(6, 4.0f);
  const auto plus_one = [](auto v) { return v + 1.0f; };
  matmul(matrix_view(out.data(), 2, 0), w, matrix_view(out.data(), 2, 3), plus_one, 0.5f);
  CHECK(out == std::vector<float>(6, 3.0f));
}

TEST_CASE("packed product of tensors: leading dimensions stay, the type is that of x") {
  const Tensor w = Tensor::from(normals<float>(5 * 8, 10), {5, 8});
  const Tensor x = Tensor::from(normals<float>(2 * 3 * 8, 11), {2, 3, 8});
  const Tensor y = matmul(x, PackedMatrix<float>::pack(w));
  CHECK(y.shape() == Shape{2, 3, 5});
  const Tensor want = matmul(x, w.transpose(0, 1));
  CHECK(std::equal(y.span<float>().begin(), y.span<float>().end(), want.span<float>().begin()));
  CHECK(matmul(x.to(DType::f16), PackedMatrix<bf16>::pack(w)).dtype() == DType::f16);
  CHECK(matmul(x.to(DType::f64), PackedMatrix<double>::pack(w)).dtype() == DType::f64);
}

TEST_CASE("packed product: what does not fit is reported") {
  const PackedMatrix<float> w = PackedMatrix<float>::pack(Tensor::ones({5, 8}));
  const Tensor x = Tensor::ones({2, 7});
  Tensor out = Tensor::zeros({2, 5});
  CHECK_THROWS_WITH_AS(matmul(x.view<float, 2>(), w, out.view<float, 2>()),
                       doctest::Contains("matmul: shapes of x, packed weights and out do not fit"),
                       ShapeError);
  CHECK_THROWS_WITH_AS(matmul(x, w), doctest::Contains("needs x [.., in]"), ShapeError);
  CHECK_THROWS_WITH_AS(matmul(Tensor::ones({2, 8}).to(DType::i32), w),
                       doctest::Contains("matmul: needs f32, bf16 or f16, got i32"), TypeError);
  const Bias<float> four{vector_view(out.data<float>(), 4)};
  CHECK_THROWS_AS(matmul(Tensor::ones({2, 8}), w, four), ShapeError);
}
