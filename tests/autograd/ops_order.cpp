#include <cfm/autograd/ops_order.hpp>

#include "check.hpp"

using namespace cfm;
using namespace cfm::test;

TEST_CASE("order: gradients of sort and top_k, along every dimension, either way") {
  for (int dim : {0, 1, -1})
    for (bool flag : {false, true}) {
      check_gradients(
          [=](const std::vector<Var>& v) { return sort(v[0], dim, {.descending = flag}).values; },
          {spread({3, 4, 2}, 1)});
      check_gradients(
          [=](const std::vector<Var>& v) {
            return top_k(v[0], 2, dim, {.largest = flag, .sorted = flag}).values;
          },
          {spread({3, 4, 2}, 2)});
    }
  check_gradients([](const std::vector<Var>& v) { return sort(v[0]).values; }, {spread({}, 1)});
  check_gradients([](const std::vector<Var>& v) { return sort(v[0], 0).values; },
                  {spread({0, 2}, 1)});
}

TEST_CASE("order: of equal elements the first has the gradient") {
  Tape tape;
  const Tensor x = Tensor::of<double>({1, 5, 5, 2});
  const OrderedVar top = top_k(tape.leaf(x), 1);
  CHECK(top.indices.item<std::int64_t>() == 1);
  tape.backward(top.values);
  CHECK(tape.grad(x).span<double>()[1] == 1);
  CHECK(tape.grad(x).span<double>()[2] == 0);
}
