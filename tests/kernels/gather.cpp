#include <cfm/kernels/gather.hpp>

#include "support.hpp"

using namespace cfm;

TEST_CASE_TEMPLATE("gather_rows: rows by i32 and i64, of every width", I, std::int32_t,
                   std::int64_t) {
  const std::vector<I> index{3, 0, 3, 2};
  for (Index width : {0, 1, 7, 33}) {
    const auto x = test::normals<float>(4 * width, 1);
    test::Guarded<float> out(4 * width, 1);
    gather_rows(matrix_view(x.data(), 4, width), vector_view(index.data(), 4),
                matrix_view(out.data(), 4, width));
    CHECK(out.intact());
    for (Index i = 0; i < 4; ++i)
      for (Index c = 0; c < width; ++c)
        CHECK(out.data()[i * width + c] ==
              x[static_cast<std::size_t>(
                  static_cast<Index>(index[static_cast<std::size_t>(i)]) * width + c)]);
  }
}

TEST_CASE("gather_rows: indices outside are reported before anything is written") {
  const Tensor x = Tensor::ones({3, 2});
  CHECK_THROWS_WITH_AS(
      gather_rows(x, Tensor::of<std::int64_t>({0, 3})),
      doctest::Contains("gather_rows: index 3 at position 1 is outside the 3 rows"), Error);
  CHECK_THROWS_AS(gather_rows(x, Tensor::of<std::int32_t>({-1})), Error);
  CHECK_THROWS_AS(gather_rows(x, Tensor::of<float>({0})), TypeError);
  CHECK_THROWS_AS(gather_rows(Tensor::scalar(1.0f), Tensor::of<std::int32_t>({0})), ShapeError);
}

TEST_CASE("gather_rows of tensors: any type, any shape of indices") {
  const Tensor table = Tensor::of<double>({1, 2, 3, 4, 5, 6}).reshape({3, 2}).to(DType::bf16);
  const Tensor y = embedding(table, Tensor::of<std::int32_t>({2, 0, 1, 2}).reshape({2, 2}));
  CHECK(y.shape() == Shape{2, 2, 2});
  CHECK(static_cast<float>(y.span<bf16>()[0]) == 5.0f);
  CHECK(gather_rows(table.transpose(0, 1), Tensor::of<std::int64_t>({1})).shape() == Shape{1, 3});
  CHECK(gather_rows(table, Tensor::empty({0}, DType::i64)).shape() == Shape{0, 2});
}

TEST_CASE("scatter_add_rows: in order of the indices, the same bits for any number of threads") {
  const Index count = 20000, rows = 300, width = 21;
  const auto values = test::normals<float>(count * width, 2);
  Rng rng(3);
  std::vector<std::int32_t> index(static_cast<std::size_t>(count));
  for (auto& i : index)
    i = static_cast<std::int32_t>(rng.below(static_cast<std::uint64_t>(rows) - 1));
  const std::vector<float> start = test::normals<float>(rows * width, 4);
  std::vector<double> want(start.begin(), start.end());
  for (Index i = 0; i < count; ++i)
    for (Index c = 0; c < width; ++c)
      want[static_cast<std::size_t>(index[static_cast<std::size_t>(i)] * width + c)] +=
          static_cast<double>(values[static_cast<std::size_t>(i * width + c)]);
  const auto run = [&] {
    auto out = start;
    scatter_add_rows(matrix_view(values.data(), count, width), vector_view(index.data(), count),
                     matrix_view(out.data(), rows, width));
    return out;
  };
  const auto got = run();
  for (std::size_t i = 0; i < want.size(); ++i)
    CHECK(static_cast<double>(got[i]) == doctest::Approx(want[i]).epsilon(1e-4));
  CHECK(got.back() == start.back());  // a row without values stays as it is
  test::check_threads(run);
  std::vector<float> out = start;
  index[7] = static_cast<std::int32_t>(rows);
  CHECK_THROWS_AS(
      scatter_add_rows(matrix_view(values.data(), count, width), vector_view(index.data(), count),
                       matrix_view(out.data(), rows, width)),
      Error);
  CHECK(out == start);
}

TEST_CASE_TEMPLATE("segments: sum, mean, max and min of consecutive rows", T, float, double) {
  const std::vector<std::int64_t> offsets{0, 3, 3, 4, 1004};
  for (Index width : {1, 5, 16, 37}) {
    const auto x = test::normals<T>(1004 * width, 5);
    const auto xv = matrix_view(x.data(), 1004, width);
    std::vector<T> sum(static_cast<std::size_t>(4 * width)), mean(sum), high(sum), low(sum);
    std::vector<std::int32_t> which(sum.size());
    const auto m = [&](auto& v) { return matrix_view(v.data(), 4, width); };
    segment_sum(xv, offsets, m(sum));
    segment_mean(xv, offsets, m(mean));
    segment_max(xv, offsets, m(high), m(which));
    segment_min(xv, offsets, m(low));
    for (std::size_t s = 0; s < 4; ++s)
      for (Index c = 0; c < width; ++c) {
        double total = 0, top = 0, bottom = 0;
        std::int32_t chosen = -1;
        for (Index r = offsets[s]; r < offsets[s + 1]; ++r) {
          const double v = static_cast<double>(xv(r, c));
          total += v;
          if (r == offsets[s] || v > top) top = v, chosen = static_cast<std::int32_t>(r);
          bottom = r == offsets[s] ? v : std::min(bottom, v);
        }
        const auto i = static_cast<std::size_t>(static_cast<Index>(s) * width + c);
        const double n = std::max(1.0, static_cast<double>(offsets[s + 1] - offsets[s]));
        CHECK(static_cast<double>(sum[i]) == doctest::Approx(total).epsilon(1e-4));
        CHECK(static_cast<double>(mean[i]) == doctest::Approx(total / n).epsilon(1e-4));
        CHECK(static_cast<double>(high[i]) == top);
        CHECK(static_cast<double>(low[i]) == bottom);
        CHECK(which[i] == chosen);
      }
  }
}

TEST_CASE("segments: offsets that do not fit are reported") {
  std::vector<float> x(12), y(4);
  const auto run = [&](std::vector<std::int64_t> offsets) {
    segment_sum(matrix_view(x.data(), 6, 2), offsets, matrix_view(y.data(), 2, 2));
  };
  run({0, 6, 6});
  CHECK_THROWS_WITH_AS(run({0, 3, 5}),
                       doctest::Contains("segment_sum: offsets must run from 0 to the 6 rows of x"),
                       Error);
  CHECK_THROWS_WITH_AS(run({0, 7, 6}), doctest::Contains("offsets decrease at 2"), Error);
  CHECK_THROWS_AS(run({}), Error);
  CHECK_THROWS_AS(run({0, 2, 4, 6}), ShapeError);
}
