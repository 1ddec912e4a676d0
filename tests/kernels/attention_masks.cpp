#include <cfm/kernels/attention_masks.hpp>

#include <limits>

#include <doctest/doctest.h>

#include <cfm/kernels/detail/visible_keys.hpp>

using namespace cfm;

namespace {

bool seen(const KeyRange& r, Index key) { return (r.begin <= key && key < r.end) || key < r.sinks; }

// mask(query) shows key exactly where rule(batch, position, key) holds.
template <class Mask, class Rule>
void check_mask(const Mask& mask, const Rule& rule) {
  for (Index batch = 0; batch < 2; ++batch)
    for (Index queries = 1; queries < 7; ++queries)
      for (Index keys = 0; keys < 9; ++keys)
        for (Index query = 0; query < queries; ++query) {
          const KeyRange r = mask(QueryPlace{batch, query, queries, keys});
          for (Index key = 0; key < keys; ++key)
            CHECK(seen(r, key) == rule(batch, query + keys - queries, key));
        }
}

}  // namespace

TEST_CASE("attention masks: each shows the keys that its rule says") {
  check_mask(AllKeys{}, [](Index, Index, Index) { return true; });
  check_mask(Causal{}, [](Index, Index at, Index key) { return key <= at; });
  check_mask(SlidingWindow{.left = 2, .right = 1},
             [](Index, Index at, Index key) { return at - 2 <= key && key <= at + 1; });
  check_mask(SlidingWindow{.left = 1, .sinks = 2},
             [](Index, Index at, Index key) { return key <= at && (key >= at - 1 || key < 2); });
  constexpr Index unbounded = std::numeric_limits<Index>::max();
  check_mask(SlidingWindow{.left = unbounded, .right = unbounded},
             [](Index, Index, Index) { return true; });
  check_mask(SlidingWindow{.left = 1, .right = unbounded},
             [](Index, Index at, Index key) { return key >= at - 1; });
  const Index lengths[] = {3, 5};
  check_mask(KeyLengths{lengths}, [&](Index b, Index, Index key) { return key < lengths[b]; });
  check_mask(BothMasks{SlidingWindow{.left = 1, .sinks = 2}, KeyLengths{lengths}},
             [&](Index b, Index at, Index key) {
               return key <= at && (key >= at - 1 || key < 2) && key < lengths[b];
             });
}

TEST_CASE("attention masks: packed sequences see themselves; what is missing is reported") {
  const Index offsets[] = {0, 2, 2, 5};
  const PackedSequences packed{offsets};
  CHECK(packed(QueryPlace{0, 1, 5, 5}) == KeyRange{0, 2, 0});
  CHECK(packed(QueryPlace{0, 2, 5, 5}) == KeyRange{2, 5, 0});
  CHECK_THROWS_AS(packed(QueryPlace{0, 5, 6, 6}), Error);
  const Index one[] = {3};
  CHECK_THROWS_AS(KeyLengths{one}(QueryPlace{1, 0, 1, 4}), Error);
}

TEST_CASE("attention masks: ranges are clamped, sinks that reach into the range join it") {
  const QueryPlace place{0, 0, 1, 6};
  const auto custom = [](const QueryPlace&) { return KeyRange{2, 3, 5}; };
  const detail::VisibleKeys keys(1, custom, &place);
  CHECK(keys.begin == 0);
  CHECK(keys.end == 5);
  CHECK(keys.sinks == 0);
  const KeyRange a{5, 10, 7}, b{8, 10, 9};  // 0 .. 10 both
  CHECK((a & b).joined() == KeyRange{0, 10, 0});
}

TEST_CASE("attention masks: a tile computes its sinks and its range, nothing between") {
  const QueryPlace place{0, 1999, 2000, 2000};
  const detail::VisibleKeys keys(1, SlidingWindow{99, 0, 4}, &place);
  CHECK(keys.sees(0, 384));
  CHECK(keys.first(0) == 0);
  CHECK(keys.last(0, 384) == 4);
  CHECK_FALSE(keys.sees(384, 768));
  CHECK_FALSE(keys.sees(768, 1152));
  CHECK(keys.sees(1536, 1920));
  CHECK(keys.first(1536) == 1900);
  CHECK(keys.last(1536, 1920) == 1920);
  CHECK(keys.last(1920, 2000) == 2000);
}

TEST_CASE("attention masks: what a range hides") {
  const QueryPlace place{0, 0, 1, 6};
  const auto custom = [](const QueryPlace&) { return KeyRange{2, 3, 5}; };
  const detail::VisibleKeys keys(1, custom, &place);
  float scores[6] = {};
  detail::hide_keys(custom, place, keys.row[0], 0, 6, scores);
  for (int i = 0; i < 6; ++i) CHECK((scores[i] == 0.0f) == (i < 5));
}
