#pragma once
/// @file  Stacks of transformer layers.

#include <optional>
#include <vector>

#include <cfm/autograd/checkpoint.hpp>
#include <cfm/nn/transformer_layer.hpp>

CFM_NAMESPACE_BEGIN

namespace detail {

inline void check_stack(const TransformerConfig& c) {
  CFM_CHECK(c.layers >= 0, "transformer: the number of layers is negative", c.layers);
}

}  // namespace detail

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// Encoder layers one after the other, and a norm if the configuration says so. With Causal{} as
/// its mask it is a decoder without a memory, as language models are.
///
///     const TransformerEncoder<> model({.dim = 64, .heads = 4, .layers = 6}, Rng(1));
///     y = model(x);
///
/// Shapes:  x [batch, positions, dim] or [positions, dim]  ->  the same.
/// Names:   layers.0.self_attn.in_proj_weight ... norm.weight, as in PyTorch.
/// Errors:  ShapeError.
template <class LinearT = Linear<>, class Kernel = FlashAttention>
class TransformerEncoder {
 public:
  using Config = TransformerConfig;
  using Layer = TransformerEncoderLayer<LinearT, Kernel>;
  static constexpr std::string_view kind = "transformer_encoder";

  /// Empty, to be assigned.
  TransformerEncoder() = default;
  explicit TransformerEncoder(const Config& config, Init init = {}) : config_(config) {
    detail::check_stack(config);
    for (Index l = 0; l < config.layers; ++l) layers.emplace_back(config, init.next());
    if (config.final_norm)
      norm.emplace(config.norm, config.dim, init.next(), config.norm_epsilon, config.bias);
  }

  template <AttentionMask Mask = AllKeys, class Score = PlainScores>
  Var operator()(const Var& x, const Mask& mask = {}, const Score& score = {}) const {
    Var h = x;
    for (const Layer& layer : layers)
      h = config_.checkpoint
              ? checkpoint([layer, mask, score](const Var& in) { return layer(in, mask, score); },
                           h)
              : layer(h, mask, score);
    return norm ? (*norm)(h) : h;
  }

  const Config& config() const { return config_; }

  static void visit(auto& self, auto&& v) {
    v("layers", self.layers);
    v("norm", self.norm);
  }

  std::vector<Layer> layers;
  std::optional<NormLayer> norm;

 private:
  Config config_;
};

/// Decoder layers one after the other over the same memory, and a norm if the configuration says
/// so. Positions see themselves and what came before, unless another mask is given.
/// Shapes:  x [batch, positions, dim], memory [batch, keys, dim]  ->  as x.
/// Names:   layers.0.multihead_attn.in_proj_weight ... norm.weight, as in PyTorch.
/// Errors:  ShapeError.
template <class LinearT = Linear<>, class Kernel = FlashAttention>
class TransformerDecoder {
 public:
  using Config = TransformerConfig;
  using Layer = TransformerDecoderLayer<LinearT, Kernel>;
  static constexpr std::string_view kind = "transformer_decoder";

  /// Empty, to be assigned.
  TransformerDecoder() = default;
  explicit TransformerDecoder(const Config& config, Init init = {}) : config_(config) {
    detail::check_stack(config);
    for (Index l = 0; l < config.layers; ++l) layers.emplace_back(config, init.next());
    if (config.final_norm)
      norm.emplace(config.norm, config.dim, init.next(), config.norm_epsilon, config.bias);
  }

  template <AttentionMask Mask = Causal, AttentionMask MemoryMask = AllKeys>
  Var operator()(const Var& x, const Var& memory, const Mask& mask = {},
                 const MemoryMask& memory_mask = {}) const {
    Var h = x;
    for (const Layer& layer : layers)
      h = config_.checkpoint ? checkpoint(
                                   [layer, mask, memory_mask](const Var& in, const Var& seen) {
                                     return layer(in, seen, mask, memory_mask);
                                   },
                                   h, memory)
                             : layer(h, memory, mask, memory_mask);
    return norm ? (*norm)(h) : h;
  }

  const Config& config() const { return config_; }

  static void visit(auto& self, auto&& v) {
    v("layers", self.layers);
    v("norm", self.norm);
  }

  std::vector<Layer> layers;
  std::optional<NormLayer> norm;

 private:
  Config config_;
};

CFM_ISA_NAMESPACE_END
