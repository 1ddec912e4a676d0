#include <cfm/circuit/source_patterns.hpp>

#include <cfm/exec/thread_limit.hpp>

#include "../test.hpp"

using namespace cfm;
using namespace cfm::test;

TEST_CASE("source patterns: all patterns list every number once, or as often each") {
  for (Index n = 0; n <= 10; ++n) {
    const BitRows rows = all_patterns(n);
    const Index total = std::max<Index>(64, Index{1} << n);
    CHECK(rows.patterns() == total);
    for (Index p = 0; p < total; ++p) {
      Index number = 0;
      for (Index i = 0; i < n; ++i) number |= static_cast<Index>(rows.get(i, p)) << i;
      CHECK(number == p % (Index{1} << n));
    }
  }
  CHECK_THROWS_AS(all_patterns(25), Error);
}

TEST_CASE("source patterns: exact below the limit, random in whole words above") {
  const SourcePatterns exact = source_patterns(7, 5);
  CHECK(exact.exact);
  CHECK(exact.patterns() == 4096);
  CHECK(exact.weight.empty());
  CHECK(exact.latches.get(4, 2048));  // source 11 is the slowest
  const SourcePatterns random = source_patterns(8, 5);
  CHECK_FALSE(random.exact);
  CHECK(random.patterns() == 15040);
  CHECK(source_patterns(3, 0, {.exact_below = 0, .patterns = 1}).patterns() == 64);
}

TEST_CASE("source patterns: biased bits have their probability, each source its own") {
  const std::vector<double> p = {0, 1, 0.5, 0.1, 0.9, 1.0 / 3, 0.001};
  const SourcePatterns s = source_patterns(
      5, 2, {.exact_below = 0, .patterns = 640000, .probability = p, .rng = Rng(3)});
  const auto share = [&](const BitRows& rows, Index i) {
    std::uint64_t ones = 0;
    for (const std::uint64_t word : rows[i])
      ones += static_cast<std::uint64_t>(std::popcount(word));
    return static_cast<double>(ones) / 640000;
  };
  for (Index i = 0; i < 7; ++i) {
    const double q = p[static_cast<std::size_t>(i)];
    const double error = std::abs((i < 5 ? share(s.inputs, i) : share(s.latches, i - 5)) - q);
    CHECK(error <= 5 * std::sqrt(q * (1 - q) / 640000));
  }
  const auto run = [&](int threads) {
    return ThreadLimit(threads).run([&] {
      return source_patterns(4, 0, {.exact_below = 0, .patterns = 200000, .rng = Rng(1)}).inputs;
    });
  };
  CHECK(run(1) == run(3));
}

TEST_CASE("source patterns: weights of exact patterns are the product rule") {
  for (const Index n : {2, 6, 8}) {
    std::vector<double> p;
    for (Index i = 0; i < n; ++i) p.push_back(0.1 * static_cast<double>(i + 1));
    const SourcePatterns s = source_patterns(n, 0, {.probability = p});
    double total = 0;
    std::vector<double> ones(p.size(), 0);
    for (Index m = 0; m < s.patterns(); ++m) {
      total += s.weight[static_cast<std::size_t>(m)];
      for (Index i = 0; i < n; ++i)
        if (s.inputs.get(i, m))
          ones[static_cast<std::size_t>(i)] += s.weight[static_cast<std::size_t>(m)];
    }
    CHECK(total == doctest::Approx(1));
    for (std::size_t i = 0; i < p.size(); ++i) CHECK(ones[i] == doctest::Approx(p[i]));
  }
  CHECK(error_of([] { source_patterns(2, 0, {.probability = {0.5}}); }).find("one probability") !=
        std::string::npos);
  CHECK(error_of([] { source_patterns(1, 0, {.probability = {1.5}}); }).find("0 .. 1") !=
        std::string::npos);
  CHECK_THROWS_AS(source_patterns(1, 0, {.patterns = 0}), Error);
}
