#include <cfm/core/checked.hpp>

#include <cstdint>
#include <limits>

#include "../test.hpp"

using namespace cfm;

TEST_CASE("checked: 8-bit sums and products against wider arithmetic, all pairs") {
  for (int a = -128; a < 128; ++a)
    for (int b = -128; b < 128; ++b) {
      const auto x = static_cast<std::int8_t>(a), y = static_cast<std::int8_t>(b);
      const auto fits = [](int v) { return v >= -128 && v <= 127; };
      const auto product = checked_mul(x, y), sum = checked_add(x, y);
      if (product.has_value() != fits(a * b) || (product && *product != a * b))
        FAIL_CHECK(a << " * " << b);
      if (sum.has_value() != fits(a + b) || (sum && *sum != a + b)) FAIL_CHECK(a << " + " << b);
    }
}

TEST_CASE("checked: the edges of Index and of size_t") {
  constexpr Index most = std::numeric_limits<Index>::max(),
                  least = std::numeric_limits<Index>::min();
  CHECK(checked_mul<Index>(Index{1} << 31, Index{1} << 31) == Index{1} << 62);
  CHECK_FALSE(checked_mul<Index>(Index{1} << 32, Index{1} << 31));
  CHECK_FALSE(checked_mul<Index>(least, -1));
  CHECK(checked_mul<Index>(0, least) == Index{0});
  CHECK(checked_add(most, Index{0}) == most);
  CHECK_FALSE(checked_add(most, Index{1}));
  CHECK_FALSE(checked_add<std::size_t>(SIZE_MAX, 1));
  CHECK_FALSE(checked_mul<std::size_t>(std::size_t{1} << 32, std::size_t{1} << 32));
}
