#pragma once
/// @file  The part of a transformer layer that works on each position alone, and its norms.

#include <array>
#include <optional>
#include <string_view>

#include <cfm/autograd/ops_norm.hpp>
#include <cfm/nn/activation.hpp>
#include <cfm/nn/linear.hpp>

CFM_NAMESPACE_BEGIN

/// How positions are normalised.
enum class PositionNorm { layer, rms };

/// The names that configurations use in files.
constexpr std::array<std::string_view, 2> enum_names(PositionNorm) { return {"layer", "rms"}; }

/// What FeedForward is told.
struct FeedForwardOptions {
  Activation activation = Activation::relu;
  bool gated = false;  ///< the activation of a third layer is a factor: silu makes it SwiGLU
  bool bias = true;
  double dropout = 0;  ///< of what is between the layers
};

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// LayerNorm or RmsNorm, as a configuration says; without a bias if there are none in the model.
/// Shapes:  x [.., n], weight and bias [n].
class NormLayer {
 public:
  /// Empty, to be assigned.
  NormLayer() = default;
  NormLayer(PositionNorm norm, Index n, Init init = {}, double eps = 1e-5, bool with_bias = true)
      : weight{init.constant({n}, 1)}, kind(norm), epsilon(eps) {
    if (norm == PositionNorm::layer && with_bias) bias = Parameter{init.constant({n}, 0)};
  }

  Var operator()(const Var& x) const {
    const Var gain = bind(x, weight);
    if (kind == PositionNorm::rms) return rms_norm(x, gain, epsilon);
    return layer_norm(x, gain, bias ? bind(x, *bias) : Var(), epsilon);
  }

  static void visit(auto& self, auto&& v) {
    v("weight", self.weight);
    v("bias", self.bias);
  }

  Parameter weight;
  std::optional<Parameter> bias;
  PositionNorm kind = PositionNorm::layer;
  double epsilon = 1e-5;
};

/// linear2(dropout(activation(linear1(x)))), or with a gate
/// linear2(dropout(activation(gate(x)) linear1(x))).
/// Shapes:  x [.., dim], between [.., hidden]  ->  [.., dim].
/// Source:  N. Shazeer, "GLU variants improve transformer", 2020, eq. (6).
template <class LinearT = Linear<>>
class FeedForward {
 public:
  /// Empty, to be assigned.
  FeedForward() = default;
  FeedForward(Index dim, Index hidden, Init init = {}, const FeedForwardOptions& with = {})
      : options(with) {
    const LinearOptions linear{.bias = with.bias};
    linear1 = LinearT(dim, hidden, init.next(), linear);
    linear2 = LinearT(hidden, dim, init.next(), linear);
    if (with.gated) gate.emplace(dim, hidden, init.next(), linear);
  }

  Var operator()(const Var& x) const { return linear2(dropout(between(x), options.dropout)); }

  static void visit(auto& self, auto&& v) {
    v("linear1", self.linear1);
    v("linear2", self.linear2);
    v("gate", self.gate);
  }

  LinearT linear1, linear2;
  std::optional<LinearT> gate;
  FeedForwardOptions options;

 private:
  Var between(const Var& x) const {
    if (gate) return mul(isa_detail::activated(*gate, x, options.activation), linear1(x));
    return isa_detail::activated(linear1, x, options.activation);
  }
};

CFM_ISA_NAMESPACE_END
