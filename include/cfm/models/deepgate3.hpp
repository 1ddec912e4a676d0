#pragma once
/// @file  DeepGate3: transformers over the states that DeepGate2 gives to gates.

#include <span>
#include <string_view>

#include <cfm/models/deepgate3_heads.hpp>
#include <cfm/nn/serialize.hpp>

CFM_NAMESPACE_BEGIN

/// Sizes of DeepGate3. The defaults are those of the public code; the tokenizer, DeepGate2, is a
/// model of its own.
struct DeepGate3Config {
  Index width = 128;         ///< of each of the two states of a gate
  Index heads = 4;
  Index hidden = 2048;       ///< between the linear layers of a transformer layer
  Index refine_layers = 12;
  Index pool_layers = 3;
  double dropout = 0.1;      ///< of the transformers
  double head_dropout = 0.5; ///< of the heads
  /// The public code hides leaves that are constant 1 from the function of a hop, where padding was
  /// meant. Off: padding is hidden.
  bool released_pool_mask = true;

  static void visit(auto& self, auto&& v) {
    v("width", self.width);
    v("heads", self.heads);
    v("hidden", self.hidden);
    v("refine_layers", self.refine_layers);
    v("pool_layers", self.pool_layers);
    v("dropout", self.dropout);
    v("head_dropout", self.head_dropout);
    v("released_pool_mask", self.released_pool_mask);
  }

  /// Of a stack of so many layers.
  TransformerConfig transformer(Index layers) const {
    return {.dim = width, .heads = heads, .hidden = hidden, .layers = layers, .dropout = dropout};
  }
};

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// States of gates from a tokenizer, refined by attention along cones, pooled over hops, and heads
/// for ten tasks.
///
///     const GateStates gates = model.refine(tokens, parts);
///     const GateStates hops = model.pool(gates, inputs);
///     const Var loss = total_loss(model.heads.losses(gates, hops, labels));
///
/// Circuits longer than 512 gates are refined in overlapping parts.
/// Source:  Z. Shi et al., "DeepGate3: towards scalable circuit representation learning", ICCAD
///          2024, with the details of its public code.
template <class LinearT = Linear<>>
class DeepGate3 {
 public:
  using Config = DeepGate3Config;
  static constexpr std::string_view kind = "deepgate3";

  explicit DeepGate3(const Config& config = {}, Init init = Rng(0))
      : refiner(config.transformer(config.refine_layers), init.next()),
        pooling(config.transformer(config.pool_layers), config.released_pool_mask, init.next()),
        heads(config.width, 3, config.head_dropout, init.next()),
        config_(config) {}

  /// Refined states; see DeepGate3Refine.
  GateStates refine(const GateStates& tokens, std::span<const RefinePart> parts,
                    Index length = 0) const {
    return refiner(tokens, parts, length);
  }
  /// The states of hops; see HopPooling.
  GateStates pool(const GateStates& gates, const HopInputs& hops) const {
    return pooling(gates, hops);
  }

  const Config& config() const { return config_; }

  static void visit(auto& self, auto&& v) {
    v("transformer", self.refiner);
    v("", self.pooling);
    v("", self.heads);
  }

  DeepGate3Refine<LinearT> refiner;
  HopPooling<LinearT> pooling;
  HopHeads<LinearT> heads;

 private:
  Config config_;
};

CFM_ISA_NAMESPACE_END
