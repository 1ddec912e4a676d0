#include <cfm/circuit/truth_table_pairs.hpp>

#include <set>

#include <cfm/circuit/generate_misc.hpp>

#include "../test.hpp"

using namespace cfm;
using namespace cfm::test;

namespace {

std::set<std::int32_t> sources_of(const Graph& g, std::int32_t v) {
  std::set<std::int32_t> out;
  for (const Reached& r : neighborhood(g, std::span(&v, 1), g.nodes()))
    if (g.fanins()[r.node].empty()) out.insert(r.node);
  return out;
}

}  // namespace

TEST_CASE("truth-table pairs: exactly the pairs that pass every filter, by looking at all") {
  std::size_t total = 0;
  for (std::uint64_t seed = 0; seed < 6; ++seed) {
    const ExplicitNotGraph g =
        explicit_not_graph(random_aig({.inputs = 5 + seed, .ands = 90, .window = 30}, Rng(seed)));
    const NodeFunctions f = node_functions(g);
    const auto level = forward_levels(g.graph.fanins());
    for (TruthTablePairOptions o :
         {TruthTablePairOptions::deepgate2(), TruthTablePairOptions::deepgate3()}) {
      const TruthTablePairs found = truth_table_pairs(g.graph, f, o);
      std::size_t next = 0;
      for (std::int32_t a = 0; a < g.nodes(); ++a)
        for (std::int32_t b = a + 1; b < g.nodes(); ++b) {
          const auto i = static_cast<std::size_t>(a), j = static_cast<std::size_t>(b);
          const auto cone = sources_of(g.graph, a);
          if (cone != sources_of(g.graph, b)) continue;
          if (static_cast<std::int32_t>(cone.size()) < o.min_sources) continue;
          if (std::min(level[i], level[j]) < o.min_level) continue;
          if (o.max_level_gap >= 0 && std::abs(level[i] - level[j]) > o.max_level_gap) continue;
          if (std::abs(f.probability[i] - f.probability[j]) > o.max_probability_gap) continue;
          const auto reads = [&](std::int32_t x, std::int32_t y) {
            const auto row = g.graph.fanins()[x];
            return std::find(row.begin(), row.end(), y) != row.end();
          };
          if (o.skip_edges && (reads(a, b) || reads(b, a))) continue;
          const double d = f.distance(a, b);
          if (d > o.discard_above && d < o.discard_below) continue;
          REQUIRE(next < found.first.size());
          CHECK(found.first[next] == a);
          CHECK(found.second[next] == b);
          CHECK(found.distance[next] == d);
          ++next;
        }
      CHECK(next == found.first.size());
      total += next;
      o.max_pairs = 5;
      const TruthTablePairs few = truth_table_pairs(g.graph, f, o);
      CHECK(few.first.size() == std::min<std::size_t>(5, next));
      for (std::size_t p = 0; p < few.first.size(); ++p) {
        CHECK(few.distance[p] == f.distance(few.first[p], few.second[p]));
        if (p > 0)
          CHECK(std::pair(few.first[p - 1], few.second[p - 1]) <
                std::pair(few.first[p], few.second[p]));
      }
    }
  }
  CHECK(total > 100);  // the filters let something through
}
