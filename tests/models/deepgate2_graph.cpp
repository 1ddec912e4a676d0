#include <cfm/models/deepgate2_graph.hpp>

#include "golden.hpp"

using namespace cfm;

TEST_CASE("deepgate2 graph: sources and kinds") {
  const DeepGate2Graph g = deepgate2_graph(test::golden_graph(), test::golden_kinds());
  CHECK(g.nodes() == 9);
  CHECK(g.size() == 1);
  CHECK(g.sources == std::vector<std::int32_t>{0, 1, 2});
  CHECK(g.schedule.kinds() == 2);
  CHECK(g.schedule.levels() == 6);
}

TEST_CASE("deepgate2 graph: rows are orthonormal, in blocks beyond the width") {
  for (const Index rows : {1, 7, 8, 20}) {
    const Tensor t = orthonormal_rows(rows, 8, Rng(1), DType::f64);
    const View<const double, 2> v = t.view<double, 2>();
    for (Index a = 0; a < rows; ++a)
      for (Index b = 0; b < rows; ++b) {
        if (a / 8 != b / 8) continue;
        double dot = 0;
        for (Index i = 0; i < 8; ++i) dot += v(a, i) * v(b, i);
        CHECK(dot == doctest::Approx(a == b ? 1.0 : 0.0).epsilon(1e-12));
      }
  }
  const Tensor many = orthonormal_rows(64, 8, Rng(1), DType::f64);
  double length = 0;
  for (Index i = 0; i < 8; ++i)
    length += many.view<double, 2>()(63, i) * many.view<double, 2>()(63, i);
  CHECK(length == doctest::Approx(1.0));
  CHECK(orthonormal_rows(0, 8, Rng(1)).size(0) == 0);
}

TEST_CASE("deepgate2 graph: only sources have a first vector") {
  const DeepGate2Graph g = deepgate2_graph(test::golden_graph(), test::golden_kinds());
  const Tensor t = orthonormal_states(g, 4, 9);
  for (Index v = 0; v < 9; ++v) {
    double length = 0;
    for (Index i = 0; i < 4; ++i)
      length += static_cast<double>(t.view<float, 2>()(v, i)) *
                static_cast<double>(t.view<float, 2>()(v, i));
    CHECK(length == doctest::Approx(v < 3 ? 1.0 : 0.0));
  }
  CHECK_FALSE(test::same_bits(t, orthonormal_states(g, 4, 10)));
}
