#pragma once
/// @file  The layers of transformers: encoder and decoder.

#include <optional>

#include <cfm/nn/attention.hpp>
#include <cfm/nn/feed_forward.hpp>

CFM_NAMESPACE_BEGIN

/// Sizes and parts of transformer layers and stacks of them.
struct TransformerConfig {
  Index dim = 64;  ///< of each position
  Index heads = 4;
  Index hidden = 256;    ///< between the two linear layers of a position
  Index layers = 2;      ///< of a stack
  Index kv_heads = 0;    ///< heads of keys and values that groups of heads share; 0: one a head
  Index head_width = 0;  ///< 0: dim / heads
  Activation activation = Activation::relu;
  bool gated = false;  ///< the activation of a third layer is a factor: with silu, SwiGLU
  PositionNorm norm = PositionNorm::layer;
  double norm_epsilon = 1e-5;
  bool norm_first = false;           ///< before each part instead of after its sum with x
  bool final_norm = false;           ///< a norm after the last layer of a stack
  bool bias = true;                  ///< linear layers and layer norms have one
  bool packed = true;                ///< one matrix for queries, keys and values
  std::optional<RopeConfig> rope{};  ///< turns queries and keys of self attention
  double dropout = 0;                ///< of weights, of what parts add, between linear layers
  bool checkpoint = false;  ///< a stack keeps the inputs of its layers alone for the backward pass

  static void visit(auto& self, auto&& v) {
    v("dim", self.dim);
    v("heads", self.heads);
    v("hidden", self.hidden);
    v("layers", self.layers);
    v("kv_heads", self.kv_heads);
    v("head_width", self.head_width);
    v("activation", self.activation);
    v("gated", self.gated);
    v("norm", self.norm);
    v("norm_epsilon", self.norm_epsilon);
    v("norm_first", self.norm_first);
    v("final_norm", self.final_norm);
    v("bias", self.bias);
    v("packed", self.packed);
    v("rope", self.rope);
    v("dropout", self.dropout);
    v("checkpoint", self.checkpoint);
  }

  /// Of the attention in these layers.
  AttentionConfig attention() const {
    return {.dim = dim,
            .heads = heads,
            .kv_heads = kv_heads,
            .head_width = head_width,
            .bias = bias,
            .packed = packed,
            .dropout = dropout,
            .rope = rope};
  }
};

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

namespace isa_detail {

// The configuration, if layers can have it.
inline const TransformerConfig& checked(const TransformerConfig& c) {
  CFM_CHECK(c.dim > 0 && c.hidden > 0, "transformer: dim and hidden must be positive", c.dim,
            c.hidden);
  CFM_CHECK(c.dropout >= 0 && c.dropout <= 1, "transformer: dropout must be in [0, 1]", c.dropout);
  return c;
}

inline NormLayer norm_of(const TransformerConfig& c, Init init) {
  return {c.norm, c.dim, std::move(init), c.norm_epsilon, c.bias};
}

template <class LinearT>
FeedForward<LinearT> feed_forward_of(const TransformerConfig& c, Init init) {
  return {c.dim, c.hidden, std::move(init),
          FeedForwardOptions{
              .activation = c.activation, .gated = c.gated, .bias = c.bias, .dropout = c.dropout}};
}

// x + part(x) with the norm at its place.
template <class Part>
Var residual(const TransformerConfig& c, const Var& x, const NormLayer& norm, const Part& part) {
  if (c.norm_first) return x + dropout(part(norm(x)), c.dropout);
  return norm(x + dropout(part(x), c.dropout));
}

inline void check_positions(const TransformerConfig& c, const Var& x, std::string_view what) {
  CFM_CHECK((x.rank() == 2 || x.rank() == 3) && x.size(-1) == c.dim,
            concat("transformer: ", what, " must be [batch, positions, ", c.dim, "]"), x);
}

}  // namespace isa_detail

/// Self attention, then each position alone, each with a residual and a norm.
/// Shapes:  x [batch, positions, dim] or [positions, dim]  ->  the same.
/// Names:   those of PyTorch's TransformerEncoderLayer; a gate is called gate.
/// Errors:  ShapeError.
/// Source:  A. Vaswani et al., "Attention is all you need", NeurIPS 2017; norm_first: R. Xiong et
///          al., "On layer normalization in the transformer architecture", ICML 2020.
template <class LinearT = Linear<>, class Kernel = FlashAttention>
class TransformerEncoderLayer {
  TransformerConfig config_;

 public:
  using Config = TransformerConfig;
  static constexpr std::string_view kind = "transformer_encoder_layer";

  /// Empty, to be assigned.
  TransformerEncoderLayer() = default;
  explicit TransformerEncoderLayer(const Config& config, Init init = {})
      : config_(isa_detail::checked(config)),
        self_attn(config.attention(), init.next()),
        feed_forward(isa_detail::feed_forward_of<LinearT>(config, init.next())),
        norm1(isa_detail::norm_of(config, init.next())),
        norm2(isa_detail::norm_of(config, init.next())) {}

  template <AttentionMask Mask = AllKeys, class Score = PlainScores>
  Var operator()(const Var& x, const Mask& mask = {}, const Score& score = {}) const {
    isa_detail::check_positions(config_, x, "x");
    const Var h = isa_detail::residual(config_, x, norm1,
                                       [&](const Var& in) { return self_attn(in, mask, score); });
    return isa_detail::residual(config_, h, norm2, feed_forward);
  }

  /// The last positions of sequences whose earlier ones are cached; see MultiHeadAttention.
  template <KvCache Cache, AttentionMask Mask = Causal, class Score = PlainScores>
  Tensor operator()(const Tensor& x, const Cache& cache, const Mask& mask = {},
                    const Score& score = {}) const {
    isa_detail::check_positions(config_, x, "x");
    const Var h = isa_detail::residual(config_, x, norm1, [&](const Var& in) {
      return Var(self_attn(in.value(), cache, mask, score));
    });
    return isa_detail::residual(config_, h, norm2, feed_forward).value();
  }

  const Config& config() const { return config_; }

  static void visit(auto& self, auto&& v) {
    v("self_attn", self.self_attn);
    v("", self.feed_forward);
    v("norm1", self.norm1);
    v("norm2", self.norm2);
  }

  MultiHeadAttention<LinearT, Kernel> self_attn;
  FeedForward<LinearT> feed_forward;
  NormLayer norm1, norm2;
};

/// Self attention, attention over a memory, then each position alone. Positions see themselves and
/// what came before, unless another mask is given.
/// Shapes:  x [batch, positions, dim], memory [batch, keys, dim]  ->  as x.
/// Names:   those of PyTorch's TransformerDecoderLayer; a gate is called gate.
/// Errors:  ShapeError.
template <class LinearT = Linear<>, class Kernel = FlashAttention>
class TransformerDecoderLayer {
  TransformerConfig config_;

 public:
  using Config = TransformerConfig;
  static constexpr std::string_view kind = "transformer_decoder_layer";

  /// Empty, to be assigned.
  TransformerDecoderLayer() = default;
  explicit TransformerDecoderLayer(const Config& config, Init init = {})
      : config_(isa_detail::checked(config)),
        self_attn(config.attention(), init.next()),
        multihead_attn(config.attention(), init.next()),
        feed_forward(isa_detail::feed_forward_of<LinearT>(config, init.next())),
        norm1(isa_detail::norm_of(config, init.next())),
        norm2(isa_detail::norm_of(config, init.next())),
        norm3(isa_detail::norm_of(config, init.next())) {}

  template <AttentionMask Mask = Causal, AttentionMask MemoryMask = AllKeys>
  Var operator()(const Var& x, const Var& memory, const Mask& mask = {},
                 const MemoryMask& memory_mask = {}) const {
    isa_detail::check_positions(config_, x, "x");
    isa_detail::check_positions(config_, memory, "a memory");
    const Var start = beside(memory, x), source = beside(start, memory);
    const Var own = isa_detail::residual(config_, start, norm1,
                                         [&](const Var& in) { return self_attn(in, mask); });
    const Var both = isa_detail::residual(config_, own, norm2, [&](const Var& in) {
      return multihead_attn(in, source, memory_mask);
    });
    return isa_detail::residual(config_, both, norm3, feed_forward);
  }

  /// What the layer makes of a memory, once for all positions.
  using KeysValues = typename MultiHeadAttention<LinearT, Kernel>::KeysValues;
  KeysValues keys_values(const Var& memory) const { return multihead_attn.keys_values(memory); }

  /// The last positions of sequences whose earlier ones are cached; see MultiHeadAttention.
  template <KvCache Cache, AttentionMask Mask = Causal, AttentionMask MemoryMask = AllKeys>
  Tensor operator()(const Tensor& x, const KeysValues& memory, const Cache& cache,
                    const Mask& mask = {}, const MemoryMask& memory_mask = {}) const {
    isa_detail::check_positions(config_, x, "x");
    const Var own = isa_detail::residual(
        config_, x, norm1, [&](const Var& in) { return Var(self_attn(in.value(), cache, mask)); });
    const Var both = isa_detail::residual(config_, own, norm2, [&](const Var& in) {
      return multihead_attn(in, memory, memory_mask);
    });
    return isa_detail::residual(config_, both, norm3, feed_forward).value();
  }

  const Config& config() const { return config_; }

  static void visit(auto& self, auto&& v) {
    v("self_attn", self.self_attn);
    v("multihead_attn", self.multihead_attn);
    v("", self.feed_forward);
    v("norm1", self.norm1);
    v("norm2", self.norm2);
    v("norm3", self.norm3);
  }

  MultiHeadAttention<LinearT, Kernel> self_attn, multihead_attn;
  FeedForward<LinearT> feed_forward;
  NormLayer norm1, norm2, norm3;
};

CFM_ISA_NAMESPACE_END
