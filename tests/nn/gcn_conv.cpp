#include <cfm/nn/gcn_conv.hpp>

#include "../test.hpp"
#include "graph_layer_cases.hpp"

using namespace cfm;

TEST_CASE("gcn conv: equals the dense formula") {
  const Graph graph = test::odd_graph();
  for (const bool loops : {true, false}) {
    GcnConv<> conv(3, 2, Init(Rng(1), DType::f64), {.self_loops = loops});
    conv.bias->value.fill(0.25);
    const Tensor x = test::noise({8, 3}, 2), h = conv.lin(x).value();
    double a[8][8] = {}, degree[8] = {};
    for (Index v = 0; v < 8; ++v) {
      for (std::int32_t u : graph.fanins()[v])
        if (!loops || u != v) a[v][u] += 1;
      if (loops) a[v][v] = 1;
      for (double n : a[v]) degree[v] += n;
    }
    Tensor want = Tensor::full({8, 2}, 0.25, DType::f64);
    for (Index v = 0; v < 8; ++v)
      for (Index u = 0; u < 8; ++u)
        for (Index k = 0; k < 2; ++k)
          if (a[v][u] > 0 && degree[u] > 0)
            want.view<double, 2>()(v, k) +=
                a[v][u] / std::sqrt(degree[v] * degree[u]) * h.view<double, 2>()(u, k);
    CHECK(test::largest_difference(conv(graph, x).value(), want) < 1e-12);
  }
}

TEST_CASE("gcn conv: the laws of graph layers, and gradients in double") {
  const GcnConv<> conv(3, 2, Init(Rng(2), DType::f64));
  test::check_graph_layer(3, 0, [&](const Graph& graph, const Tensor& x, const Tensor&) {
    return conv(graph, x).value();
  });
  test::check_module(conv, test::noise({8, 3}, 7), [](const GcnConv<>& m, const Var& x) {
    return m(test::odd_graph(), x);
  });
}
