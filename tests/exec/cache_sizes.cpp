#include <cfm/exec/cache_sizes.hpp>

#include <doctest/doctest.h>

using namespace cfm;

TEST_CASE("cache sizes: ordered, believable, the same whenever asked") {
  const CacheSizes& sizes = cache_sizes();
  CHECK(sizes.l1 >= 16 << 10);
  CHECK(sizes.l1 <= sizes.l2);
  CHECK(sizes.l2 <= sizes.l3 * 4);  // small machines exist where the second level is the larger
  CHECK(sizes.l3 <= Index{64} << 20);
  CHECK(&sizes == &cache_sizes());
  CHECK(reads_ahead() == reads_ahead());
}
