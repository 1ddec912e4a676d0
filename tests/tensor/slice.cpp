#include <cfm/tensor/slice.hpp>

#include <vector>

#include <cfm/io/json.hpp>
#include <cfm/tensor/compare.hpp>
#include <cfm/tensor/factories.hpp>

#include "../test.hpp"
#include "json_extents.hpp"

using namespace cfm;

namespace {

std::optional<Index> maybe(const JsonRef& value) {
  if (value.is_null()) return std::nullopt;
  return value.integer<Index>();
}

}  // namespace

TEST_CASE("slice: picks and steps on a matrix, without a copy") {
  const Tensor t = arange(12).reshape({3, 4});
  CHECK(all_equal(slice(t, {1}), Tensor::of<Index>({4, 5, 6, 7})));
  CHECK(all_equal(slice(t, {Slice{}, -1}), Tensor::of<Index>({3, 7, 11})));
  CHECK(all_equal(slice(t, {-1, Slice{.step = -2}}), Tensor::of<Index>({11, 9})));
  CHECK(slice(t, {Slice{.begin = 1}, Slice{.end = -1}}).shape() == Shape{2, 3});
  CHECK(slice(t, {2, 3}).item<Index>() == 11);
  CHECK(slice(t, {}).shape() == t.shape());
  CHECK(slice(t, {Slice{.step = -1}}).storage() == t.storage());
  Tensor part = slice(t, {Slice{.step = 2}, Slice{.step = 2}});
  part.fill(-1);
  CHECK(all_equal(t.select(0, 0), Tensor::of<Index>({-1, 1, -1, 3})));
  CHECK(all_equal(t.select(0, 1), Tensor::of<Index>({4, 5, 6, 7})));
}

TEST_CASE("slice: slices of slices and of turned tensors") {
  const Tensor t = arange(60).reshape({3, 4, 5}).transpose(0, 2);
  const Tensor a = slice(slice(t, {Slice{.step = -1}}), {Slice{.begin = 1, .end = 4}, 2});
  CHECK(all_equal(a, slice(t.clone(), {Slice{.begin = 3, .end = 0, .step = -1}, 2})));
  CHECK(a.shape() == Shape{3, 3});
}

TEST_CASE("flip twice is the same, once is backwards") {
  const Tensor t = arange(6).reshape({2, 3});
  CHECK(all_equal(flip(flip(t, 0), 0), t));
  CHECK(all_equal(flip(t, -1).select(0, 0), Tensor::of<Index>({2, 1, 0})));
  CHECK(flip(Tensor::zeros({0, 2}), 0).shape() == Shape{0, 2});
  CHECK_THROWS_AS(flip(t, 2), ShapeError);
  CHECK_THROWS_AS(flip(Tensor::scalar(1.f), 0), ShapeError);
}

TEST_CASE("slice: extreme positions and steps neither overflow nor leave the tensor") {
  const Tensor t = arange(5);
  for (Index begin : {INT64_MIN, Index{-6}, Index{0}, Index{4}, INT64_MAX})
    for (Index end : {INT64_MIN, Index{-1}, Index{3}, INT64_MAX})
      for (Index step : {INT64_MIN, INT64_MIN + 1, Index{-1}, Index{1}, INT64_MAX}) {
        const Tensor s = slice(t, {Slice{begin, end, step}});
        for (Index i = 0; i < s.size(); ++i) {
          const Index v = s.select(0, i).item<Index>();
          CHECK((0 <= v && v < 5));
        }
      }
  CHECK(slice(t, {Slice{.step = INT64_MIN}}).size() == 1);
  CHECK_THROWS_AS(slice(t, {Slice{.step = 0}}), Error);
  CHECK_THROWS_AS(slice(t, {5}), ShapeError);
  CHECK_THROWS_AS(slice(t, {-6}), ShapeError);
  CHECK_THROWS_AS(slice(t, {INT64_MIN}), ShapeError);
  CHECK_THROWS_AS(slice(t, {0, 0}), ShapeError);
}

TEST_CASE("slice: the rows of NumPy itself") {
  const auto folder = test::data_dir("numpy_semantics");
  if (!folder) return;
  const JsonDocument document = read_json(*folder / "shared.json");
  const JsonRef rows = document.root()["slice_of_arange"];
  REQUIRE(rows.size() == 400);
  for (std::size_t r = 0; r < rows.size(); ++r) {
    CAPTURE(r);
    const JsonRef row = rows[r];
    const Shape shape(test::extents_of(row[0]));
    const Tensor t = arange(shape.size()).reshape(shape);
    std::vector<Pick> picks;
    for (std::size_t k = 0; k < row[1].size(); ++k) {
      const JsonRef p = row[1][k];
      if (p.kind() == JsonKind::array)
        picks.push_back(Slice{maybe(p[0]), maybe(p[1]), maybe(p[2]).value_or(1)});
      else
        picks.push_back(p.integer<Index>());
    }
    if (row[2].is_null()) {
      CHECK_THROWS_AS(slice(t, picks), Error);
      continue;
    }
    const Tensor got = slice(t, picks).clone();
    CHECK(got.shape() == Shape(test::extents_of(row[2]["shape"])));
    REQUIRE(static_cast<std::size_t>(got.size()) == row[2]["flat"].size());
    for (Index i = 0; i < got.size(); ++i)
      CHECK(got.data<Index>()[i] == row[2]["flat"][static_cast<std::size_t>(i)].integer<Index>());
  }
}
