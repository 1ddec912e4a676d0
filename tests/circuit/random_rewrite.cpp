#include <cfm/circuit/random_rewrite.hpp>

#include <cfm/circuit/generate_adders.hpp>
#include <cfm/circuit/generate_misc.hpp>
#include <cfm/circuit/node_functions.hpp>

#include "../test.hpp"

using namespace cfm;

namespace {

// The bits of the outputs and of the next states under the same patterns.
std::vector<std::uint64_t> rewritten_bits(const Aig& aig) {
  const NodeFunctions f = node_functions(aig, {.patterns = 2048, .rng = Rng(3)});
  std::vector<Literal> sinks(aig.output_literals().begin(), aig.output_literals().end());
  for (const Latch& latch : aig.latches()) sinks.push_back(latch.next);
  std::vector<std::uint64_t> out;
  for (const Literal l : sinks)
    for (const std::uint64_t word : f.values[static_cast<Index>(l.variable())])
      out.push_back(l.inverted() ? ~word : word);
  return out;
}

}  // namespace

TEST_CASE("random rewrite: the functions stay, the structure does not") {
  std::size_t changed = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const Aig aig = strash(random_aig({.inputs = 3 + seed % 12,
                                       .latches = seed % 4,
                                       .ands = 10 + 5 * seed,
                                       .outputs = 6,
                                       .window = seed % 3 * 10},
                                      Rng(seed)));
    for (const double rate : {0.1, 0.5, 1.0}) {
      const Aig other = random_rewrite(aig, {.rate = rate, .passes = 3, .rng = Rng(seed + 100)});
      REQUIRE(other.inputs() == aig.inputs());
      REQUIRE(other.outputs() == aig.outputs());
      CHECK(rewritten_bits(other) == rewritten_bits(aig));
      changed += other.ands() != aig.ands();
    }
  }
  CHECK(changed > 80);
}

TEST_CASE("random rewrite: each rule is met and keeps the function") {
  // Small gates in which one rule after another has its place, under many seeds.
  Strash b;
  const Literal x = b.add_input(), y = b.add_input(), z = b.add_input(), w = b.add_input();
  b.add_output(b.land(b.land(x, y), z));                // association
  b.add_output(b.land(!b.land(x, z), w));               // distribution, Shannon, absorption
  b.add_output(b.land(!b.land(x, !y), !b.land(x, w)));  // factoring
  b.add_output(b.lxor(y, w));                           // parity, both forms
  b.add_output(b.lxnor(x, z));
  const Aig aig = b.take();
  const auto before = rewritten_bits(aig);
  std::vector<std::size_t> sizes;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const Aig other = random_rewrite(aig, {.rate = 1, .passes = 1, .rng = Rng(seed)});
    CHECK(rewritten_bits(other) == before);
    if (std::find(sizes.begin(), sizes.end(), other.ands()) == sizes.end())
      sizes.push_back(other.ands());
  }
  CHECK(sizes.size() > 3);
}

TEST_CASE("random rewrite: a rate of 0 is strash, the same seed the same circuit") {
  const Aig aig = ripple_adder(8);
  CHECK(random_rewrite(aig, {.rate = 0}).all_fanins().size() == strash(aig).all_fanins().size());
  const Aig a = random_rewrite(aig, {.rng = Rng(5)}), c = random_rewrite(aig, {.rng = Rng(5)});
  CHECK(std::equal(a.all_fanins().begin(), a.all_fanins().end(), c.all_fanins().begin(),
                   c.all_fanins().end()));
  CHECK(test::error_of([&] { random_rewrite(aig, {.rate = 1.5}); }).find("rate is in 0 .. 1") !=
        std::string::npos);
  CHECK(test::error_of([&] { random_rewrite(aig, {.passes = -1}); }).find("not negative") !=
        std::string::npos);
}
