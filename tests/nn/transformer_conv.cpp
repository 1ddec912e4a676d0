#include <cfm/nn/transformer_conv.hpp>

#include "../test.hpp"
#include "graph_layer_cases.hpp"

using namespace cfm;

namespace {

TransformerConvConfig small_transformer_conv(bool concat, bool beta, Index edge) {
  return {.in = 3, .out = 2, .heads = 2, .concat = concat, .beta = beta, .edge = edge};
}

}  // namespace

TEST_CASE("transformer conv: names are those of PyG") {
  std::string names;
  const TransformerConv<> conv(small_transformer_conv(true, true, 5));
  for_each_parameter(conv, [&](std::string_view name, const Parameter& p) {
    names += concat(name, p.value.shape(), " ");
  });
  CHECK(names ==
        "lin_key.weight[4, 3] lin_key.bias[4] lin_query.weight[4, 3] lin_query.bias[4] "
        "lin_value.weight[4, 3] lin_value.bias[4] lin_edge.weight[4, 5] lin_skip.weight[4, 3] "
        "lin_skip.bias[4] lin_beta.weight[1, 12] ");
}

TEST_CASE("transformer conv: equals the dense formula") {
  const Graph graph = test::odd_graph();
  const Tensor x = test::noise({8, 3}, 2), edges = test::noise({12, 3}, 3);
  const TransformerConv<> conv(small_transformer_conv(true, false, 3), Init(Rng(1), DType::f64));
  const Tensor q = conv.lin_query(x).value(), k = conv.lin_key(x).value(),
               v = conv.lin_value(x).value(), e = (*conv.lin_edge)(edges).value();
  Tensor want = (*conv.lin_skip)(x).value().clone();
  const CsrView rows = graph.fanins();
  for (Index n = 0; n < 8; ++n)
    for (Index h = 0; h < 2; ++h) {
      double total = 0, sums[2] = {};
      for (auto i = rows.offsets[static_cast<std::size_t>(n)];
           i < rows.offsets[static_cast<std::size_t>(n) + 1]; ++i) {
        const Index u = rows.columns[static_cast<std::size_t>(i)];
        double score = 0;
        for (Index c = 2 * h; c < 2 * h + 2; ++c)
          score += q.view<double, 2>()(n, c) *
                   (k.view<double, 2>()(u, c) + e.view<double, 2>()(i, c)) / std::sqrt(2.0);
        total += std::exp(score);
        for (Index c = 0; c < 2; ++c)
          sums[c] += std::exp(score) * (v.view<double, 2>()(u, 2 * h + c) +
                                        e.view<double, 2>()(i, 2 * h + c));
      }
      for (Index c = 0; c < 2; ++c)
        if (total > 0) want.view<double, 2>()(n, 2 * h + c) += sums[c] / total;
    }
  CHECK(test::largest_difference(conv(graph, x, edges).value(), want) < 1e-12);
}

TEST_CASE("transformer conv: the laws of graph layers, and gradients in double") {
  for (const bool concat : {true, false}) {
    const TransformerConv<> conv(small_transformer_conv(concat, true, 2),
                                 Init(Rng(2), DType::f64));
    test::check_graph_layer(3, 2, [&](const Graph& graph, const Tensor& x, const Tensor& e) {
      return conv(graph, x, e).value();
    });
    const Tensor edges = test::noise({12, 2}, 6);
    test::check_module(conv, test::noise({8, 3}, 7),
                       [&](const TransformerConv<>& m, const Var& x) {
                         return m(test::odd_graph(), x, edges);
                       });
  }
}

TEST_CASE("transformer conv: names what is wrong") {
  CHECK(test::error_of([] { TransformerConv<>({.beta = true, .root = false}); })
            .starts_with("transformer_conv: beta needs the root"));
}
