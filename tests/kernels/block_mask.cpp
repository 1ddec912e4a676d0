#include <cfm/kernels/block_mask.hpp>

#include <doctest/doctest.h>

#include <cfm/kernels/detail/visible_keys.hpp>

using namespace cfm;

TEST_CASE("block mask: shows the blocks of its bitmap, of each head") {
  bool bits[2][3][4];
  for (Index i = 0; i < 24; ++i) (&bits[0][0][0])[i] = i % 5 < 2;
  const BlockMask mask{View<const bool, 3>{&bits[0][0][0], {2, 3, 4}, {12, 4, 1}}, 10, 32};
  for (Index head = 0; head < 2; ++head)
    for (Index query = 0; query < 25; ++query)
      for (Index key = 0; key < 120; ++key)
        CHECK(shows(mask, {0, query, 25, 120, head}, key) == bits[head][query / 10][key / 32]);
  BlockMask one = mask;
  one.visible.extent[0] = 1;
  CHECK(shows(one, {0, 4, 25, 120, 7}, 3) == bits[0][0][0]);
}

TEST_CASE("block mask: parts are the blocks that a tile sees") {
  const bool bits[2][6] = {{true, false, false, true, false, false},
                           {true, false, true, false, false, false}};
  const BlockMask mask{View<const bool, 3>{&bits[0][0], {1, 2, 6}, {12, 6, 1}}, 1, 64};
  const QueryPlace places[2] = {{0, 0, 2, 384}, {0, 1, 2, 384}};
  detail::KeyPart parts[13];
  CHECK(detail::visible_parts(mask, 2, places, 16, 250, parts) == 3);
  CHECK(parts[0].begin == 16);
  CHECK(parts[0].end == 64);
  CHECK(parts[1].begin == 128);
  CHECK(parts[2].end == 250);
  CHECK(mask(places[0]) == KeyRange{0, 256, 0});
  CHECK(detail::visible_parts(AllKeys{}, 2, places, 16, 250, parts) == 1);
  CHECK(detail::visible_parts(AllKeys{}, 2, places, 16, 16, parts) == 0);
}

TEST_CASE("block mask: layouts that do not fit are reported") {
  const bool bits[4] = {true, true, true, true};
  const BlockMask mask{View<const bool, 3>{bits, {2, 1, 2}, {2, 2, 1}}, 8, 32};
  CHECK_NOTHROW(mask({0, 7, 8, 64, 1}));
  CHECK_THROWS_WITH_AS(mask({0, 8, 9, 64, 1}), doctest::Contains("key blocks"), Error);
  CHECK_THROWS_AS(mask({0, 7, 8, 65, 1}), Error);
  CHECK_THROWS_AS(mask({0, 7, 8, 64, 2}), Error);
  CHECK_THROWS_WITH_AS((BlockMask{mask.visible, 8, 48}({0, 0, 1, 4})),
                       doctest::Contains("multiples of 32"), Error);
}

TEST_CASE("block mask: sinks that a hidden first block does not cover stay visible") {
  const bool blocks[] = {false, true, true, true};
  const View<const bool, 3> visible{blocks, {1, 1, 4}, {4, 4, 1}};
  const BothMasks both{SlidingWindow{10, 0, 40}, BlockMask{visible, 128, 32}};
  const QueryPlace place{0, 127, 128, 128};
  Index shown = 0;
  for (Index key = 0; key < 128; ++key) shown += shows(both, place, key) ? 1 : 0;
  CHECK(shown == 8 + 11);  // keys 32 .. 40 and the window
}
