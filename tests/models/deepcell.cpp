#include <cfm/models/deepcell.hpp>

#include "golden.hpp"

using namespace cfm;

namespace {

// NAND2, XOR2, MAJ3 and INV over three inputs.
DeepCellGraph golden_cells() {
  const std::int32_t from[] = {0, 1, 3, 2, 0, 3, 4, 5}, to[] = {3, 3, 4, 4, 5, 5, 5, 6};
  const CellFunction functions[] = {{},       {}, {}, {0b0111, 2}, {0b0110, 2}, {0b11101000, 3},
                                    {0b01, 1}};
  return deepcell_graph(Graph::from_edges(7, from, to), functions);
}

template <class Aggregator>
void check_against_definition(const Aggregator&) {
  using Model = DeepCell<Aggregator>;
  Model model({.width = 8});
  test::fill_by_formula(model);
  const DeepCellGraph g = golden_cells();
  const Var start(test::unit_rows(7, 8, 3));
  const GateStates y = model.from(g, start);
  const Var hs = level_layer_by_groups(g.schedule, start, {.extra = g.features},
                                       LevelStep{model.aggr_cell_strc, model.update_cell_strc});
  const Var hf = level_layer_by_groups(
      g.schedule, Var(Tensor::zeros({7, 8})), {.side = hs, .extra = g.features},
      LevelStep{model.aggr_cell_func, model.update_cell_func, true});
  const auto close = [](const Tensor& a, const Tensor& b) {
    const Tensor x = a.contiguous(), z = b.contiguous();
    for (std::size_t i = 0; i < x.span<float>().size(); ++i)
      CHECK(std::abs(x.span<float>()[i] - z.span<float>()[i]) < 2e-6f);
  };
  close(y.structure.value(), hs.value());
  close(y.function.value(), hf.value());
  CHECK(model.probability(y.function).shape() == Shape{7, 1});
  CHECK(model.connection(y.structure, y.structure).shape() == Shape{7, 3});
}

}  // namespace

TEST_CASE("deepcell: tables repeat to 64 columns") {
  const Tensor x = golden_cells().features;
  std::string nand, majority;
  for (Index j = 0; j < 12; ++j) {
    nand += x.view<float, 2>()(3, j) > 0 ? '1' : '0';
    majority += x.view<float, 2>()(5, j) > 0 ? '1' : '0';
  }
  CHECK(nand == "111011101110");
  CHECK(majority == "000101110001");
  CHECK(x.view<float, 2>()(6, 0) == 1);
  CHECK(x.view<float, 2>()(6, 63) == 0);
  CHECK(x.view<float, 2>()(0, 7) == 0);
  const CellFunction wide[] = {{0, 7}};
  CHECK(test::error_of([&] { cell_features(wide); }).find("at most 6") != std::string::npos);
}

TEST_CASE("deepcell: every variant equals its definition") {
  check_against_definition(TfMlpAggregator<>());
  check_against_definition(AgnnAggregator<>());
  check_against_definition(SumAggregator<>());
}

TEST_CASE("deepcell: shapes of the public files") {
  const DeepCell<AgnnAggregator<>> gat;
  std::vector<std::string> rows;
  for_each_parameter(gat, [&](std::string_view n, const Parameter& p) {
    rows.push_back(concat(n, p.value.shape()));
  });
  const auto has = [&](std::string_view row) {
    return std::find(rows.begin(), rows.end(), row) != rows.end();
  };
  for (const char* row :
       {"aggr_cell_strc.msg.weight[128, 128]", "aggr_cell_strc.attn_lin.weight[1, 256]",
        "aggr_cell_func.msg.weight[128, 256]", "update_cell_strc.weight_ih_l0[384, 192]",
        "update_cell_func.weight_hh_l0[384, 128]", "readout_prob.fc.0.weight[32, 128]",
        "readout_prob.fc.8.weight[1, 32]", "connect_head.fc.0.weight[32, 256]",
        "connect_head.fc.8.weight[3, 32]"})
    CHECK_MESSAGE(has(row), row);
}
