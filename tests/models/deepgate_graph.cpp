#include <cfm/models/deepgate_graph.hpp>

#include "golden.hpp"

using namespace cfm;

TEST_CASE("deepgate graph: attributes of edges") {
  const Tensor t = level_span_table(4);
  const auto row = [&](Index d) { return t.slice(0, d - 1, d).slice(1, 0, 6); };
  test::check_values(row(1), {.841471, .950415, .099833, .999500, .010000, .999995}, 1e-6);
  test::check_values(row(4), {-.756802, .301137, .389418, .992011, .039989, .999920}, 1e-6);
}

TEST_CASE("deepgate graph: stems that meet again") {
  // In the test graph node 0 feeds 3 and 6, whose paths meet at 7.
  const auto found = reconvergences(test::golden_graph());
  CHECK(found == std::vector<Reconvergence>{{0, 7}});
  // Two stems meet in node 5: 0 (level 0) and 2 (level 1); the higher one counts.
  const std::int32_t from[] = {0, 1, 0, 2, 2, 3, 4}, to[] = {2, 2, 3, 3, 4, 5, 5};
  CHECK(reconvergences(Graph::from_edges(6, from, to)) ==
        std::vector<Reconvergence>{{0, 3}, {2, 5}});
  // The same fan-in twice is its own stem; a tree has none.
  const std::int32_t a[] = {0, 0}, b[] = {1, 1};
  CHECK(reconvergences(Graph::from_edges(2, a, b)) == std::vector<Reconvergence>{{0, 1}});
  const std::int32_t c[] = {0, 1, 2, 3}, d[] = {4, 4, 5, 5};
  CHECK(reconvergences(Graph::from_edges(6, c, d)).empty());
}

TEST_CASE("deepgate graph: skip edges come last and know their span") {
  const auto kinds = test::golden_kinds();
  const std::vector<Reconvergence> skips{{0, 7}};
  const DeepGateGraph g = deepgate_graph(test::golden_graph(), kinds, skips);
  CHECK(g.graph.edges() == 10);
  const auto sources = g.graph.fanins()[7];
  REQUIRE(sources.size() == 3);
  CHECK(sources[2] == 0);
  const auto first = static_cast<std::size_t>(g.graph.fanins().offsets[7]);
  const Tensor rows = g.span_rows;
  CHECK(rows.span<std::int32_t>()[first] == 0);
  CHECK(rows.span<std::int32_t>()[first + 2] == 3);
  CHECK(g.span_table.size(0) == 4);
  CHECK(g.backward.levels() == 6);
  const std::vector<Reconvergence> wrong{{7, 3}};
  CHECK(test::error_of([&] {
          deepgate_graph(test::golden_graph(), kinds, wrong);
        }).find("does not go up") != std::string::npos);
}
