#include <cfm/graph/undirected.hpp>

#include <set>

#include "../test.hpp"
#include "random_graph.hpp"

using namespace cfm;
using namespace cfm::test;

TEST_CASE("undirected: symmetric, ascending, every neighbour once") {
  std::vector<std::int32_t> sources = {0, 1, 0, 0, 3}, targets = {1, 0, 1, 2, 3};
  const Graph g = undirected(Graph::from_edges(5, sources, targets));
  const auto row = [&](Index v) {
    return std::vector<std::int32_t>(g.fanins()[v].begin(), g.fanins()[v].end());
  };
  CHECK(row(0) == std::vector<std::int32_t>{1, 2});
  CHECK(row(1) == std::vector<std::int32_t>{0});
  CHECK(row(2) == std::vector<std::int32_t>{0});
  CHECK(row(3) == std::vector<std::int32_t>{3});
  CHECK(row(4).empty());
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    const Graph dag = make_dag(60, 12, seed), both = undirected(dag);
    CHECK(transpose(both) == both);
    CHECK(undirected(both) == both);
    CHECK(undirected(transpose(dag)) == both);
  }
}
