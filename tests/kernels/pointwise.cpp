#include <cfm/kernels/pointwise.hpp>

#include <doctest/doctest.h>

using namespace cfm;

namespace {

// f32[shape] with element i equal to i.
Tensor counted(const Shape& shape) {
  Tensor out = Tensor::empty(shape);
  float i = 0;
  for (float& v : out.span<float>()) v = i++;
  return out;
}

// Element by element through expanded views.
float at(const Tensor& x, const Shape& shape, Index position) {
  Tensor v = x.expand(shape);
  Extents index = shape;
  for (int d = shape.rank() - 1; d >= 0; --d) {
    index[d] = position % shape[d];
    position /= shape[d];
  }
  for (int d = 0; d < shape.rank(); ++d) v = v.select(0, index[d]);
  return v.item<float>();
}

}  // namespace

TEST_CASE("pointwise: equals the scalar function for all kinds of broadcasting and strides") {
  const std::vector<std::pair<Tensor, Tensor>> operands = {
      {counted({7}), counted({7})},
      {counted({3, 5}), counted({5})},
      {counted({3, 1}), counted({1, 4})},
      {counted({2, 3, 4}), counted({3, 1})},
      {counted({4, 6}).transpose(0, 1), counted({6, 4})},
      {counted({4, 6}).slice(1, 0, 6, 2), counted({})},
      {counted({}), counted({})},
      {counted({2, 0}), counted({1})},
      {counted({300, 301}), counted({300, 1})},
      {counted({300, 301}).transpose(0, 1), counted({300})}};
  for (const auto& [a, b] : operands) {
    const Tensor y = pointwise(
        "test", [](auto u, auto v) { return 2 * u - v; }, a, b);
    const Shape shape = broadcast(a.shape(), b.shape());
    REQUIRE(y.shape() == shape);
    const Index step = std::max<Index>(1, y.size() / 500);
    for (Index i = 0; i < y.size(); i += step)
      REQUIRE(y.span<float>()[static_cast<std::size_t>(i)] ==
              2 * at(a, shape, i) - at(b, shape, i));
  }
}

TEST_CASE("pointwise: the type of the result is that of the function") {
  const Tensor x = counted({3});
  CHECK(pointwise(
            "test", [](auto v) { return v > 1; }, x)
            .dtype() == DType::boolean);
  CHECK(pointwise(
            "test", [](auto v) { return v; }, x.to(DType::f64))
            .dtype() == DType::f64);
  const Tensor mixed = pointwise_as<bool, float>([](bool c, float v) { return c ? v : -v; },
                                                 Tensor::of<bool>({true, false, true}), x);
  CHECK(mixed.span<float>()[1] == -1);
}

TEST_CASE("pointwise: what does not fit is refused") {
  const auto f = [](auto a, auto b) { return a + b; };
  CHECK_THROWS_AS(pointwise("test", f, counted({2}), counted({3})), ShapeError);
  CHECK_THROWS_AS(pointwise("test", f, counted({2}), counted({2}).to(DType::f64)), TypeError);
  CHECK_THROWS_AS(pointwise("test", f, counted({2}).to(DType::i32), counted({2}).to(DType::i32)),
                  TypeError);
}
