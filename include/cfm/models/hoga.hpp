#pragma once
/// @file  HOGA: attention of each node over features of its hops, made beforehand.

#include <array>
#include <string_view>
#include <vector>

#include <cfm/autograd/ops_loss.hpp>
#include <cfm/models/gamora.hpp>
#include <cfm/nn/attention_kernel.hpp>
#include <cfm/nn/linear.hpp>
#include <cfm/nn/norm.hpp>
#include <cfm/nn/serialize.hpp>

CFM_NAMESPACE_BEGIN

/// How heads of HOGA cut the states of a node's hops, [hops, width], into parts.
enum class HogaAttention {
  mix,     ///< the released code: the buffer of a node seen as [heads, hops, width / heads], so
           ///< that a head has some whole rows of hops, cut in pieces
  vanilla  ///< as published: a head has a part of each hop; the head is the last index of a row
};

constexpr std::array<std::string_view, 2> enum_names(HogaAttention) { return {"mix", "vanilla"}; }

/// Sizes of HOGA. The defaults are the published model for GAMORA's data.
struct HogaConfig {
  Index features = 4;  ///< of a node at each hop
  Index width = 256;   ///< of the state of a hop
  Index layers = 1;    ///< of gated attention
  Index heads = 8;
  HogaAttention attention = HogaAttention::mix;
  double dropout = 0.5;

  static void visit(auto& self, auto&& v) {
    v("features", self.features);
    v("width", self.width);
    v("layers", self.layers);
    v("heads", self.heads);
    v("attention", self.attention);
    v("dropout", self.dropout);
  }
};

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// Self attention over the hops of each node.   Shapes:  x [nodes, hops, width]  ->  the same.
template <class LinearT = Linear<>>
class HogaAttentionLayer {
 public:
  HogaAttentionLayer(const HogaConfig& config, Init init)
      : query_projection(config.width, config.width, init.next()),
        key_projection(config.width, config.width, init.next()),
        value_projection(config.width, config.width, init.next()),
        output_projection(config.width, config.width, init.next()),
        heads_(config.heads),
        kind_(config.attention) {}

  Var operator()(const Var& x) const {
    const Var y = flash_attention(heads_of(query_projection(x)), heads_of(key_projection(x)),
                                  heads_of(value_projection(x)), AllKeys{}, PlainScores{});
    if (kind_ == HogaAttention::mix) return output_projection(reshape(y, x.shape()));
    return output_projection(reshape(permute(y, {0, 2, 3, 1}), x.shape()));
  }

  static void visit(auto& self, auto&& v) {
    v("query_projection", self.query_projection);
    v("key_projection", self.key_projection);
    v("value_projection", self.value_projection);
    v("output_projection", self.output_projection);
  }

  LinearT query_projection, key_projection, value_projection, output_projection;

 private:
  // [nodes, heads, hops, width / heads]
  Var heads_of(const Var& x) const {
    const Index nodes = x.size(0), hops = x.size(1), part = x.size(2) / heads_;
    if (kind_ == HogaAttention::mix) return reshape(x, {nodes, heads_, hops, part});
    return permute(reshape(x, {nodes, hops, part, heads_}), {0, 3, 1, 2});
  }

  Index heads_;
  HogaAttention kind_;
};

/// The states of nodes from the features of their hops: one linear layer for all hops, layers of
/// gated attention among the hops of a node (without residual), and a readout in which the node
/// itself weighs its hops:
///
///     x <- dropout(relu(norm(gate(x) attention(x)))),   y = x_0 + sum over k >= 1 of a_k x_k.
///
/// Nodes do not see each other, so any set of them can be computed apart.
/// Source:  C. Deng et al., "Less is more: hop-wise graph attention for scalable and generalizable
///          learning on circuits", DAC 2024, section III, with the details of its public code.
template <class LinearT = Linear<>>
class HogaEncoder {
 public:
  explicit HogaEncoder(const HogaConfig& config = {}, Init init = Rng(0)) : config_(config) {
    CFM_CHECK(config.features >= 1 && config.layers >= 1 && config.heads >= 1 &&
                  config.width >= config.heads && config.width % config.heads == 0,
              "hoga: features, layers and heads at least 1, width a multiple of heads",
              config.features, config.layers, config.heads, config.width);
    lins.emplace_back(config.features, config.width, init.next(), LinearOptions{.bias = false});
    for (Index l = 0; l < config.layers; ++l) {
      gates.emplace_back(config.width, config.width, init.next(), LinearOptions{.bias = false});
      trans.emplace_back(config, init.next());
      lns.emplace_back(config.width, init.next());
    }
    attn_layer = Linear<>(2 * config.width, 1, init.next());
  }

  /// Shapes:  hops [nodes, hops + 1, features], hop 0 is the node itself  ->  [nodes, width].
  /// Errors:  ShapeError.
  Var operator()(const Var& hops) const {
    CFM_CHECK(hops.rank() == 3 && hops.size(1) >= 2 && hops.size(2) == config_.features,
              concat("hoga: needs features of hops [nodes, hops + 1, ", config_.features, "]"),
              hops);
    Var x = lins[0](hops);
    for (std::size_t l = 0; l < trans.size(); ++l)
      x = dropout(relu(lns[l](gates[l](x) * trans[l](x))), config_.dropout);
    const Index nodes = x.size(0), count = x.size(1), width = config_.width;
    const Var own = select(x, 1, 0), others = slice(x, 1, 1, count);
    const Var weight = bind(x, attn_layer.weight.value);
    const Var scores = linear(others, slice(weight, 1, width, 2 * width)) +
                       unsqueeze(linear(own, slice(weight, 1, 0, width),
                                        bind(x, *attn_layer.bias)), 1);
    const Var shares = softmax(reshape(scores, {nodes, 1, count - 1}), 2);
    return own + reshape(bmm(shares, others), {nodes, width});
  }

  const HogaConfig& config() const { return config_; }

  static void visit(auto& self, auto&& v) {
    v("lins", self.lins);
    v("gates", self.gates);
    v("trans", self.trans);
    v("lns", self.lns);
    v("attn_layer", self.attn_layer);
  }

  std::vector<LinearT> lins;   ///< one; a vector for the names in files
  std::vector<LinearT> gates;
  std::vector<HogaAttentionLayer<LinearT>> trans;
  std::vector<LayerNorm> lns;
  Linear<> attn_layer;  ///< the score of a hop from the node's state and the hop's

 private:
  HogaConfig config_;
};

/// The encoder with GAMORA's heads: a hidden layer with batch norm after its ReLU, and three linear
/// classifications. 399,105 parameters.
template <class LinearT = Linear<>>
class Hoga {
 public:
  using Config = HogaConfig;
  static constexpr std::string_view kind = "hoga";

  explicit Hoga(const Config& config = {}, Init init = Rng(0)) : encoder(config, init.next()) {
    linear.emplace_back(config.width, config.width, init.next(), LinearOptions{.bias = false});
    for (int head = 0; head < 3; ++head)
      linear.emplace_back(config.width, Index{3}, init.next(), LinearOptions{.bias = false});
    bn0 = BatchNorm1d(config.width, init.next());
  }

  /// The states of nodes.   Shapes:  hops [nodes, hops + 1, features]  ->  [nodes, width].
  Var embed(const Var& hops) const { return encoder(hops); }

  /// The logits for rows of states.   Shapes:  [rows, width]  ->  3 x [rows, 3].
  GamoraOutput classify(const Var& states) const {
    const Var h = dropout(bn0(relu(linear[0](states))), config().dropout);
    return {linear[1](h), linear[2](h), linear[3](h)};
  }

  GamoraOutput operator()(const Var& hops) const { return classify(embed(hops)); }

  const Config& config() const { return encoder.config(); }

  static void visit(auto& self, auto&& v) {
    v("", self.encoder);
    v("linear", self.linear);
    v("bn0", self.bn0);
  }

  HogaEncoder<LinearT> encoder;
  std::vector<LinearT> linear;  ///< hidden layer, then the heads: first, second, root
  BatchNorm1d bn0;
};

/// CE(first) + 5 CE(second) + CE(root), means over the rows: the weights of HOGA's public code.
inline Var hoga_loss(const GamoraOutput& out, const GamoraTargets& targets) {
  return cross_entropy(out.first, targets.first) +
         5.0 * cross_entropy(out.second, targets.second) + cross_entropy(out.root, targets.root);
}

CFM_ISA_NAMESPACE_END
