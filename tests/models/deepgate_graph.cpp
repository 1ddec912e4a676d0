#include <cfm/models/deepgate_graph.hpp>

#include "golden.hpp"

using namespace cfm;

TEST_CASE("deepgate graph: skip edges come last and know their span") {
  // In the test graph node 0 feeds 3 and 6, whose paths meet at 7.
  const DeepGateGraph g = deepgate_graph(test::golden_graph(), test::golden_kinds());
  CHECK(g.graph.edges() == 10);
  const auto sources = g.graph.fanins()[7];
  REQUIRE(sources.size() == 3);
  CHECK(sources[2] == 0);
  const auto first = static_cast<std::size_t>(g.graph.fanins().offsets[7]);
  const Tensor rows = g.span_rows;
  CHECK(rows.span<std::int32_t>()[first] == 0);
  CHECK(rows.span<std::int32_t>()[first + 2] == 3);
  CHECK(g.backward.levels() == 6);
  REQUIRE(g.span_table.size(0) == 4);
  const auto row = [&](Index d) { return g.span_table.slice(0, d - 1, d).slice(1, 0, 6); };
  test::check_values(row(1), {.841471, .950415, .099833, .999500, .010000, .999995}, 1e-6);
  test::check_values(row(4), {-.756802, .301137, .389418, .992011, .039989, .999920}, 1e-6);
  const DeepGateGraph plain = deepgate_graph(test::golden_graph(), test::golden_kinds(), false);
  CHECK(plain.graph.edges() == 9);
  CHECK(plain.span_table.size(0) == 1);
}
