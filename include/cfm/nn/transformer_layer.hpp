#pragma once
/// @file  The layers of transformers: encoder and decoder.

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
  bool norm_first = false;  ///< before each part instead of after its sum with x
  bool final_norm = false;  ///< a norm after the last layer of a stack
  bool bias = true;         ///< linear layers and layer norms have one
  bool packed = true;       ///< one matrix for queries, keys and values
  double dropout = 0;       ///< of what each part adds, and between the two linear layers
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
            .packed = packed};
  }
};

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

namespace isa_detail {

// What both kinds of layers do with their parts.
template <class LinearT>
class TransformerParts {
 public:
  TransformerParts() = default;

 protected:
  explicit TransformerParts(const TransformerConfig& c) : config_(c) {
    CFM_CHECK(c.dim > 0 && c.hidden > 0, "transformer: dim and hidden must be positive", c.dim,
              c.hidden);
    CFM_CHECK(c.dropout >= 0 && c.dropout <= 1, "transformer: dropout must be in [0, 1]",
              c.dropout);
  }

  NormLayer make_norm(Init init) const {
    return {config_.norm, config_.dim, std::move(init), config_.norm_epsilon, config_.bias};
  }
  FeedForward<LinearT> make_feed_forward(Init init) const {
    return {config_.dim, config_.hidden, std::move(init),
            FeedForwardOptions{.activation = config_.activation,
                               .gated = config_.gated,
                               .bias = config_.bias,
                               .dropout = config_.dropout}};
  }

  // x + part(x) with the norm at its place.
  template <class Part>
  Var residual(const Var& x, const NormLayer& norm, const Part& part) const {
    if (config_.norm_first) return x + dropout(part(norm(x)), config_.dropout);
    return norm(x + dropout(part(x), config_.dropout));
  }

  void check(const Var& x, std::string_view what) const {
    CFM_CHECK((x.rank() == 2 || x.rank() == 3) && x.size(-1) == config_.dim,
              concat("transformer: ", what, " must be [batch, positions, ", config_.dim, "]"), x);
  }

  TransformerConfig config_;
};

}  // namespace isa_detail

/// Self attention, then each position alone, each with a residual and a norm.
/// Shapes:  x [batch, positions, dim] or [positions, dim]  ->  the same.
/// Names:   those of PyTorch's TransformerEncoderLayer; a gate is called gate.
/// Errors:  ShapeError.
/// Source:  A. Vaswani et al., "Attention is all you need", NeurIPS 2017; norm_first: R. Xiong et
///          al., "On layer normalization in the transformer architecture", ICML 2020.
template <class LinearT = Linear<>, class Kernel = FlashAttention>
class TransformerEncoderLayer : public isa_detail::TransformerParts<LinearT> {
  using Parts = isa_detail::TransformerParts<LinearT>;

 public:
  using Config = TransformerConfig;
  static constexpr std::string_view kind = "transformer_encoder_layer";

  /// Empty, to be assigned.
  TransformerEncoderLayer() = default;
  explicit TransformerEncoderLayer(const Config& config, Init init = {})
      : Parts(config),
        self_attn(config.attention(), init.next()),
        feed_forward(this->make_feed_forward(init.next())),
        norm1(this->make_norm(init.next())),
        norm2(this->make_norm(init.next())) {}

  template <AttentionMask Mask = AllKeys, class Score = PlainScores>
  Var operator()(const Var& x, const Mask& mask = {}, const Score& score = {}) const {
    this->check(x, "x");
    const Var h =
        this->residual(x, norm1, [&](const Var& in) { return self_attn(in, mask, score); });
    return this->residual(h, norm2, feed_forward);
  }

  const Config& config() const { return this->config_; }

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
class TransformerDecoderLayer : public isa_detail::TransformerParts<LinearT> {
  using Parts = isa_detail::TransformerParts<LinearT>;

 public:
  using Config = TransformerConfig;
  static constexpr std::string_view kind = "transformer_decoder_layer";

  /// Empty, to be assigned.
  TransformerDecoderLayer() = default;
  explicit TransformerDecoderLayer(const Config& config, Init init = {})
      : Parts(config),
        self_attn(config.attention(), init.next()),
        multihead_attn(config.attention(), init.next()),
        feed_forward(this->make_feed_forward(init.next())),
        norm1(this->make_norm(init.next())),
        norm2(this->make_norm(init.next())),
        norm3(this->make_norm(init.next())) {}

  template <AttentionMask Mask = Causal, AttentionMask MemoryMask = AllKeys>
  Var operator()(const Var& x, const Var& memory, const Mask& mask = {},
                 const MemoryMask& memory_mask = {}) const {
    this->check(x, "x");
    this->check(memory, "a memory");
    const Var start = beside(memory, x), source = beside(start, memory);
    const Var own =
        this->residual(start, norm1, [&](const Var& in) { return self_attn(in, mask); });
    const Var both = this->residual(
        own, norm2, [&](const Var& in) { return multihead_attn(in, source, memory_mask); });
    return this->residual(both, norm3, feed_forward);
  }

  const Config& config() const { return this->config_; }

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
