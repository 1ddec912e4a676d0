#include <cfm/circuit/cuts.hpp>

#include <algorithm>
#include <set>

#include <cfm/circuit/generate_misc.hpp>

#include "../test.hpp"
#include "patterns.hpp"

using namespace cfm;

namespace {

// The leaf sets of at most K leaves that the definition gives, without order or tables.
template <int K>
std::vector<std::set<std::set<std::uint32_t>>> slow_cuts(const Aig& aig) {
  std::vector<std::set<std::set<std::uint32_t>>> out(aig.variables());
  out[0] = {{}};
  for (std::uint32_t v = 1; v < aig.variables(); ++v) {
    out[v].insert({v});
    if (!aig.is_and(v)) continue;
    for (const auto& a : out[aig.fanins(v)[0].variable()])
      for (const auto& b : out[aig.fanins(v)[1].variable()]) {
        std::set<std::uint32_t> both = a;
        both.insert(b.begin(), b.end());
        if (both.size() <= K) out[v].insert(both);
      }
  }
  return out;
}

// All values of the sources, as 64 patterns of up to six of them.
std::vector<std::uint64_t> all_patterns(const Aig& aig) {
  std::vector<std::uint64_t> out;
  for (std::uint32_t v = 1; v < aig.first_and(); ++v)
    out.push_back(detail::projection<6>(static_cast<int>(v) - 1));
  return out;
}

template <int K>
void check_cuts(const Aig& aig) {
  const CutSets<K> sets(aig);
  const auto expected = slow_cuts<K>(aig);
  const std::vector<std::uint64_t> value = test::evaluate(aig, all_patterns(aig));
  std::size_t wrong_tables = 0;
  for (std::uint32_t v = aig.first_and(); v < aig.variables(); ++v) {
    std::set<std::set<std::uint32_t>> seen;
    REQUIRE(sets[v].front().leaves[0] == v);  // the trivial cut comes first
    REQUIRE(sets[v].front().size == 1);
    for (const Cut<K>& cut : sets[v]) {
      const std::vector<std::uint32_t> leaves(cut.leaves.begin(), cut.leaves.begin() + cut.size);
      REQUIRE(std::is_sorted(leaves.begin(), leaves.end()));
      for (std::size_t i = cut.size; i < K; ++i) REQUIRE(cut.leaves[i] == 0);
      REQUIRE(seen.insert({leaves.begin(), leaves.end()}).second);
      for (int pattern = 0; pattern < 64; ++pattern) {
        unsigned minterm = 0;
        for (unsigned i = 0; i < cut.size; ++i)
          minterm |= static_cast<unsigned>((value[cut.leaves[i]] >> pattern) & 1) << i;
        const auto out = static_cast<unsigned>((value[v] >> pattern) & 1);
        for (unsigned m = minterm; m < (1u << K); m += 1u << cut.size)  // repeats over no leaves
          wrong_tables += ((cut.table >> m) & 1) != out;
      }
    }
    REQUIRE(seen == expected[v]);
  }
  CHECK(wrong_tables == 0);
}

}  // namespace

TEST_CASE("cuts: all of them, with the functions that the structure gives") {
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    CAPTURE(seed);
    // not hashed: ANDs of equal, opposite and repeated signals occur
    const Aig aig =
        random_aig({.inputs = 5, .latches = 1, .ands = 24, .hashed = seed % 2 == 0}, Rng(seed));
    check_cuts<3>(aig);
    check_cuts<4>(aig);
    check_cuts<5>(aig);
    check_cuts<6>(aig);
  }
}

TEST_CASE("cuts: a constant fan-in adds no leaf") {
  Aig aig;
  const Literal a = aig.add_input(), b = aig.add_input();
  const Literal x = aig.add_and(a, literal_true), y = aig.add_and(!x, b),
                z = aig.add_and(y, literal_false);
  aig.add_output(z);
  check_cuts<3>(aig);
  const CutSets<3> sets(aig);
  CHECK(sets[x.variable()].size() == 2);
  CHECK(sets[z.variable()].back().table == 0);
}

TEST_CASE("cuts: stored order is pairs of the fan-ins' orders, smaller literal first") {
  Aig aig;
  const Literal a = aig.add_input(), b = aig.add_input(), c = aig.add_input();
  const Literal x = aig.add_and(a, b), y = aig.add_and(!x, c), z = aig.add_and(!y, x);
  const CutSets<3> sets(aig);
  std::vector<std::vector<std::uint32_t>> leaves;
  for (const Cut<3>& cut : sets[z.variable()])
    leaves.push_back({cut.leaves.begin(), cut.leaves.begin() + cut.size});
  // x = {x}, {a, b}; y = {y}, {c, x}, {a, b, c}; x is the smaller literal
  const std::vector<std::vector<std::uint32_t>> expected = {
      {6}, {4, 5}, {3, 4}, {1, 2, 5}, {1, 2, 3}};
  CHECK(leaves == expected);
  CHECK(sets[y.variable()].back().table == 0x70);  // !(a b) c
}

TEST_CASE("cuts: a limit keeps the first ones, and long chains stay affordable") {
  // x0 = a, x(i+1) = !x(i) & b: the cuts {x(j), b} of all j pile up
  Aig aig;
  Literal x = aig.add_input();
  const Literal b = aig.add_input();
  for (int i = 0; i < 200; ++i) x = aig.add_and(!x, b);
  const CutSets<3> all(aig, {.max_cuts = 0});
  CHECK(all[x.variable()].size() == 201);  // itself, and {x(j), b} for 200 j
  std::size_t most = 0;
  for_each_cut_set<3>(
      aig, [&](std::uint32_t, std::span<const Cut<3>> cuts) { most = std::max(most, cuts.size()); },
      {.max_cuts = 10});
  CHECK(most == 10);
  const CutSets<3> limited(aig, {.max_cuts = 10});
  const std::uint32_t early = aig.first_and() + 5;
  CHECK(std::equal(limited[early].begin(), limited[early].end(), all[early].begin()));
  CHECK_THROWS_WITH_AS(all[1], doctest::Contains("cuts: not an AND"), Error);
  CHECK_THROWS_AS(all[100000], Error);
}
