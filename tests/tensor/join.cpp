#include <cfm/tensor/join.hpp>

#include <cfm/tensor/compare.hpp>
#include <cfm/tensor/factories.hpp>

#include "../test.hpp"

using namespace cfm;

TEST_CASE("split undoes cat, for every dimension and uneven parts") {
  const Tensor t = arange(3 * 5 * 4).reshape({3, 5, 4});
  for (int dim : {0, 1, 2, -1}) {
    CAPTURE(dim);
    const Index n = t.size(dim);
    for (Index cut = 0; cut <= n; ++cut) {
      const auto parts = split(t, {cut, n - cut}, dim);
      REQUIRE(parts.size() == 2);
      CHECK(parts[0].size(dim) == cut);
      CHECK(parts[0].is_contiguous());
      CHECK(all_equal(cat(parts, dim), t));
    }
    for (Index size = 1; size <= n + 1; ++size) CHECK(all_equal(cat(split(t, size, dim), dim), t));
  }
  CHECK(split(t, 2, 1).size() == 3);
  CHECK(split(t, 2, 1).back().shape() == Shape{3, 1, 4});
  CHECK_FALSE(split(t, 5, 1)[0].storage() == t.storage());
}

TEST_CASE("stack adds a dimension that select takes away") {
  const Tensor a = arange(6).reshape({2, 3}), b = arange(6, 12).reshape({2, 3});
  for (int dim : {0, 1, 2, -1}) {
    const Tensor s = stack({a, b}, dim);
    CHECK(s.rank() == 3);
    CHECK(all_equal(s.select(dim, 0), a));
    CHECK(all_equal(s.select(dim, 1), b));
  }
  CHECK(stack({Tensor::scalar(1.f), Tensor::scalar(2.f)}).shape() == Shape{2});
}

TEST_CASE("cat and stack take turned and empty tensors") {
  const Tensor t = arange(6).reshape({2, 3}).transpose(0, 1);
  CHECK(all_equal(cat({t, t}).slice(0, 3, 6), t));
  CHECK(cat({Tensor::zeros({0, 3}), Tensor::zeros({2, 3})}).shape() == Shape{2, 3});
  CHECK(stack({Tensor::zeros({0}), Tensor::zeros({0})}).shape() == Shape{2, 0});
  CHECK(split(Tensor::zeros({0, 3}), 2).empty());
}

TEST_CASE("cat, stack and split refuse what does not fit, and say what") {
  const Tensor a = Tensor::zeros({2, 3}), b = Tensor::zeros({2, 4});
  CHECK_THROWS_WITH_AS(cat({a, b}, 0),
                       "cat: every tensor must have the shape [*, 3], got f32[2, 4]", ShapeError);
  CHECK_NOTHROW(cat({a, b}, 1));
  CHECK_THROWS_WITH_AS(cat({a, a.to(DType::f64)}),
                       "cat: operands must have the same type, got f32[2, 3] and f64[2, 3]; "
                       "convert one with to()",
                       TypeError);
  CHECK_THROWS_AS(cat({}, 0), Error);
  CHECK_THROWS_AS(cat({a}, 2), ShapeError);
  CHECK_THROWS_AS(cat({Tensor::scalar(1.f)}), ShapeError);
  CHECK_THROWS_AS(stack({a, b}), ShapeError);
  CHECK_THROWS_AS(split(a, {1, 2}, 0), ShapeError);
  CHECK_THROWS_AS(split(a, {1}, 0), ShapeError);
  CHECK_THROWS_AS(split(a, {3, -1}, 0), ShapeError);
  CHECK_THROWS_AS(split(a, Index{0}), Error);
}
