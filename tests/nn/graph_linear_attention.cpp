#include <cfm/nn/graph_linear_attention.hpp>

#include "../test.hpp"
#include "graph_layer_cases.hpp"

using namespace cfm;

TEST_CASE("graph linear attention: equals weights over all pairs") {
  const GraphLinearAttention<> layer({.width = 4, .heads = 2}, Init(Rng(1), DType::f64));
  const Tensor x = test::noise({6, 4}, 1);
  const Tensor q = layer.q_proj(x).value(), k = layer.k_proj(x).value(), v = layer.v_proj(x).value();
  const auto f = [](double a) { return a > 0 ? a + 1 : std::exp(a); };
  Tensor mixed = Tensor::zeros({6, 4}, DType::f64);
  for (Index i = 0; i < 6; ++i)
    for (Index h = 0; h < 2; ++h) {
      double total = 0;
      for (Index j = 0; j < 6; ++j) {
        double w = 0;
        for (Index c = 2 * h; c < 2 * h + 2; ++c)
          w += f(q.view<double, 2>()(i, c)) * f(k.view<double, 2>()(j, c));
        total += w;
        for (Index c = 2 * h; c < 2 * h + 2; ++c)
          mixed.view<double, 2>()(i, c) += w * v.view<double, 2>()(j, c);
      }
      for (Index c = 2 * h; c < 2 * h + 2; ++c) mixed.view<double, 2>()(i, c) /= total;
    }
  CHECK(test::largest_difference(layer(x).value(), layer.out_proj(mixed).value()) < 1e-12);
}

TEST_CASE("graph linear attention: the laws of graph layers, and gradients in double") {
  const GraphLinearAttention<> layer({.width = 4, .heads = 2}, Init(Rng(2), DType::f64));
  test::check_graph_layer(4, 0, [&](const Graph& graph, const Tensor& x, const Tensor&) {
    std::vector<Index> offsets;
    for (Index v = 0; v <= graph.nodes(); v += 8) offsets.push_back(v);
    return layer(x, offsets).value();
  });
  const std::vector<Index> offsets{0, 3, 3, 8};
  test::check_module(layer, test::noise({8, 4}, 7),
                     [&](const GraphLinearAttention<>& m, const Var& x) { return m(x, offsets); });
}

TEST_CASE("graph linear attention: names what is wrong") {
  CHECK(test::error_of([] { GraphLinearAttention<>({.width = 6, .heads = 4}); })
            .starts_with("graph_linear_attention: width must be a multiple of heads"));
}
