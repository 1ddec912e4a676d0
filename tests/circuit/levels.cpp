#include <cfm/circuit/levels.hpp>

#include <numeric>

#include "shared_circuits.hpp"

using namespace cfm;

TEST_CASE("levels: an AND is one above its fan-ins, inverters are free") {
  Aig aig;
  const Literal a = aig.add_input(), q = aig.add_latch();
  const Literal x = aig.add_and(a, !q), y = aig.add_and(!x, a), z = aig.add_and(y, y);
  CHECK(levels(aig) == std::vector<std::int32_t>{0, 0, 0, 1, 2, 3});
  CHECK(depth(aig) == 0);  // nothing is read
  aig.set_next(0, !y);
  CHECK(depth(aig) == 2);
  aig.add_output(x);
  CHECK(depth(aig) == 2);
  aig.properties.bad.push_back(z);
  CHECK(depth(aig) == 3);
  CHECK_THROWS_AS(depth(aig, std::vector<std::int32_t>(2)), Error);
}

TEST_CASE("levels: fan-out counts and lists agree with the definition") {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    CAPTURE(seed);
    const Aig aig = test::random_aig(seed, false);
    const Fanouts lists = fanouts(aig);
    const auto counts = fanout_counts(aig);
    std::vector<std::uint32_t> outside(aig.variables(), 0);
    for (const Literal literal : aig.output_literals()) ++outside[literal.variable()];
    for (const Latch& latch : aig.latches()) ++outside[latch.next.variable()];
    CHECK(lists.view().rows() == static_cast<Index>(aig.variables()));
    for (std::uint32_t v = 0; v < aig.variables(); ++v) {
      std::vector<std::int32_t> readers;
      for (std::uint32_t g = aig.first_and(); g < aig.variables(); ++g)
        for (const Literal fanin : aig.fanins(g))
          if (fanin.variable() == v) readers.push_back(static_cast<std::int32_t>(g));
      CHECK(std::ranges::equal(lists[v], readers));
      CHECK(counts[v] == readers.size() + outside[v]);
    }
  }
}

TEST_CASE("levels: an empty graph has one variable and no edges") {
  CHECK(levels(Aig()) == std::vector<std::int32_t>{0});
  CHECK(fanouts(Aig()).columns.empty());
  CHECK(fanouts(Aig())[0].empty());
}
