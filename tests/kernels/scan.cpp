#include <cfm/kernels/scan.hpp>

#include <cfm/kernels/rearrange.hpp>

#include "support.hpp"

using namespace cfm;

namespace {

// The definition, in long double, for [outer, n, inner].
template <class T>
std::vector<long double> by_definition(const std::vector<T>& x, Index outer, Index n, Index inner,
                                       bool product, const ScanOptions& options) {
  std::vector<long double> out(x.size());
  for (Index o = 0; o < outer; ++o)
    for (Index c = 0; c < inner; ++c) {
      long double total = product ? 1 : 0;
      for (Index i = 0; i < n; ++i) {
        const auto at =
            static_cast<std::size_t>((o * n + (options.reverse ? n - 1 - i : i)) * inner + c);
        const auto v = static_cast<long double>(x[at]);
        const long double more = product ? total * v : total + v;
        out[at] = options.exclusive ? total : more;
        total = more;
      }
    }
  return out;
}

constexpr ScanOptions all_options[] = {{false, false}, {true, false}, {false, true}, {true, true}};

template <class T>
void check_dims() {
  for (const Index n : {1, 2, 3, 4, 5, 7, 8, 31, 100})
    for (const Index inner : {1, 2, 3, 5, 8, 300})
      for (const ScanOptions& options : all_options) {
        const std::vector<T> x = test::normals<T>(2 * n * inner, 3, 0.3, 1);
        const Tensor t = Tensor::from(x, {2, n, inner});
        for (bool product : {false, true}) {
          const Tensor y = product ? cumprod(t, 1, options) : cumsum(t, 1, options);
          const auto want = by_definition(x, 2, n, inner, product, options);
          // Sums of n terms about 1 each in double, rounded to T: n terms, each eps of double off.
          const double bound = static_cast<double>(std::numeric_limits<T>::epsilon()) +
                               static_cast<double>(n) * 2.3e-16;
          bool good = true;
          for (std::size_t i = 0; i < x.size(); ++i)
            good = good && std::abs(y.span<T>()[i] - static_cast<double>(want[i])) <=
                               bound * (1 + std::abs(static_cast<double>(want[i])));
          CAPTURE(n);
          CAPTURE(inner);
          CAPTURE(product);
          CAPTURE(options.exclusive);
          CAPTURE(options.reverse);
          CHECK(good);
        }
      }
}

}  // namespace

TEST_CASE("cumsum, cumprod: the definition, for lengths, widths and both ends") {
  check_dims<float>();
  check_dims<double>();
}

TEST_CASE("cumsum: rows and columns have the same bits, and so has any alignment") {
  for (const Index n : {3, 4, 18, 257}) {
    const std::vector<double> x = test::normals<double>(5 * n, 7);
    const Tensor rows = Tensor::from(x, {5, n});
    for (const ScanOptions& options : all_options) {
      const Tensor a = cumsum(rows, 1, options);
      const Tensor b = cumsum(rows.transpose(0, 1).clone(), 0, options).transpose(0, 1).clone();
      CHECK(std::equal(a.span<double>().begin(), a.span<double>().end(), b.span<double>().begin()));
      for (Index offset : {1, 2, 3}) {
        test::Guarded<double> in(n, offset), out(n, offset + 1);
        in.fill(std::vector<double>(x.begin(), x.begin() + n));
        cumsum_rows(matrix_view(in.data(), 1, n), matrix_view(out.data(), 1, n), options);
        CHECK(out.intact());
        CHECK(std::equal(out.data(), out.data() + n, a.span<double>().begin()));
        cumsum_rows(matrix_view(in.data(), 1, n), matrix_view(in.data(), 1, n), options);
        CHECK(test::same_bits(in.values(), out.values()));
      }
    }
  }
}

TEST_CASE("cumsum: f32 is summed in double") {
  std::vector<float> x(100001, 1e-8f);
  x[0] = 1;
  const Tensor y = cumsum(Tensor::from(x, {100001}), 0);
  CHECK(y.span<float>().back() == doctest::Approx(1.001).epsilon(1e-7));
}

TEST_CASE("cumsum, cumprod: integers, bools, empty and rank 0") {
  const Tensor x = Tensor::of<std::int32_t>({2000000000, 2000000000, -3, 4}).reshape({2, 2});
  const Tensor down = cumsum(x, 0), across = cumsum(x, -1, {.exclusive = true, .reverse = true});
  CHECK(down.dtype() == DType::i64);
  CHECK(down.span<std::int64_t>()[2] == 1999999997);
  CHECK(across.span<std::int64_t>()[0] == 2000000000);
  CHECK(across.span<std::int64_t>()[1] == 0);
  CHECK(cumsum(x, 1).span<std::int64_t>()[1] == 4000000000);
  CHECK(cumprod(Tensor::of<std::int64_t>({2, 3, -4}), 0).span<std::int64_t>()[2] == -24);
  CHECK(cumprod(Tensor::of<std::uint64_t>({1ull << 63, 2}), 0).span<std::uint64_t>()[1] == 0);
  CHECK(cumsum(Tensor::of<bool>({true, true}), 0).span<std::int64_t>()[1] == 2);
  CHECK(cumsum(Tensor::of<std::int8_t>({-1, -1}), 0).span<std::int64_t>()[1] == -2);
  CHECK(cumsum(Tensor::zeros({0, 3}), 0).shape() == Shape{0, 3});
  CHECK(cumsum(Tensor::zeros({3, 0}), 0).size() == 0);
  CHECK(cumsum(Tensor::scalar(2.5f), 0).item<float>() == 2.5f);
  CHECK(cumsum(Tensor::scalar(2.5f), -1, {.exclusive = true}).item<float>() == 0);
  CHECK_THROWS_AS(cumsum(x, 2), ShapeError);
  CHECK_THROWS_WITH_AS(cumsum(Tensor::zeros({2}, DType::f16), 0), doctest::Contains("cumsum"),
                       TypeError);
}

TEST_CASE("cumsum: NaN and infinity reach what follows and nothing else") {
  const float infinity = std::numeric_limits<float>::infinity();
  const Tensor y = cumsum(Tensor::of<float>({1, infinity, 2, -infinity, 1}), 0);
  CHECK(y.span<float>()[0] == 1);
  CHECK(y.span<float>()[2] == infinity);
  CHECK(std::isnan(y.span<float>()[3]));
  CHECK(std::isnan(y.span<float>()[4]));
}

TEST_CASE("cumsum: any number of threads gives the same bits") {
  const Tensor x = Tensor::from(test::normals<float>(300 * 7 * 600, 5), {300, 7, 600});
  for (int dim : {0, 1, 2})
    test::check_threads([&] {
      const Tensor y = cumsum(x, dim);
      return std::vector<float>(y.span<float>().begin(), y.span<float>().end());
    });
}
