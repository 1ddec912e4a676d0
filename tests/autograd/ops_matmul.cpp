#include <cfm/autograd/ops_matmul.hpp>

#include "check.hpp"

using namespace cfm;
using namespace cfm::test;

TEST_CASE("matmul: gradients for every combination of ranks") {
  const std::vector<std::pair<Shape, Shape>> shapes = {{{3}, {3}},
                                                       {{3}, {3, 2}},
                                                       {{2, 3}, {3}},
                                                       {{2, 3}, {3, 4}},
                                                       {{2, 2, 3}, {3, 2}},
                                                       {{2, 3}, {4, 3, 2}},
                                                       {{2, 1, 2, 3}, {4, 3, 2}},
                                                       {{3}, {2, 3, 2}},
                                                       {{2, 2, 3}, {3}},
                                                       {{2, 0}, {0, 3}},
                                                       {{0, 3}, {3, 2}},
                                                       {{2, 2, 0}, {0, 2}},
                                                       {{0, 2, 3}, {3, 2}}};
  for (const auto& [a, b] : shapes) {
    const std::string text = concat(a, " ", b);
    CAPTURE(text);
    check_gradients([](const std::vector<Var>& v) { return matmul(v[0], v[1]); },
                    {random(a, 1), random(b, 2)});
  }
  check_gradients([](const std::vector<Var>& v) { return matmul(v[0], v[0]); },
                  {random({3, 3}, 1)});
}

TEST_CASE("matmul: linear is x w^T + b") {
  for (const Shape& x : {Shape{3}, Shape{4, 3}, Shape{2, 2, 3}, Shape{0, 3}}) {
    check_gradients(
        [](const std::vector<Var>& v) {
          return std::vector<Var>{linear(v[0], v[1], v[2]), linear(v[0], v[1])};
        },
        {random(x, 1), random({5, 3}, 2), random({5}, 3)});
  }
  check_gradients([](const std::vector<Var>& v) { return linear(v[0], v[1], v[2]); },
                  {random({2, 0}, 1), random({5, 0}, 2), random({5}, 3)});
  const Tensor x = random({7, 33}, 1), w = random({9, 33}, 2), b = random({9}, 3);
  const Tensor y = linear(Var(x), Var(w), Var(b)).value();
  const Tensor z = matmul(x, w.transpose(0, 1)) + b;
  for (std::size_t i = 0; i < 63; ++i)
    CHECK(y.span<double>()[i] == doctest::Approx(z.span<double>()[i]).epsilon(1e-12));
}

TEST_CASE("matmul: vectors") {
  check_gradients([](const std::vector<Var>& v) { return dot(v[0], v[1]); },
                  {random({4}, 1), random({4}, 2)});
  check_gradients([](const std::vector<Var>& v) { return outer(v[0], v[1]); },
                  {random({3}, 1), random({2}, 2)});
  check_gradients([](const std::vector<Var>& v) { return bmm(v[0], v[1]); },
                  {random({2, 3, 2}, 1), random({2, 2, 4}, 2)});
}

TEST_CASE("matmul: what does not fit is refused") {
  const Var a(Tensor::zeros({2, 3}));
  CHECK_THROWS_AS(matmul(a, Var(Tensor::zeros({2, 3}))), ShapeError);
  CHECK_THROWS_AS(matmul(a, Var(Tensor::zeros({3, 3}, DType::f64))), TypeError);
  CHECK_THROWS_AS(linear(a, Var(Tensor::zeros({4, 2}))), ShapeError);
  CHECK_THROWS_AS(linear(a, Var(Tensor::zeros({4, 3})), Var(Tensor::zeros({3}))), ShapeError);
  CHECK_THROWS_AS(linear(a, Var(Tensor::zeros({4, 3})), Var()), Error);
  CHECK_THROWS_AS(linear(a, Var(Tensor::zeros({4, 3}, DType::f64))), TypeError);
  CHECK_THROWS_AS(dot(a, a), ShapeError);
  CHECK_THROWS_AS(bmm(a, a), ShapeError);
}

TEST_CASE("matmul: the same bits for any number of threads, forward and backward") {
  const Tensor x = random({301, 65}, 1, -1, 1, DType::f32),
               w = random({47, 65}, 2, -1, 1, DType::f32);
  const Tensor b = random({47}, 3, -1, 1, DType::f32);
  const auto run = [&](int threads) {
    ThreadLimit limit(threads);
    return limit.run([&] {
      Tape tape;
      const Var y = linear(tape.leaf(x), tape.leaf(w), tape.leaf(b));
      tape.backward(sum(mul(y, y)));
      return std::vector<Tensor>{y.value(), tape.grad(x), tape.grad(w), tape.grad(b)};
    });
  };
  const auto one = run(1);
  for (int threads : {2, 3, 8}) {
    const auto many = run(threads);
    for (std::size_t k = 0; k < one.size(); ++k) CHECK(identical(one[k], many[k]));
  }
}
