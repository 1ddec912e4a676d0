#include <cfm/autograd/var.hpp>

#include <doctest/doctest.h>

using namespace cfm;

TEST_CASE("var: a tensor is a constant") {
  const Tensor t = Tensor::of<float>({1, 2, 3});
  const Var v = t;
  CHECK(v.tape() == nullptr);
  CHECK_FALSE(v.needs_grad());
  CHECK(v.value().address() == t.address());
  CHECK(v.shape() == Shape{3});
  CHECK(v.size(-1) == 3);
  CHECK(concat(v) == "f32[3]");
  CHECK(Var(Tensor::scalar(2.0f)).item<float>() == 2);
  CHECK_THROWS_AS(static_cast<void>(v.item<float>()), ShapeError);
}

TEST_CASE("saved: reads until somebody writes, through whatever view") {
  Tensor t = Tensor::of<float>({1, 2, 3, 4}).reshape({2, 2});
  const Saved saved(t);
  CHECK(saved->size() == 4);
  CHECK((*saved).address() == t.address());
  t.select(0, 1).fill(9);
  CHECK_THROWS_WITH_AS(static_cast<void>(*saved),
                       doctest::Contains("written after it was used: f32[2, 2]"), Error);
  CHECK_THROWS_AS(static_cast<void>(saved->size()), Error);
  const Saved again(t);
  CHECK_NOTHROW(static_cast<void>(*again));
}
