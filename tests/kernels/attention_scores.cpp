#include <cfm/kernels/attention_scores.hpp>

#include <doctest/doctest.h>

using namespace cfm;

TEST_CASE("attention scores: policies change a row as they say, at any length") {
  for (Index keys : {1, 7, 8, 9, 600}) {
    const QueryPlace place{1, 3, 10, 700};
    std::vector<float> s(static_cast<std::size_t>(keys), 2.0f);
    const auto row = [&] { return ScoreRow<float>{s.data(), keys, 64, 1, place}; };
    CHECK(row().distance(0) == 693 - 64);
    isa_detail::apply_scores(PlainScores{}, row());
    CHECK(s.back() == 2.0f);
    isa_detail::apply_scores([](auto x, auto distance) { return x + distance; }, row());
    for (Index i = 0; i < keys; ++i)
      CHECK(s[static_cast<std::size_t>(i)] == 2.0f + static_cast<float>(629 - i));
    Alibi{{0.0, 0.5}}(row());
    for (Index i = 0; i < keys; ++i)
      CHECK(s[static_cast<std::size_t>(i)] == 2.0f + 0.5f * static_cast<float>(629 - i));
    SoftCap{3}(row());
    CHECK(s[0] == doctest::Approx(3.0));
  }
}

TEST_CASE("attention scores: a bias broadcasts over extents of one") {
  const std::vector<float> values{1, 2, 3, 4, 5, 6};
  View<const float, 4> bias{values.data(), {1, 2, 1, 3}, {6, 3, 3, 1}};
  std::vector<float> s(2, 10.0f);
  ScoreBias<float>{bias}(ScoreRow<float>{s.data(), 2, 1, 1, {4, 5, 9, 3}});
  CHECK(s == std::vector<float>{15, 16});
  bias.extent[3] = 1;
  ScoreBias<float>{bias}(ScoreRow<float>{s.data(), 2, 1, 0, {4, 5, 9, 3}});
  CHECK(s == std::vector<float>{16, 17});
}
