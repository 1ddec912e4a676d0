#include <cfm/kernels/spmm.hpp>

#include "../reference/aggregate.hpp"
#include "support.hpp"

using namespace cfm;

namespace {

template <class T>
void check_close(const std::vector<T>& got, const std::vector<double>& want, double bound) {
  REQUIRE(got.size() == want.size());
  double worst = 0;
  for (std::size_t i = 0; i < want.size(); ++i)
    worst =
        std::max(worst, std::abs(static_cast<double>(got[i]) - want[i]) / (1 + std::abs(want[i])));
  CHECK(worst <= bound);
}

}  // namespace

TEST_CASE_TEMPLATE("aggregate: every width equals the loop over edges, factors and beta included",
                   T, float, double) {
  const double bound = 800 * static_cast<double>(std::numeric_limits<T>::epsilon());
  const Index lanes = 64 / static_cast<Index>(sizeof(T)), rows = 21, cols = 17;
  const auto graph = reference::random_csr(rows, cols, 5, 1);
  const auto edge = test::normals<T>(static_cast<Index>(graph.columns.size()), 2),
             column = test::normals<T>(cols, 3);
  const auto degree = [&](std::size_t v) {
    return static_cast<double>(graph.offsets[v + 1] - graph.offsets[v]);
  };
  std::vector<std::size_t> row_of;
  for (std::size_t v = 0; v + 1 < graph.offsets.size(); ++v)
    row_of.resize(static_cast<std::size_t>(graph.offsets[v + 1]), v);
  for (Index width = 0; width <= 9 * lanes + 1; width += width < 2 * lanes + 1 ? 1 : 7) {
    CAPTURE(width);
    const auto values = test::normals<T>(cols * width, 4);
    test::Guarded<T> x(cols * width, 1), out(rows * width, 3);
    x.fill(values);
    const auto xv = matrix_view(x.data(), cols, width);
    const auto ov = matrix_view(out.data(), rows, width);
    aggregate_sum(graph, xv, ov);
    CHECK(out.intact());
    check_close(out.values(),
                reference::aggregate(graph, values, width, [](auto, auto) { return 1.0; }), bound);
    aggregate_mean(graph, xv, ov);
    check_close(out.values(),
                reference::aggregate(graph, values, width,
                                     [&](auto e, auto) { return 1 / degree(row_of[e]); }),
                bound);
    const auto factor = [&](std::size_t e, std::size_t u) {
      return static_cast<double>(edge[e]) * static_cast<double>(column[u]);
    };
    auto want = reference::aggregate(graph, values, width, factor);
    for (double& w : want) w += 2 * 0.5;
    std::fill_n(out.data(), rows * width, T(0.5));
    aggregate_sum(graph, xv, ov,
                  {.edge = vector_view(edge.data(), static_cast<Index>(edge.size())),
                   .column = vector_view(column.data(), cols),
                   .beta = 2});
    check_close(out.values(), want, bound);
  }
}

TEST_CASE("aggregate: the transposed pass is the adjoint") {
  const Index rows = 21, cols = 17, width = 13;
  const auto graph = reference::random_csr(rows, cols, 5, 5);
  const auto back = reference::transpose(graph, cols);
  const auto x = test::normals<double>(cols * width, 6),
             dy = test::normals<double>(rows * width, 7);
  std::vector<double> y(dy.size()), dx(x.size()), inverse(static_cast<std::size_t>(rows));
  inverse_degree(graph, vector_view(inverse.data(), rows));
  aggregate_mean(graph, matrix_view(x.data(), cols, width), matrix_view(y.data(), rows, width));
  aggregate_sum(back, matrix_view(dy.data(), rows, width), matrix_view(dx.data(), cols, width),
                {.edge = {}, .column = vector_view(inverse.data(), rows)});
  double left = 0, right = 0;
  for (std::size_t i = 0; i < y.size(); ++i) left += y[i] * dy[i];
  for (std::size_t i = 0; i < x.size(); ++i) right += x[i] * dx[i];
  CHECK(left == doctest::Approx(right).epsilon(1e-12));
}

TEST_CASE_TEMPLATE("aggregate_max: value, choice and gradient", T, float, double) {
  const Index rows = 19, cols = 11;
  auto graph = reference::random_csr(rows, cols, 4, 8);
  const auto back = reference::transpose(graph, cols);
  for (Index width : {1, 3, 8, 17}) {
    auto x = test::normals<T>(cols * width, 9);
    for (T& v : x) v = std::round(4 * v);  // ties
    const auto dy = test::normals<T>(rows * width, 10);
    std::vector<T> y(dy.size()), dx(x.size(), T(1));
    std::vector<std::int32_t> which(dy.size(), 99);
    aggregate_max(graph, matrix_view(x.data(), cols, width), matrix_view(y.data(), rows, width),
                  matrix_view(which.data(), rows, width));
    std::vector<double> want(x.size(), 2.0);
    for (Index v = 0; v < rows; ++v)
      for (Index c = 0; c < width; ++c) {
        std::int32_t best = -1;
        const auto at = [&](std::int32_t u) { return x[static_cast<std::size_t>(u * width + c)]; };
        for (std::int32_t u : CsrView(graph)[v])
          if (best < 0 || at(u) > at(best)) best = u;
        const auto i = static_cast<std::size_t>(v * width + c);
        CHECK(which[i] == best);
        CHECK(y[i] == (best < 0 ? T(0) : at(best)));
        if (best >= 0)
          want[static_cast<std::size_t>(best * width + c)] += static_cast<double>(dy[i]);
      }
    aggregate_max_backward(back, matrix_view(dy.data(), rows, width),
                           matrix_view<const std::int32_t>(which.data(), rows, width),
                           matrix_view(dx.data(), cols, width), T(2));
    for (std::size_t i = 0; i < dx.size(); ++i)
      CHECK(static_cast<double>(dx[i]) == doctest::Approx(want[i]).epsilon(1e-5));
  }
}

TEST_CASE("aggregate_max: a NaN is chosen") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<std::int64_t> offsets{0, 3};
  for (std::int32_t at : {0, 1, 2}) {
    const std::vector<std::int32_t> columns{0, 1, 2};
    std::vector<float> x{1, 5, 3}, y(1);
    x[static_cast<std::size_t>(at)] = nan;
    std::vector<std::int32_t> which(1);
    aggregate_max(CsrView{offsets, columns}, matrix_view(x.data(), 3, 1),
                  matrix_view(y.data(), 1, 1), matrix_view(which.data(), 1, 1));
    CHECK(std::isnan(y[0]));
    CHECK(which[0] == at);
  }
}

TEST_CASE("edge_dot: products of the rows at both ends") {
  const auto graph = reference::random_csr(9, 7, 4, 11);
  for (Index width : {1, 5, 16, 35}) {
    const auto a = test::normals<double>(9 * width, 12), b = test::normals<double>(7 * width, 13);
    std::vector<double> out(graph.columns.size());
    edge_dot(graph, matrix_view(a.data(), 9, width), matrix_view(b.data(), 7, width),
             vector_view(out.data(), static_cast<Index>(out.size())));
    for (Index v = 0; v < 9; ++v)
      for (Index e = graph.offsets[static_cast<std::size_t>(v)];
           e < graph.offsets[static_cast<std::size_t>(v) + 1]; ++e) {
        double want = 0;
        for (Index c = 0; c < width; ++c)
          want +=
              a[static_cast<std::size_t>(v * width + c)] *
              b[static_cast<std::size_t>(graph.columns[static_cast<std::size_t>(e)] * width + c)];
        CHECK(out[static_cast<std::size_t>(e)] == doctest::Approx(want).epsilon(1e-12));
      }
  }
}

TEST_CASE("aggregate: wrong shapes are reported; the same bits for any number of threads") {
  const auto graph = reference::random_csr(4000, 3000, 6, 14);
  const auto x = test::normals<float>(3000 * 40, 15);
  std::vector<float> y(4000 * 40);
  CHECK_THROWS_WITH_AS(
      aggregate_sum(graph, matrix_view(x.data(), 3000, 40), matrix_view(y.data(), 3999, 40)),
      doctest::Contains("aggregate_sum: x [any, width] and out [rows, width] for 4000 rows: [3000, "
                        "40], [3999, 40]"),
      ShapeError);
  CHECK_THROWS_AS(
      aggregate_sum(graph, matrix_view(x.data(), 3000, 40), matrix_view(y.data(), 4000, 40),
                    {.edge = vector_view(x.data(), 3)}),
      ShapeError);
  test::check_threads([&] {
    aggregate_mean(graph, matrix_view(x.data(), 3000, 40), matrix_view(y.data(), 4000, 40));
    return y;
  });
}

TEST_CASE("aggregate: factors of edges by their places, and the minimum") {
  const Index rows = 21, cols = 17;
  const auto graph = reference::random_csr(rows, cols, 5, 1);
  std::vector<std::int64_t> origin;
  const auto turned = reference::transpose(graph, cols, &origin);
  const Index edges = static_cast<Index>(graph.columns.size());
  for (Index width : {1, 7, 8, 16, 31, 70}) {
    const auto x = test::normals<double>(rows * width, 1), w = test::normals<double>(edges, 2);
    std::vector<double> a(static_cast<std::size_t>(cols * width)), b(a.size()), moved;
    for (std::int64_t e : origin) moved.push_back(w[static_cast<std::size_t>(e)]);
    const auto in = matrix_view(x.data(), rows, width);
    aggregate_sum<double>(turned, in, matrix_view(a.data(), cols, width),
                          {.edge = vector_view(w.data(), edges), .places = origin});
    aggregate_sum<double>(
        turned, in, matrix_view(b.data(), cols, width),
        {.edge = vector_view(std::as_const(moved).data(), edges)});
    CHECK(test::same_bits(a, b));
    auto negated = x;
    for (double& v : negated) v = -v;
    std::vector<std::int32_t> least(a.size()), most(a.size());
    aggregate_min<double>(turned, in, matrix_view(a.data(), cols, width),
                          matrix_view(least.data(), cols, width));
    aggregate_max<double>(turned, matrix_view(std::as_const(negated).data(), rows, width),
                          matrix_view(b.data(), cols, width),
                          matrix_view(most.data(), cols, width));
    for (double& v : b) v = v == 0 ? v : -v;
    CHECK(a == b);
    CHECK(least == most);
  }
  const std::vector<std::int64_t> two(2);
  std::vector<double> x(static_cast<std::size_t>(rows)), w(static_cast<std::size_t>(edges)),
      y(static_cast<std::size_t>(cols));
  CHECK_THROWS_WITH_AS(
      aggregate_sum<double>(turned, matrix_view(x.data(), rows, 1), matrix_view(y.data(), cols, 1),
                            {.edge = vector_view(std::as_const(w).data(), edges), .places = two}),
      doctest::Contains("one place for each of"), Error);
}

TEST_CASE("aggregate: results too large for the caches are the same as small ones") {
  const Index rows = 66000, cols = 50, width = 128;
  const auto graph = reference::random_csr(rows, cols, 3, 1);
  const auto x = test::normals<float>(cols * width, 1);
  std::vector<float> room(static_cast<std::size_t>(rows * width + 32), -1);
  std::vector<float> part(static_cast<std::size_t>(width));
  float* aligned = room.data();
  while (reinterpret_cast<std::uintptr_t>(aligned) % 64 != 0) ++aligned;
  for (float* out : {aligned, aligned + 1}) {
    aggregate_mean<float>(graph, matrix_view(x.data(), cols, width),
                          matrix_view(out, rows, width));
    bool same = true;
    for (Index v = 0; v < rows; v += v + 600 < rows ? 599 : 1) {
      const std::span<const std::int64_t> ends(graph.offsets);
      aggregate_mean<float>(CsrView{ends.subspan(static_cast<std::size_t>(v), 2), graph.columns},
                            matrix_view(x.data(), cols, width),
                            matrix_view(part.data(), 1, width));
      same &= std::memcmp(part.data(), out + v * width, part.size() * sizeof(float)) == 0;
    }
    CHECK(same);
  }
}
