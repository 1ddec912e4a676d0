#include <cfm/autograd/ops_shape.hpp>

#include "check.hpp"

using namespace cfm;
using namespace cfm::test;

TEST_CASE("shape: gradients of operations on one tensor") {
  check_gradients(
      [](const std::vector<Var>& v) {
        const Var& x = v[0];
        return std::vector<Var>{reshape(x, {4, -1}),
                                flatten(x, 1),
                                flatten(x, 0, 1),
                                permute(x, {2, 0, 1}),
                                permute(x, {-1, 1, 0}),
                                transpose(x, 0, -1),
                                movedim(x, 0, 2),
                                movedim(x, 2, 0),
                                slice(x, 1, 0, 3, 2),
                                narrow(x, 2, 1, 2),
                                narrow(x, 2, -2, 1),
                                select(x, 1, -1),
                                unsqueeze(x, 1),
                                unsqueeze(x, -1),
                                squeeze(unsqueeze(x, 2), 2),
                                flip(x, {0, 2}),
                                roll(x, 1, 1),
                                roll(x, -5, 2),
                                repeat(x, {2, 1, 1, 2}),
                                repeat(x, {0, 1, 1}),
                                tril(x),
                                triu(x, 1),
                                tril(x, -1),
                                pad(x, {1, 0, 2}, {0, 1, 0}, 3),
                                pad(x, {-1, 0, 1}, {0, -2, -3})};
      },
      {random({2, 3, 4}, 1)});
}

TEST_CASE("shape: expand sums its gradient back") {
  check_gradients(
      [](const std::vector<Var>& v) {
        return expand(v[0], {4, 2, 3});
      },
      {random({2, 1}, 1)});
  check_gradients([](const std::vector<Var>& v) { return expand(v[0], {2, 3}); }, {random({}, 1)});
  check_gradients([](const std::vector<Var>& v) { return expand(v[0], {0, 3}); }, {random({3}, 1)});
}

TEST_CASE("shape: putting together and taking apart are inverse") {
  const Tensor x = random({3, 5}, 1);
  for (int dim : {0, 1, -1}) {
    CAPTURE(dim);
    CHECK(identical(cat(split(Var(x), Index{2}, dim), dim).value(), x));
    CHECK(identical(stack(unbind(Var(x), dim), dim).value(), x));
  }
  CHECK(identical(flip(flip(x, {0, 1}), {1, 0}), x));
  CHECK(identical(roll(roll(Var(x), 2, 1), -2, 1).value(), x));
}

TEST_CASE("shape: gradients of cat, stack, split and unbind") {
  check_gradients(
      [](const std::vector<Var>& v) {
        return std::vector<Var>{cat({v[0], v[1], v[0]}, 1), stack({v[0], v[0]}, -1)};
      },
      {random({2, 3}, 1), random({2, 1}, 2)});
  check_gradients(
      [](const std::vector<Var>& v) {
        std::vector<Var> parts = split(v[0], {1, 0, 2}, 1);
        for (Var& p : unbind(v[0], 0)) parts.push_back(p);
        parts.erase(parts.begin());  // an output that nobody uses
        return parts;
      },
      {random({2, 3}, 1)});
  check_gradients([](const std::vector<Var>& v) { return split(v[0], Index{2}); },
                  {random({0, 3}, 1)});
}

TEST_CASE("shape: what does not fit is refused") {
  const Var x(Tensor::zeros({2, 3}));
  CHECK_THROWS_AS(reshape(x, {4}), ShapeError);
  CHECK_THROWS_AS(split(x, {1, 2}, 0), ShapeError);
  CHECK_THROWS_AS(narrow(x, 1, 2, 2), ShapeError);
  CHECK_THROWS_AS(cat({x, Var(Tensor::zeros({2, 3, 1}))}), ShapeError);
  CHECK_THROWS_AS(cat({x, Var(Tensor::zeros({2, 4}))}), ShapeError);
  CHECK_THROWS_AS(cat({x, Var(Tensor::zeros({2, 3}, DType::f64))}), TypeError);
  CHECK_THROWS_AS(cat(std::vector<Var>{}), Error);
  CHECK_THROWS_AS(flip(x, {0, 0}), ShapeError);
  CHECK_THROWS_AS(pad(x, {-3, 0}, {0, 0}), ShapeError);
  CHECK_THROWS_AS(repeat(x, {2}), ShapeError);
  CHECK_THROWS_AS(tril(Var(Tensor::zeros({2}))), ShapeError);
  CHECK_THROWS_AS(unsqueeze(x, 4), ShapeError);
}
