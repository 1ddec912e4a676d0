#include <cfm/graph/shortest_paths.hpp>

#include "../test.hpp"
#include "random_graph.hpp"

using namespace cfm;
using namespace cfm::test;

TEST_CASE("shortest paths: bounded distances equal relaxation, in each direction") {
  const Graph g = make_dag(50, 10, 6);
  for (const Direction direction : {Direction::fanins, Direction::fanouts, Direction::both})
    for (const std::int32_t limit : {0, 3, 100}) {
      std::vector<int> d(2500, 1000);
      for (std::size_t v = 0; v < 50; ++v) d[v * 51] = 0;
      for (int round = 0; round < 50; ++round)
        for (std::size_t i = 0; i < 50; ++i)
          for (std::size_t v = 0; v < 50; ++v)
            for (const std::int32_t w : g.fanins()[static_cast<Index>(v)]) {
              const auto u = static_cast<std::size_t>(w);
              if (direction != Direction::fanouts)
                d[i * 50 + u] = std::min(d[i * 50 + u], d[i * 50 + v] + 1);
              if (direction != Direction::fanins)
                d[i * 50 + v] = std::min(d[i * 50 + v], d[i * 50 + u] + 1);
            }
      const Tensor t = shortest_paths(g, {.max_distance = limit, .direction = direction});
      for (std::size_t i = 0; i < 2500; ++i)
        CHECK(t.span<std::uint8_t>()[i] == std::min(d[i], limit + 1));
    }
  CHECK_THROWS_AS(shortest_paths(g, {.max_distance = 255}), Error);
}

TEST_CASE("drnl: the labels of the paper for small distances, and by hand") {
  // 0 - 1 - 2 - 3 - 4 and 5 off 2, 6 alone; the pair is (1, 3).
  const Graph g = both_ways(7, {{0, 1}, {1, 2}, {2, 3}, {3, 4}, {2, 5}});
  const Tensor t = drnl_labels(g, 1, 3);
  const std::int32_t expected[] = {0, 1, 2, 1, 0, 5, 0};  // (1,1) is 2, (2,2) is 5
  for (std::size_t v = 0; v < 7; ++v) CHECK(t.span<std::int32_t>()[v] == expected[v]);
  // (1,2) is 3, (1,3) is 4 by the order of the paper.
  const Graph ring = cycle_graph(5);
  const Tensor r = drnl_labels(ring, 0, 1);
  CHECK(r.span<std::int32_t>()[2] == 4);
  CHECK(r.span<std::int32_t>()[3] == 5);
  CHECK(r.span<std::int32_t>()[4] == 4);
  const Tensor three = drnl_labels(ring, 0, 2);
  CHECK(three.span<std::int32_t>()[3] == 3);
  CHECK(three.span<std::int32_t>()[1] == 2);
  const Tensor swapped = drnl_labels(ring, 2, 0);
  for (std::size_t v = 0; v < 5; ++v)
    CHECK(swapped.span<std::int32_t>()[v] == three.span<std::int32_t>()[v]);
  CHECK_THROWS_AS(drnl_labels(ring, 2, 2), Error);
}
