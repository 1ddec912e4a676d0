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

TEST_CASE("aggregate: gradients against edges, of dots by edge, by type, with edges added") {
  for (const Neighbours& graph : {fanins_of(example()), fanouts_of(example())}) {
    check_gradients(
        [&](const std::vector<Var>& v) {
          return std::vector<Var>{aggregate_sum(graph, v[0]), aggregate_mean(graph, v[0]),
                                  aggregate_max(graph, v[0]), aggregate_min(graph, v[0])};
        },
        {spread({6, 3}, 1)});
    check_gradients([&](const std::vector<Var>& v) { return aggregate_sum(graph, v[0], v[1]); },
                    {random({6, 3}, 1), random({7}, 2)});
    check_gradients([&](const std::vector<Var>& v) { return edge_dot(graph, v[0], v[1]); },
                    {random({6, 3}, 1), random({6, 3}, 2)});
    check_gradients(
        [&](const std::vector<Var>& v) { return aggregate_relu_sum(graph, v[0], v[1]); },
        {spread({6, 3}, 1), random({7, 3}, 2, 0, 0.1)});
  }
  const Graph typed = Graph::from_csr(example().fanins().offsets, example().fanins().columns,
                                      std::vector<std::uint8_t>{0, 2, 1, 1, 0, 2, 0});
  for (const Neighbours& graph : {fanins_of(typed), fanouts_of(typed)}) {
    const Relations relations(graph, 3);
    check_gradients(
        [&](const std::vector<Var>& v) {
          return std::vector<Var>{aggregate_sum(relations, v[0]), aggregate_mean(relations, v[0])};
        },
        {random({6, 2}, 1)});
  }
}

// The dense form: y = A x with A[v][u] the sum of the weights of edges by which v hears u.
TEST_CASE("aggregate: equals products with dense matrices, in both directions and by type") {
  Rng rng(5);
  for (Index width = 1; width <= 70; width += width < 10 ? 1 : 7) {
    const Index nodes = 9, edges = 30;
    std::vector<std::int32_t> sources, targets;
    std::vector<std::uint8_t> types;
    for (Index e = 0; e < edges; ++e) {
      sources.push_back(static_cast<std::int32_t>(rng.below(8)));
      targets.push_back(static_cast<std::int32_t>(rng.below(8)));
      types.push_back(static_cast<std::uint8_t>(rng.below(2)));
    }
    const Graph graph = Graph::from_edges(nodes, sources, targets, types);
    const Tensor x = random({nodes, width}, 3), w = random({edges}, 4);
    const Tensor signs = edge_values(graph, {1, -1}, DType::f64);
    for (const Neighbours& seen : {fanins_of(graph), fanouts_of(graph)}) {
      const auto dense = [&](const auto& factor) {
        Tensor out = Tensor::zeros({nodes, width}, DType::f64);
        const auto y = out.view<double, 2>();
        const auto in = std::as_const(x).view<double, 2>();
        const CsrView rows = graph.fanins();
        for (Index v = 0; v < nodes; ++v)
          for (Index e = rows.offsets[static_cast<std::size_t>(v)];
               e < rows.offsets[static_cast<std::size_t>(v) + 1]; ++e) {
            const Index u = rows.columns[static_cast<std::size_t>(e)];
            const Index to = seen.against_edges() ? u : v, from = seen.against_edges() ? v : u;
            for (Index c = 0; c < width; ++c) y(to, c) += factor(e) * in(from, c);
          }
        return out;
      };
      const auto near = [&](const Tensor& a, const Tensor& b) {
        double worst = 0;
        const auto p = a.contiguous().reshape({a.size()}), q = b.contiguous();
        for (Index i = 0; i < a.size(); ++i)
          worst = std::max(worst, std::abs(p.span<double>()[static_cast<std::size_t>(i)] -
                                           q.span<double>()[static_cast<std::size_t>(i)]));
        CHECK(worst < 1e-12);
      };
      const auto at = [](const Tensor& t, Index e) {
        return t.span<double>()[static_cast<std::size_t>(e)];
      };
      near(aggregate_sum(seen, x, w).value(), dense([&](Index e) { return at(w, e); }));
      near(aggregate_sum(seen, x, signs).value(), dense([&](Index e) { return at(signs, e); }));
      const Tensor typed = aggregate_sum(Relations(seen, 2), x).value();
      for (Index t = 0; t < 2; ++t)
        near(typed.slice(1, t * width, (t + 1) * width), dense([&](Index e) {
               return graph.edge_types()[static_cast<std::size_t>(e)] == t ? 1.0 : 0.0;
             }));
    }
  }
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
      for (auto f : {static_cast<Var (*)(const Neighbours&, const Var&)>(aggregate_sum),
                     &aggregate_mean,
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
