#include <cfm/nn/gat_conv.hpp>

#include "../test.hpp"
#include "graph_layer_cases.hpp"

using namespace cfm;

namespace {

GatConfig small_gat(bool concat, Index edge, bool loops) {
  return {.in = 3, .out = 2, .heads = 2, .concat = concat, .edge = edge, .self_loops = loops};
}

template <class Conv>
std::string gat_names(const Conv& conv) {
  std::string out;
  for_each_parameter(conv, [&](std::string_view name, const Parameter& p) {
    out += concat(name, p.value.shape(), " ");
  });
  return out;
}

}  // namespace

TEST_CASE("gat conv: names are those of PyG") {
  CHECK(gat_names(GatConv<>(small_gat(true, 5, true))) ==
        "att_src[1, 2, 2] att_dst[1, 2, 2] att_edge[1, 2, 2] bias[4] lin.weight[4, 3] "
        "lin_edge.weight[4, 5] ");
  CHECK(gat_names(GatV2Conv<>(small_gat(false, 0, true))) ==
        "att[1, 2, 2] bias[2] lin_l.weight[4, 3] lin_l.bias[4] lin_r.weight[4, 3] lin_r.bias[4] ");
}

TEST_CASE("gat conv: both kinds equal the dense formula") {
  const Graph graph = test::odd_graph();
  const Tensor x = test::noise({8, 3}, 2), edges = test::noise({12, 3}, 3);
  const GatConfig config = small_gat(true, 3, false);
  const GatConv<> one(config, Init(Rng(1), DType::f64));
  const GatV2Conv<> two(config, Init(Rng(1), DType::f64));
  const auto leaky = [](double s) { return s > 0 ? s : 0.2 * s; };
  for (const bool v2 : {false, true}) {
    const Tensor from = v2 ? two.lin_l(x).value() : one.lin(x).value(),
                 own = v2 ? two.lin_r(x).value() : from,
                 e = v2 ? (*two.lin_edge)(edges).value() : (*one.lin_edge)(edges).value();
    Tensor want = Tensor::zeros({8, 4}, DType::f64);
    for (Index v = 0; v < 8; ++v)
      for (Index h = 0; h < 2; ++h) {
        const CsrView rows = graph.fanins();
        double total = 0;
        for (auto i = rows.offsets[static_cast<std::size_t>(v)];
             i < rows.offsets[static_cast<std::size_t>(v) + 1]; ++i) {
          const Index u = rows.columns[static_cast<std::size_t>(i)];
          double score = 0;
          for (Index k = 2 * h; k < 2 * h + 2; ++k) {
            const double a = from.view<double, 2>()(u, k), b = own.view<double, 2>()(v, k),
                         c = e.view<double, 2>()(i, k);
            const auto at = static_cast<std::size_t>(k);
            score += v2 ? two.att.value.span<double>()[at] * leaky(a + b + c)
                        : one.att_src.value.span<double>()[at] * a +
                              one.att_dst.value.span<double>()[at] * b +
                              one.att_edge->value.span<double>()[at] * c;
          }
          const double w = std::exp(v2 ? score : leaky(score));
          total += w;
          for (Index k = 2 * h; k < 2 * h + 2; ++k)
            want.view<double, 2>()(v, k) += w * from.view<double, 2>()(u, k);
        }
        for (Index k = 2 * h; k < 2 * h + 2; ++k)
          if (total > 0) want.view<double, 2>()(v, k) /= total;
      }
    const Tensor got = v2 ? two(graph, x, edges).value() : one(graph, x, edges).value();
    CHECK(test::largest_difference(got, want) < 1e-12);
  }
}

TEST_CASE("gat conv: the laws of graph layers") {
  for (const bool concat : {true, false})
    for (const Index edge : {0, 2}) {
      const GatConv<> one(small_gat(concat, edge, true), Init(Rng(2), DType::f64));
      const GatV2Conv<> two(small_gat(concat, edge, true), Init(Rng(2), DType::f64));
      const auto run = [&](const auto& conv) {
        test::check_graph_layer(3, edge, [&](const Graph& graph, const Tensor& x, const Tensor& e) {
          return edge > 0 ? conv(graph, x, e).value() : conv(graph, x).value();
        });
      };
      run(one);
      run(two);
    }
}

TEST_CASE("gat conv: gradients in double") {
  const Tensor edges = test::noise({12, 2}, 6), x = test::noise({8, 3}, 7);
  const auto run = [&](const auto& conv) {
    test::check_module(conv, x, [&]<class M>(const M& m, const Var& in) {
      return m(test::odd_graph(), in, edges);
    });
  };
  run(GatConv<>(small_gat(true, 2, true), Init(Rng(3), DType::f64)));
  run(GatV2Conv<>(small_gat(false, 2, true), Init(Rng(3), DType::f64)));
}

TEST_CASE("gat conv: dropout of weights is for training alone") {
  GatConfig config = small_gat(true, 0, true);
  config.dropout = 0.5;
  const GatConv<> conv(config, Init(Rng(3), DType::f64));
  const Tensor x = test::noise({8, 3}, 7);
  const Tensor calm = conv(test::odd_graph(), x).value();
  Tape tape({.training = true, .rng = Rng(4)});
  CHECK(test::largest_difference(conv(test::odd_graph(), tape.input(x)).value(), calm) > 1e-3);
  Tape evaluation;
  CHECK(test::largest_difference(conv(test::odd_graph(), evaluation.input(x)).value(), calm) == 0);
}

TEST_CASE("gat conv: names what is wrong") {
  const GatConv<> conv(small_gat(true, 2, true));
  CHECK(test::error_of([&] { conv(test::odd_graph(), Tensor::zeros({8, 3})); })
            .starts_with("gat_conv: edge features are missing"));
  CHECK(test::error_of<ShapeError>([&] {
          conv(test::odd_graph(), Tensor::zeros({8, 3}), Tensor::zeros({12, 3}));
        }).starts_with("gat_conv: needs edge features [12, 2]"));
}
