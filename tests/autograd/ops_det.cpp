#include <cfm/autograd/ops_det.hpp>

#include "check.hpp"

using namespace cfm;
using namespace cfm::test;

TEST_CASE("det: gradients, of batches and of singular matrices") {
  const auto f = [](const std::vector<Var>& v) { return det(v[0]); };
  for (const Shape& shape :
       {Shape{1, 1}, Shape{2, 2}, Shape{4, 4}, Shape{2, 3, 3, 3}, Shape{0, 2, 2}})
    check_gradients(f, {random(shape, 1)});
  Tensor singular = random({3, 3}, 2);
  singular.slice(0, 1, 2).copy_from(singular.slice(0, 0, 1));
  check_gradients(f, {singular});
  check_gradients(f, {Tensor::zeros({3, 3}, DType::f64)});
  check_gradients(f, {Tensor::zeros({1, 1}, DType::f64)});
  // The first pivot is zero.
  check_gradients(f, {Tensor::from(std::vector<double>{0, 2, 3, 1}, {2, 2})});
}

TEST_CASE("det: an empty matrix is a constant; f32 rounds once") {
  Tape tape;
  const Var x = tape.leaf(Tensor::zeros({2, 0, 0}));
  const Var y = det(x);
  CHECK(y.value().span<float>()[1] == 1);
  tape.backward(y, Tensor::ones({2}));
  CHECK(tape.grad(x).shape() == Shape{2, 0, 0});
  Tape other;
  const Tensor narrow = random({3, 3}, 3).to(DType::f32);
  const Var a = tape.input(narrow), b = other.leaf(narrow);
  other.backward(det(b));
  CHECK(!a.needs_grad());
  Tape wide;
  const Var c = wide.leaf(narrow.to(DType::f64));
  wide.backward(det(c));
  CHECK(identical(other.grad(b), wide.grad(c).to(DType::f32)));
}
