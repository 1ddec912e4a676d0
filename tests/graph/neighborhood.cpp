#include <cfm/graph/neighborhood.hpp>

#include "../test.hpp"
#include "random_graph.hpp"

using namespace cfm;
using namespace cfm::test;

TEST_CASE("neighborhood: distances are the shortest, in every direction") {
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    const Graph g = make_dag(60, 12, seed);
    for (const Direction direction : {Direction::fanins, Direction::fanouts, Direction::both}) {
      const std::int32_t root = static_cast<std::int32_t>(seed * 5);
      std::vector<int> distance(60, 1000);  // by relaxation
      distance[static_cast<std::size_t>(root)] = 0;
      for (int round = 0; round < 60; ++round)
        for (Index v = 0; v < 60; ++v)
          for (const std::int32_t u : g.fanins()[v]) {
            auto& a = distance[static_cast<std::size_t>(v)];
            auto& b = distance[static_cast<std::size_t>(u)];
            if (direction != Direction::fanouts) b = std::min(b, a + 1);
            if (direction != Direction::fanins) a = std::min(a, b + 1);
          }
      for (const Index hops : {0, 1, 3, 100}) {
        NeighborhoodFinder find(g, direction);
        const auto found = find(std::span(&root, 1), hops);
        std::size_t expected = 0;
        for (const int d : distance) expected += d <= hops;
        CHECK(found.size() == expected);
        for (std::size_t i = 0; i < found.size(); ++i) {
          CHECK(found[i].distance == distance[static_cast<std::size_t>(found[i].node)]);
          if (i > 0) CHECK(found[i - 1].distance <= found[i].distance);
        }
        for (std::int32_t v = 0; v < 60; ++v)
          CHECK(find.found(v) == (distance[static_cast<std::size_t>(v)] <= hops));
      }
    }
  }
}

TEST_CASE("neighborhood: one finder serves many walks; bad seeds are named") {
  const Graph g = make_dag(40, 10, 3);
  NeighborhoodFinder find(g);
  for (std::int32_t v = 0; v < 40; ++v) {
    const auto found = find(std::span(&v, 1), 2);
    const auto once = neighborhood(g, std::span(&v, 1), 2);
    CHECK(std::vector<Reached>(found.begin(), found.end()) == once);
  }
  const std::vector<std::int32_t> twice = {5, 5, 7}, bad = {40};
  CHECK(neighborhood(g, twice, 0) == std::vector<Reached>{{5, 0}, {7, 0}});
  CHECK(error_of([&] { find(bad, 1); }).find("no such node") != std::string::npos);
  CHECK(error_of([&] { find(twice, -1); }).find("must not be negative") != std::string::npos);
}
