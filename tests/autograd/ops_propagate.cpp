#include <cfm/autograd/ops_propagate.hpp>

#include "check.hpp"

using namespace cfm;
using namespace cfm::test;

namespace {

// Isolated nodes, a self loop, parallel edges, one of them apart from the other.
Graph messages_graph() {
  return Graph::from_edges(7, std::vector<std::int32_t>{0, 1, 2, 4, 2, 3, 0, 4, 3},
                           std::vector<std::int32_t>{1, 2, 3, 3, 3, 3, 2, 0, 4});
}

constexpr auto gap = [](auto s, auto t) { return tanh(s - t) + s * t; };

}  // namespace

TEST_CASE("propagate: gradients of every reduction, both directions") {
  for (const Neighbours& graph : {fanins_of(messages_graph()), fanouts_of(messages_graph())}) {
    const std::vector<Tensor> x{spread({7, 3}, 1)};
    const auto check = [&](const auto& reduce) {
      check_gradients(
          [&](const std::vector<Var>& v) { return propagate(graph, v[0], gap, reduce); }, x);
    };
    check(Max{});
    check(SoftmaxSum([](auto s, auto t) { return s * t; }, 3.0));
    check(Multi(Sum{}, Mean{}, Max{}, Min{}, StdDev{}, SoftmaxSum(0.5)));
  }
}

TEST_CASE("propagate: gradients by targets, edges, single numbers and what is shared") {
  const auto message = [](auto s, auto t, auto e, auto w, auto shared, auto number) {
    return sigmoid(s * w + e) * t + shared * s * number;
  };
  for (const Neighbours& graph : {fanins_of(messages_graph()), fanouts_of(messages_graph())})
    check_gradients(
        [&](const std::vector<Var>& v) {
          return propagate(graph, message, Multi(Mean{}, Max{}), at_source(v[0]), at_target(v[1]),
                           at_edge(v[2]), at_edge(v[3]), everywhere(v[4]), everywhere(v[5]));
        },
        {random({7, 5}, 1), random({7, 1}, 2), random({9, 5}, 3), random({9}, 4), random({5}, 5),
         random({}, 6)});
}

TEST_CASE("propagate: messages of the source alone, of source and edge, of all three") {
  const Graph graph = messages_graph();
  const Tensor x = random({7, 4}, 1), w = random({9}, 2);
  const auto all = [&](const Var& y) {
    const Tensor t = y.value();
    return std::vector<double>(t.span<double>().begin(), t.span<double>().end());
  };
  const Var weighted = propagate(graph, x, w, [](auto s, auto e) { return s * e; });
  CHECK(all(weighted) ==
        all(propagate(graph, x, w, [](auto s, auto t, auto e) { return s * e + (t - t); })));
  CHECK(all(weighted) == all(propagate(
                             graph, [](auto e, auto s) { return s * e; }, Sum{}, at_edge(Var(w)),
                             at_source(Var(x)))));
  // Row 1 hears node 0 alone, so every reduction but the deviation gives its message.
  const Var many = propagate(graph, x, [](auto s) { return s; }, Multi(Mean{}, Max{}, Min{}));
  for (Index part = 0; part < 3; ++part)
    for (Index c = 0; c < 4; ++c)
      CHECK(many.value().view<double, 2>()(1, part * 4 + c) == x.view<double, 2>()(0, c));
}

TEST_CASE("propagate: renaming the nodes renames the result") {
  Rng rng(4);
  const Index nodes = 40;
  std::vector<std::int32_t> sources, targets, name(nodes);
  for (int e = 0; e < 150; ++e) {
    sources.push_back(static_cast<std::int32_t>(rng.below(nodes)));
    targets.push_back(static_cast<std::int32_t>(rng.below(nodes)));
  }
  for (std::size_t i = 0; i < name.size(); ++i) name[i] = static_cast<std::int32_t>(i);
  for (std::size_t i = name.size(); i > 1; --i) std::swap(name[i - 1], name[rng.below(i)]);
  const auto renamed = [&](std::vector<std::int32_t> list) {
    for (auto& v : list) v = name[static_cast<std::size_t>(v)];
    return list;
  };
  const Tensor x = random({nodes, 5}, 1);
  Tensor moved = Tensor::empty({nodes, 5}, DType::f64);
  for (Index v = 0; v < nodes; ++v)
    for (Index c = 0; c < 5; ++c)
      moved.view<double, 2>()(name[static_cast<std::size_t>(v)], c) =
          std::as_const(x).view<double, 2>()(v, c);
  const Multi reduce(Sum{}, StdDev{}, SoftmaxSum{}, Min{});
  const Tensor a = propagate(Graph::from_edges(nodes, sources, targets), x, gap, reduce).value();
  const Tensor b =
      propagate(Graph::from_edges(nodes, renamed(sources), renamed(targets)), moved, gap, reduce)
          .value();
  bool same = true;
  for (Index v = 0; v < nodes; ++v)
    for (Index c = 0; c < 20; ++c)
      same &= a.view<double, 2>()(v, c) ==
              b.view<double, 2>()(name[static_cast<std::size_t>(v)], c);
  CHECK(same);
}

TEST_CASE("propagate: one node, no edges, no nodes, no width") {
  const std::vector<std::int32_t> none, zero{0};
  const Multi reduce(Sum{}, Mean{}, Max{}, StdDev{}, SoftmaxSum{});
  const Tensor lone =
      propagate(Graph::from_edges(1, none, none), Tensor::ones({1, 3}), gap, reduce).value();
  CHECK(lone.shape() == Shape{1, 15});
  for (float v : lone.span<float>()) CHECK(v == 0);
  check_gradients(
      [&](const std::vector<Var>& v) {
        return propagate(Graph::from_edges(1, zero, zero), v[0], gap, Sum{});
      },
      {random({1, 3}, 1)});
  CHECK(propagate(Graph(), Tensor::zeros({0, 2}), gap, reduce).shape() == Shape{0, 10});
  Tape tape;
  const Tensor thin = Tensor::zeros({7, 0});
  tape.backward(propagate(messages_graph(), tape.leaf(thin), gap), Tensor::zeros({7, 0}));
  CHECK(tape.grad(thin).shape() == Shape{7, 0});
}

TEST_CASE("propagate: gradients have the same bits for any number of threads") {
  Rng rng(3);
  std::vector<std::int32_t> sources, targets;
  for (int e = 0; e < 20000; ++e) {
    sources.push_back(static_cast<std::int32_t>(rng.below(500)));
    targets.push_back(static_cast<std::int32_t>(rng.below(5000)));
  }
  const Graph graph = Graph::from_edges(5000, sources, targets);
  const Tensor x = random({5000, 17}, 1, -1, 1, DType::f32), t = random({17}, 2, 0, 1, DType::f32);
  const auto run = [&](int threads) {
    return ThreadLimit(threads).run([&] {
      Tape tape;
      const Var y = propagate(
          graph, [](auto s, auto v, auto w) { return relu(s - v) * w; }, Multi(Sum{}, StdDev{}),
          at_source(tape.leaf(x)), at_target(tape.leaf(x)), everywhere(tape.leaf(t)));
      tape.backward(y, y.value());
      return std::array{tape.grad(x), tape.grad(t)};
    });
  };
  const auto one = run(1);
  for (int threads : {2, 3, 8}) {
    const auto many = run(threads);
    CHECK(identical(one[0], many[0]));
    CHECK(identical(one[1], many[1]));
  }
}

TEST_CASE("propagate: what does not fit is refused") {
  const Graph graph = messages_graph();
  const auto same = [](auto s) { return s; };
  CHECK_THROWS_AS(propagate(graph, Tensor::zeros({6, 2}), same), ShapeError);
  CHECK_THROWS_AS(propagate(graph, Tensor::zeros({7, 2}, DType::i32), same), TypeError);
  CHECK_THROWS_AS(propagate(graph, Tensor::zeros({7, 2}), Tensor::zeros({8}), gap), ShapeError);
  CHECK_THROWS_AS(
      propagate(graph, Tensor::zeros({7, 2}), Tensor::zeros({9}, DType::f64), gap), TypeError);
  CHECK_THROWS_WITH_AS(
      propagate(graph, Tensor::zeros({7, 2}, DType::f64),
                []<class V>(V s) requires(std::same_as<typename V::value_type, float>) {
                  return s;
                }),
      doctest::Contains("the message does not take f64"), TypeError);
}
