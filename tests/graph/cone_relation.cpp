#include <cfm/graph/cone_relation.hpp>

#include "../test.hpp"
#include "random_graph.hpp"

using namespace cfm;
using namespace cfm::test;

namespace {

// Whether a path runs from a to b, by walking back from b.
bool path_exists(const Graph& g, std::int32_t a, std::int32_t b) {
  for (const Reached& r : neighborhood(g, std::span(&b, 1), g.nodes()))
    if (r.node == a) return true;
  return false;
}

}  // namespace

TEST_CASE("cone relation: reach is the existence of a path, and antisymmetric") {
  for (std::uint64_t seed = 0; seed < 6; ++seed) {
    const Graph g = make_dag(70, 20, seed);
    const Tensor r = cone_relation(g);
    const auto at = [&](std::int32_t i, std::int32_t j) {
      return static_cast<ConeRelation>(
          r.span<std::uint8_t>()[static_cast<std::size_t>(i * 70 + j)]);
    };
    for (std::int32_t i = 0; i < 70; ++i)
      for (std::int32_t j = 0; j < 70; ++j) {
        const ConeRelation expected = i == j                 ? ConeRelation::none
                                      : path_exists(g, j, i) ? ConeRelation::fanin
                                      : path_exists(g, i, j) ? ConeRelation::fanout
                                                             : ConeRelation::none;
        CHECK(at(i, j) == expected);
      }
    const Graph edges = virtual_edges(g);
    for (std::int32_t v = 0; v < 70; ++v) {
      CHECK(edges.fanins()[v].size() == neighborhood(g, std::span(&v, 1), 70).size());
      CHECK(std::is_sorted(edges.fanins()[v].begin(), edges.fanins()[v].end()));
    }
  }
}

TEST_CASE("cone relation: a cover contains every path, and a pair without one by hand") {
  // 3 and 4 both read sources 0 and 1; 5 reads 3 and 2. 4 is covered by 5 without a path.
  const Graph g = Graph::from_edges(6, std::vector<std::int32_t>{0, 1, 0, 1, 3, 2},
                                    std::vector<std::int32_t>{3, 3, 4, 4, 5, 5});
  const auto count = [](const Graph& e) { return e.edges(); };
  const Graph reach = virtual_edges(g), cover = virtual_edges(g, {.rule = ConeRule::cover});
  CHECK(count(cover) == count(reach) + 1);
  const auto row = cover.fanins()[5];
  CHECK(std::vector<std::int32_t>(row.begin(), row.end()) ==
        std::vector<std::int32_t>{0, 1, 2, 3, 4, 5});
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    const Graph random = make_dag(60, 20, seed);
    const Tensor a = cone_relation(random), b = cone_relation(random, {.rule = ConeRule::cover});
    for (std::size_t i = 0; i < 3600; ++i)
      if (a.span<std::uint8_t>()[i] != 0)
        CHECK(a.span<std::uint8_t>()[i] == b.span<std::uint8_t>()[i]);
  }
}

TEST_CASE("cone relation: levels of the whole circuit make the rim of a part no source") {
  // An edge and a node beside it. With their own levels, 0 and 2 are sources.
  const Graph part =
      Graph::from_edges(3, std::vector<std::int32_t>{0}, std::vector<std::int32_t>{1});
  const std::vector<std::int32_t> level = {1, 2, 2};
  CHECK(virtual_edges(part, {.rule = ConeRule::cover}).edges() == 3 + 1);
  // Now no node has a source, and the empty cover of the lowest lies in that of both others.
  const Graph whole = virtual_edges(part, {.rule = ConeRule::cover, .forward_level = level});
  CHECK(whole.edges() == 3 + 2);
  CHECK_THROWS_AS(virtual_edges(part, {.forward_level = std::span(level).first(2)}), Error);
}

TEST_CASE("connectivity pairs: labels are right, of each kind as many, the same for a seed") {
  const Graph g = make_dag(200, 30, 2);
  const ConnectivityOptions options = {.sources = 40, .per_source = 3, .rng = Rng(5)};
  const ConnectivityPairs pairs = connectivity_pairs(g, options);
  std::size_t count[3] = {};
  for (std::size_t i = 0; i < pairs.first.size(); ++i) {
    const std::int32_t a = pairs.first[i], b = pairs.second[i];
    CHECK(a != b);
    CHECK((pairs.relation[i] == ConeRelation::fanin) == path_exists(g, b, a));
    CHECK((pairs.relation[i] == ConeRelation::fanout) == path_exists(g, a, b));
    ++count[static_cast<std::size_t>(pairs.relation[i])];
  }
  CHECK(count[0] > 60);
  CHECK(count[0] <= 120);
  CHECK(count[1] > 60);
  CHECK(count[2] > 60);
  const ConnectivityPairs again = connectivity_pairs(g, options);
  CHECK(again.first == pairs.first);
  CHECK(again.second == pairs.second);
  CHECK(connectivity_pairs(g, {.sources = 40, .per_source = 3, .rng = Rng(6)}).second !=
        pairs.second);
}
