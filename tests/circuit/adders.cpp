#include <cfm/circuit/adders.hpp>

#include <numeric>

#include <cfm/circuit/generate_misc.hpp>
#include <cfm/circuit/generate_multipliers.hpp>

#include "../test.hpp"

using namespace cfm;

namespace {

std::array<std::uint32_t, 5> ids(const AdderRecord& r) {
  return {r.inputs[0], r.inputs[1], r.inputs[2], r.sum, r.carry};
}

// The same graph with its inputs in another order: `place` maps old inputs to new ones.
Aig permute_inputs(const Aig& aig, const std::vector<std::uint32_t>& place) {
  Aig out;
  for (std::size_t i = 0; i < aig.inputs(); ++i) out.add_input();
  const auto map = [&](Literal l) {
    const std::uint32_t v = l.variable();
    return v >= 1 && v <= aig.inputs() ? Literal(place[v - 1] + 1, l.inverted()) : l;
  };
  for (const auto& f : aig.all_fanins()) out.add_and(map(f[0]), map(f[1]));
  for (Literal l : aig.output_literals()) out.add_output(map(l));
  return out;
}

}  // namespace

TEST_CASE("adders: those of carry-save multipliers") {
  for (std::size_t n : {2u, 3u, 4u, 5u, 6u, 8u, 10u, 12u, 16u, 24u, 32u, 64u}) {
    CAPTURE(n);
    const Adders adders = extract_adders(carry_save_multiplier(n));
    CHECK(adders.full() == n * (n - 2));
    CHECK(adders.half() == n);
  }
}

TEST_CASE("adders: first records of the 8-bit multiplier") {
  const Adders adders = extract_adders(carry_save_multiplier(8));
  REQUIRE(adders.records.size() == 56);
  CHECK(ids(adders.records[0]) == std::array<std::uint32_t, 5>{18, 19, 0, 22, 20});
  CHECK(ids(adders.records[1]) == std::array<std::uint32_t, 5>{20, 23, 24, 30, 35});
  CHECK(adders.records[0].sign == 0);  // a XOR and an AND without inversions
  CHECK(adders.xors.size() == 104);
  CHECK(std::is_sorted(adders.records.begin(), adders.records.end(),
                       [](const auto& a, const auto& b) {
                         return std::pair(a.sum, a.carry) < std::pair(b.sum, b.carry);
                       }));
}

TEST_CASE("adders: signs tell the inversions") {
  Strash aig;
  const Literal a = aig.add_input(), b = aig.add_input(), c = aig.add_input();
  for (bool flip_a : {false, true}) {
    for (bool flip_b : {false, true}) {
      Strash one;
      const Literal x = one.add_input(), y = one.add_input();
      const SumCarry s = half_adder(one, x ^ flip_a, y ^ flip_b);
      one.add_output(s.sum);
      one.add_output(s.carry);
      one.add_output(s.carry);
      const Adders found = extract_adders(one.aig());
      REQUIRE(found.half() >= 1);
      bool seen = false;
      for (const AdderRecord& r : found.records)
        if (r.carry == s.carry.variable()) {
          const bool sum_flips = s.sum.inverted() != (flip_a != flip_b);
          const std::uint32_t table = (flip_a ? 1u : 0u) + (flip_b ? 2u : 0u);  // 88 44 22 11
          CHECK(r.sign == (sum_flips ? 8u : 0u) + table);
          seen = true;
        }
      CHECK(seen);
    }
  }
  const SumCarry s = full_adder(aig, a, b, c);
  aig.add_output(s.sum);
  aig.add_output(s.carry);
  const Adders found = extract_adders(aig.aig());
  CHECK(found.full() == 1);
  CHECK(found.half() == 0);  // those inside the full adder do not count
  CHECK(found.records[0].sign == (s.sum.inverted() ? 8u : 0u) + (s.carry.inverted() ? 7u : 0u));
}

TEST_CASE("adders: found in every architecture") {
  CHECK(extract_adders(ripple_adder(16)).full() == 15);
  CHECK(extract_adders(ripple_adder(16)).half() == 1);
  CHECK(extract_adders(carry_save_adder(8, 3)).full() >= 6);
  CHECK(extract_adders(dadda_multiplier(16)).full() >= 16 * 16 - 4 * 16 + 3);  // Dadda's count
  CHECK(extract_adders(booth_multiplier(16)).full() > 50);
  CHECK(extract_adders(barrel_shifter(16)).full() == 0);
}

TEST_CASE("adders: a half adder whose AND is only a part of its XOR is dropped") {
  for (bool used : {false, true}) {
    Aig aig;
    const Literal a = aig.add_input(), b = aig.add_input();
    const Literal both = aig.add_and(a, b), none = aig.add_and(!a, !b),
                  x = aig.add_and(!both, !none);
    aig.add_output(x);
    if (used) aig.add_output(both);
    const Adders found = extract_adders(aig);
    CHECK(found.xors == std::vector<XorRecord>{{x.variable(), {1, 2, 0}}});
    CHECK(found.half() == (used ? 1 : 0));
  }
}

TEST_CASE("adders: the order of the inputs does not matter") {
  for (std::size_t n : {3u, 6u, 9u}) {
    const Aig aig = carry_save_multiplier(n);
    std::vector<std::uint32_t> place(aig.inputs());
    std::iota(place.begin(), place.end(), 0u);
    Rng rng(n);
    for (std::size_t i = 1; i < place.size(); ++i) std::swap(place[i], place[rng.below(i + 1)]);
    const Aig other = permute_inputs(aig, place);
    const Adders x = extract_adders(aig), y = extract_adders(other);
    REQUIRE(x.records.size() == y.records.size());
    for (std::size_t i = 0; i < x.records.size(); ++i) {  // inputs of adders here are ANDs
      CHECK(ids(x.records[i]) == ids(y.records[i]));
    }
    CHECK(x.xors == y.xors);
  }
  // where inputs of adders are inputs of the circuit, their names move and nothing else
  const Aig ripple = ripple_adder(8);
  std::vector<std::uint32_t> reversed(16);
  for (std::uint32_t i = 0; i < 16; ++i) reversed[i] = 15 - i;
  const Adders x = extract_adders(ripple), y = extract_adders(permute_inputs(ripple, reversed));
  REQUIRE(x.records.size() == y.records.size());
  for (std::size_t i = 0; i < x.records.size(); ++i) {
    auto moved = x.records[i].inputs;
    for (std::uint32_t& v : moved)
      if (v >= 1 && v <= 16) v = 17 - v;
    if (moved[2] != 0)
      std::sort(moved.begin(), moved.end());
    else
      std::sort(moved.begin(), moved.begin() + 2);
    CHECK(moved == y.records[i].inputs);
    CHECK(x.records[i].sum == y.records[i].sum);
    CHECK(x.records[i].carry == y.records[i].carry);
  }
}

TEST_CASE("adders: graphs without any, and random ones, come to an end") {
  CHECK(extract_adders(Aig()).records.empty());
  CHECK(extract_adders(random_aig({.ands = 0}, Rng(1))).xors.empty());
  for (std::uint64_t seed = 0; seed < 6; ++seed) {
    const Aig aig = random_aig({.inputs = 6, .ands = 400, .hashed = false}, Rng(seed));
    const Adders found = extract_adders(aig, {.max_cuts = 50});
    for (const AdderRecord& r : found.records) {
      REQUIRE(r.inputs[0] < r.inputs[1]);
      REQUIRE(aig.is_and(r.sum));
      REQUIRE(aig.is_and(r.carry));
      REQUIRE(r.sign < 16);
    }
  }
}
