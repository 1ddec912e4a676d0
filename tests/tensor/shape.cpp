#include <cfm/tensor/shape.hpp>

#include <vector>

#include <cfm/core/rng.hpp>
#include <cfm/io/json.hpp>
#include <cfm/tensor/factories.hpp>
#include <cfm/tensor/join.hpp>
#include <cfm/tensor/tensor.hpp>

#include "../test.hpp"
#include "json_extents.hpp"

using namespace cfm;

TEST_CASE("shape: sizes, strides, equality, text") {
  CHECK(Shape{}.size() == 1);
  CHECK(Shape{0}.size() == 0);
  CHECK(Shape{2, 3, 4}.size() == 24);
  CHECK(row_major(Shape{2, 3, 4}) == Strides{12, 4, 1});
  CHECK(row_major(Shape{2, 0, 4}) == Strides{4, 4, 1});
  CHECK(row_major(Shape{}) == Strides{});
  CHECK(Shape{2, 3} == Shape{2, 3});
  CHECK_FALSE(Shape{2, 3} == Shape{3, 2});
  CHECK_FALSE(Shape{2} == Shape{2, 1});
  CHECK(concat(Shape{2, 0, 5}) == "[2, 0, 5]");
  CHECK(Shape{4, 5}.back() == 5);
}

TEST_CASE("shape: rank is at most 8") {
  CHECK(Shape{1, 1, 1, 1, 1, 1, 1, 1}.rank() == 8);
  CHECK_THROWS_AS((Shape{1, 1, 1, 1, 1, 1, 1, 1, 1}), Error);
  Extents full{1, 2, 3, 4, 5, 6, 7, 8};
  CHECK_THROWS_AS(full.push_back(9), Error);
}

TEST_CASE("shape: negative extents and too many elements are refused, also beside a zero") {
  CHECK_THROWS_AS((Shape{2, -1}), ShapeError);
  CHECK_THROWS_AS((Shape{0, -1}), ShapeError);
  CHECK_THROWS_AS((Shape{INT64_MIN}), ShapeError);
  CHECK_THROWS_AS((Shape{Index{1} << 32, Index{1} << 32}), ShapeError);
  CHECK_THROWS_AS((Shape{0, Index{1} << 32, Index{1} << 32}), ShapeError);
  CHECK_THROWS_AS((Shape{INT64_MAX, 2}), ShapeError);
  CHECK_THROWS_AS((Shape{INT64_MAX, 0, 2}), ShapeError);
  CHECK(Shape{Index{1} << 31, 0}.size() == 0);
}

TEST_CASE("shape: hostile extents give an Error from every function, before any allocation") {
  // 200 tuples of sizes around 2^31, 2^32 and 2^63, zeros and negatives, through eight functions.
  const Index edges[] = {0,
                         1,
                         -1,
                         -2,
                         7,
                         (Index{1} << 31) - 1,
                         Index{1} << 31,
                         (Index{1} << 32) + 1,
                         Index{1} << 33,
                         Index{1} << 62,
                         INT64_MAX,
                         INT64_MAX - 1,
                         INT64_MIN,
                         Index{3} << 60};
  const Tensor small = Tensor::zeros({3, 4});
  const Tensor one = Tensor::zeros({1});
  const Index before = BufferPool::instance().usage().current;
  Rng rng(1);
  int accepted = 0, refused = 0;
  const auto attempt = [&](auto f) {
    try {
      f();
      ++accepted;
    } catch (const Error&) {
      ++refused;
    }
  };
  const auto agree = [](Index got, Index wanted) {  // CHECK itself would swallow the exceptions
    if (got != wanted) FAIL_CHECK(got << " instead of " << wanted);
  };
  for (int i = 0; i < 200; ++i) {
    Extents tuple;
    const auto rank = static_cast<int>(1 + rng.below(4));
    for (int d = 0; d < rank; ++d) tuple.push_back(edges[rng.below(std::size(edges))]);
    const Index a = tuple[0], b = tuple.back();
    attempt([&] { Shape shape(tuple); });
    attempt([&] {  // what such a shape may hold is checked with 1 byte behind it
      const Shape shape(tuple);
      Tensor t(small.storage(), DType::u8, shape, row_major(shape));
      if (shape.size() > 48) FAIL_CHECK("a tensor of " << shape.size() << " bytes over 48");
    });
    attempt([&] { agree(small.reshape(tuple).size(), 12); });
    attempt([&] { agree(one.expand(Shape(tuple)).size(), Shape(tuple).size()); });
    attempt([&] { Tensor(small.storage(), DType::f32, {2, 2}, {a, b}, 0).clone(); });
    attempt([&] { Tensor(small.storage(), DType::f32, {2}, {1}, a).clone(); });
    attempt([&] { agree(small.slice(0, a, b, a).size() % 4, 0); });
    attempt([&] { agree(small.select(0, a).size(), 4); });
    attempt([&] { agree(static_cast<Index>(split(small, {a, b}).size()), 2); });
    attempt([&] {  // each part is legal by itself; the sum is not
      if (a <= 0) throw Error("skip");
      const Tensor wide = one.expand(Shape{a});
      std::vector<Tensor> parts(5, wide);
      if (a > Index{1} << 57)
        cat(parts);
      else
        throw Error("skip");
    });
  }
  CHECK(accepted + refused == 2000);
  CHECK(accepted > 100);
  CHECK(refused > 1000);
  CHECK(BufferPool::instance().usage().current == before);
}

TEST_CASE("normalize_dim counts from both ends and names the operation") {
  CHECK(normalize_dim(0, 3, "op") == 0);
  CHECK(normalize_dim(-1, 3, "op") == 2);
  CHECK(normalize_dim(-3, 3, "op") == 0);
  CHECK(normalize_dim(0, 0, "op") == 0);
  CHECK(normalize_dim(-1, 0, "op") == 0);
  CHECK_THROWS_WITH_AS(normalize_dim(3, 3, "sum"), "sum: dimension 3 is outside rank 3",
                       ShapeError);
  CHECK_THROWS_AS(normalize_dim(-4, 3, "sum"), ShapeError);
}

TEST_CASE("broadcast: NumPy's rule on small shapes, symmetric, and its error") {
  CHECK(broadcast({}, {}) == Shape{});
  CHECK(broadcast({3}, {}) == Shape{3});
  CHECK(broadcast({2, 1}, {1, 3}) == Shape{2, 3});
  CHECK(broadcast({0}, {1}) == Shape{0});
  CHECK(broadcast({4, 1, 2}, {3, 1}) == Shape{4, 3, 2});
  CHECK_THROWS_AS(broadcast({2}, {3}), ShapeError);
  CHECK_THROWS_AS(broadcast({0}, {2}), ShapeError);
  try {
    broadcast({2, 5}, {3, 5});
    FAIL("not refused");
  } catch (const ShapeError& e) {
    CHECK(std::string(e.what()).starts_with("broadcast: shapes do not fit: [2, 5], [3, 5]"));
  }
}

TEST_CASE("broadcast: the rows of NumPy itself") {
  const auto folder = test::data_dir("numpy_semantics");
  if (!folder) return;
  const JsonDocument document = read_json(*folder / "shared.json");
  const JsonRef rows = document.root()["broadcast"];
  REQUIRE(rows.size() == 400);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const JsonRef row = rows[i];
    const Shape a(test::extents_of(row[0])), b(test::extents_of(row[1]));
    CAPTURE(concat(a, " ", b));
    if (row[2].is_null()) {
      CHECK_THROWS_AS(broadcast(a, b), ShapeError);
      CHECK_THROWS_AS(broadcast(b, a), ShapeError);
    } else {
      const Shape wanted(test::extents_of(row[2]));
      CHECK(broadcast(a, b) == wanted);
      CHECK(broadcast(b, a) == wanted);
      CHECK(Tensor::zeros(a).expand(wanted).shape() == wanted);  // and both reach it
    }
  }
}
