#include <cfm/models/deepgate3_encoder.hpp>

#include "../test.hpp"
#include "hop_cases.hpp"

using namespace cfm;

namespace {

DeepGate3EncoderConfig small_pipeline3(Index length = 512) {
  return {.tokenizer = {.width = 8, .start = DeepGate2Start::workload},
          .model = {.width = 8, .heads = 2, .hidden = 16, .refine_layers = 2, .pool_layers = 1},
          .length = length};
}

}  // namespace

TEST_CASE("deepgate3 encoder: the tokenizer's names are below \"tokenizer\"") {
  const DeepGate3Encoder<> model(small_pipeline3());
  std::vector<std::string> names;
  for_each_parameter(model, [&](std::string_view n, const Parameter&) { names.emplace_back(n); });
  const auto has = [&](std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  for (const char* name :
       {"tokenizer.aggr_and_strc.msg_q.weight", "tokenizer.readout_prob.fc.8.bias",
        "transformer.function_transformer.layers.1.linear1.weight", "cls_token_hf",
        "hop_struc_tf.layers.0.norm2.bias", "proj_GED.fc.0.weight"})
    CHECK_MESSAGE(has(name), name);
  CHECK(DeepGate3EncoderConfig{}.tokenizer.start == DeepGate2Start::workload);
}

TEST_CASE("deepgate3 encoder: a short circuit is tokenizer, refinement and pooling in turn") {
  const test::HopCircuitCase c(8);
  const DeepGate3Encoder<> model(small_pipeline3(), Rng(4));
  const CircuitStates got = model(c.graph, c.inputs);
  const GateStates tokens = model.tokenizer(c.graph);
  const RefinePart all{test::arange64(c.graph.nodes()),
                       cone_relation(c.graph.graph, {.rule = ConeRule::cover})};
  const GateStates gates = model.model.refine(tokens, std::span(&all, 1));
  const GateStates hops = model.model.pool(gates, c.inputs);
  CHECK(test::worst_difference(got.gates.structure.value(), gates.structure.value()) < 1e-6);
  CHECK(test::worst_difference(got.gates.function.value(), gates.function.value()) < 1e-6);
  CHECK(test::worst_difference(got.hops.structure.value(), hops.structure.value()) < 1e-5);
  CHECK(test::worst_difference(got.hops.function.value(), hops.function.value()) < 1e-5);
  CHECK_FALSE(model(c.graph).hops.function.value().defined());
}

TEST_CASE("deepgate3 encoder: part by part is all parts at once") {
  const ExplicitNotGraph circuit = explicit_not_graph(carry_save_multiplier(5));
  const DeepGate3Encoder<> model(small_pipeline3(31), Rng(4));
  REQUIRE(circuit.nodes() > 100);
  const GateStates got = model(circuit).gates;
  const auto parts = refine_parts(circuit.graph, {.length = 31});
  REQUIRE(parts.size() > 4);
  const GateStates want = model.model.refine(model.tokenizer(circuit), parts);
  CHECK(test::worst_difference(got.structure.value(), want.structure.value()) < 1e-5);
  CHECK(test::worst_difference(got.function.value(), want.function.value()) < 1e-5);
}

TEST_CASE("deepgate3 encoder: names what is wrong") {
  DeepGate3EncoderConfig config = small_pipeline3();
  config.tokenizer.width = 16;
  CHECK(test::error_of([&] {
          DeepGate3Encoder<>{config};
        }).starts_with("deepgate3 encoder: tokenizer and model differ in width"));
}
