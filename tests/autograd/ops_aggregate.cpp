#include <cfm/autograd/ops_aggregate.hpp>

#include "check.hpp"

using namespace cfm;
using namespace cfm::test;

namespace {

// Isolated nodes, a self loop, parallel edges.
Graph example() {
  return Graph::from_edges(6, std::vector<std::int32_t>{0, 1, 2, 2, 3, 0, 4},
                           std::vector<std::int32_t>{1, 2, 3, 3, 3, 2, 0});
}

}  // namespace

TEST_CASE("aggregate: gradients") {
  const Graph graph = example();
  check_gradients(
      [&](const std::vector<Var>& v) {
        return std::vector<Var>{aggregate_sum(graph, v[0]), aggregate_mean(graph, v[0]),
                                aggregate_max(graph, v[0])};
      },
      {spread({6, 3}, 1)});
  check_gradients([&](const std::vector<Var>& v) { return aggregate_sum(graph, v[0], v[1]); },
                  {random({6, 3}, 1), random({7}, 2)});
}

TEST_CASE("aggregate: no edges, no nodes, no width") {
  const Graph empty =
      Graph::from_edges(3, std::vector<std::int32_t>{}, std::vector<std::int32_t>{});
  const Var none = aggregate_mean(empty, Var(Tensor::ones({3, 2})));
  for (float v : none.value().span<float>()) CHECK(v == 0);
  CHECK(aggregate_sum(Graph(), Var(Tensor::zeros({0, 2}))).shape() == Shape{0, 2});
  CHECK(aggregate_max(example(), Var(Tensor::zeros({6, 0}))).shape() == Shape{6, 0});
}

TEST_CASE("aggregate: what does not fit is refused") {
  const Graph graph = example();
  CHECK_THROWS_AS(aggregate_sum(graph, Var(Tensor::zeros({5, 2}))), ShapeError);
  CHECK_THROWS_AS(aggregate_sum(graph, Var(Tensor::zeros({6, 2})), Var(Tensor::zeros({6}))),
                  ShapeError);
  CHECK_THROWS_AS(aggregate_mean(graph, Var(Tensor::zeros({6, 2}, DType::i32))), TypeError);
}

TEST_CASE("aggregate: the same bits for any number of threads") {
  Rng rng(3);
  std::vector<std::int32_t> sources, targets;
  for (int e = 0; e < 30000; ++e) {
    sources.push_back(static_cast<std::int32_t>(rng.below(500)));
    targets.push_back(static_cast<std::int32_t>(rng.below(5000)));
  }
  const Graph graph = Graph::from_edges(5000, sources, targets);
  const Tensor x = random({5000, 17}, 1, -1, 1, DType::f32);
  const Tensor dy = random({5000, 17}, 2, -1, 1, DType::f32);
  const auto run = [&](int threads) {
    ThreadLimit limit(threads);
    return limit.run([&] {
      std::vector<Tensor> out;
      for (auto f : {static_cast<Var (*)(const Graph&, const Var&)>(aggregate_sum), &aggregate_mean,
                     &aggregate_max}) {
        Tape tape;
        tape.backward(f(graph, tape.leaf(x)), dy);
        out.push_back(tape.grad(x));
      }
      return out;
    });
  };
  const auto one = run(1);
  for (int threads : {2, 3, 8}) {
    const auto many = run(threads);
    for (std::size_t k = 0; k < one.size(); ++k) CHECK(identical(one[k], many[k]));
  }
}
