#include <cfm/autograd/ops_index.hpp>

#include "check.hpp"

using namespace cfm;
using namespace cfm::test;

TEST_CASE("index: gradients of picked rows, repeated and missing ones") {
  const Tensor index = Tensor::of<std::int64_t>({3, 0, 3, 1, 3, 0}).reshape({2, 3});
  check_gradients([&](const std::vector<Var>& v) { return embedding(v[0], index); },
                  {random({5, 2}, 1)});
  check_gradients([&](const std::vector<Var>& v) { return embedding(v[0], index); },
                  {random({4}, 1)});
  const Tensor none = Tensor::empty({0}, DType::i32);
  check_gradients([&](const std::vector<Var>& v) { return embedding(v[0], none); },
                  {random({4, 2}, 1)});
}

TEST_CASE("index: index_select and index_add along every dimension") {
  const Tensor index = Tensor::of<std::int32_t>({1, 1, 0});
  for (int dim : {0, 1, 2, -1}) {
    CAPTURE(dim);
    check_gradients([&](const std::vector<Var>& v) { return index_select(v[0], dim, index); },
                    {random({2, 2, 2}, 1)});
    Extents shape{2, 2, 2};
    shape[dim < 0 ? dim + 3 : dim] = 3;
    check_gradients([&](const std::vector<Var>& v) { return index_add(v[0], dim, index, v[1]); },
                    {random({2, 2, 2}, 1), random(Shape(shape), 2)});
  }
}

TEST_CASE("index: gather and scatter_add along every dimension") {
  for (int dim : {0, 1, -1}) {
    CAPTURE(dim);
    Tensor index = Tensor::empty({2, 3, 2}, DType::i64);
    Rng rng(5);
    for (auto& i : index.span<std::int64_t>()) i = static_cast<std::int64_t>(rng.below(3));
    check_gradients([&](const std::vector<Var>& v) { return gather(v[0], dim, index); },
                    {random({3, 3, 3}, 1)});
    check_gradients([&](const std::vector<Var>& v) { return scatter_add(v[0], dim, index, v[1]); },
                    {random({3, 3, 3}, 1), random({2, 3, 2}, 2)});
  }
  const Tensor zero = Tensor::scalar<std::int64_t>(0);
  check_gradients([&](const std::vector<Var>& v) { return gather(v[0], 0, zero); },
                  {random({}, 1)});
}

TEST_CASE("index: the chosen extremum alone has the gradient") {
  check_gradients(
      [](const std::vector<Var>& v) {
        return std::vector<Var>{max_along(v[0], 1).values, min_along(v[0], 0, true).values};
      },
      {spread({3, 4}, 1)});
  const Tensor x = Tensor::of<float>({2, 7, 7, 1}).reshape({2, 2});
  const Chosen c = max_along(x, 1);
  CHECK(c.indices.span<std::int64_t>()[0] == 1);
  CHECK(c.indices.span<std::int64_t>()[1] == 0);
  CHECK(c.values.value().span<float>()[1] == 7);
}

TEST_CASE("index: positions outside and wrong types are refused") {
  const Var x(Tensor::zeros({3, 2}));
  CHECK_THROWS_AS(embedding(x, Tensor::of<std::int64_t>({3})), Error);
  CHECK_THROWS_AS(embedding(x, Tensor::of<std::int64_t>({-1})), Error);
  CHECK_THROWS_AS(embedding(x, Tensor::of<float>({0})), TypeError);
  CHECK_THROWS_AS(gather(x, 0, Tensor::of<std::int64_t>({0})), ShapeError);
  CHECK_THROWS_AS(gather(x, 0, Tensor::full({1, 2}, 3, DType::i64)), Error);
  CHECK_THROWS_AS(gather(x, 0, Tensor::zeros({1, 3}, DType::i64)), ShapeError);
  CHECK_THROWS_AS(scatter_add(x, 0, Tensor::full({1, 2}, 3, DType::i64), Tensor::zeros({1, 2})),
                  Error);
  CHECK_THROWS_AS(index_add(x, 0, Tensor::of<std::int64_t>({0}), Tensor::zeros({2, 2})),
                  ShapeError);
}

TEST_CASE("index: sums over equal positions have the same bits for any number of threads") {
  const Tensor table = random({50, 33}, 1, -1, 1, DType::f32);
  Tensor index = Tensor::empty({20000}, DType::i32);
  Rng rng(5);
  for (auto& i : index.span<std::int32_t>()) i = static_cast<std::int32_t>(rng.below(50));
  const Tensor dy = random({20000, 33}, 2, -1, 1, DType::f32);
  const auto run = [&](int threads) {
    ThreadLimit limit(threads);
    return limit.run([&] {
      Tape tape;
      tape.backward(embedding(tape.leaf(table), index), dy);
      return tape.grad(table);
    });
  };
  const Tensor one = run(1);
  for (int threads : {2, 3, 8}) CHECK(identical(one, run(threads)));
}

TEST_CASE("scatter_along: gradients; of several for one place the last has it") {
  const Tensor index = Tensor::from(std::vector<std::int64_t>{0, 2, 2, 1, 1, 0}, {2, 3});
  for (const int dim : {0, 1, -1}) {
    const Tensor x = random({3, 4}, 1), source = random({2, 3}, 2);
    check_gradients(
        [&](const std::vector<Var>& v) { return scatter_along(v[0], dim, index, v[1]); },
        {x, source});
    CHECK(identical(scatter_along(Var(x), dim, index, Var(source)).value(),
                    scatter_along(x, dim, index, source)));
  }
}
