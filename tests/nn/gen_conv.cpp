#include <cfm/nn/gen_conv.hpp>

#include "../test.hpp"
#include "graph_layer_cases.hpp"

using namespace cfm;

namespace {

GenConvConfig small_gen(GenReduce reduce, Index in, Index edge, double parameter) {
  return {.in = in, .out = 3, .edge = edge, .reduce = reduce, .parameter = parameter,
          .norm = Norm::layer};
}

}  // namespace

TEST_CASE("gen conv: names are those of PyG") {
  const auto names = [](const GenConvConfig& config) {
    std::string out;
    const GenConv<> conv(config);
    for_each_parameter(conv, [&](std::string_view name, const Parameter& p) {
      out += concat(name, p.value.shape(), " ");
    });
    return out;
  };
  CHECK(names({.in = 4, .out = 4, .norm = Norm::layer}) ==
        "aggr_module.t[1] mlp.0.weight[8, 4] mlp.1.weight[8] mlp.1.bias[8] mlp.4.weight[4, 8] ");
  CHECK(names({.in = 2, .out = 4, .edge = 3, .reduce = GenReduce::power, .norm = Norm::none,
               .bias = true}) ==
        "lin_src.weight[4, 2] lin_src.bias[4] lin_edge.weight[4, 3] lin_edge.bias[4] "
        "aggr_module.p[1] mlp.0.weight[8, 4] mlp.0.bias[8] mlp.4.weight[4, 8] mlp.4.bias[4] "
        "lin_dst.weight[4, 2] lin_dst.bias[4] ");
}

TEST_CASE("gen conv: the reductions equal their formulas") {
  const Graph graph = test::odd_graph();
  const Tensor x = test::noise({8, 2}, 1);
  for (const auto& [reduce, parameter] :
       {std::pair{GenReduce::softmax, 2.5}, std::pair{GenReduce::power, 3.0}}) {
    GenConv<> conv({.in = 2, .out = 2, .reduce = reduce, .parameter = parameter, .layers = 1},
                   Init(Rng(1), DType::f64));
    const Tensor y = conv(graph, x).value();
    Tensor sums = Tensor::zeros({8, 2}, DType::f64);
    for (Index v = 0; v < 8; ++v)
      for (Index k = 0; k < 2; ++k) {
        double top = 0, bottom = 0;
        for (std::int32_t u : graph.fanins()[v]) {
          const double m = std::max(0.0, x.view<double, 2>()(u, k)) + 1e-7;
          const double w = reduce == GenReduce::softmax ? std::exp(parameter * m) : 1;
          top += w * (reduce == GenReduce::softmax ? m : std::pow(m, parameter));
          bottom += w;
        }
        double r = bottom > 0 ? top / bottom : 0;
        if (reduce == GenReduce::power) r = std::pow(r, 1 / parameter);
        sums.view<double, 2>()(v, k) = r + x.view<double, 2>()(v, k);
      }
    CHECK(test::largest_difference(y, conv.mlp(Var(sums)).value()) < 1e-9);
  }
}

TEST_CASE("gen conv: the laws of graph layers") {
  for (const GenReduce reduce : {GenReduce::softmax, GenReduce::power})
    for (const Index edge : {0, 3, 2}) {
      const GenConv<> conv(small_gen(reduce, 3, edge, 1.5), Init(Rng(2), DType::f64));
      test::check_graph_layer(3, edge, [&](const Graph& graph, const Tensor& x, const Tensor& e) {
        return edge > 0 ? conv(graph, x, e).value() : conv(graph, x).value();
      });
    }
}

TEST_CASE("gen conv: gradients in double, those of temperature and power too") {
  const Graph graph = test::odd_graph();
  for (const GenReduce reduce : {GenReduce::softmax, GenReduce::power}) {
    const GenConv<> conv(small_gen(reduce, 2, 2, 1.5), Init(Rng(3), DType::f64));
    const Tensor edges = test::noise({12, 2}, 6);
    test::check_module(conv, test::noise({8, 2}, 7), [&](const GenConv<>& m, const Var& x) {
      return m(graph, x, edges);
    });
  }
}

TEST_CASE("gen conv: names what is wrong") {
  const GenConv<> with({.in = 2, .out = 2, .edge = 3}), without({.in = 2, .out = 2});
  const Graph graph = test::odd_graph();
  CHECK(test::error_of([&] { with(graph, Tensor::zeros({8, 2})); })
            .starts_with("gen_conv: edge features are missing"));
  CHECK(test::error_of<ShapeError>([&] {
          with(graph, Tensor::zeros({8, 2}), Tensor::zeros({12, 2}));
        }).starts_with("gen_conv: needs edge features [edges, 3]"));
  CHECK(test::error_of([] { GenConv<>({.layers = 0}); })
            .starts_with("gen_conv: layers and expansion at least 1"));
}
