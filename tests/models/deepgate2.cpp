#include <cfm/models/deepgate2.hpp>

#include <set>

#include <cfm/circuit/carry_save_multiplier.hpp>

#include "golden.hpp"

using namespace cfm;

namespace {

const std::vector<double> golden_structure = {
    1,        0,        0,        0,        0,        1,        0,        0,        0,
    0,        1,        0,        -.071884, -.076710, .108789,  .605971,  -.030979, .618116,
    .158990,  -.346903, -.081629, -.066925, .077517,  .619447,  -.049901, .681332,  .034367,
    -.350916, -.105067, -.060225, .076305,  .602939,  -.030489, .617891,  .158176,  -.346733};
const std::vector<double> golden_function = {
    0,       0,       0,       0,        0,        0,        0,       0,       0,
    0,       0,       0,       .719070,  .016319,  -.335369, .066146, .280009, .095117,
    .297761, .402940, .680039, -.018038, -.271174, -.028686, .256674, .073482, .375490,
    .332212, .620836, .089173, -.276479, -.091314, .276626,  .099205, .294983, .400244};

}  // namespace

TEST_CASE("deepgate2: golden vectors") {
  DeepGate2<> model({.width = 4});
  test::fill_by_formula(model);
  const DeepGate2Graph g = deepgate2_graph(test::golden_graph(), test::golden_kinds());
  const GateStates y =
      model.sweep(g.schedule, Var(test::unit_rows(9, 4, 3)), Var(Tensor::zeros({9, 4})));
  test::check_values(y.structure.value(), golden_structure);
  test::check_values(y.function.value(), golden_function);
  test::check_values(
      model.probability(y.function).value(),
      {.484320, .484320, .484320, .566478, .167909, .561425, .137556, .532616, .167768});
}

TEST_CASE("deepgate2: parameters and names of the public models") {
  const DeepGate2<> package;
  CHECK(parameter_count(package) == 649'957);
  CHECK(parameter_count(DeepGate2<>(DeepGate2Config::research())) == 171'334);
  std::set<std::string> names;
  for_each_tensor(package, [&](std::string_view name, const auto&) { names.emplace(name); });
  std::set<std::string> want;
  for (const char* gate : {"and", "not"})
    for (const char* state : {"strc", "func"}) {
      for (const char* part : {"attn_lin", "msg_q", "msg_k", "msg_v"})
        for (const char* tensor : {"weight", "bias"})
          want.insert(concat("aggr_", gate, "_", state, ".", part, ".", tensor));
      for (const char* tensor : {"weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"})
        want.insert(concat("update_", gate, "_", state, ".", tensor));
    }
  for (const int layer : {0, 1, 4, 5, 8})
    for (const char* tensor : {"weight", "bias"})
      want.insert(concat("readout_prob.fc.", layer, ".", tensor));
  for (const int norm : {1, 5})
    for (const char* tensor : {"running_mean", "running_var", "num_batches_tracked"})
      want.insert(concat("readout_prob.fc.", norm, ".", tensor));
  CHECK(names == want);
}

TEST_CASE("deepgate2: a batch gives what each circuit gives alone") {
  const DeepGate2<> model({.width = 16, .start = DeepGate2Start::workload}, Rng(3));
  std::vector<ExplicitNotGraph> circuits;
  for (const std::size_t bits : {2u, 5u, 3u, 4u})
    circuits.push_back(explicit_not_graph(carry_save_multiplier(bits)));
  const DeepGate2Graph batch = deepgate2_graph(circuits);
  CHECK(batch.size() == 4);
  const GateStates all = model(batch, {}, 5);
  for (std::size_t c = 0; c < circuits.size(); ++c) {
    const GateStates alone = model(deepgate2_graph(circuits[c]), {}, 5);
    const Index begin = batch.circuits[c], end = batch.circuits[c + 1];
    CHECK(test::same_bits(all.structure.value().slice(0, begin, end), alone.structure.value()));
    CHECK(test::same_bits(all.function.value().slice(0, begin, end), alone.function.value()));
  }
}

TEST_CASE("deepgate2: starts") {
  const DeepGate2Graph g = deepgate2_graph(test::golden_graph(), test::golden_kinds());
  const auto first = [&](DeepGate2Start start, Index node) {
    DeepGate2<> model({.width = 4, .start = start});
    const double p[] = {.1, .2, .3};
    const Tensor t = model.first_function(g, {}, p).value().contiguous();
    return static_cast<double>(t.view<float, 2>()(node, 2));
  };
  CHECK(first(DeepGate2Start::zeros, 1) == 0);
  CHECK(first(DeepGate2Start::workload, 1) == doctest::Approx(.2));
  CHECK(first(DeepGate2Start::workload, 3) == -1);
  CHECK(first(DeepGate2Start::probability, 2) == doctest::Approx(.3));
  CHECK(first(DeepGate2Start::probability, 3) == 0);
  CHECK(first(DeepGate2Start::learned, 0) == first(DeepGate2Start::learned, 8));
  CHECK(first(DeepGate2Start::learned, 0) != 0);
}
