#include <cfm/graph/graph_edit_distance.hpp>

#include <algorithm>
#include <numeric>
#include <set>

#include "../test.hpp"
#include "random_graph.hpp"

using namespace cfm;
using namespace cfm::test;

namespace {

// Every injection of a part of a into b, by permutations of the larger side.
Index by_permutations(const Graph& a, const Graph& b) {
  const Index n = a.nodes(), m = b.nodes(), all = n + m;
  std::set<std::pair<Index, Index>> edges_a, edges_b;
  for (Index v = 0; v < n; ++v)
    for (const std::int32_t u : a.fanins()[v]) edges_a.insert({u, v});
  for (Index v = 0; v < m; ++v)
    for (const std::int32_t u : b.fanins()[v]) edges_b.insert({u, v});
  std::vector<Index> to(static_cast<std::size_t>(all));
  std::iota(to.begin(), to.end(), Index{0});
  Index best = 1000;
  do {
    // Node v of a becomes to[v], which is a node of b if it is below m, else it goes.
    Index kept_nodes = 0, kept_edges = 0;
    for (Index v = 0; v < n; ++v) kept_nodes += to[static_cast<std::size_t>(v)] < m;
    for (const auto& [u, v] : edges_a)
      kept_edges += static_cast<Index>(
          edges_b.count({to[static_cast<std::size_t>(u)], to[static_cast<std::size_t>(v)]}));
    best = std::min(best, n + m - 2 * kept_nodes +
                              static_cast<Index>(edges_a.size() + edges_b.size()) - 2 * kept_edges);
  } while (std::next_permutation(to.begin(), to.end()));
  return best;
}

Graph tiny(Rng& rng, std::int32_t nodes) {
  std::vector<std::int32_t> sources, targets;
  for (std::int32_t v = 0; v < nodes; ++v)
    for (std::int32_t u = 0; u < nodes; ++u)
      if (rng.below(4) == 0) {
        sources.push_back(u);
        targets.push_back(v);
      }
  return Graph::from_edges(nodes, sources, targets);
}

}  // namespace

TEST_CASE("graph edit distance: equals the best of all assignments, loops and cycles too") {
  Rng rng(5);
  for (int round = 0; round < 60; ++round) {
    const Graph a = tiny(rng, static_cast<std::int32_t>(rng.below(5)));
    const Graph b = tiny(rng, static_cast<std::int32_t>(rng.below(5)));
    const EditDistance d = graph_edit_distance(a, b);
    CHECK(d.exact);
    CHECK(d.distance == by_permutations(a, b));
    CHECK(graph_edit_distance(b, a).distance == d.distance);
  }
}

TEST_CASE("graph edit distance: 0 for a renamed graph, edits counted one by one") {
  const Graph g = make_dag(14, 6, 3);
  std::vector<std::int32_t> sources, targets;
  const auto name = [](std::int32_t v) { return (v * 5 + 3) % 14; };
  for (std::int32_t v = 0; v < 14; ++v)
    for (const std::int32_t u : g.fanins()[v]) {
      sources.push_back(name(u));
      targets.push_back(name(v));
    }
  CHECK(graph_edit_distance(g, Graph::from_edges(14, sources, targets)).distance == 0);
  const Graph longer = Graph::from_edges(15, sources, targets);
  CHECK(graph_edit_distance(g, longer, {.budget = 500000}).distance == 1);
  std::set<std::pair<std::int32_t, std::int32_t>> edges;
  for (std::size_t e = 0; e < sources.size(); ++e) edges.insert({sources[e], targets[e]});
  CHECK(graph_edit_distance(g, Graph()).distance == 14 + static_cast<Index>(edges.size()));
  sources.push_back(sources[0]);  // a parallel edge counts once
  targets.push_back(targets[0]);
  CHECK(graph_edit_distance(g, Graph::from_edges(14, sources, targets)).distance == 0);
}

TEST_CASE("graph edit distance: a small budget gives an upper bound and says so") {
  const Graph a = make_dag(31, 8, 1), b = make_dag(29, 12, 2);
  Index last = 1000;
  for (const Index budget : {40, 400, 4000, 40000}) {
    const EditDistance d = graph_edit_distance(a, b, {.budget = budget});
    CHECK_FALSE(d.exact);
    CHECK(d.distance <= last);
    CHECK(d.distance >= std::abs(a.edges() - b.edges()) + 2);
    CHECK(d.distance <= a.nodes() + b.nodes() + a.edges() + b.edges());
    last = d.distance;
  }
  CHECK_THROWS_AS(graph_edit_distance(make_dag(65, 5, 1), a), Error);
}
