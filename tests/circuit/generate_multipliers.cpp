#include <cfm/circuit/generate_multipliers.hpp>

#include <cfm/circuit/levels.hpp>

#include "../test.hpp"
#include "patterns.hpp"

using namespace cfm;
using test::Number;

namespace {

const std::size_t widths[] = {1u, 2u, 3u, 4u, 5u, 6u, 7u, 8u, 13u, 32u, 61u, 64u};

}  // namespace

TEST_CASE("multipliers: unsigned products") {
  const auto product = [](Number a, Number b) { return a * b; };
  for (std::size_t bits : widths) {
    CAPTURE(bits);
    CHECK(test::wrong_results(carry_save_multiplier(bits), bits, bits, product) == 0);
    CHECK(test::wrong_results(wallace_multiplier(bits), bits, bits, product) == 0);
    CHECK(test::wrong_results(dadda_multiplier(bits), bits, bits, product) == 0);
    for (Compression compression : {Compression::wallace, Compression::dadda}) {
      const Aig booth = booth_multiplier(bits, {.is_signed = false, .compression = compression});
      CHECK(test::wrong_results(booth, bits, bits, product) == 0);
      CHECK(booth.outputs() == 2 * bits);
    }
  }
}

TEST_CASE("multipliers: signed products") {
  for (std::size_t bits : widths) {
    CAPTURE(bits);
    const auto product = [bits](Number a, Number b) {
      const auto extend = [bits](Number x) {
        return (x >> (bits - 1)) & 1 ? x - (Number{1} << bits) : x;
      };
      const Number full = extend(a) * extend(b);  // modulo 2^128
      return bits == 64 ? full : full & ((Number{1} << (2 * bits)) - 1);
    };
    for (Compression compression : {Compression::wallace, Compression::dadda}) {
      const Aig booth = booth_multiplier(bits, {.compression = compression});
      CHECK(test::wrong_results(booth, bits, bits, product) == 0);
    }
  }
}

TEST_CASE("multipliers: trees are shallow, Dadda's needs no more gates than Wallace's") {
  CHECK(depth(dadda_multiplier(32)) < depth(carry_save_multiplier(32)) / 2);
  CHECK(dadda_multiplier(32).ands() <= wallace_multiplier(32).ands());
}

TEST_CASE("multipliers: wrong sizes") {
  CHECK_THROWS_AS(wallace_multiplier(0), Error);
  CHECK_THROWS_AS(dadda_multiplier(5000), Error);
  CHECK_THROWS_AS(booth_multiplier(0), Error);
}
