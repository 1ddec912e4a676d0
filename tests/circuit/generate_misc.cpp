#include <cfm/circuit/generate_misc.hpp>

#include "../test.hpp"
#include "patterns.hpp"

using namespace cfm;
using test::Number;

TEST_CASE("shifter: shifts") {
  for (std::size_t bits : {1u, 2u, 3u, 5u, 7u, 8u, 16u, 33u, 64u}) {
    CAPTURE(bits);
    const Number top = (Number{1} << bits) - 1;
    const std::size_t layers = barrel_shifter(bits).inputs() - bits;
    CHECK((std::size_t{1} << layers) >= bits);
    CHECK((layers == 0 || (std::size_t{1} << (layers - 1)) < bits));
    const auto left = [&](Number x, Number by) {
      return by >= bits ? 0 : (x << static_cast<int>(by)) & top;
    };
    const auto right = [&](Number x, Number by) {
      return by >= bits ? 0 : x >> static_cast<int>(by);
    };
    const auto rotate = [&](Number x, Number by) {
      const int d = static_cast<int>(by % bits);
      return ((x << d) | (x >> (static_cast<int>(bits) - d))) & top;
    };
    CHECK(test::wrong_results(barrel_shifter(bits), bits, layers, left) == 0);
    CHECK(test::wrong_results(barrel_shifter(bits, ShiftKind::right), bits, layers, right) == 0);
    CHECK(test::wrong_results(barrel_shifter(bits, ShiftKind::rotate_left), bits, layers, rotate) ==
          0);
  }
  CHECK_THROWS_AS(barrel_shifter(0), Error);
}

TEST_CASE("comparator: compares") {
  for (std::size_t bits : {1u, 2u, 3u, 6u, 9u, 40u}) {
    CAPTURE(bits);
    const auto expected = [](Number a, Number b) {
      return Number{a < b} | Number{a == b} << 1 | Number{a > b} << 2;
    };
    CHECK(test::wrong_results(comparator(bits), bits, bits, expected) == 0);
  }
  CHECK_THROWS_AS(comparator(0), Error);
}

TEST_CASE("random graphs: as asked for, the same for the same seed") {
  const RandomAigOptions options{.inputs = 12, .latches = 3, .ands = 500, .outputs = 7};
  const Aig a = random_aig(options, Rng(4)), b = random_aig(options, Rng(4)),
            c = random_aig(options, Rng(5));
  CHECK(a == b);
  CHECK_FALSE(a == c);
  CHECK(a.inputs() == 12);
  CHECK(a.latches().size() == 3);
  CHECK(a.ands() == 500);
  CHECK(a.outputs() == 7);
  CHECK(strash(a).ands() <= a.ands());
}

TEST_CASE("random graphs: a window makes them deep, and hashing may run out of ANDs") {
  const auto depth_of = [](const Aig& aig) {
    std::vector<std::size_t> level(aig.variables(), 0);
    for (std::uint32_t v = aig.first_and(); v < aig.variables(); ++v)
      level[v] =
          1 + std::max(level[aig.fanins(v)[0].variable()], level[aig.fanins(v)[1].variable()]);
    return *std::max_element(level.begin(), level.end());
  };
  CHECK(depth_of(random_aig({.ands = 2000, .window = 4}, Rng(1))) >
        4 * depth_of(random_aig({.ands = 2000}, Rng(1))));
  const Aig tiny = random_aig({.inputs = 1, .ands = 100}, Rng(1));
  CHECK(tiny.ands() == 0);  // of one variable there is no AND that is not trivial
  CHECK(random_aig({.inputs = 1, .ands = 100, .hashed = false}, Rng(1)).ands() == 100);
  CHECK(random_aig({.inputs = 0, .ands = 0}, Rng(1)).outputs() == 8);
  CHECK_THROWS_AS(random_aig({.inputs = 0, .ands = 1}, Rng(1)), Error);
}
