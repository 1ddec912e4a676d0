#include <cfm/models/deepcell_hoga.hpp>

#include <cfm/circuit/carry_save_multiplier.hpp>

#include "golden.hpp"

using namespace cfm;

TEST_CASE("deepcell hoga: the names and sizes of the public file") {
  const DeepCellHoga<> model;
  std::vector<std::string> names;
  for_each_parameter(model, [&](std::string_view name, const Parameter& p) {
    names.push_back(concat(name, p.value.shape()));
  });
  CHECK(names == std::vector<std::string>{"lins.0.weight[128, 3]",
                                          "gates.0.weight[128, 128]",
                                          "trans.0.query_projection.weight[128, 128]",
                                          "trans.0.query_projection.bias[128]",
                                          "trans.0.key_projection.weight[128, 128]",
                                          "trans.0.key_projection.bias[128]",
                                          "trans.0.value_projection.weight[128, 128]",
                                          "trans.0.value_projection.bias[128]",
                                          "trans.0.output_projection.weight[128, 128]",
                                          "trans.0.output_projection.bias[128]",
                                          "lns.0.weight[128]",
                                          "lns.0.bias[128]",
                                          "attn_layer.weight[1, 256]",
                                          "attn_layer.bias[1]",
                                          "linear.0.weight[128, 128]",
                                          "bn.weight[128]",
                                          "bn.bias[128]",
                                          "lin_hs_hf.weight[256, 128]",
                                          "readout_prob.fc.0.weight[32, 128]",
                                          "readout_prob.fc.0.bias[32]",
                                          "readout_prob.fc.1.weight[32]",
                                          "readout_prob.fc.1.bias[32]",
                                          "readout_prob.fc.4.weight[32, 32]",
                                          "readout_prob.fc.4.bias[32]",
                                          "readout_prob.fc.5.weight[32]",
                                          "readout_prob.fc.5.bias[32]",
                                          "readout_prob.fc.8.weight[1, 32]",
                                          "readout_prob.fc.8.bias[1]"});
}

TEST_CASE("deepcell hoga: is HOGA's encoder, a hidden layer and two halves") {
  DeepCellHoga<> model({.width = 8, .heads = 2});
  test::fill_by_formula(model);
  const ExplicitNotGraph t1 = test::golden_not_graph();
  const GateStates got = model(t1);
  const Tensor slots = model.slots(t1);
  const Var h = model.bn(relu(model.linear[0](model.encoder(Var(slots)))));
  const Tensor state = model.lin_hs_hf(h).value();
  CHECK(test::same_bits(got.structure.value(), state.slice(1, 0, 8)));
  CHECK(test::same_bits(got.function.value(), state.slice(1, 8, 16)));
  CHECK(model.probability(got.function).shape() == Shape{9, 1});
}

TEST_CASE("deepcell hoga: more gates than a block are gates alone") {
  const DeepCellHoga<> model({.width = 8, .heads = 2}, Rng(3));
  const ExplicitNotGraph circuit = explicit_not_graph(carry_save_multiplier(16));
  REQUIRE(circuit.nodes() > 2100);
  const Tensor hf = model(circuit).function.value(), slots = model.slots(circuit);
  for (const Index v : {Index{0}, Index{2047}, Index{2048}, circuit.nodes() - 1}) {
    const Tensor one = model(Var(slots.slice(0, v, v + 1))).function.value();
    for (Index k = 0; k < 8; ++k)
      CHECK(one.view<float, 2>()(0, k) == doctest::Approx(hf.view<float, 2>()(v, k)).epsilon(1e-5));
  }
}
