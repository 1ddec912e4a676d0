#include <cfm/nn/pna_conv.hpp>

#include "../test.hpp"
#include "graph_layer_cases.hpp"

using namespace cfm;

namespace {

PnaConfig small_pna(Index edge) {
  return {.in = 2, .out = 3, .edge = edge,
          .scalers = {PnaScaler::identity, PnaScaler::amplification, PnaScaler::attenuation,
                      PnaScaler::linear, PnaScaler::inverse_linear}};
}

}  // namespace

TEST_CASE("pna conv: names are those of PyG") {
  std::string names;
  const PnaConv<> conv(small_pna(4));
  for_each_tensor(conv, [&](std::string_view name, const auto& p) {
    names += concat(name, p.value.shape(), " ");
  });
  CHECK(names ==
        "aggr_module.avg_deg_lin[1] aggr_module.avg_deg_log[1] edge_encoder.weight[2, 4] "
        "edge_encoder.bias[2] pre_nns.0.0.weight[2, 6] pre_nns.0.0.bias[2] "
        "post_nns.0.0.weight[3, 42] post_nns.0.0.bias[3] lin.weight[3, 3] lin.bias[3] ");
}

TEST_CASE("pna conv: equals its formula") {
  const Graph graph = test::odd_graph();
  PnaConv<> conv(small_pna(0), Init(Rng(1), DType::f64));
  conv.set_degrees({graph});
  double mean_log = 0;
  for (Index v = 0; v < 8; ++v)
    mean_log += std::log(1.0 + static_cast<double>(graph.fanins()[v].size())) / 8;
  CHECK(conv.avg_deg_lin.value.item<double>() == doctest::Approx(1.5));
  CHECK(conv.avg_deg_log.value.item<double>() == doctest::Approx(mean_log));
  const Tensor x = test::noise({8, 2}, 2);
  Tensor parts = Tensor::zeros({8, 42}, DType::f64).slice(1, 0, 42).clone();
  for (Index v = 0; v < 8; ++v) {
    const auto row = graph.fanins()[v];
    const double count = static_cast<double>(row.size()), d = std::max(1.0, count);
    const double scale[] = {1, std::log(d + 1) / mean_log, mean_log / std::log(d + 1), d / 1.5,
                            1.5 / d};
    for (Index k = 0; k < 2; ++k) {
      parts.view<double, 2>()(v, k) = x.view<double, 2>()(v, k);
      double mean = 0, low = 1e30, high = -1e30, squares = 0;
      for (std::int32_t u : row) {
        Tensor pair = Tensor::empty({1, 4}, DType::f64);
        for (Index c = 0; c < 2; ++c) {
          pair.view<double, 2>()(0, c) = x.view<double, 2>()(v, c);
          pair.view<double, 2>()(0, 2 + c) = x.view<double, 2>()(u, c);
        }
        const double m = conv.pre(pair).value().view<double, 2>()(0, k);
        mean += m / count;
        squares += m * m / count;
        low = std::min(low, m);
        high = std::max(high, m);
      }
      const double deviation = std::sqrt(std::max(0.0, squares - mean * mean) + 1e-5);
      const double reduced[] = {mean, low, high, deviation};
      for (Index s = 0; s < 5; ++s)
        for (Index r = 0; r < 4; ++r)
          parts.view<double, 2>()(v, 2 + 8 * s + 2 * r + k) =
              row.empty() ? 0 : scale[s] * reduced[r];
    }
  }
  CHECK(test::largest_difference(conv(graph, x).value(), conv.lin(conv.post(parts)).value()) < 1e-6);
}

TEST_CASE("pna conv: the laws of graph layers, and gradients in double") {
  for (const Index edge : {0, 2}) {
    const PnaConv<> conv(small_pna(edge), Init(Rng(2), DType::f64));
    test::check_graph_layer(2, edge, [&](const Graph& graph, const Tensor& x, const Tensor& e) {
      return edge > 0 ? conv(graph, x, e).value() : conv(graph, x).value();
    });
  }
  const PnaConv<> conv(small_pna(2), Init(Rng(3), DType::f64));
  // Without the double edge: two equal messages have no derivative of their extremum.
  const Graph graph = Graph::from_edges(5, std::vector<std::int32_t>{0, 1, 2, 3, 0, 4},
                                        std::vector<std::int32_t>{3, 3, 3, 4, 1, 4});
  const Tensor edges = test::noise({6, 2}, 6);
  test::check_module(conv, test::noise({5, 2}, 7), [&](const PnaConv<>& m, const Var& x) {
    return m(graph, x, edges);
  });
}

TEST_CASE("pna conv: names what is wrong") {
  CHECK(test::error_of([] { PnaConv<>({.scalers = {}}); })
            .starts_with("pna_conv: in and out at least 1, and a scaler"));
}
