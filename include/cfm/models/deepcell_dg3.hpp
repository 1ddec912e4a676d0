#pragma once
/// @file  DeepCell's "dg3" encoder of and-inverter graphs: DeepGate2, then attention among all
///        gates of a circuit.

#include <array>
#include <string_view>
#include <vector>

#include <cfm/models/deepgate2.hpp>
#include <cfm/nn/transformer.hpp>

CFM_NAMESPACE_BEGIN

/// Sizes of the encoder. The defaults are those of the public code.
struct DeepCellDg3Config {
  Index width = 128;  ///< of both vectors
  Index layers = 4;   ///< of the transformer
  Index heads = 8;
  Index hidden = 2048;   ///< between the linear layers of a transformer layer
  Index head = 32;       ///< width of the heads
  double dropout = 0.1;  ///< of the transformer
  double head_dropout = 0.2;

  static void visit(auto& self, auto&& v) {
    v("width", self.width);
    v("layers", self.layers);
    v("heads", self.heads);
    v("hidden", self.hidden);
    v("head", self.head);
    v("dropout", self.dropout);
    v("head_dropout", self.head_dropout);
  }
};

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// DeepGate2 whose function vectors start with 0, and a transformer over the function vectors of
/// each circuit. Tensors are named as in the public code; "dg2" is DeepGate2<> itself.
/// Cost:    attention is quadratic in the gates of a circuit.
/// Source:  Z. Shi et al., "DeepCell: multiview representation learning for post-mapping
///          netlists", ICCAD 2025, with the details of its public code.
template <class LinearT = Linear<>>
class DeepCellDg3 {
 public:
  using Config = DeepCellDg3Config;
  static constexpr std::string_view kind = "deepcell_aig_dg3";
  static constexpr std::array<std::string_view, 0> unread{};

  explicit DeepCellDg3(const Config& config = {}, Init init = Rng(0))
      : gates({.width = config.width, .head = config.head, .dropout = config.head_dropout},
              init.next()),
        refine_tf({.dim = config.width,
                   .heads = config.heads,
                   .hidden = config.hidden,
                   .layers = config.layers,
                   .dropout = config.dropout},
                  init.next()),
        connect_head(MlpConfig::head(2 * config.width, config.head, 3, config.head_dropout),
                     init.next()),
        config_(config) {}

  /// From orthonormal structure vectors. `tape` is any value on the tape that shall record, or
  /// Var().
  GateStates operator()(const DeepGate2Graph& graph, const Var& tape = {},
                        std::uint64_t seed = 0) const {
    GateStates out = gates(graph, tape, seed);
    std::vector<Var> parts;
    for (Index c = 0; c < graph.size(); ++c) {
      const auto at = static_cast<std::size_t>(c);
      if (graph.circuits[at] == graph.circuits[at + 1]) continue;
      parts.push_back(
          refine_tf(slice(out.function, 0, graph.circuits[at], graph.circuits[at + 1])));
    }
    if (!parts.empty()) out.function = parts.size() == 1 ? parts[0] : cat(parts, 0);
    return out;
  }
  GateStates operator()(const ExplicitNotGraph& circuit) const {
    return (*this)(deepgate2_graph(circuit));
  }

  /// The probability that each gate is true.   Shapes:  function [rows, width]  ->  [rows, 1].
  Var probability(const Var& function) const { return gates.probability(function); }
  /// Logits of how two gates are connected.   Shapes:  structure of both [pairs, width]  ->
  /// [pairs, 3].
  Var connection(const Var& first, const Var& second) const {
    return connect_head(cat({first, second}, 1));
  }

  const Config& config() const { return config_; }

  static void visit(auto& self, auto&& v) {
    v("", self.gates);
    v("refine_tf", self.refine_tf);
    v("connect_head.fc", self.connect_head);
  }

  DeepGate2<LinearT> gates;
  TransformerEncoder<LinearT> refine_tf;
  Mlp<LinearT> connect_head;

 private:
  Config config_;
};

CFM_ISA_NAMESPACE_END
