#include <cfm/core/rng.hpp>

#include <algorithm>
#include <cmath>
#include <vector>

#include "../test.hpp"

using namespace cfm;

using Block = std::array<std::uint32_t, 4>;

TEST_CASE("philox4x32: the known answers of its authors") {
  CHECK(philox4x32({0, 0, 0, 0}, {0, 0}) == Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(philox4x32({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}) ==
        Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
  static_assert(philox4x32({0, 0, 0, 0}, {0, 0})[0] == 0x6627e8d5);
}

TEST_CASE("rng: a position gives the same number in any order, and sequence follows position") {
  Rng a(7, 3);
  std::vector<std::uint64_t> drawn(50);
  for (auto& v : drawn) v = a.next();
  CHECK(a.position() == 50);
  const Rng b(7, 3);
  for (std::size_t i = drawn.size(); i-- > 0;) {
    const Block bits = b.bits_at(i);
    CHECK(drawn[i] == ((std::uint64_t{bits[1]} << 32) | bits[0]));
  }
  Rng c(7, 3);
  c.seek(20);
  CHECK(c.next() == drawn[20]);
}

TEST_CASE("rng: seed, stream and split change everything") {
  std::vector<std::uint64_t> firsts;
  for (std::uint64_t s = 0; s < 20; ++s) {
    firsts.push_back(Rng(s).next());
    firsts.push_back(Rng(0, s + 1).next());
    firsts.push_back(Rng(0).split(s).next());
    firsts.push_back(Rng(1).split(s).next());
    firsts.push_back(Rng(0).split(s).split(s).next());
  }
  std::sort(firsts.begin(), firsts.end());
  CHECK(std::adjacent_find(firsts.begin(), firsts.end()) == firsts.end());
  CHECK(Rng(4, 5).split(6).next() == Rng(4, 5).split(6).next());
}

TEST_CASE("rng: uniform numbers lie in [0, 1) and are even: mean, variance, 16 bins") {
  Rng rng(11);
  constexpr int n = 100000;
  double sum = 0, squares = 0;
  int bins[16] = {};
  for (int i = 0; i < n; ++i) {
    const double u = rng.uniform();
    REQUIRE(u >= 0);
    REQUIRE(u < 1);
    sum += u;
    squares += u * u;
    ++bins[static_cast<int>(u * 16)];
  }
  const double mean = sum / n;
  CHECK(std::fabs(mean - 0.5) < 5 * std::sqrt(1.0 / 12 / n));
  CHECK(std::fabs(squares / n - 1.0 / 3) < 5 * std::sqrt(4.0 / 45 / n));
  double chi = 0;
  for (int count : bins) chi += (count - n / 16.0) * (count - n / 16.0) / (n / 16.0);
  CHECK(chi < 45);  // 15 degrees of freedom: 1 in 10,000 is above 45
  CHECK(chi > 2);   // too even would be wrong as well
}

TEST_CASE("rng: uniform_at has 24 bits and reaches neither 1 nor beyond") {
  const Rng rng(2);
  float low = 1, high = 0;
  for (std::uint64_t i = 0; i < 50000; ++i) {
    const float u = rng.uniform_at(i);
    low = std::min(low, u);
    high = std::max(high, u);
    REQUIRE(u * 0x1p24f == std::floor(u * 0x1p24f));
  }
  CHECK(low >= 0);
  CHECK(low < 1e-3f);
  CHECK(high < 1);
  CHECK(high > 0.999f);
}

TEST_CASE("rng: normal numbers have mean 0, variance 1, kurtosis 3, symmetric tails") {
  Rng rng(13);
  constexpr int n = 100000;
  double m1 = 0, m2 = 0, m4 = 0;
  int beyond = 0;
  for (int i = 0; i < n; ++i) {
    const double z = rng.normal();
    m1 += z;
    m2 += z * z;
    m4 += z * z * z * z;
    beyond += std::fabs(z) > 1.959963985 ? 1 : 0;
  }
  CHECK(std::fabs(m1 / n) < 5 / std::sqrt(n));
  CHECK(std::fabs(m2 / n - 1) < 5 * std::sqrt(2.0 / n));
  CHECK(std::fabs(m4 / n - 3) < 5 * std::sqrt(96.0 / n));
  CHECK(std::fabs(beyond / double{n} - 0.05) < 5 * std::sqrt(0.05 * 0.95 / n));
}

TEST_CASE("rng: below stays below and is even") {
  Rng rng(17);
  CHECK(rng.below(0) == 0);
  CHECK(rng.below(1) == 0);
  int counts[7] = {};
  for (int i = 0; i < 70000; ++i) ++counts[rng.below(7)];
  for (int count : counts) CHECK(std::abs(count - 10000) < 5 * 93);
  for (int i = 0; i < 1000; ++i)
    CHECK(rng.below((std::uint64_t{1} << 63) + 1) <= std::uint64_t{1} << 63);
}
