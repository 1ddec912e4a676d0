#include <cfm/graph/areas.hpp>

#include "../test.hpp"
#include "random_graph.hpp"

using namespace cfm;
using namespace cfm::test;

TEST_CASE("areas: roots by hand on a chain of 20 levels") {
  std::vector<std::int32_t> sources, targets;
  for (std::int32_t v = 1; v <= 20; ++v) {
    sources.push_back(v - 1);
    targets.push_back(v);
  }
  const Graph chain = Graph::from_edges(21, sources, targets);
  const auto areas = cone_areas(chain);
  REQUIRE(areas.size() == 3);  // levels 8 and 14 lie below the top, 20 does not: it is the sink
  CHECK(areas[0].root == 8);
  CHECK(areas[1].root == 14);
  CHECK(areas[2].root == 20);
  CHECK(areas[1].nodes == std::vector<std::int32_t>{6, 7, 8, 9, 10, 11, 12, 13, 14});
  for (std::int32_t i = 0; i < 3; ++i) CHECK(areas[static_cast<std::size_t>(i)].group == i);
}

TEST_CASE("areas: every node is covered, fan-ins of a lower area come first") {
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const Graph g = make_dag(300, 25, seed);
    const auto areas = cone_areas(g, {.depth = 4, .stride = 2});
    std::vector<bool> covered(300, false);
    for (std::size_t i = 0; i < areas.size(); ++i) {
      const Area& area = areas[i];
      if (i > 0) CHECK(areas[i - 1].group <= area.group);
      CHECK(area.nodes.back() == area.root);
      CHECK(std::is_sorted(area.nodes.begin(), area.nodes.end() - 1));
      std::vector<std::int32_t> sorted = area.nodes, expected;
      for (const Reached& r : neighborhood(g, std::span(&area.root, 1), 4))
        expected.push_back(r.node);
      std::sort(sorted.begin(), sorted.end());
      std::sort(expected.begin(), expected.end());
      CHECK(sorted == expected);
      for (const std::int32_t v : area.nodes) covered[static_cast<std::size_t>(v)] = true;
    }
    for (const bool c : covered) CHECK(c);
  }
}

TEST_CASE("areas: the published rule can miss nodes, cover_all finds them") {
  // A chain of 9 levels, whose foot also feeds a long chain only through level 9 of another one:
  // depth 2 and stride 2 leave node 0 of the second chain without a root.
  std::vector<std::int32_t> sources, targets;
  const auto edge = [&](std::int32_t a, std::int32_t b) {
    sources.push_back(a);
    targets.push_back(b);
  };
  for (std::int32_t v = 1; v < 8; ++v) edge(v - 1, v);  // 0 .. 7: levels 0 .. 7
  edge(8, 9);                                           // 9: level 1
  edge(9, 10);                                          // 10 reads level 4: level 5
  edge(4, 10);
  edge(10, 11);  // level 7 with 6
  edge(6, 11);
  edge(11, 12);  // 12, 13: levels 8, 9
  edge(12, 13);
  const Graph g = Graph::from_edges(14, sources, targets);
  const auto missed = [&](bool all) {
    std::vector<bool> covered(14, false);
    for (const Area& a : cone_areas(g, {.depth = 2, .stride = 5, .cover_all = all}))
      for (const std::int32_t v : a.nodes) covered[static_cast<std::size_t>(v)] = true;
    return std::count(covered.begin(), covered.end(), false);
  };
  CHECK(missed(false) > 0);
  CHECK(missed(true) == 0);
  CHECK_THROWS_AS(cone_areas(g, {.depth = 0}), Error);
  CHECK(cone_areas(Graph()).empty());
}
