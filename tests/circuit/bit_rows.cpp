#include <cfm/circuit/bit_rows.hpp>

#include <bit>

#include <doctest/doctest.h>

#include <cfm/exec/thread_limit.hpp>

using namespace cfm;

TEST_CASE("bit rows: bits are where the words say") {
  BitRows rows(3, 2);
  CHECK(rows.patterns() == 128);
  rows.set(1, 65, true);
  CHECK(rows[1][1] == 2);
  CHECK(rows.get(1, 65));
  CHECK(!rows.get(1, 64));
  CHECK(!rows.get(2, 65));
  rows.set(1, 65, false);
  CHECK(rows == BitRows(3, 2));
}

TEST_CASE("bit rows: impossible extents and bits are refused") {
  CHECK_THROWS_AS(BitRows(-1, 2), Error);
  CHECK_THROWS_AS(BitRows(Index{1} << 40, Index{1} << 40), Error);
  BitRows rows(2, 1);
  CHECK_THROWS_AS(rows.get(2, 0), Error);
  CHECK_THROWS_AS(rows.get(0, 64), Error);
  CHECK_THROWS_AS(rows.set(0, -1, true), Error);
}

TEST_CASE("bit rows: random patterns are the same for any threads, and about half ones") {
  const BitRows one = ThreadLimit(1).run([] { return random_patterns(40, 300, Rng(9)); });
  for (const int threads : {2, 3, 8})
    CHECK(ThreadLimit(threads).run([] { return random_patterns(40, 300, Rng(9)); }) == one);
  CHECK(random_patterns(40, 300, Rng(10)) != one);
  Index ones = 0;
  for (Index i = 0; i < 40 * 300; ++i) ones += std::popcount(one.data()[i]);
  CHECK(std::abs(ones - 40 * 300 * 32) < 3000);  // 768,000 bits: over six standard deviations
}
