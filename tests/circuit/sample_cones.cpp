#include <cfm/circuit/sample_cones.hpp>

#include <set>

#include <cfm/circuit/generate_misc.hpp>
#include <cfm/circuit/simulate.hpp>

#include "../test.hpp"

using namespace cfm;
using namespace cfm::test;

TEST_CASE("windows: a window computes the root from the old values of its inputs") {
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    const Aig aig = random_aig({.inputs = 20, .latches = 5, .ands = 600, .window = 60}, Rng(seed));
    const BitRows in = random_patterns(20, 2, Rng(1)), state = random_patterns(5, 2, Rng(2));
    const BitRows all = simulate_all(aig, in, state);
    WindowCutter cut(aig);
    for (std::uint32_t root = 1; root < aig.variables(); root += 17)
      for (const WindowOptions& o : {WindowOptions{.max_nodes = 25, .max_levels = 6},
                                     WindowOptions{.max_nodes = 10000, .max_levels = 3},
                                     WindowOptions{.max_nodes = 100000, .max_levels = 100000}}) {
        const Cone cone = cut(Literal(root, true), o);
        CHECK(static_cast<Index>(cone.aig.variables()) - 1 <= o.max_nodes);
        CHECK(depth(cone.aig) <= o.max_levels);
        CHECK(cone.aig.latches().empty());
        CHECK(std::set<std::uint32_t>(cone.variables.begin(), cone.variables.end()).size() ==
              cone.variables.size());
        BitRows leaves(static_cast<Index>(cone.aig.inputs()), 2);
        for (std::size_t i = 0; i < cone.aig.inputs(); ++i) {
          const auto row = all[static_cast<Index>(cone.variables[1 + i])];
          std::copy(row.begin(), row.end(), leaves[static_cast<Index>(i)].begin());
        }
        const BitRows inside = simulate_all(cone.aig, leaves);
        for (std::size_t v = 0; v < cone.variables.size(); ++v)
          for (std::size_t w = 0; w < 2; ++w)
            CHECK(inside[static_cast<Index>(v)][w] ==
                  all[static_cast<Index>(cone.variables[v])][w]);
        CHECK(cone.variables[cone.aig.output_literals()[0].variable()] == root);
        CHECK(cone.aig.output_literals()[0].inverted());
        if (o.max_nodes == 100000) {
          const Literal literal(root, false);
          CHECK(cone.aig.ands() == extract_cone(aig, std::span(&literal, 1)).aig.ands());
        }
      }
  }
}

TEST_CASE("windows: a drawn set keeps its bounds, and roots outside earlier windows") {
  const Aig aig = random_aig({.inputs = 60, .ands = 5000, .window = 300}, Rng(9));
  const ConeSampleOptions options = {
      .cones = 25,
      .window = {.min_nodes = 40, .max_nodes = 200, .min_levels = 5, .max_levels = 12},
      .rng = Rng(3)};
  const auto cones = sample_cones(aig, options);
  CHECK(cones.size() == 25);
  std::set<std::uint32_t> covered;
  for (const Cone& cone : cones) {
    const auto nodes = cone.aig.variables() - 1;
    CHECK(nodes >= 40);
    CHECK(nodes <= 200);
    CHECK(depth(cone.aig) >= 5);
    CHECK(depth(cone.aig) <= 12);
    CHECK_FALSE(covered.contains(cone.variables.back()));
    for (std::size_t v = cone.aig.first_and(); v < cone.variables.size(); ++v)
      covered.insert(cone.variables[v]);
  }
  const auto again = sample_cones(aig, options);
  for (std::size_t i = 0; i < cones.size(); ++i) CHECK(again[i].variables == cones[i].variables);
  WindowCutter cut(aig);
  CHECK_THROWS_AS(cut(literal_true, {.max_nodes = 0}), Error);
  CHECK(cut(literal_true).aig.output_literals()[0] == literal_true);
}
