#include <cfm/nn/embedding.hpp>

#include <cmath>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "module_cases.hpp"

using namespace cfm;
using namespace cfm::test;

TEST_CASE("embedding: looks up rows, adds gradients of equal numbers") {
  const Embedding table(5, 2, Init(Rng(1), DType::f64));
  const Tensor ids = Tensor::from<std::int64_t>({3, 0, 3, 3}, {2, 2});
  Tape tape;
  const Var y = table(tape.input(ids));
  CHECK(y.shape() == Shape{2, 2, 2});
  CHECK(y.value().view<double, 3>()(0, 1, 1) ==
        std::as_const(table.weight.value).view<double, 2>()(0, 1));
  tape.backward(y, Tensor::ones({2, 2, 2}, DType::f64));
  const Tensor g = tape.grad(table.weight.value);
  CHECK(g.view<double, 2>()(3, 0) == 3);
  CHECK(g.view<double, 2>()(0, 0) == 1);
  CHECK(g.view<double, 2>()(1, 1) == 0);
  CHECK_THROWS_AS(table(Tensor::of<std::int64_t>({5})), Error);
}
