#include <cfm/autograd/ops_reduce.hpp>

#include "check.hpp"

using namespace cfm;
using namespace cfm::test;

TEST_CASE("reduce: gradients over every choice of dimensions") {
  const std::vector<Extents> choices = {{}, {0}, {1}, {-1}, {0, 2}, {2, 1}, {0, 1, 2}};
  for (bool keepdim : {false, true})
    for (const Extents& dims : choices) {
      const std::string text = concat(dims);
      CAPTURE(text);
      CAPTURE(keepdim);
      check_gradients(
          [&](const std::vector<Var>& v) {
            const Var& x = v[0];
            return std::vector<Var>{sum(x, dims, keepdim),        mean(x, dims, keepdim),
                                    max(x, dims, keepdim),        min(x, dims, keepdim),
                                    prod(x * 0.3, dims, keepdim), logsumexp(x, dims, keepdim),
                                    var(x, dims, keepdim),        std_dev(x, dims, keepdim, 0),
                                    norm(x, 2, dims, keepdim),    norm(x, 1, dims, keepdim)};
          },
          {spread({2, 3, 2}, 4)}, {.tolerance = 3e-6});
    }
}

TEST_CASE("reduce: gradients of norms") {
  for (double p : {0.0, 0.5, 1.0, 2.0, 3.0, -1.0, -2.5, HUGE_VAL, -HUGE_VAL}) {
    CAPTURE(p);
    check_gradients([p](const std::vector<Var>& v) { return norm(v[0], p, {1}); },
                    {spread({3, 4}, 2)});
  }
  Tape tape;
  const Tensor zero = Tensor::zeros({3}, DType::f64);
  tape.backward(norm(tape.leaf(zero)));
  const Tensor slope = tape.grad(zero);
  for (double v : slope.span<double>()) CHECK(v == 0);
}

TEST_CASE("reduce: rank 0 and zero sizes") {
  const auto some = [](const std::vector<Var>& v) {
    return std::vector<Var>{sum(v[0]), prod(v[0]), sum(v[0], {0}), mean(v[0], {0}, true)};
  };
  check_gradients(some, {random({}, 1)});
  check_gradients(some, {random({2, 0}, 1)});
  CHECK(sum(Tensor::zeros({0})).item<float>() == 0);
  CHECK(prod(Tensor::zeros({0})).item<float>() == 1);
  CHECK(std::isnan(mean(Tensor::zeros({0})).item<float>()));
  CHECK(max(Var(Tensor::zeros({0, 3})), {1}).shape() == Shape{0});
  CHECK_THROWS_AS(max(Var(Tensor::zeros({0, 3})), {0}), ShapeError);
  CHECK_THROWS_AS(sum(Var(Tensor::zeros({2})), {1}), ShapeError);
  CHECK_THROWS_AS(sum(Var(Tensor::zeros({2})), {0, -1}), ShapeError);
}

TEST_CASE("reduce: products with zeros have exact gradients") {
  check_gradients([](const std::vector<Var>& v) { return prod(v[0], {1}); },
                  {Tensor::of<double>({2, 0, 3, 0, 0, 5, 1, 2, 4}).reshape({3, 3})});
}

TEST_CASE("reduce: equal extrema share the gradient") {
  Tape tape;
  const Tensor x = Tensor::of<double>({3, 1, 3, 2});
  tape.backward(max(tape.leaf(x)));
  const Tensor dx = tape.grad(x);
  CHECK(std::vector<double>(dx.span<double>().begin(), dx.span<double>().end()) ==
        std::vector<double>{0.5, 0, 0.5, 0});
}

TEST_CASE("reduce: cumsum") {
  for (int dim : {0, 1, -1})
    check_gradients([dim](const std::vector<Var>& v) { return cumsum(v[0], dim); },
                    {random({3, 4, 2}, 1)});
  for (bool exclusive : {false, true})
    check_gradients(
        [=](const std::vector<Var>& v) {
          return cumsum(v[0], 0, {.exclusive = exclusive, .reverse = true});
        },
        {random({5, 2}, 1)});
  check_gradients([](const std::vector<Var>& v) { return cumsum(v[0], 0); }, {random({}, 1)});
  check_gradients([](const std::vector<Var>& v) { return cumsum(v[0], 0); }, {random({0, 2}, 1)});
}

TEST_CASE("reduce: cumprod, with zeros at any place") {
  for (int dim : {0, 1, -1})
    check_gradients([dim](const std::vector<Var>& v) { return cumprod(v[0], dim); },
                    {random({3, 4, 2}, 1)});
  for (Index first : {0, 2, 4})
    for (Index second : {1, 2, 3}) {
      Tensor x = random({5}, 7);
      x.span<double>()[static_cast<std::size_t>(first)] = 0;
      x.span<double>()[static_cast<std::size_t>(second)] = 0;
      check_gradients([](const std::vector<Var>& v) { return cumprod(v[0], 0); }, {x});
    }
  check_gradients([](const std::vector<Var>& v) { return cumprod(v[0], 0); }, {random({}, 1)});
  check_gradients([](const std::vector<Var>& v) { return cumprod(v[0], 0); }, {random({0, 2}, 1)});
}
