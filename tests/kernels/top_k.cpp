#include <cfm/kernels/top_k.hpp>

#include "support.hpp"

using namespace cfm;

namespace {

// From few values to many: all equal, ties, NaN and infinities among them, all different.
template <class T>
std::vector<T> sample(Index n, std::uint64_t kinds, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<T> out(static_cast<std::size_t>(n));
  for (T& v : out) {
    const auto draw = rng.below(kinds);
    v = static_cast<T>(draw);
    if constexpr (Real<T>) {
      if (kinds > 1 && draw == 0) v = std::numeric_limits<T>::quiet_NaN();
      if (kinds > 2 && draw == 1) v = -std::numeric_limits<T>::infinity();
      if (kinds > 3 && draw == 2) v = -T{0};
      if (kinds > 3 && draw == 3) v = T{0};
    }
  }
  return out;
}

template <class T>
void check_top_k_type() {
  for (Index n : {1, 2, 7, 64, 65, 100, 1000, 5000})
    for (std::uint64_t kinds : {1u, 3u, 30u, 100u})
      for (Index k : {Index{1}, Index{2}, Index{5}, Index{32}, Index{33}, n / 2, n})
        for (bool largest : {true, false}) {
          if (k < 1 || k > n) continue;
          const std::vector<T> x = sample<T>(n, kinds, static_cast<std::uint64_t>(n) + kinds);
          std::vector<T> all(x.size()), values(static_cast<std::size_t>(k));
          std::vector<std::int64_t> places(x.size()), indices(values.size());
          sort_rows<T>(matrix_view(x.data(), 1, n), matrix_view(all.data(), 1, n),
                       matrix_view(places.data(), 1, n), {.descending = largest});
          top_k_rows<T>(matrix_view(x.data(), 1, n), matrix_view(values.data(), 1, k),
                        matrix_view(indices.data(), 1, k), {.largest = largest});
          CAPTURE(n);
          CAPTURE(k);
          CAPTURE(kinds);
          CAPTURE(largest);
          CHECK(std::equal(indices.begin(), indices.end(), places.begin()));
          CHECK(std::memcmp(values.data(), all.data(), values.size() * sizeof(T)) == 0);
          top_k_rows<T>(matrix_view(x.data(), 1, n), matrix_view(values.data(), 1, k),
                        matrix_view(indices.data(), 1, k), {.largest = largest, .sorted = false});
          std::sort(places.begin(), places.begin() + k);
          CHECK(std::equal(indices.begin(), indices.end(), places.begin()));
        }
}

}  // namespace

TEST_CASE("top_k: the first k of a stable sort, for any number of ties, NaN and infinities") {
  check_top_k_type<float>();
  check_top_k_type<double>();
  check_top_k_type<std::int16_t>();
}

TEST_CASE("top_k: rows that get better and better") {
  for (Index k : {1, 3, 200}) {
    std::vector<float> x(3000), values(static_cast<std::size_t>(k));
    std::vector<std::int64_t> indices(values.size());
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i);
    top_k_rows(matrix_view(x.data(), 1, 3000), matrix_view(values.data(), 1, k),
               matrix_view(indices.data(), 1, k));
    for (Index i = 0; i < k; ++i) CHECK(indices[static_cast<std::size_t>(i)] == 2999 - i);
  }
}

TEST_CASE("top_k: any dimension and type, k of 0, rank 0") {
  const Tensor x = Tensor::of<std::int32_t>({5, 1, 9, 9, 2, 3}).reshape({2, 3});
  const auto [values, indices] = top_k(x, 1, 0);
  CHECK(values.shape() == Shape{1, 3});
  CHECK(values.span<std::int32_t>()[0] == 9);
  CHECK(values.span<std::int32_t>()[2] == 9);
  CHECK(indices.span<std::int64_t>()[0] == 1);
  CHECK(indices.span<std::int64_t>()[2] == 0);
  const Ordered least = top_k(x, 2, -1, {.largest = false});
  CHECK(least.values.span<std::int32_t>()[0] == 1);
  CHECK(least.indices.span<std::int64_t>()[1] == 0);
  CHECK(top_k(x, 0).values.shape() == Shape{2, 0});
  CHECK(top_k(Tensor::zeros({0, 4}), 2).indices.shape() == Shape{0, 2});
  CHECK(top_k(Tensor::scalar(4.0), 1).values.item<double>() == 4);
  CHECK(top_k(Tensor::of<float>({1, 3, 2}).to(DType::f16), 2)
            .values.to(DType::f32)
            .span<float>()[1] == 2);
  CHECK_THROWS_WITH_AS(top_k(x, 4), doctest::Contains("top_k: k is larger than the dimension"),
                       ShapeError);
  CHECK_THROWS_WITH_AS(top_k(x, -1), doctest::Contains("top_k: k must not be negative"), Error);
  CHECK_THROWS_AS(top_k(Tensor::zeros({2}, DType::f8_e5m2), 1), TypeError);
}

TEST_CASE("top_k: any number of threads gives the same") {
  const Tensor x = Tensor::from(test::normals<float>(400 * 501, 5), {400, 501});
  test::check_threads([&] {
    const Tensor y = top_k(x, 9).indices;
    return std::vector<std::int64_t>(y.span<std::int64_t>().begin(), y.span<std::int64_t>().end());
  });
}
