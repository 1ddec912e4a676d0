#include <cfm/nn/rgcn_conv.hpp>

#include "../test.hpp"
#include "graph_layer_cases.hpp"

using namespace cfm;

TEST_CASE("rgcn conv: names are those of PyG") {
  std::string names;
  const RgcnConv conv(4, 2, 3, {}, {.bases = 2});
  for_each_parameter(conv, [&](std::string_view name, const Parameter& p) {
    names += concat(name, p.value.shape(), " ");
  });
  CHECK(names == "weight[2, 4, 2] comp[3, 2] root[4, 2] bias[2] ");
}

TEST_CASE("rgcn conv: bases that pick one matrix each are the plain form") {
  const Init init(Rng(3), DType::f64);
  const RgcnConv plain(3, 2, 3, init);
  RgcnConv mixed(3, 2, 3, init, {.bases = 3});
  mixed.weight = plain.weight;
  mixed.root = plain.root;
  mixed.comp->value.fill(0);
  for (Index r = 0; r < 3; ++r) mixed.comp->value.view<double, 2>()(r, r) = 1;
  const Graph graph = test::odd_graph();
  const Tensor x = test::noise({8, 3}, 2);
  CHECK(test::largest_difference(plain(graph, x).value(), mixed(graph, x).value()) < 1e-12);
  CHECK(test::largest_difference(plain(Relations(graph, 3), x).value(),
                                 plain(graph, x).value()) == 0);
}

TEST_CASE("rgcn conv: the laws of graph layers, and gradients in double") {
  for (const Index bases : {0, 2}) {
    const RgcnConv conv(3, 2, 3, Init(Rng(2), DType::f64), {.bases = bases});
    test::check_graph_layer(3, 0, [&](const Graph& graph, const Tensor& x, const Tensor&) {
      return conv(graph, x).value();
    });
    test::check_module(conv, test::noise({8, 3}, 7), [](const RgcnConv& m, const Var& x) {
      return m(test::odd_graph(), x);
    });
  }
}

TEST_CASE("rgcn conv: names what is wrong") {
  const RgcnConv conv(3, 2, 4);
  CHECK(test::error_of([&] { conv(Relations(test::odd_graph(), 3), Tensor::zeros({8, 3})); })
            .starts_with("rgcn_conv: other types of edges"));
}
