#include <cfm/autograd/ops_edge_attention.hpp>

#include "check.hpp"

using namespace cfm;
using namespace cfm::test;

namespace {

// Isolated nodes, a self loop, parallel edges, and a node with more edges than a block has.
Graph attention_graph(int hub = 0) {
  std::vector<std::int32_t> sources{0, 1, 2, 4, 2, 3, 0, 4, 3}, targets{1, 2, 3, 3, 3, 3, 2, 0, 4};
  for (int i = 0; i < hub; ++i) {
    sources.push_back(i % 6);
    targets.push_back(5);
  }
  return Graph::from_edges(7, sources, targets);
}

}  // namespace

TEST_CASE("edge_attention: gradients of every score, both directions, features of edges") {
  for (const Neighbours& graph : {fanins_of(attention_graph()), fanouts_of(attention_graph())}) {
    const Index e = graph.edges();
    check_gradients(
        [&](const std::vector<Var>& v) {
          return edge_attention(graph, v[0], v[1], v[2], AdditiveScore{0.3});
        },
        {spread({7, 2}, 1), random({7, 2}, 2), random({7, 2, 3}, 3)});
    check_gradients(
        [&](const std::vector<Var>& v) {
          return edge_attention(graph, v[0], v[1], v[2], AdditiveScore{1},
                                {.edge_key = v[3], .edge_value = v[4]});
        },
        {spread({7, 2}, 1), random({7, 2}, 2), random({7, 2, 3}, 3), random({e, 2}, 4),
         random({e, 2, 3}, 5)});
    const Tensor factor = random({e, 3}, 9, 0, 2);
    check_gradients(
        [&](const std::vector<Var>& v) {
          return edge_attention(graph, v[0], v[1], v[2], LeakyDotScore{0.2},
                                {.weight = v[3], .edge_key = v[4], .factor = factor});
        },
        {random({7, 3, 2}, 1), random({7, 3, 2}, 2), random({7, 3, 1}, 3), random({3, 2}, 4),
         random({e, 3, 2}, 5)});
    check_gradients(
        [&](const std::vector<Var>& v) {
          return edge_attention(graph, v[0], v[1], v[2], DotScore{},
                                {.edge_key = v[3], .edge_value = v[4]});
        },
        {random({7, 2, 5}, 1), random({7, 2, 5}, 2), random({7, 2, 4}, 3), random({e, 2, 5}, 4),
         random({e, 2, 4}, 5)});
  }
}

TEST_CASE("edge_attention: gradients where a node has more edges than wait in cache") {
  const Graph graph = attention_graph(150);
  for (const Neighbours& seen : {fanins_of(graph), fanouts_of(graph)})
    check_gradients(
        [&](const std::vector<Var>& v) {
          return std::vector<Var>{
              edge_attention(seen, v[0], v[1], v[2], DotScore{0.7}),
              edge_attention(seen, v[0], v[1], v[2], LeakyDotScore{0.2}, {.weight = v[3]})};
        },
        {random({7, 2, 2}, 1), random({7, 2, 2}, 2), random({7, 2, 3}, 3), random({2, 2}, 4)});
}

TEST_CASE("edge_attention: equal scores are the mean, one neighbour is that neighbour") {
  const Graph graph = attention_graph(100);
  const Tensor zero = Tensor::zeros({7, 2}, DType::f64), v = random({7, 2, 3}, 1);
  const Tensor y = edge_attention(graph, zero, zero, v, AdditiveScore{}).value();
  const auto got = y.view<double, 3>();
  const auto in = v.view<double, 3>();
  const CsrView rows = graph.fanins();
  double worst = 0;
  for (Index n = 0; n < 7; ++n)
    for (Index c = 0; c < 3; ++c) {
      double sum = 0;
      for (std::int32_t u : rows[n]) sum += in(u, 1, c);
      const auto degree = static_cast<double>(rows[n].size());
      worst = std::max(worst, std::abs(got(n, 1, c) - (degree > 0 ? sum / degree : 0)));
    }
  CHECK(worst < 1e-12);
}

TEST_CASE("edge_attention: what does not fit is refused") {
  const Graph graph = attention_graph();
  const Var q = Tensor::zeros({7, 2}), v = Tensor::zeros({7, 2, 3});
  CHECK_THROWS_AS(edge_attention(graph, q, q, Tensor::zeros({7, 6}), AdditiveScore{}), ShapeError);
  CHECK_THROWS_AS(edge_attention(graph, q, q, Tensor::zeros({7, 3, 3}), AdditiveScore{}),
                  ShapeError);
  CHECK_THROWS_AS(edge_attention(graph, q, q, Tensor::zeros({6, 2, 3}), AdditiveScore{}),
                  ShapeError);
  CHECK_THROWS_WITH_AS(edge_attention(graph, v, v, v, LeakyDotScore{}),
                       doctest::Contains("LeakyDotScore and no other has a weight"), ShapeError);
  CHECK_THROWS_AS(edge_attention(graph, q, q, Tensor::zeros({7, 2, 3}, DType::f64), DotScore{}),
                  TypeError);
  CHECK_THROWS_AS(edge_attention(graph, q, q, v, DotScore{}, {.factor = Tensor::zeros({8, 2})}),
                  ShapeError);
}
