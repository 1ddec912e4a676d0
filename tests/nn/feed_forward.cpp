#include <cfm/nn/feed_forward.hpp>

#include <doctest/doctest.h>

#include "../test.hpp"
#include "attention_cases.hpp"

using namespace cfm;
using namespace cfm::test;

TEST_CASE("feed forward: the formulas, with and without a gate") {
  const Init init(Rng(1), DType::f64);
  const Tensor x = noise({2, 3, 4}, 2);
  const FeedForward<> plain(4, 6, init, {.activation = Activation::gelu_tanh});
  CHECK(same_bits(plain(x).value(), plain.linear2(gelu_tanh(plain.linear1(x))).value()));
  const FeedForward<> gated(4, 6, init,
                            {.activation = Activation::silu, .gated = true, .bias = false});
  CHECK(same_bits(gated(x).value(),
                  gated.linear2(silu((*gated.gate)(x)) * gated.linear1(x)).value()));
  CHECK(parameter_count(plain) == 4 * 6 * 2 + 6 + 4);
  CHECK(parameter_count(gated) == 4 * 6 * 3);
}

TEST_CASE("feed forward: ReLU behind the product gives the bits of ReLU") {
  const FeedForward<> model(4, 19, Rng(1));
  const Tensor x = noise({5, 4}, 2, DType::f32);
  Tape a, b;
  const Var in_a = a.leaf(x), in_b = b.leaf(x);
  const Var y = model(in_a), want = model.linear2(relu(model.linear1(in_b)));
  CHECK(same_bits(y.value(), want.value()));
  a.backward(sum(y));
  b.backward(sum(want));
  CHECK(same_bits(a.grad(in_a), b.grad(in_b)));
  for_each_parameter(model, [&](std::string_view, const Parameter& p) {
    CHECK(same_bits(a.grad(p.value), b.grad(p.value)));
  });
}

TEST_CASE("feed forward: gradients of every activation") {
  const Init init(Rng(1), DType::f64);
  for (const Activation a : {Activation::relu, Activation::gelu, Activation::silu})
    for (const bool gated : {false, true})
      check_module(
          FeedForward<>(3, 5, init, {.activation = a, .gated = gated, .dropout = 0.3}),
          noise({4, 3}, 3), [](const auto& m, const Var& in) { return m(in); }, true);
}

TEST_CASE("feed forward: dropout in training alone") {
  const FeedForward<> model(4, 32, Rng(1), {.dropout = 0.5});
  const Tensor x = noise({3, 4}, 2, DType::f32);
  Tape still, moving({.training = true, .rng = Rng(2)}), same({.training = true, .rng = Rng(2)});
  const Tensor y = model(x).value();
  CHECK(same_bits(y, model(still.input(x)).value()));
  const Tensor dropped = model(moving.input(x)).value();
  CHECK(distance(y, dropped) > 1e-3);
  CHECK(same_bits(dropped, model(same.input(x)).value()));
}

TEST_CASE("norm layer: the kinds, with and without a bias") {
  const Init init(Rng(1), DType::f64);
  const Tensor x = noise({3, 5}, 2);
  NormLayer layer(PositionNorm::layer, 5, init, 1e-3),
      bare(PositionNorm::layer, 5, init, 1e-3, false);
  NormLayer rms(PositionNorm::rms, 5, init, 1e-3);
  CHECK(layer.bias.has_value());
  CHECK(!bare.bias.has_value());
  CHECK(!rms.bias.has_value());
  CHECK(same_bits(layer(x).value(), layer_norm(x, {}, {}, 1e-3).value()));
  CHECK(same_bits(bare(x).value(), layer(x).value()));
  CHECK(same_bits(rms(x).value(), rms_norm(x, {}, 1e-3).value()));
  for (const NormLayer& norm : {layer, bare, rms})
    check_module(norm, x, [](const auto& m, const Var& in) { return m(in); });
}
