#include <cfm/graph/levelize.hpp>

#include <cfm/core/rng.hpp>

#include "../test.hpp"

using namespace cfm;
using I32 = std::vector<std::int32_t>;

namespace {

// A random acyclic graph, its nodes renamed at random.
Graph random_dag(std::int32_t nodes, Index edges, std::uint64_t seed) {
  Rng rng(seed);
  I32 name(static_cast<std::size_t>(nodes)), sources, targets;
  for (std::size_t v = 0; v < name.size(); ++v) {
    name[v] = static_cast<std::int32_t>(v);
    std::swap(name[v], name[rng.below(v + 1)]);
  }
  for (Index e = 0; e < edges; ++e) {
    const auto v = 1 + rng.below(static_cast<std::uint64_t>(nodes - 1));
    sources.push_back(name[rng.below(v)]);
    targets.push_back(name[v]);
  }
  return Graph::from_edges(nodes, sources, targets);
}

// Levels by their definition, by repeated relaxation.
I32 slow_levels(const CsrView& rows) {
  I32 level(static_cast<std::size_t>(rows.rows()), 0);
  for (bool again = true; again;) {
    again = false;
    for (Index v = 0; v < rows.rows(); ++v)
      for (std::int32_t u : rows[v])
        if (level[static_cast<std::size_t>(v)] <= level[static_cast<std::size_t>(u)]) {
          level[static_cast<std::size_t>(v)] = level[static_cast<std::size_t>(u)] + 1;
          again = true;
        }
  }
  return level;
}

}  // namespace

TEST_CASE("levels: those of the test graph of the literature") {
  // gates PI PI PI AND NOT AND NOT AND NOT
  const Graph graph =
      Graph::from_edges(9, I32{0, 1, 3, 4, 2, 0, 6, 5, 7}, I32{3, 3, 4, 5, 5, 6, 7, 7, 8});
  CHECK(forward_levels(graph.fanins()) == I32{0, 0, 0, 1, 2, 3, 1, 4, 5});
  CHECK(backward_levels(graph.fanins()) == I32{5, 5, 3, 4, 3, 2, 2, 1, 0});
  const LevelGroups groups = group_by_level(forward_levels(graph.fanins()));
  CHECK(groups.levels() == 6);
  CHECK(I32(groups[0].begin(), groups[0].end()) == I32{0, 1, 2});
  CHECK(I32(groups[1].begin(), groups[1].end()) == I32{3, 6});
}

TEST_CASE("levels: equal the definition on random graphs in any node order") {
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    const Graph graph = random_dag(120, 400, seed);
    CHECK(forward_levels(graph.fanins()) == slow_levels(graph.fanins()));
    CHECK(backward_levels(graph.fanins()) == slow_levels(graph.fanouts()));
    CHECK(backward_levels(graph.fanins()) == forward_levels(graph.fanouts()));
    I32 place(120);
    const I32 order = topological_order(graph.fanins());
    for (std::size_t i = 0; i < order.size(); ++i)
      place[static_cast<std::size_t>(order[i])] = static_cast<std::int32_t>(i);
    for (Index v = 0; v < graph.nodes(); ++v)
      for (std::int32_t u : graph.fanins()[v])
        REQUIRE(place[static_cast<std::size_t>(u)] < place[static_cast<std::size_t>(v)]);
  }
}

TEST_CASE("levels: a chain of half a million nodes needs no stack") {
  const std::int32_t n = 500000;
  I32 sources, targets;
  for (std::int32_t v = 0; v + 1 < n; ++v) {
    sources.push_back(v + 1);  // against the numbering, so that the walk goes to the bottom
    targets.push_back(v);
  }
  const Graph graph = Graph::from_edges(n, sources, targets);
  CHECK(forward_levels(graph.fanins())[0] == n - 1);
  CHECK(backward_levels(graph.fanins())[n - 1] == n - 1);
}

TEST_CASE("levels: a cycle is reported with one of its nodes") {
  const Graph graph = Graph::from_edges(6, I32{0, 1, 2, 4, 3}, I32{1, 2, 3, 3, 4});
  CHECK_THROWS_WITH_AS(forward_levels(graph.fanins()),
                       doctest::Contains("a cycle runs through node: 3"), Error);
  CHECK_THROWS_AS(backward_levels(graph.fanins()), Error);
  const Graph loop = Graph::from_edges(2, I32{1}, I32{1});
  CHECK_THROWS_WITH_AS(topological_order(loop.fanins()),
                       doctest::Contains("a cycle runs through node: 1"), Error);
}

TEST_CASE("levels: groups hold every node once, ascending inside a level") {
  const Graph graph = random_dag(300, 900, 21);
  const I32 levels = forward_levels(graph.fanins());
  const LevelGroups groups = group_by_level(levels);
  std::size_t count = 0;
  for (Index l = 0; l < groups.levels(); ++l) {
    CHECK_FALSE(groups[l].empty());
    CHECK(std::is_sorted(groups[l].begin(), groups[l].end()));
    for (std::int32_t v : groups[l]) {
      REQUIRE(levels[static_cast<std::size_t>(v)] == l);
      ++count;
    }
  }
  CHECK(count == levels.size());
  CHECK(group_by_level({}).levels() == 0);
  CHECK_THROWS_AS(group_by_level(I32{-1}), Error);
  CHECK_THROWS_AS(group_by_level(I32{0, 7}), Error);
}
