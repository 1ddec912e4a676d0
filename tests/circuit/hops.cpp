#include <cfm/circuit/hops.hpp>

#include <map>

#include <cfm/circuit/generate_misc.hpp>

#include "../test.hpp"
#include "small_circuit.hpp"

using namespace cfm;
using namespace cfm::test;

namespace {

// The root's value for given leaves, by recursion over a small cone.
bool value_of(const ExplicitNotGraph& g, std::int32_t v,
              const std::map<std::int32_t, bool>& leaves) {
  if (const auto at = leaves.find(v); at != leaves.end()) return at->second;
  const auto in = g.graph.fanins()[v];
  if (g.kinds[static_cast<std::size_t>(v)] == NodeKind::not_gate)
    return !value_of(g, in[0], leaves);
  return value_of(g, in[0], leaves) && value_of(g, in[1], leaves);
}

}  // namespace

TEST_CASE("hops: a small circuit by hand") {
  // y = !(!a & (!(ab) & c)): all of it within 4 hops of node 5 = !a & ...
  const ExplicitNotGraph g = explicit_not_graph(small_aig());
  const std::int32_t roots[] = {5, 0};
  const auto hops = find_hops(g, roots);
  REQUIRE(hops.size() == 1);  // an input is no hop
  const Hop& hop = hops[0];
  CHECK(hop.root == 5);
  CHECK(hop.levels == 4);
  CHECK(hop.leaves == std::vector<std::int32_t>{0, 1, 2});
  CHECK(hop.nodes.back() == 5);
  CHECK(hop.nodes.size() == 8);
  // 1 for a = 0, c = 1, any b: assignments 001 and 011, the first leaf the highest digit.
  CHECK(hop.table == 0x0A0A0A0A0A0A0A0A);
}

TEST_CASE("hops: tables equal exhaustive evaluation, nodes and leaves their definition") {
  std::size_t constants = 0, count = 0;
  for (std::uint64_t seed = 0; seed < 6; ++seed) {
    const ExplicitNotGraph g = explicit_not_graph(
        random_aig({.inputs = 9, .ands = 80, .window = 12 + 10 * (seed % 3)}, Rng(seed)));
    HopFinder find(g, {.rng = Rng(seed)});
    for (std::int32_t root = 0; root < g.nodes(); ++root) {
      const auto hop = find(root);
      const auto around = neighborhood(g.graph, std::span(&root, 1), 4);
      std::size_t rim = 0;
      for (const Reached& r : around) rim += r.distance == 4 || g.graph.fanins()[r.node].empty();
      CHECK(hop.has_value() == (around.size() >= 3 && rim <= 8));
      if (!hop) continue;
      ++count;
      CHECK(hop->nodes.size() == around.size());
      CHECK(hop->leaves.size() == rim);
      const auto free = static_cast<std::size_t>(
          std::count(hop->codes.begin(), hop->codes.end(), LeafCode::free));
      CHECK(free == std::min<std::size_t>(6, rim));
      for (std::size_t i = 0; i < 64; ++i) {
        std::map<std::int32_t, bool> leaves;
        std::size_t digit = free;
        for (std::size_t l = 0; l < rim; ++l) {
          if (hop->codes[l] == LeafCode::free)
            leaves[hop->leaves[l]] = (i >> --digit & 1) != 0;
          else
            leaves[hop->leaves[l]] = hop->codes[l] == LeafCode::one;
        }
        CHECK((hop->table >> i & 1) == value_of(g, root, leaves));
      }
      for (const LeafCode c : hop->codes) constants += c != LeafCode::free;
      HopFinder alone(g, {.rng = Rng(seed)});
      CHECK(alone(root)->table == hop->table);  // whatever was asked before
    }
  }
  CHECK(count > 300);
  CHECK(constants > 20);
}

TEST_CASE("hops: table distances, roots, options out of range") {
  Hop a, b;
  a.table = 0xFF;
  b.table = 0x0F;
  CHECK(table_distance(a, b) == 4.0 / 64);
  const ExplicitNotGraph g = explicit_not_graph(random_aig({.inputs = 9, .ands = 200}, Rng(1)));
  const auto roots = draw_roots(g, 0.15, Rng(2));
  CHECK(std::is_sorted(roots.begin(), roots.end()));
  CHECK(std::abs(static_cast<double>(roots.size()) - 0.15 * static_cast<double>(g.nodes() - 9)) <
        1);
  for (const std::int32_t r : roots) CHECK(g.kinds[static_cast<std::size_t>(r)] != NodeKind::input);
  CHECK(draw_roots(g, 1, Rng(2)).size() == static_cast<std::size_t>(g.nodes() - 9));
  CHECK_THROWS_AS(HopFinder(g, {.depth = 0}), Error);
  CHECK_THROWS_AS(HopFinder(g, {.free_leaves = 7}), Error);
  CHECK_THROWS_AS(draw_roots(g, 1.5, Rng(1)), Error);
}
