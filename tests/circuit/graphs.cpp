#include <cfm/circuit/graphs.hpp>

#include <cfm/circuit/carry_save_multiplier.hpp>
#include <cfm/circuit/generate_misc.hpp>

#include "../test.hpp"

using namespace cfm;

TEST_CASE("graphs: conversions lose nothing of a circuit without names") {
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    CAPTURE(seed);
    const RandomAigOptions options{
        .inputs = 1 + seed, .latches = seed % 3, .ands = 40 * seed, .hashed = seed % 2 == 0};
    Aig aig = random_aig(options, Rng(seed));
    aig.add_output(literal_true);
    aig.add_output(literal_false);
    const ExplicitNotGraph nots = explicit_not_graph(aig);
    CHECK(to_aig(nots) == aig);
    CHECK(nots.graph.edges() ==
          static_cast<Index>(2 * aig.ands()) +
              std::count(nots.kinds.begin(), nots.kinds.end(), NodeKind::not_gate));
    CHECK(to_aig(edge_attribute_graph(aig)) == aig);
  }
  for (std::size_t n : {1u, 2u, 8u}) {
    CHECK(to_aig(explicit_not_graph(carry_save_multiplier(n))) == carry_save_multiplier(n));
    CHECK(to_aig(edge_attribute_graph(carry_save_multiplier(n))) == carry_save_multiplier(n));
  }
  CHECK(to_aig(explicit_not_graph(Aig())) == Aig());
  CHECK(to_aig(edge_attribute_graph(Aig())) == Aig());
}

TEST_CASE(
    "graphs: the edge-attribute graph keeps constant fan-ins, the explicit-NOT graph refuses "
    "them") {
  Aig aig;
  const Literal a = aig.add_input();
  aig.add_output(aig.add_and(literal_true, !a));
  CHECK(to_aig(edge_attribute_graph(aig)) == aig);
  CHECK(edge_attribute_graph(aig).kinds.back() == NodeKind::constant);
  CHECK_THROWS_WITH_AS(explicit_not_graph(aig),
                       doctest::Contains("an AND reads a constant; strash first; variable: 2"),
                       Error);
}
