#include <cfm/nn/gated_gcn_conv.hpp>

#include "../test.hpp"
#include "graph_layer_cases.hpp"

using namespace cfm;

TEST_CASE("gated gcn conv: equals its formula without norms") {
  const GatedGcnConv<> conv(2, Init(Rng(1), DType::f64), {.norm = false});
  const Graph graph = test::odd_graph();
  const Tensor x = test::noise({8, 2}, 2), edges = test::noise({12, 2}, 3);
  const Tensor a = conv.A(x).value(), b = conv.B(x).value(), c = conv.C(edges).value(),
               d = conv.D(x).value(), e = conv.E(x).value();
  Tensor nodes = x.clone(), states = edges.clone();
  for (Index v = 0; v < 8; ++v)
    for (Index k = 0; k < 2; ++k) {
      double top = 0, bottom = 0;
      const CsrView rows = graph.fanins();
      for (auto i = rows.offsets[static_cast<std::size_t>(v)];
           i < rows.offsets[static_cast<std::size_t>(v) + 1]; ++i) {
        const Index u = rows.columns[static_cast<std::size_t>(i)];
        const double gate = c.view<double, 2>()(i, k) + d.view<double, 2>()(v, k) +
                            e.view<double, 2>()(u, k);
        states.view<double, 2>()(i, k) += std::max(0.0, gate);
        const double s = 1 / (1 + std::exp(-gate));
        top += s * b.view<double, 2>()(u, k);
        bottom += s;
      }
      nodes.view<double, 2>()(v, k) +=
          std::max(0.0, a.view<double, 2>()(v, k) + top / (bottom + 1e-6));
    }
  const NodesAndEdges got = conv(graph, x, edges);
  CHECK(test::largest_difference(got.nodes.value(), nodes) < 1e-12);
  CHECK(test::largest_difference(got.edges.value(), states) < 1e-12);
}

TEST_CASE("gated gcn conv: the laws of graph layers, and gradients in double") {
  const GatedGcnConv<> conv(3, Init(Rng(2), DType::f64));
  test::check_graph_layer(3, 3, [&](const Graph& graph, const Tensor& x, const Tensor& e) {
    return conv(graph, x, e).nodes.value();
  });
  const Tensor edges = test::noise({12, 3}, 6);
  test::check_module(
      conv, test::noise({8, 3}, 7),
      [&](const GatedGcnConv<>& m, const Var& x) {
        const NodesAndEdges y = m(test::odd_graph(), x, edges);
        return std::vector<Var>{y.nodes, y.edges};
      },
      true);
}

TEST_CASE("gated gcn conv: names what is wrong") {
  const GatedGcnConv<> conv(3);
  CHECK(test::error_of<ShapeError>([&] {
          conv(test::odd_graph(), Tensor::zeros({8, 3}), Tensor::zeros({11, 3}));
        }).starts_with("gated_gcn_conv: needs a row for each of 8 nodes and 12 edges"));
}
