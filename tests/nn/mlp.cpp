#include <cfm/nn/mlp.hpp>

#include <cmath>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <cfm/nn/serialize.hpp>

using namespace cfm;

namespace {

struct Holder {
  Mlp<> fc;
  static void visit(auto& self, auto&& v) { v("fc", self.fc); }
};

std::string names(const MlpConfig& config) {
  const Holder holder{Mlp<>(config)};
  std::string out;
  for_each_parameter(holder, [&](std::string_view name, const Parameter&) {
    if (name.ends_with(".weight")) out += concat(name.substr(0, name.size() - 7), " ");
  });
  return out;
}

}  // namespace

static_assert(ConfiguredModule<Mlp<>>);

TEST_CASE("mlp: only parts that exist are numbered") {
  CHECK(names({.layers = 3, .norm = Norm::batch, .dropout = 0.5}) == "fc.0 fc.1 fc.4 fc.5 fc.8 ");
  CHECK(names({.layers = 3, .activation = Activation::none, .last_activation = Activation::sigmoid,
               .norm = Norm::batch, .dropout = 0.5}) == "fc.0 fc.1 fc.3 fc.4 fc.6 ");
  CHECK(names({.layers = 2, .activation = Activation::none, .dropout = 0.5}) == "fc.0 fc.2 ");
  CHECK(names({.layers = 2}) == "fc.0 fc.2 ");
  CHECK(names({.layers = 2, .norm = Norm::layer, .norm_after_activation = true}) ==
        "fc.0 fc.2 fc.3 ");
  CHECK(names({.layers = 1, .norm = Norm::batch, .dropout = 0.5}) == "fc.0 ");
  CHECK_THROWS_AS(Mlp<>({.layers = 0}), Error);
}

TEST_CASE("mlp: is the composition that it says") {
  const Mlp<> mlp({.in = 3, .hidden = 5, .out = 2, .activation = Activation::tanh}, Rng(3));
  const Tensor x = Tensor::full({4, 3}, 0.25);
  const Tensor y = mlp(x).value(), z = mlp.linear(1)(tanh(mlp.linear(0)(x))).value();
  for (std::size_t i = 0; i < 8; ++i) CHECK(y.span<float>()[i] == z.span<float>()[i]);
  // Both the sizes and the seed of one layer leave the others alone.
  const Mlp<> other({.in = 7, .hidden = 5, .out = 2}, Rng(3));
  CHECK(other.linear(1).weight.value.value.span<float>()[4] ==
        mlp.linear(1).weight.value.value.span<float>()[4]);
}

TEST_CASE("mlp: dropout drops on a training tape alone, the same for the same seed") {
  const Mlp<> mlp({.in = 3, .hidden = 64, .out = 2, .dropout = 0.5}, Rng(3));
  const Tensor x = Tensor::full({4, 3}, 0.25);
  const auto run = [&](bool training, std::uint64_t seed) {
    Tape tape({.training = training, .rng = Rng(seed)});
    return mlp(tape.input(x)).value().span<float>()[1];
  };
  CHECK(run(false, 1) == mlp(x).value().span<float>()[1]);
  CHECK(run(true, 1) == run(true, 1));
  CHECK(run(true, 1) != run(true, 2));
  CHECK(run(true, 1) != run(false, 1));
}

TEST_CASE("mlp: the heads of encoders of gates") {
  const MlpConfig head = MlpConfig::head(6, 4, 3, 0.2);
  CHECK(head.layers == 3);
  CHECK(head.norm == Norm::batch);
  CHECK(head.last_activation == Activation::none);
  const Mlp<> pair(MlpConfig::pair_head(6, 4, 0.2), Rng(1));
  Tensor x = Tensor::full({2, 6}, 0.25);
  x.select(0, 1).copy_from(Tensor::full({6}, -3.0));
  for (const float p : pair(x).value().contiguous().span<float>()) {
    CHECK(p > 0);
    CHECK(p < 1);
  }
  // Linear up to the sigmoid: logits of a sum of inputs are the sum of logits, but for the biases.
  const auto logit = [&](double scale) {
    const Tensor p = pair(Tensor::full({1, 6}, scale)).value();
    const double v = static_cast<double>(p.span<float>()[0]);
    return std::log(v / (1 - v));
  };
  CHECK(logit(2) - logit(1) == doctest::Approx(logit(1) - logit(0)).epsilon(1e-3));
}
