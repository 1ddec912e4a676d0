#include <cfm/models/deepcell_gcn.hpp>

#include <cfm/autograd/gradcheck.hpp>

#include "golden.hpp"

using namespace cfm;

TEST_CASE("deepcell gcn: the names and sizes of the public code") {
  const DeepCellGcn<> model;
  std::vector<std::string> names;
  for_each_parameter(model, [&](std::string_view name, const Parameter& p) {
    if (!name.starts_with("readout_prob")) names.push_back(concat(name, p.value.shape()));
  });
  CHECK(names ==
        std::vector<std::string>{
            "source_conv.aggr.msg.weight[256, 256]", "source_conv.aggr.msg.bias[256]",
            "source_conv.update.weight_ih_l0[768, 259]",
            "source_conv.update.weight_hh_l0[768, 256]", "source_conv.update.bias_ih_l0[768]",
            "source_conv.update.bias_hh_l0[768]", "source_conv.aggr_r.msg.weight[256, 256]",
            "source_conv.aggr_r.msg.bias[256]", "source_conv.update_r.weight_ih_l0[768, 259]",
            "source_conv.update_r.weight_hh_l0[768, 256]", "source_conv.update_r.bias_ih_l0[768]",
            "source_conv.update_r.bias_hh_l0[768]", "linear.weight[256, 256]", "linear.bias[256]"});
}

TEST_CASE("deepcell gcn: equals its definition edge by edge") {
  DeepCellGcn<> model({.width = 4, .rounds = 3});
  test::fill_by_formula(model);
  const ExplicitNotGraph t1 = test::golden_not_graph();
  const auto& conv = model.source_conv;
  Var h(Tensor::ones({9, 8}));
  const auto step = [&](bool reverse, const SumAggregator<>& sum, const LevelGru& gru) {
    const Tensor message = sum.msg(h).value();
    Tensor sums = Tensor::zeros({9, 8});
    for (Index v = 0; v < 9; ++v)
      for (std::int32_t u : t1.graph.fanins()[v])
        for (Index k = 0; k < 8; ++k)
          sums.view<float, 2>()(reverse ? u : v, k) +=
              std::as_const(message).view<float, 2>()(reverse ? v : u, k);
    h = gru(cat({Var(sums), Var(t1.features())}, 1), h);
  };
  for (int round = 0; round < 3; ++round) {
    step(false, conv.aggr, conv.update);
    step(true, conv.aggr_r, conv.update_r);
  }
  const Tensor want = model.linear(h).value();
  const GateStates got = model(t1);
  const auto values = [](const Tensor& x) {
    std::vector<double> out;
    const Tensor dense = x.contiguous();
    for (float v : std::as_const(dense).span<float>()) out.push_back(static_cast<double>(v));
    return out;
  };
  test::check_rows(got.structure.value(), values(want.slice(1, 0, 4)), 2e-6);
  test::check_rows(got.function.value(), values(want.slice(1, 4, 8)), 2e-6);
  CHECK(model.probability(got.function).shape() == Shape{9, 1});
}

TEST_CASE("deepcell gcn: copies of a circuit beyond a block of rows are the circuit") {
  const DeepCellGcn<> model({.width = 4, .rounds = 1}, Rng(2));
  const ExplicitNotGraph t1 = test::golden_not_graph();
  constexpr std::int32_t copies = 1000;
  std::vector<std::int32_t> from, to;
  ExplicitNotGraph many;
  for (std::int32_t c = 0; c < copies; ++c) {
    many.kinds.insert(many.kinds.end(), t1.kinds.begin(), t1.kinds.end());
    for (std::int32_t v = 0; v < 9; ++v)
      for (std::int32_t u : t1.graph.fanins()[v]) {
        from.push_back(9 * c + u);
        to.push_back(9 * c + v);
      }
  }
  many.graph = Graph::from_edges(9 * copies, from, to);
  const Tensor one = model(t1).function.value(), all = model(many).function.value();
  float worst = 0;
  for (Index v = 0; v < all.size(0); ++v)
    for (Index k = 0; k < 4; ++k)
      worst =
          std::max(worst, std::abs(all.view<float, 2>()(v, k) - one.view<float, 2>()(v % 9, k)));
  CHECK(worst < 1e-6f);
}

TEST_CASE("deepcell gcn: gradients in double, and what is wrong") {
  const DeepCellGcn<> model({.width = 2, .rounds = 2}, Init(Rng(5), DType::f64));
  const ExplicitNotGraph t1 = test::golden_not_graph();
  const GradcheckReport report = gradcheck(
      [&](const std::vector<Var>& in) {
        DeepCellGcn<> copy = model;
        copy.source_conv.aggr_r.msg.weight.value.value = in[1].value();
        const GateStates out = copy(t1.graph, in[0]);
        return std::vector<Var>{out.structure, out.function};
      },
      {t1.features().to(DType::f64), model.source_conv.aggr_r.msg.weight.value.value});
  CAPTURE(concat(report));
  CHECK(report.passed);
  CHECK(test::error_of<ShapeError>([&] {
          model(t1.graph, Var(Tensor::zeros({9, 4})));
        }).starts_with("deepcell gcn: needs x [9, 3]"));
}
