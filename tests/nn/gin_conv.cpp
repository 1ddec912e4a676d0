#include <cfm/nn/gin_conv.hpp>

#include "../test.hpp"
#include "graph_layer_cases.hpp"

using namespace cfm;

namespace {

Mlp<> small_net(Init init) { return Mlp<>({.in = 3, .hidden = 4, .out = 2}, init); }

}  // namespace

TEST_CASE("gin conv: names are those of PyG, and a fixed epsilon is frozen") {
  GinConv<> conv(small_net(Rng(1)), Rng(1), {.epsilon = 0.5});
  std::string names;
  for_each_parameter(conv, [&](std::string_view name, const Parameter&) {
    names += concat(name, " ");
  });
  CHECK(names == "nn.0.weight nn.0.bias nn.2.weight nn.2.bias eps ");
  CHECK(conv.eps.frozen);
  CHECK_FALSE(GinConv<>(small_net(Rng(1)), Rng(1), {.learned = true}).eps.frozen);
}

TEST_CASE("gin conv: the sum of neighbours and 1 + epsilon of the node") {
  const Init init(Rng(1), DType::f64);
  const GinConv<> conv(small_net(init), init, {.epsilon = 0.5});
  const Graph graph = test::odd_graph();
  const Tensor x = test::noise({8, 3}, 1);
  Tensor sums = Tensor::zeros({8, 3}, DType::f64);
  for (Index v = 0; v < 8; ++v)
    for (Index k = 0; k < 3; ++k) {
      double& s = sums.view<double, 2>()(v, k) = 1.5 * x.view<double, 2>()(v, k);
      for (std::int32_t u : graph.fanins()[v]) s += x.view<double, 2>()(u, k);
    }
  CHECK(test::largest_difference(conv(graph, x).value(), conv.nn(Var(sums)).value()) < 1e-12);
}

TEST_CASE("gin conv, gine conv: the laws of graph layers, and gradients in double") {
  const Init init(Rng(2), DType::f64);
  const GinConv<> gin(small_net(init), init, {.epsilon = 0.1, .learned = true});
  const GineConv<> gine(small_net(init), 3, 2, init, {.epsilon = 0.1, .learned = true});
  test::check_graph_layer(3, 0, [&](const Graph& graph, const Tensor& x, const Tensor&) {
    return gin(graph, x).value();
  });
  test::check_graph_layer(3, 2, [&](const Graph& graph, const Tensor& x, const Tensor& e) {
    return gine(graph, x, e).value();
  });
  const Tensor edges = test::noise({12, 2}, 6);
  test::check_module(gin, test::noise({8, 3}, 7), [](const GinConv<>& m, const Var& x) {
    return m(test::odd_graph(), x);
  });
  test::check_module(gine, test::noise({8, 3}, 7), [&](const GineConv<>& m, const Var& x) {
    return m(test::odd_graph(), x, edges);
  });
}
