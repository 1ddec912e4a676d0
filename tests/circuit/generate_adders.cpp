#include <cfm/circuit/generate_adders.hpp>

#include <cfm/circuit/levels.hpp>

#include "../test.hpp"
#include "patterns.hpp"

using namespace cfm;
using test::Number;

TEST_CASE("adders: add") {
  const auto sum = [](Number a, Number b) { return a + b; };
  for (std::size_t bits : {1u, 2u, 3u, 4u, 5u, 6u, 7u, 16u, 17u, 33u, 64u, 100u}) {
    CAPTURE(bits);
    CHECK(test::wrong_results(ripple_adder(bits), bits, bits, sum) == 0);
    CHECK(test::wrong_results(carry_lookahead_adder(bits), bits, bits, sum) == 0);
    CHECK(test::wrong_results(carry_save_adder(bits, 2), bits, bits, sum) == 0);
    CHECK(ripple_adder(bits).outputs() == bits + 1);
  }
}

TEST_CASE("adders: a carry input counts one") {
  for (std::size_t bits : {1u, 3u, 5u, 21u}) {
    CAPTURE(bits);
    for (bool lookahead : {false, true}) {
      Strash aig;
      const Word a = add_inputs(aig, bits), b = add_inputs(aig, bits), c = add_inputs(aig, 1);
      add_outputs(aig,
                  lookahead ? carry_lookahead_add(aig, a, b, c[0]) : ripple_add(aig, a, b, c[0]));
      const auto expected = [&](Number x, Number y) {
        return x + (y & ((Number{1} << bits) - 1)) + (y >> bits);
      };
      CHECK(test::wrong_results(aig.aig(), bits, bits + 1, expected) == 0);
    }
  }
}

TEST_CASE("adders: many words") {
  for (std::size_t operands : {1u, 3u, 4u, 5u, 7u, 9u}) {
    for (std::size_t bits : {1u, 2u, 8u}) {
      CAPTURE(operands);
      CAPTURE(bits);
      const Aig aig = carry_save_adder(bits, operands);
      const auto expected = [&](Number a, Number rest) {
        for (; rest != 0; rest >>= bits) a += rest & ((Number{1} << bits) - 1);
        return a;
      };
      CHECK(test::wrong_results(aig, bits, bits * (operands - 1), expected) == 0);
    }
  }
}

TEST_CASE("adders: lookahead is shallow, ripple is small") {
  CHECK(depth(carry_lookahead_adder(64)) < 40);
  CHECK(depth(ripple_adder(64)) >= 64);
  CHECK(ripple_adder(64).ands() < carry_lookahead_adder(64).ands());
}

TEST_CASE("adders: wrong sizes") {
  CHECK_THROWS_AS(ripple_adder(0), Error);
  CHECK_THROWS_AS(carry_lookahead_adder(0), Error);
  CHECK_THROWS_AS(carry_save_adder(4, 0), Error);
  Strash aig;
  const Word a = add_inputs(aig, 2), b = add_inputs(aig, 3);
  CHECK_THROWS_WITH_AS(ripple_add(aig, a, b),
                       doctest::Contains("ripple_add: words of one length: 2, 3"), Error);
  CHECK_THROWS_AS(carry_lookahead_add(aig, a, b), Error);
  CHECK_THROWS_AS(carry_save_add(aig, a, a, b), Error);
}
