#pragma once
/// @file  Stacks of transformer layers.

#include <optional>
#include <span>
#include <vector>

#include <cfm/autograd/checkpoint.hpp>
#include <cfm/nn/transformer_layer.hpp>

CFM_NAMESPACE_BEGIN

namespace detail {

inline void check_stack(const TransformerConfig& c) {
  CFM_CHECK(c.layers >= 0, "transformer: the number of layers is negative", c.layers);
}

inline void check_caches(std::size_t have, std::size_t layers) {
  CFM_CHECK(have == layers, "transformer: one cache a layer", have, layers);
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
    if (config.final_norm) norm = isa_detail::norm_of(config, init.next());
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

  /// The last positions of sequences whose earlier ones are cached, one cache a layer; all have the
  /// same lengths, which count the new positions already. Without gradients.
  /// Shapes:  x [batch, new positions, dim]  ->  the same.
  template <KvCache Cache, AttentionMask Mask = Causal, class Score = PlainScores>
  Tensor operator()(const Tensor& x, std::span<const Cache> caches, const Mask& mask = {},
                    const Score& score = {}) const {
    detail::check_caches(caches.size(), layers.size());
    Tensor h = x;
    for (std::size_t l = 0; l < layers.size(); ++l) h = layers[l](h, caches[l], mask, score);
    return norm ? (*norm)(h).value() : h;
  }
  template <KvCache Cache, AttentionMask Mask = Causal, class Score = PlainScores>
  Tensor operator()(const Tensor& x, const std::vector<Cache>& caches, const Mask& mask = {},
                    const Score& score = {}) const {
    return (*this)(x, std::span<const Cache>(caches), mask, score);
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
    if (config.final_norm) norm = isa_detail::norm_of(config, init.next());
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

  /// What the layers make of a memory, once for all positions.
  using KeysValues = typename Layer::KeysValues;
  std::vector<KeysValues> keys_values(const Var& memory) const {
    std::vector<KeysValues> out;
    for (const Layer& layer : layers) out.push_back(layer.keys_values(memory));
    return out;
  }

  /// The last positions of sequences whose earlier ones are cached, one cache a layer; all have the
  /// same lengths, which count the new positions already. Without gradients.
  template <KvCache Cache, AttentionMask Mask = Causal, AttentionMask MemoryMask = AllKeys>
  Tensor operator()(const Tensor& x, const std::vector<KeysValues>& memory,
                    const std::vector<Cache>& caches, const Mask& mask = {},
                    const MemoryMask& memory_mask = {}) const {
    detail::check_caches(caches.size(), layers.size());
    detail::check_caches(memory.size(), layers.size());
    Tensor h = x;
    for (std::size_t l = 0; l < layers.size(); ++l)
      h = layers[l](h, memory[l], caches[l], mask, memory_mask);
    return norm ? (*norm)(h).value() : h;
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
