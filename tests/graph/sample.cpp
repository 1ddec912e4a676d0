#include <cfm/graph/sample.hpp>

#include <cmath>

#include <cfm/exec/thread_limit.hpp>

#include "../test.hpp"
#include "random_graph.hpp"

using namespace cfm;
using namespace cfm::test;

TEST_CASE("sample: keeping everything gives seeds the values of the whole graph") {
  for (std::uint64_t seed = 0; seed < 6; ++seed) {
    const Graph g = make_dag(150, 25, seed, true);
    const auto x = random_values(150, seed);
    const std::vector<std::int32_t> seeds = {149, 20, 77, 3};
    for (const Direction direction : {Direction::fanins, Direction::fanouts})
      for (std::size_t layers : {1u, 2u, 4u}) {
        const Graph view = direction == Direction::fanins ? g : transpose(g);
        const auto whole = small_network(view, x, static_cast<int>(layers));
        for (const Index keep : {Index{-1}, Index{1000}}) {
          const NeighborSample s = sample_neighbors(
              g, seeds, {.fanouts = std::vector<Index>(layers, keep), .direction = direction});
          std::vector<double> h;
          for (const std::int32_t v : s.nodes) h.push_back(x[static_cast<std::size_t>(v)]);
          h = small_network(s.graph, h, static_cast<int>(layers));
          for (std::size_t i = 0; i < seeds.size(); ++i)
            CHECK(h[i] == whole[static_cast<std::size_t>(seeds[i])]);
        }
      }
  }
}

TEST_CASE("sample: rows are subsets of the right size, edges and types where they came from") {
  std::vector<std::int32_t> sources, targets;
  std::vector<std::uint8_t> types;
  for (std::int32_t v = 0; v < 100; ++v)
    for (std::int32_t i = 1; i <= v % 13; ++i) {
      sources.push_back((v * 7 + i * 11) % 100);
      targets.push_back(v);
      types.push_back(static_cast<std::uint8_t>(i));
    }
  const Graph g = Graph::from_edges(100, sources, targets, types);
  const std::vector<std::int32_t> seeds = {12, 25, 51};
  for (const Direction direction : {Direction::fanins, Direction::fanouts}) {
    const SampleOptions options = {.fanouts = {4, 2, 3}, .direction = direction, .rng = Rng(3)};
    const NeighborSample s = sample_neighbors(g, seeds, options);
    CHECK(s.seeds == 3);
    const CsrView whole = direction == Direction::fanins ? g.fanins() : g.fanouts();
    std::vector<int> distance(s.nodes.size(), -1);
    for (std::size_t i = 0; i < 3; ++i) distance[i] = 0;
    std::size_t e = 0;
    for (Index v = 0; v < s.graph.nodes(); ++v) {
      const auto row = s.graph.fanins()[v];
      const int d = distance[static_cast<std::size_t>(v)];
      const std::size_t degree = whole[s.nodes[static_cast<std::size_t>(v)]].size();
      const std::size_t keep[] = {4, 2, 3, 0};
      CHECK(row.size() == std::min(degree, keep[d]));
      for (const std::int32_t u : row) {
        int& at = distance[static_cast<std::size_t>(u)];
        if (at < 0) at = d + 1;
        const auto place = static_cast<std::size_t>(s.edges[e]);
        CHECK(s.graph.edge_types()[e] == g.edge_types()[place]);
        const std::int32_t end = direction == Direction::fanins
                                     ? s.nodes[static_cast<std::size_t>(u)]
                                     : s.nodes[static_cast<std::size_t>(v)];
        CHECK(g.fanins().columns[place] == end);
        ++e;
      }
    }
    const NeighborSample two =
        ThreadLimit(3).run([&] { return sample_neighbors(g, seeds, options); });
    CHECK(two.nodes == s.nodes);
    CHECK(two.edges == s.edges);
  }
}

TEST_CASE("sample: a node's draw does not depend on the rest of the batch, and is uniform") {
  std::vector<std::int32_t> sources, targets;
  for (std::int32_t i = 1; i <= 10; ++i) {
    sources.push_back(i);
    targets.push_back(0);
  }
  const Graph star = Graph::from_edges(12, sources, targets);
  std::vector<int> hits(12, 0);
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    const SampleOptions options = {.fanouts = {3}, .rng = Rng(seed)};
    const NeighborSample alone = sample_neighbors(star, std::vector<std::int32_t>{0}, options);
    const NeighborSample together =
        sample_neighbors(star, std::vector<std::int32_t>{11, 0}, options);
    CHECK(alone.edges == together.edges);
    for (const std::int64_t e : alone.edges) ++hits[static_cast<std::size_t>(e) + 1];
  }
  for (std::size_t i = 1; i <= 10; ++i) CHECK(std::abs(hits[i] - 600) < 100);  // 5 sigma
  CHECK_THROWS_AS(sample_neighbors(star, std::vector<std::int32_t>{1, 1}), Error);
  CHECK_THROWS_AS(sample_neighbors(star, std::vector<std::int32_t>{12}), Error);
}
