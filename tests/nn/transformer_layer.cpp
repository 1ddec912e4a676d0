#include <cfm/nn/transformer_layer.hpp>

#include <string>

#include <doctest/doctest.h>

#include <cfm/nn/serialize.hpp>

#include "../test.hpp"
#include "attention_cases.hpp"

using namespace cfm;
using namespace cfm::test;

namespace {

const TransformerConfig tiny{.dim = 4, .heads = 2, .hidden = 5};

TransformerConfig modern() {
  return {.dim = 8,
          .heads = 4,
          .hidden = 6,
          .kv_heads = 2,
          .activation = Activation::silu,
          .gated = true,
          .norm = PositionNorm::rms,
          .norm_first = true,
          .bias = false,
          .packed = false,
          .rope = RopeConfig{}};
}

}  // namespace

TEST_CASE("transformer layer: the formulas, norms before and after") {
  const Tensor x = noise({2, 3, 4}, 2), memory = noise({2, 5, 4}, 3);
  TransformerConfig config = tiny;
  const Init init(Rng(1), DType::f64);
  const TransformerEncoderLayer<> post(config, init);
  const TransformerDecoderLayer<> decoder(config, init);
  config.norm_first = true;
  const TransformerEncoderLayer<> pre(config, init);
  const Var a = post.norm1(Var(x) + post.self_attn(x, Causal{}));
  CHECK(same_bits(post(x, Causal{}).value(), post.norm2(a + post.feed_forward(a)).value()));
  const Var b = Var(x) + pre.self_attn(pre.norm1(x));
  CHECK(same_bits(pre(x).value(), (b + pre.feed_forward(pre.norm2(b))).value()));
  const Var c = decoder.norm1(Var(x) + decoder.self_attn(x, Causal{}));
  const Var d = decoder.norm2(c + decoder.multihead_attn(c, memory));
  CHECK(same_bits(decoder(x, memory).value(), decoder.norm3(d + decoder.feed_forward(d)).value()));
}

TEST_CASE("transformer layer: gradients") {
  const Init init(Rng(1), DType::f64);
  const Tensor x = noise({2, 3, 4}, 2), memory = noise({2, 2, 4}, 3);
  TransformerConfig config = tiny;
  config.dropout = 0.2;
  check_module(
      TransformerEncoderLayer<>(config, init), x,
      [](const auto& m, const Var& in) { return m(in, Causal{}); }, true);
  check_module(TransformerEncoderLayer<>(modern(), init), noise({1, 4, 8}, 4),
               [](const auto& m, const Var& in) { return m(in, Causal{}); });
  check_module(
      TransformerDecoderLayer<>(config, init), x,
      [&](const auto& m, const Var& in) { return m(in, memory); }, true);
  config.norm_first = true;
  check_module(TransformerDecoderLayer<>(config, init), memory,
               [&](const auto& m, const Var& in) { return m(x, in); });
}

TEST_CASE("transformer layer: names as in PyTorch's files") {
  std::vector<std::string> names;
  const TransformerDecoderLayer<> layer(tiny, Rng(1));
  for_each_parameter(layer, [&](std::string_view n, const Parameter&) { names.emplace_back(n); });
  CHECK(names ==
        std::vector<std::string>{"self_attn.in_proj_weight", "self_attn.in_proj_bias",
                                 "self_attn.out_proj.weight", "self_attn.out_proj.bias",
                                 "multihead_attn.in_proj_weight", "multihead_attn.in_proj_bias",
                                 "multihead_attn.out_proj.weight", "multihead_attn.out_proj.bias",
                                 "linear1.weight", "linear1.bias", "linear2.weight", "linear2.bias",
                                 "norm1.weight", "norm1.bias", "norm2.weight", "norm2.bias",
                                 "norm3.weight", "norm3.bias"});
}

TEST_CASE("transformer layer: names of a model of another family, by a table") {
  TransformerEncoderLayer<> ours(modern(), Rng(1));
  const TransformerEncoderLayer<> source(modern(), Rng(2));
  const NamePair theirs[] = {{"norm1.*", "input_layernorm.*"},
                             {"norm2.*", "post_attention_layernorm.*"},
                             {"self_attn.out_proj.*", "self_attn.o_proj.*"},
                             {"linear1.*", "mlp.up_proj.*"},
                             {"linear2.*", "mlp.down_proj.*"},
                             {"gate.*", "mlp.gate_proj.*"}};
  const std::vector<std::pair<std::string, std::string>> renamed{
      {"input_layernorm.weight", "norm1.weight"},
      {"post_attention_layernorm.weight", "norm2.weight"},
      {"self_attn.q_proj.weight", "self_attn.q_proj.weight"},
      {"self_attn.k_proj.weight", "self_attn.k_proj.weight"},
      {"self_attn.v_proj.weight", "self_attn.v_proj.weight"},
      {"self_attn.o_proj.weight", "self_attn.out_proj.weight"},
      {"mlp.up_proj.weight", "linear1.weight"},
      {"mlp.down_proj.weight", "linear2.weight"},
      {"mlp.gate_proj.weight", "gate.weight"}};
  NamedTensors file;
  for (const auto& [name, own] : renamed)
    for (const auto& [known, tensor] : named_tensors(source))
      if (known == own) file.emplace_back(name, tensor);
  REQUIRE(file.size() == 9);
  load_into(ours, file, {.names = theirs});
  const Tensor x = noise({1, 3, 8}, 2, DType::f32);
  CHECK(same_bits(ours(x).value(), source(x).value()));
}

TEST_CASE("transformer layer: errors say what the layer takes") {
  const TransformerEncoderLayer<> encoder(tiny, Rng(1));
  const TransformerDecoderLayer<> decoder(tiny, Rng(1));
  CHECK(error_of<ShapeError>([&] {
          encoder(Tensor::zeros({2, 3, 5}));
        }).starts_with("transformer: x must be [batch, positions, 4]: f32[2, 3, 5]"));
  CHECK(error_of<ShapeError>([&] {
          decoder(Tensor::zeros({2, 3, 4}), Tensor::zeros({2, 4}));
        }).starts_with("attention: queries, keys and values do not fit"));
  CHECK(error_of<ShapeError>([&] {
          decoder(Tensor::zeros({2, 3, 4}), Tensor::zeros({2, 3, 1}));
        }).starts_with("transformer: a memory must be [batch, positions, 4]"));
  TransformerConfig wrong = tiny;
  wrong.dropout = 1.5;
  CHECK(error_of([&] {
          TransformerEncoderLayer<>(wrong, Rng(1));
        }).starts_with("transformer: dropout must be in [0, 1]"));
}
