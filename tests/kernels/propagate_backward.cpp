#include <cfm/kernels/propagate_backward.hpp>

#include "../reference/aggregate.hpp"
#include "support.hpp"

using namespace cfm;

// Gradients themselves are checked through Var, in tests/autograd/ops_propagate.cpp.
TEST_CASE("propagate_backward: a part of a batch, single columns, and threads") {
  const Index rows = 1500, cols = 900;
  const auto csr = reference::random_csr(rows, cols, 5, 7);
  std::vector<std::int64_t> origin;
  const auto turned = reference::transpose(csr, cols, &origin);
  const Index edges = static_cast<Index>(csr.columns.size());
  const auto message = [](auto s, auto t, auto e, auto g) { return tanh(s * e + t) * g; };
  for (Index width : {1, 3, 8, 11}) {
    const auto s = test::normals<double>(cols * width, 1), t = test::normals<double>(rows, 2),
               e = test::normals<double>(edges, 3), g = test::normals<double>(width, 4),
               dy = test::normals<double>(rows * width, 5);
    const auto operands = std::tuple(
        at_source(matrix_view(s.data(), cols, width)), at_target(matrix_view(t.data(), rows, 1)),
        at_edge(matrix_view(e.data(), edges, 1)), everywhere(matrix_view(g.data(), 1, width)));
    const auto run = [&] {
      std::vector<double> all(static_cast<std::size_t>(cols * width + rows + edges + width), -1);
      double* const ds = all.data();
      double* const dt = ds + cols * width;
      double* const de = dt + rows;
      const std::vector<double> out(dy.size());
      propagate_backward<double>(
          CsrView(csr), EdgeRows(turned, origin), message, Sum{}, operands,
          {.dy = matrix_view(dy.data(), rows, width),
           .out = matrix_view(out.data(), rows, width),
           .by = {matrix_view(ds, cols, width), matrix_view(dt, rows, 1),
                  matrix_view(de, edges, 1), matrix_view(de + edges, 1, width)}});
      return all;
    };
    test::check_threads(run);
    // By hand, edge by edge.
    std::vector<double> want(static_cast<std::size_t>(cols * width + rows + edges + width), 0.0);
    const auto at = [](Index i) { return static_cast<std::size_t>(i); };
    for (Index v = 0; v < rows; ++v)
      for (Index i = csr.offsets[at(v)]; i < csr.offsets[at(v) + 1]; ++i)
        for (Index c = 0; c < width; ++c) {
          const Index u = csr.columns[at(i)];
          const double x = s[at(u * width + c)];
          const double h = std::tanh(x * e[at(i)] + t[at(v)]);
          const double d = dy[at(v * width + c)], slope = d * (1 - h * h) * g[at(c)];
          want[at(u * width + c)] += slope * e[at(i)];
          want[at(cols * width + v)] += slope;
          want[at(cols * width + rows + i)] += slope * x;
          want[at(cols * width + rows + edges + c)] += d * h;
        }
    const auto got = run();
    double worst = 0;
    for (std::size_t i = 0; i < want.size(); ++i)
      worst = std::max(worst, std::abs(got[i] - want[i]) / (1 + std::abs(want[i])));
    CHECK(worst < 1e-11);
  }
}

TEST_CASE("propagate_backward: what does not fit is refused") {
  const auto csr = reference::random_csr(3, 3, 2, 1);
  const auto turned = reference::transpose(csr, 3);
  const std::vector<float> x(3);
  const auto same = [](auto s) { return s; };
  const auto operands = std::tuple(at_source(matrix_view(x.data(), 3, 1)));
  CHECK_THROWS_WITH_AS(propagate_backward<float>(CsrView(csr), CsrView(turned), same, Sum{},
                                                 operands,
                                                 {.dy = matrix_view(x.data(), 3, 1),
                                                  .out = matrix_view(x.data(), 3, 1)}),
                       doctest::Contains("one gradient an operand"), Error);
}
