#pragma once
/// @file  DeepCell's "pg" encoder of and-inverter graphs: a small PolarGate.

#include <array>
#include <string_view>

#include <cfm/models/gate_states.hpp>
#include <cfm/models/polargate.hpp>

CFM_NAMESPACE_BEGIN

/// Sizes of the encoder. The defaults are those of the public file.
struct DeepCellPgConfig {
  Index width = 128;  ///< of both vectors
  Index layers = 2;   ///< rounds of message passing
  double dropout = 0.2;

  static void visit(auto& self, auto&& v) {
    v("width", self.width);
    v("layers", self.layers);
    v("dropout", self.dropout);
  }
};

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// PolarGate with a projection whose halves are the vectors. Inverters are signs of edges: a NOT
/// hears nobody, so the vectors of NOTs say nothing.
/// Source:  Z. Shi et al., "DeepCell: multiview representation learning for post-mapping
///          netlists", ICCAD 2025, with the details of its public code.
template <class LinearT = Linear<>>
class DeepCellPg {
 public:
  using Config = DeepCellPgConfig;
  static constexpr std::string_view kind = "deepcell_aig_pg";
  static constexpr std::array<std::string_view, 0> unread{};

  explicit DeepCellPg(const Config& config = {}, Init init = Rng(0))
      : polar({.width = config.width,
               .layers = config.layers,
               .dropout = config.dropout,
               .projection = 2 * config.width},
              init.next()),
        config_(config) {}

  GateStates operator()(const ExplicitNotGraph& circuit) const {
    const Tensor x = one_hot(circuit.kinds, 3).to(polar.weight.weight.decode().dtype());
    return gate_halves(polar.embed(signed_graph(circuit, {.collapse_nots = true}), Var(x)));
  }

  /// The probability that each gate is true, as trained: not clamped.
  /// Shapes:  function [rows, width]  ->  [rows, 1].
  Var probability(const Var& function) const { return polar.readout_prob(function); }

  const Config& config() const { return config_; }

  static void visit(auto& self, auto&& v) { v("", self.polar); }

  PolarGate<LinearT> polar;

 private:
  Config config_;
};

CFM_ISA_NAMESPACE_END
