#include <cfm/models/deepgate4_encoder.hpp>

#include <numeric>

#include "../test.hpp"
#include "hop_cases.hpp"

using namespace cfm;

namespace {

DeepGate4EncoderConfig small_pipeline4(Index depth = 8, Index stride = 6) {
  return {
      .tokenizer = {.width = 8, .start = DeepGate2Start::probability},
      .model =
          {.width = 8, .heads = 2, .hidden = 16, .layers = 2, .pool_layers = 1, .max_fanouts = 20},
      .depth = depth,
      .stride = stride};
}

}  // namespace

TEST_CASE("deepgate4 encoder: places of gates") {
  const DeepGate2Graph graph =
      deepgate2_graph(Graph::from_edges(5, std::vector<std::int32_t>{0, 1, 0, 2, 3},
                                        std::vector<std::int32_t>{2, 2, 3, 4, 4}),
                      {NodeKind::input, NodeKind::input, NodeKind::and_gate, NodeKind::not_gate,
                       NodeKind::and_gate});
  const GatePlaces p = gate_places(graph);
  const auto list = [](const Tensor& x) {
    std::string out;
    for (const std::int64_t v : x.span<std::int64_t>()) out += std::to_string(v);
    return out;
  };
  CHECK(list(p.level) == "00112");
  CHECK(list(p.and_fanouts) == "11110");
  CHECK(list(p.not_fanouts) == "10000");
}

TEST_CASE("deepgate4 encoder: sources go through two NOTs") {
  const DeepGate4Encoder<> model(small_pipeline4(), Rng(2));
  const DeepGate2Graph chain = deepgate2_graph(
      Graph::from_edges(3, std::vector<std::int32_t>{0, 1}, std::vector<std::int32_t>{1, 2}),
      {NodeKind::input, NodeKind::not_gate, NodeKind::not_gate});
  const double p[] = {0.25};
  const Tensor want = model.tokenizer(chain, {}, 0, p).function.value();
  const GateStore store = model.first_states(chain, 0, p);
  CHECK(test::worst_difference(store.function.slice(0, 0, 1), want.slice(0, 2, 3)) < 1e-6);
  CHECK(test::worst_difference(store.function.slice(0, 1, 3), Tensor::zeros({2, 8})) == 0);
}

TEST_CASE("deepgate4 encoder: areas of one group are a sweep, the encoding and a refinement") {
  const test::HopCircuitCase c(8);
  const DeepGate4Encoder<> model(small_pipeline4(1000), Rng(2));
  const DeepGate2Graph graph = deepgate2_graph(c.graph);
  const CircuitStates got = model(graph, c.inputs);
  const GateStore first = model.first_states(graph, 0, {});
  const GateStates tokens =
      model.tokenizer.sweep(graph.schedule, Var(first.structure), Var(first.function));
  const Var encoded = tokens.structure + model.model.encoding(gate_places(graph), tokens.structure);
  GateStore store{tokens.function.value().clone(), encoded.value().clone()};
  const auto areas = cone_areas(c.graph.graph, {.depth = 1000});
  REQUIRE(areas.back().group == 0);
  model.model.refine(store, area_batches(c.graph.graph, areas));
  CHECK(test::worst_difference(got.gates.function.value(), store.function) < 1e-5);
  CHECK(test::worst_difference(got.gates.structure.value(), store.structure) < 1e-5);
  const GateStates hops = model.model.pool(got.gates, c.inputs);
  CHECK(test::worst_difference(got.hops.function.value(), hops.function.value()) < 1e-5);
  CHECK(test::worst_difference(got.hops.structure.value(), hops.structure.value()) < 1e-5);
}

TEST_CASE("deepgate4 encoder: later groups read refined states") {
  const ExplicitNotGraph circuit = explicit_not_graph(carry_save_multiplier(4));
  const DeepGate4Encoder<> model(small_pipeline4(4, 2), Rng(2));
  const GateStates a = model(circuit).gates;
  const auto finite = [](const Tensor& x) {
    const auto values = x.span<float>();
    return std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); });
  };
  CHECK(finite(a.function.value()));
  CHECK(finite(a.structure.value()));
  // Nothing of it is what one sweep gives.
  const DeepGate2Graph graph = deepgate2_graph(circuit);
  const GateStore first = model.first_states(graph, 0, {});
  const Tensor swept =
      model.tokenizer.sweep(graph.schedule, Var(first.structure), Var(first.function))
          .function.value();
  CHECK(test::worst_difference(a.function.value(), swept) > 1e-3);
  CHECK(a.function.shape() == swept.shape());
}

TEST_CASE("deepgate4 encoder: names what is wrong") {
  DeepGate4EncoderConfig config = small_pipeline4();
  config.model.width = 16;
  CHECK(test::error_of([&] {
          DeepGate4Encoder<>{config};
        }).starts_with("deepgate4 encoder: tokenizer and model differ in width"));
}
