#include <cfm/nn/gps_layer.hpp>

#include <cfm/nn/gcn_conv.hpp>

#include "../test.hpp"
#include "graph_layer_cases.hpp"

using namespace cfm;

namespace {

GpsLayer<GcnConv<>> small_gps() {
  const Init init(Rng(2), DType::f64);
  return {GcnConv<>(4, 4, init), {.width = 4, .heads = 2}, init};
}

}  // namespace

TEST_CASE("gps layer: is its formula") {
  const GpsLayer<GcnConv<>> layer = small_gps();
  const Graph graph = test::odd_graph();
  const Tensor x = test::noise({8, 4}, 1);
  const std::vector<Index> offsets{0, 5, 8};
  // Attention over each graph alone.
  const Var first = layer.attn(slice(Var(x), 0, 0, 5)), second = layer.attn(slice(Var(x), 0, 5, 8));
  const Var h = layer.norm1(x + layer.conv(graph, x)) + layer.norm2(x + cat({first, second}, 0));
  const Tensor want = layer.norm3(h + layer.mlp_out(relu(layer.mlp_in(h)))).value();
  CHECK(test::largest_difference(layer(graph, x, offsets).value(), want) < 1e-12);
}

TEST_CASE("gps layer: the laws of graph layers, and gradients in double") {
  const GpsLayer<GcnConv<>> layer = small_gps();
  test::check_graph_layer(4, 0, [&](const Graph& graph, const Tensor& x, const Tensor&) {
    std::vector<Index> offsets;
    for (Index v = 0; v <= graph.nodes(); v += 8) offsets.push_back(v);
    return layer(graph, x, offsets).value();
  });
  const std::vector<Index> offsets{0, 5, 8};
  test::check_module(
      layer, test::noise({8, 4}, 7),
      [&](const GpsLayer<GcnConv<>>& m, const Var& x) { return m(test::odd_graph(), x, offsets); },
      true);
}

TEST_CASE("gps layer: names what is wrong") {
  const std::vector<Index> offsets{0, 5};
  CHECK(test::error_of<ShapeError>([&] {
          small_gps()(test::odd_graph(), test::noise({8, 4}, 1), offsets);
        }).starts_with("gps_layer: offsets must run from 0 to the number of nodes"));
}
