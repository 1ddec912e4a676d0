#include <cfm/circuit/reconvergence.hpp>

#include <map>
#include <set>

#include <cfm/circuit/explicit_not_graph.hpp>
#include <cfm/circuit/generate_misc.hpp>
#include <cfm/exec/thread_limit.hpp>

#include "../test.hpp"

using namespace cfm;
using namespace cfm::test;

namespace {

// The rule by lists: every stem enters the lists of its readers; a node whose merged list holds an
// element twice is reconvergent.
std::vector<std::int32_t> by_lists(const Graph& g) {
  const auto level = forward_levels(g.fanins());
  std::vector<std::set<std::int32_t>> list(static_cast<std::size_t>(g.nodes()));
  std::vector<std::int32_t> source(list.size(), -1);
  for (const std::int32_t v : topological_order(g.fanins())) {
    std::map<std::int32_t, int> merged;
    for (const std::int32_t u : g.fanins()[v]) {
      std::set<std::int32_t> one = list[static_cast<std::size_t>(u)];
      if (g.fanouts()[u].size() > 1) one.insert(u);
      for (const std::int32_t s : one) ++merged[s];
    }
    for (const auto& [s, count] : merged) {
      list[static_cast<std::size_t>(v)].insert(s);
      std::int32_t& best = source[static_cast<std::size_t>(v)];
      if (count > 1 &&
          (best < 0 || level[static_cast<std::size_t>(s)] > level[static_cast<std::size_t>(best)]))
        best = s;
    }
  }
  return source;
}

}  // namespace

TEST_CASE("reconvergence: by hand") {
  // 0, 1 inputs; 2 = AND(0, 1); 3 = NOT 2; 4 = NOT 0; 5 = AND(3, 4): 0 parts at level 0;
  // 6 = AND(2, 5): 2 parts at level 1.
  const Graph g = Graph::from_edges(7, std::vector<std::int32_t>{0, 1, 2, 0, 3, 4, 2, 5},
                                    std::vector<std::int32_t>{2, 2, 3, 4, 5, 5, 6, 6});
  const ReconvergenceTable r = reconvergence(g);
  CHECK(r.source == std::vector<std::int32_t>{-1, -1, -1, -1, -1, 0, 2});
  CHECK(r.stem == std::vector<std::uint8_t>{1, 0, 1, 0, 0, 0, 0});
  CHECK(r.level == std::vector<std::int32_t>{0, 0, 1, 2, 1, 3, 4});
  const SkipEdgeGraph skip = with_skip_edges(g, r);
  CHECK(skip.graph.edges() == 10);
  const auto row = skip.graph.fanins()[5];
  CHECK(std::vector<std::int32_t>(row.begin(), row.end()) == std::vector<std::int32_t>{3, 4, 0});
  CHECK(skip.distance == std::vector<std::int32_t>{1, 1, 1, 1, 1, 1, 3, 1, 1, 3});
  const auto types = skip.graph.edge_types();
  CHECK(std::count(types.begin(), types.end(), 1) == 2);
  CHECK(skip.attributes().shape() == Shape{10, 16});
  CHECK(reconvergence(g, {.max_distance = 2}).source[5] == -1);
  CHECK(reconvergence(g, {.max_distance = 3}).source[5] == 0);
  CHECK_THROWS_AS(with_skip_edges(Graph(), r), Error);
  CHECK_THROWS_AS(with_skip_edges(skip.graph, r), Error);
}

TEST_CASE("reconvergence: walking two cones down finds what the lists of stems find") {
  std::size_t reconvergent = 0;
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    const Graph g =
        explicit_not_graph(
            random_aig({.inputs = 3 + seed, .ands = 60, .window = 10 + seed}, Rng(seed)))
            .graph;
    const ReconvergenceTable r = reconvergence(g);
    CHECK(r.source == by_lists(g));
    for (const std::int32_t s : r.source) {
      reconvergent += s >= 0;
      if (s >= 0) CHECK(r.stem[static_cast<std::size_t>(s)] == 1);
    }
  }
  CHECK(reconvergent > 300);
}

TEST_CASE("reconvergence: chunks of a large circuit, the same for any number of threads") {
  const Graph g =
      explicit_not_graph(random_aig({.inputs = 500, .ands = 8000, .window = 700}, Rng(3))).graph;
  const auto run = [&](int threads) {
    return ThreadLimit(threads).run([&] { return reconvergence(g, {.max_distance = 12}).source; });
  };
  const auto one = run(1);
  for (const int threads : {2, 3, 8}) CHECK(run(threads) == one);
}

TEST_CASE("edge distance encoding: the published values") {
  const Tensor e = edge_distance_encoding(std::vector<std::int32_t>{1, 4});
  const float one[] = {.841471f, .950415f, .099833f, .999500f, .010000f,
                       .999995f, .001f,    1,        .0001f,   1};
  const float four[] = {-.756802f, .301137f, .389418f, .992011f, .039989f, .999920f};
  for (std::size_t i = 0; i < 10; ++i) CHECK(std::abs(e.span<float>()[i] - one[i]) < 1e-5f);
  for (std::size_t i = 0; i < 6; ++i) CHECK(std::abs(e.span<float>()[16 + i] - four[i]) < 1e-5f);
  CHECK_THROWS_AS(edge_distance_encoding(std::vector<std::int32_t>{1}, 5), Error);
}
