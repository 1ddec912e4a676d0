#pragma once
/// @file  DeepCell's "hoga" encoder of and-inverter graphs: HOGA over the gates just before a gate.

#include <array>
#include <string_view>
#include <vector>

#include <cfm/circuit/explicit_not_graph.hpp>
#include <cfm/models/gate_states.hpp>
#include <cfm/models/hoga.hpp>
#include <cfm/models/hop_slots.hpp>
#include <cfm/nn/mlp.hpp>

CFM_NAMESPACE_BEGIN

/// Sizes of the encoder. The defaults are those of the public file.
struct DeepCellHogaConfig {
  Index width = 128;  ///< of both vectors
  Index layers = 1;   ///< of gated attention
  Index heads = 8;
  Index slots = 11;  ///< of a gate and those before it
  Index hops = 4;    ///< steps along fan-ins
  Index head = 32;   ///< width of the readout
  double dropout = 0.1;
  double head_dropout = 0.2;

  static void visit(auto& self, auto&& v) {
    v("width", self.width);
    v("layers", self.layers);
    v("heads", self.heads);
    v("slots", self.slots);
    v("hops", self.hops);
    v("head", self.head);
    v("dropout", self.dropout);
    v("head_dropout", self.head_dropout);
  }
};

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// HOGA's encoder in the form of its released code ("mix" attention) over the slots of each gate,
/// a hidden layer with batch norm after its ReLU, and a linear layer whose halves are the vectors.
/// Gates do not see each other. Tensors are named as in the public file.
/// Source:  Z. Shi et al., "DeepCell: multiview representation learning for post-mapping
///          netlists", ICCAD 2025, with the details of its public code.
template <class LinearT = Linear<>>
class DeepCellHoga {
 public:
  using Config = DeepCellHogaConfig;
  static constexpr std::string_view kind = "deepcell_aig_hoga";
  /// Tensors of the public file that its network never reads begin so.
  static constexpr std::array<std::string_view, 3> unread{"lins.1.", "lins.2.", "linear.1."};

  explicit DeepCellHoga(const Config& config = {}, Init init = Rng(0))
      : encoder({.features = 3,
                 .width = config.width,
                 .layers = config.layers,
                 .heads = config.heads,
                 .dropout = config.dropout},
                init.next()),
        bn(config.width, init.next()),
        lin_hs_hf(config.width, 2 * config.width, init.next(), LinearOptions{.bias = false}),
        readout_prob(MlpConfig::head(config.width, config.head, 1, config.head_dropout),
                     init.next()),
        config_(config) {
    linear.emplace_back(config.width, config.width, init.next(), LinearOptions{.bias = false});
  }

  /// The features of every gate and of those before it, once for a circuit.
  /// Shapes:  [nodes, slots, 3].
  Tensor slots(const ExplicitNotGraph& circuit) const {
    return hop_slots(circuit.graph, one_hot(circuit.kinds, 3),
                     {.slots = config_.slots, .hops = config_.hops});
  }

  /// The vectors of some gates.   Shapes:  slots [gates, slots, 3]  ->  [gates, width] each.
  GateStates operator()(const Var& slots) const {
    const Var h = dropout(bn(relu(linear[0](encoder(slots)))), config_.dropout);
    return gate_halves(lin_hs_hf(h));
  }

  /// The vectors of all gates, some thousand at a time; without gradients.
  GateStates operator()(const ExplicitNotGraph& circuit) const {
    constexpr Index block = 2048;
    const Index nodes = circuit.nodes();
    const DType dtype = bn.weight.value.dtype();
    const Tensor all = slots(circuit).to(dtype);
    Tensor hs = Tensor::empty({nodes, config_.width}, dtype),
           hf = Tensor::empty({nodes, config_.width}, dtype);
    for (Index begin = 0; begin < nodes; begin += block) {
      const Index end = std::min(nodes, begin + block);
      const GateStates part = (*this)(Var(all.slice(0, begin, end)));
      hs.slice(0, begin, end).copy_from(part.structure.value());
      hf.slice(0, begin, end).copy_from(part.function.value());
    }
    return {.structure = hs, .function = hf};
  }

  /// The probability that each gate is true, as trained: not clamped.
  /// Shapes:  function [rows, width]  ->  [rows, 1].
  Var probability(const Var& function) const { return readout_prob(function); }

  const Config& config() const { return config_; }

  static void visit(auto& self, auto&& v) {
    v("", self.encoder);
    v("linear", self.linear);
    v("bn", self.bn);
    v("lin_hs_hf", self.lin_hs_hf);
    v("readout_prob.fc", self.readout_prob);
  }

  HogaEncoder<LinearT> encoder;
  std::vector<LinearT> linear;  ///< one; a vector for the names in files
  BatchNorm1d bn;
  LinearT lin_hs_hf;
  Mlp<LinearT> readout_prob;

 private:
  Config config_;
};

CFM_ISA_NAMESPACE_END
