#include <cfm/models/deepgate3.hpp>

#include <cfm/circuit/generate_misc.hpp>
#include <cfm/train/adam.hpp>

#include "../test.hpp"
#include "hop_cases.hpp"

using namespace cfm;

TEST_CASE("deepgate3: sizes of the public code") {
  const DeepGate3<> model;
  CHECK(parameter_count(model.refiner) == 24 * 593024);
  CHECK(parameter_count(model.pooling.hop_func_tf) + parameter_count(model.pooling.hop_struc_tf) ==
        6 * 593024);
  std::vector<std::string> names;
  for_each_parameter(model, [&](std::string_view n, const Parameter&) { names.emplace_back(n); });
  CHECK(names.front() == "transformer.function_transformer.layers.0.self_attn.in_proj_weight");
}

TEST_CASE("deepgate3: every loss is finite, and falls to half when one circuit is learned by heart") {
  const test::HopCircuitCase c(16);
  REQUIRE(c.hops.size() >= 4);
  DeepGate3<> model({.width = 16, .heads = 2, .hidden = 32, .refine_layers = 1, .pool_layers = 1,
                     .dropout = 0, .head_dropout = 0},
                    Rng(3));
  const RefinePart all{test::arange64(c.graph.nodes()), c.relation};
  Adam optimizer(model, {.learning_rate = 6e-3});
  std::array<double, hop_losses> first{}, last{};
  for (int step = 0; step < 150; ++step) {
    Tape tape({.training = true, .rng = Rng(static_cast<std::uint64_t>(step))});
    const GateStates gates =
        model.refine({tape.input(c.structure), tape.input(c.function)}, std::span(&all, 1));
    const HopLosses losses = model.heads.losses(gates, model.pool(gates, c.inputs), c.labels);
    for (std::size_t i = 0; i < hop_losses; ++i) {
      REQUIRE(losses[i].value().defined());
      last[i] = static_cast<double>(losses[i].item<float>());
      REQUIRE(std::isfinite(last[i]));
      if (step == 0) first[i] = last[i];
    }
    tape.backward(total_loss(losses));
    optimizer.step(tape);
  }
  for (std::size_t i = 0; i < hop_losses; ++i) {
    CAPTURE(enum_names(HopLoss{})[i]);
    CHECK(last[i] <= 0.5 * first[i]);
  }
}

// Takes minutes: run with --no-skip -tc="*sixteen circuits*".
TEST_CASE("deepgate3: every loss falls to half on sixteen circuits learned by heart" *
          doctest::skip()) {
  std::vector<test::HopCircuitCase> cases;
  for (std::uint64_t i = 0; i < 16; ++i)
    cases.emplace_back(16, random_aig({.inputs = 6, .ands = 30, .window = 12}, Rng(i)), i);
  DeepGate3<> model({.width = 16, .heads = 2, .hidden = 32, .refine_layers = 1, .pool_layers = 1,
                     .dropout = 0, .head_dropout = 0},
                    Rng(3));
  Adam optimizer(model, {.learning_rate = 6e-3});
  constexpr int epochs = 100;
  std::array<double, hop_losses> first{}, last{};
  for (int epoch = 0; epoch < epochs; ++epoch) {
    last = {};
    optimizer.scale_learning_rate(1 - 0.9 * epoch / epochs);
    for (const test::HopCircuitCase& c : cases) {
      Tape tape({.training = true, .rng = Rng(static_cast<std::uint64_t>(epoch))});
      const RefinePart all{test::arange64(c.graph.nodes()), c.relation};
      const GateStates gates =
          model.refine({tape.input(c.structure), tape.input(c.function)}, std::span(&all, 1));
      const HopLosses losses = model.heads.losses(gates, model.pool(gates, c.inputs), c.labels);
      for (std::size_t i = 0; i < hop_losses; ++i) {
        const auto value = static_cast<double>(losses[i].item<float>());
        REQUIRE(std::isfinite(value));
        last[i] += value / static_cast<double>(cases.size());
      }
      tape.backward(total_loss(losses));
      optimizer.step(tape);
    }
    if (epoch == 0) first = last;
  }
  for (std::size_t i = 0; i < hop_losses; ++i) {
    MESSAGE(enum_names(HopLoss{})[i] << ": " << first[i] << " -> " << last[i]);
    CHECK(last[i] <= 0.5 * first[i]);
  }
}
