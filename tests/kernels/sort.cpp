#include <cfm/kernels/sort.hpp>

#include <numeric>

#include "support.hpp"

using namespace cfm;

namespace {

// Few values, so that there are ties; every so often a NaN, an infinity or a negative zero.
template <class T>
std::vector<T> with_ties(Index n, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<T> out(static_cast<std::size_t>(n));
  for (T& v : out) {
    const auto draw = rng.below(24);
    v = static_cast<T>(draw % 12);
    if constexpr (Real<T>) {
      if (draw == 12) v = std::numeric_limits<T>::quiet_NaN();
      if (draw == 13) v = -std::numeric_limits<T>::infinity();
      if (draw == 14) v = -T{0};
      if (draw == 15) v = std::numeric_limits<T>::infinity();
    }
  }
  return out;
}

template <class T>
bool below(T a, T b) {
  if constexpr (Real<T>)
    if (std::isnan(b)) return !std::isnan(a);
  return a < b;
}

template <class T>
void check_type() {
  for (Index n : {1, 2, 3, 16, 17, 200, 1000})
    for (bool descending : {false, true}) {
      const std::vector<T> x = with_ties<T>(n, static_cast<std::uint64_t>(n));
      std::vector<std::int64_t> want(x.size());
      std::iota(want.begin(), want.end(), 0);
      std::stable_sort(want.begin(), want.end(), [&](auto a, auto b) {
        const T p = x[static_cast<std::size_t>(a)], q = x[static_cast<std::size_t>(b)];
        return descending ? below(q, p) : below(p, q);
      });
      std::vector<T> values(x.size());
      std::vector<std::int64_t> indices(x.size());
      sort_rows<T>(matrix_view(x.data(), 1, n), matrix_view(values.data(), 1, n),
                   matrix_view(indices.data(), 1, n), {descending});
      CHECK(indices == want);
      bool same = true;
      for (std::size_t i = 0; i < x.size(); ++i)
        same =
            same && std::memcmp(&values[i], &x[static_cast<std::size_t>(want[i])], sizeof(T)) == 0;
      CHECK(same);
    }
}

}  // namespace

TEST_CASE("sort: a stable sort with NaN above all, ascending and descending") {
  check_type<float>();
  check_type<double>();
  check_type<std::int32_t>();
  check_type<std::uint8_t>();
  check_type<std::int64_t>();
}

TEST_CASE("sort: any dimension, any strides, any type") {
  const Tensor x = Tensor::from(test::normals<float>(3 * 4 * 5, 2), {3, 4, 5});
  for (int dim : {0, 1, 2, -2}) {
    const auto [values, indices] = sort(x, dim, {.descending = true});
    const Ordered turned =
        sort(x.transpose(0, 2), 2 - normalize_dim(dim, 3, "test"), {.descending = true});
    const Tensor back = turned.values.transpose(0, 2).clone();
    CHECK(std::equal(values.span<float>().begin(), values.span<float>().end(),
                     back.span<float>().begin()));
    const Tensor places = argsort(x, dim, {.descending = true});
    CHECK(std::equal(places.span<std::int64_t>().begin(), places.span<std::int64_t>().end(),
                     indices.span<std::int64_t>().begin()));
  }
  const Ordered half = sort(Tensor::of<float>({2, -1, 0.5f}).to(DType::bf16));
  CHECK(half.values.dtype() == DType::bf16);
  CHECK(half.values.to(DType::f32).span<float>()[2] == 2);
  CHECK(half.indices.span<std::int64_t>()[0] == 1);
  CHECK(argsort(Tensor::of<bool>({true, false})).span<std::int64_t>()[0] == 1);
  CHECK(sort(Tensor::scalar(3.0f)).values.item<float>() == 3);
  CHECK(sort(Tensor::zeros({0, 3}), 0).indices.shape() == Shape{0, 3});
  CHECK(sort(Tensor::zeros({3, 0}), 1).values.shape() == Shape{3, 0});
}

TEST_CASE("sort: in place, beside a guard, on any threads; misuse is reported") {
  const std::vector<float> x = test::normals<float>(37, 9);
  test::Guarded<float> memory(37, 3);
  memory.fill(x);
  sort_rows(matrix_view(memory.data(), 1, 37), matrix_view(memory.data(), 1, 37), {});
  CHECK(memory.intact());
  CHECK(std::is_sorted(memory.data(), memory.data() + 37));
  const Tensor many = Tensor::from(test::normals<float>(900 * 33, 5), {900, 33});
  test::check_threads([&] {
    const Tensor y = argsort(many, 1);
    return std::vector<std::int64_t>(y.span<std::int64_t>().begin(), y.span<std::int64_t>().end());
  });
  CHECK_THROWS_AS(sort(many, 2), ShapeError);
  CHECK_THROWS_WITH_AS(sort(Tensor::zeros({2}, DType::f8_e5m2)), doctest::Contains("sort: needs"),
                       TypeError);
  std::vector<float> out(4);
  CHECK_THROWS_WITH_AS(sort_rows(matrix_view(x.data(), 1, 3), matrix_view(out.data(), 2, 2), {}),
                       doctest::Contains("sort_rows: matrices must have one shape"), ShapeError);
}
