#include <cfm/circuit/functional_classes.hpp>

#include <cfm/circuit/generate_adders.hpp>
#include <cfm/circuit/generate_misc.hpp>
#include <cfm/exec/thread_limit.hpp>

#include "../test.hpp"

using namespace cfm;
using namespace cfm::test;

TEST_CASE("functional classes: with few sources they are the equal truth tables") {
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    const Aig aig =
        random_aig({.inputs = 4, .latches = 1, .ands = 80, .hashed = seed % 2 == 0}, Rng(seed));
    const NodeFunctions f = node_functions(aig);
    const FunctionalClasses exact = functional_classes(aig);
    // Five random patterns: simulation alone is often wrong, the check of cones repairs all.
    const FunctionalClasses repaired = functional_classes(
        aig, {.patterns = {
                  .exact_below = 0, .patterns = 64, .probability = std::vector<double>(5, 0.9)}});
    for (std::uint32_t a = 0; a < aig.variables(); ++a) {
      CHECK(exact.proved[a] == 1);
      CHECK(repaired.proved[a] == 1);
      CHECK(exact.representative[a].variable() <= a);
      for (std::uint32_t b = 0; b < aig.variables(); ++b) {
        const double d = f.distance(a, b);
        CHECK(exact.equivalent(Literal(a, false), Literal(b, false)) == (d == 0));
        CHECK(exact.equivalent(Literal(a, true), Literal(b, false)) == (d == 1));
        CHECK(repaired.equivalent(Literal(a, false), Literal(b, false)) == (d == 0));
        CHECK(repaired.equivalent(Literal(a, false), Literal(b, true)) == (d == 1));
      }
    }
    CHECK(exact.classes() == repaired.classes());
  }
}

TEST_CASE("functional classes: two adders of other structure share their outputs") {
  Strash s;
  const Word a = add_inputs(s, 12), b = add_inputs(s, 12);
  add_outputs(s, ripple_add(s, a, b));
  add_outputs(s, carry_lookahead_add(s, a, b));
  const Aig aig = s.take();
  const FunctionalClasses classes = functional_classes(aig);
  std::size_t proved = 0;
  const auto out = aig.output_literals();
  for (std::size_t i = 0; i < 13; ++i) {
    CHECK(classes.equivalent(out[i], out[13 + i]));
    const std::uint32_t later = std::max(out[i].variable(), out[13 + i].variable());
    proved += classes.proved[later];
  }
  CHECK(proved >= 6);  // sums of up to 12 inputs
  CHECK(proved < 13);  // the last ones depend on 24
  CHECK(classes.classes() < aig.variables() - 12);
  const auto run = [&](int threads) {
    return ThreadLimit(threads).run([&] { return functional_classes(aig).representative; });
  };
  CHECK(run(1) == run(3));
  CHECK_THROWS_AS(functional_classes(aig, {.exact_sources = 21}), Error);
}

TEST_CASE("functional classes: what patterns cannot tell apart is split by truth tables only") {
  // AND of 10 inputs is 1 once in 1024: 64 patterns of zeros take it for a constant.
  Strash s;
  const Word in = add_inputs(s, 10);
  s.add_output(s.land(std::span<const Literal>(in)));
  const Aig aig = s.take();
  const PatternOptions zeros = {
      .exact_below = 0, .patterns = 64, .probability = std::vector<double>(10, 0)};
  const Literal y = aig.output_literals()[0];
  CHECK(functional_classes(aig, {.patterns = zeros}).resolve(y) == y);
  const FunctionalClasses loose = functional_classes(aig, {.patterns = zeros, .exact_sources = 0});
  CHECK(loose.resolve(y) == literal_false);
  CHECK(loose.proved[y.variable()] == 0);
}
