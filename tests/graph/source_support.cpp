#include <cfm/graph/source_support.hpp>

#include <set>

#include "../test.hpp"
#include "random_graph.hpp"

using namespace cfm;
using namespace cfm::test;

TEST_CASE("source support: sizes, equal sets and meeting cones, against sets of sources") {
  for (const std::int32_t window : {6, 40, 180}) {  // wide windows: hundreds of sources
    Rng rng(static_cast<std::uint64_t>(window));
    std::vector<std::int32_t> sources, targets;
    for (std::int32_t v = 150; v < 260; ++v)
      for (int i = 0; i < 2; ++i) {
        sources.push_back(v - 1 -
                          static_cast<std::int32_t>(rng.below(static_cast<std::uint64_t>(window)) %
                                                    static_cast<std::uint64_t>(v)));
        targets.push_back(v);
      }
    const Graph g = Graph::from_edges(260, sources, targets);
    std::vector<std::set<std::int32_t>> sets(260);
    for (std::int32_t v = 0; v < 260; ++v) {
      for (const Reached& r : neighborhood(g, std::span(&v, 1), 260))
        if (g.fanins()[r.node].empty()) sets[static_cast<std::size_t>(v)].insert(r.node);
    }
    const SourceSupport s = source_support(g.fanins());
    std::vector<std::int32_t> first, second;
    for (std::int32_t a = 0; a < 260; ++a) {
      const auto& x = sets[static_cast<std::size_t>(a)];
      CHECK(s.count[static_cast<std::size_t>(a)] == static_cast<std::int32_t>(x.size()));
      for (std::int32_t b = 100; b < 260; b += 3) {
        CHECK(s.same(a, b) == (x == sets[static_cast<std::size_t>(b)]));
        first.push_back(a);
        second.push_back(b);
      }
    }
    const auto meet = cones_meet(g.fanins(), first, second);
    for (std::size_t i = 0; i < meet.size(); ++i) {
      bool common = false;
      for (const std::int32_t u : sets[static_cast<std::size_t>(first[i])])
        common |= sets[static_cast<std::size_t>(second[i])].contains(u);
      CHECK(meet[i] == common);
    }
  }
  CHECK_THROWS_AS(
      cones_meet(Graph().fanins(), std::vector<std::int32_t>{0}, std::vector<std::int32_t>{0}),
      Error);
}
