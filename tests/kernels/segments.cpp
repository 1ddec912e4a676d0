#include <cfm/kernels/segments.hpp>

#include <doctest/doctest.h>

using namespace cfm;

TEST_CASE("segments: members are in order, keys are those given") {
  const Tensor keys = Tensor::of<std::int64_t>({2, 0, 2, 3, 0, 2}).reshape({2, 3});
  const Segments s(keys, 5);
  CHECK(s.count() == 5);
  CHECK(s.rows() == 6);
  const std::vector<std::vector<std::int32_t>> expected = {{1, 4}, {}, {0, 2, 5}, {3}, {}};
  for (Index k = 0; k < 5; ++k) {
    const auto members = s.members()[k];
    CHECK(std::vector<std::int32_t>(members.begin(), members.end()) ==
          expected[static_cast<std::size_t>(k)]);
  }
  for (Index r = 0; r < 6; ++r) {
    REQUIRE(s.keys()[r].size() == 1);
    CHECK(s.keys()[r][0] == keys.contiguous().span<std::int64_t>()[static_cast<std::size_t>(r)]);
  }
}

TEST_CASE("segments: sums of rows of any rank") {
  const Segments s(Tensor::of<std::int32_t>({1, 1, 0}), 3);
  const Tensor x = Tensor::of<float>({1, 2, 3, 4, 5, 6}).reshape({3, 2, 1});
  const Tensor y = sum_rows_of(s.members(), x);
  CHECK(y.shape() == Shape{3, 2, 1});
  const auto v = y.span<float>();
  CHECK(std::vector<float>(v.begin(), v.end()) == std::vector<float>{5, 6, 4, 6, 0, 0});
  CHECK(sum_rows_of(s.keys(), y).shape() == Shape{3, 2, 1});
}

TEST_CASE("segments: keys outside name their place") {
  CHECK_THROWS_WITH_AS(Segments(Tensor::of<std::int32_t>({0, 5}), 2),
                       doctest::Contains("key 5 at 1 is outside 2 groups"), Error);
  CHECK_THROWS_AS(Segments(Tensor::of<std::int32_t>({-1}), 2), Error);
  CHECK_THROWS_AS(Segments(Tensor::of<float>({0}), 2), TypeError);
}
