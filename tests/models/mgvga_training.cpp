#include <cfm/models/mgvga_training.hpp>

#include <cfm/circuit/carry_save_multiplier.hpp>
#include <cfm/circuit/generate_multipliers.hpp>

#include "../test.hpp"
#include "encoder_cases.hpp"

using namespace cfm;

namespace {

std::vector<MgvgaSample> multiplier_samples(bool verilog) {
  std::vector<MgvgaSample> out;
  for (const std::size_t bits : {2u, 3u, 4u}) {
    MgvgaSample s{mgvga_graph(carry_save_multiplier(bits))};
    if (verilog) s.verilog = test::normal_tensor({1, 6}, bits);
    out.push_back(std::move(s));
  }
  return out;
}

MgvgaConfig tiny_mgvga() {
  return {.width = 16, .layers = 2, .align_layers = 1, .verilog = 6, .dropout = 0};
}

}  // namespace

TEST_CASE("train_mgvga: node loss falls below the entropy of the kinds") {
  const auto samples = multiplier_samples(false);
  Mgvga<> model(tiny_mgvga(), Rng(1));
  const MgvgaTrainingResult result = train_mgvga(
      model, samples, {.epochs = 60, .batch = 1, .learning_rate = 1e-2, .weight_decay = 0});
  CHECK(result.steps == 180);
  CHECK(result.aligned == 0);
  CHECK(result.node < kind_entropy(samples));
  CHECK(result.loss == doctest::Approx(result.node + 0.1 * result.degree));
}

TEST_CASE("train_mgvga: with Verilog the alignment learns too; stopping is heard") {
  const auto samples = multiplier_samples(true);
  Mgvga<> model(tiny_mgvga(), Rng(1));
  const Tensor before = model.vg_node_head.weight.value.value.clone();
  Index steps = 0;
  const MgvgaTrainingResult result =
      train_mgvga(model, samples, {.epochs = 5, .batch = 2, .progress = [&](const Progress&) {
                                     return ++steps < 3;
                                   }});
  CHECK(result.steps == 3);
  CHECK(result.aligned > 0);
  double moved = 0;
  for (std::size_t i = 0; i < before.span<float>().size(); ++i)
    moved += std::abs(static_cast<double>(
        before.span<float>()[i] -
        std::as_const(model.vg_node_head.weight.value.value).span<float>()[i]));
  CHECK(moved > 0);
}

TEST_CASE("kind_entropy: that of a fair coin") {
  MgvgaSample s;
  s.graph.kinds = {0, 2, 0, 2};
  CHECK(kind_entropy(std::vector<MgvgaSample>{s}) == doctest::Approx(std::log(2.0)));
}

TEST_CASE("train_mgvga: names what is wrong") {
  Mgvga<> model(tiny_mgvga(), Rng(1));
  CHECK(test::error_of([&] { train_mgvga(model, {}); })
            .starts_with("train_mgvga: needs samples, epochs >= 1, batch >= 1"));
  CHECK(test::error_of([&] { train_mgvga(model, multiplier_samples(false), {.hidden = 0}); })
            .starts_with("train_mgvga: hidden parts lie in (0, 1]"));
}
