#include <cfm/models/deepcell_dg3.hpp>

#include "golden.hpp"

using namespace cfm;

namespace {

const DeepCellDg3Config small_dg3{.width = 8, .layers = 2, .heads = 2, .hidden = 16};

}  // namespace

TEST_CASE("deepcell dg3: names of the public code") {
  const DeepCellDg3<> model(small_dg3);
  std::vector<std::string> names;
  for_each_parameter(model, [&](std::string_view n, const Parameter&) { names.emplace_back(n); });
  const auto has = [&](std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  for (const char* name :
       {"aggr_and_strc.msg_q.weight", "update_not_func.weight_hh_l0",
        "refine_tf.layers.0.self_attn.in_proj_weight", "refine_tf.layers.1.linear2.bias",
        "readout_prob.fc.8.weight", "connect_head.fc.0.weight"})
    CHECK_MESSAGE(has(name), name);
  CHECK(DeepCellDg3Config{}.hidden == 2048);
}

TEST_CASE("deepcell dg3: DeepGate2's structure, its function after the transformer") {
  const DeepCellDg3<> model(small_dg3, Rng(1));
  const ExplicitNotGraph t1 = test::golden_not_graph();
  const GateStates got = model(t1), before = model.gates(t1);
  CHECK(test::same_bits(got.structure.value(), before.structure.value()));
  CHECK(test::same_bits(got.function.value(), model.refine_tf(before.function).value()));
  CHECK_FALSE(test::same_bits(got.function.value(), before.function.value()));
  CHECK(model.probability(got.function).shape() == Shape{9, 1});
  CHECK(model.connection(got.structure, got.structure).shape() == Shape{9, 3});
}

TEST_CASE("deepcell dg3: circuits of a batch do not see each other") {
  const DeepCellDg3<> model(small_dg3, Rng(1));
  const ExplicitNotGraph t1 = test::golden_not_graph();
  ExplicitNotGraph other = t1;
  other.kinds.pop_back();
  other.graph = Graph::from_edges(8, std::vector<std::int32_t>{0, 1, 3, 4, 2, 0, 6, 5},
                                  std::vector<std::int32_t>{3, 3, 4, 5, 5, 6, 7, 7});
  const ExplicitNotGraph both[] = {t1, other};
  const Tensor all = model(deepgate2_graph(both)).function.value();
  CHECK(test::same_bits(all.slice(0, 0, 9), model(t1).function.value()));
  CHECK(test::same_bits(all.slice(0, 9, 17), model(other).function.value()));
}
