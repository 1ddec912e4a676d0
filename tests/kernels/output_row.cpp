#include <cfm/kernels/output_row.hpp>

#include <vector>

#include <doctest/doctest.h>

using namespace cfm;

TEST_CASE("output row: a finish visits every row of its block once, and says where it is") {
  std::vector<OutputRow<float>> seen;
  const auto note = [](const void* list, const OutputRow<float>& row) {
    (*static_cast<std::vector<OutputRow<float>>* const*>(list))->push_back(row);
  };
  const auto* const list = &seen;
  float out[3 * 8] = {};
  const detail::Finish<float> finish{note, &list};
  finish(out + 2, 8, 10, 3, 20, 5);
  REQUIRE(seen.size() == 3);
  for (Index r = 0; r < 3; ++r) {
    const OutputRow<float>& row = seen[static_cast<std::size_t>(r)];
    CHECK(row.values == out + 2 + 8 * r);
    CHECK(row.columns == 5);
    CHECK(row.row == 10 + r);
    CHECK(row.first_column == 20);
  }
  detail::Finish<float>{}(out, 8, 0, 3, 0, 8);  // nothing to do
  CHECK(seen.size() == 3);
}
