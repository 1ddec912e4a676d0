#pragma once
/// @file  DeepCell's "gcn" encoder of and-inverter graphs: sums of messages and GRUs, both ways.

#include <array>
#include <string_view>
#include <vector>

#include <cfm/autograd/ops_aggregate.hpp>
#include <cfm/circuit/explicit_not_graph.hpp>
#include <cfm/models/gate_states.hpp>
#include <cfm/nn/level_gru.hpp>
#include <cfm/nn/mlp.hpp>
#include <cfm/nn/serialize.hpp>

CFM_NAMESPACE_BEGIN

/// Sizes of the encoder. The defaults are those of the public code.
struct DeepCellGcnConfig {
  Index width = 128;  ///< of both vectors; states have twice as many columns
  Index rounds = 4;
  Index head = 32;  ///< width of the readout
  double head_dropout = 0.2;

  static void visit(auto& self, auto&& v) {
    v("width", self.width);
    v("rounds", self.rounds);
    v("head", self.head);
    v("head_dropout", self.head_dropout);
  }
};

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// Rounds of h <- gru([sum over fan-ins of msg(h) | x], h), then the same over fan-outs with layers
/// of its own; all nodes at once, h is 1 at first.
/// Shapes:  x [nodes, features]  ->  [nodes, width].
template <class LinearT = Linear<>>
class GcnGru {
 public:
  GcnGru() = default;
  GcnGru(Index features, Index width, Init init = {})
      : aggr(width, width, init.next()),
        aggr_r(width, width, init.next()),
        update(width + features, width, init.next()),
        update_r(width + features, width, init.next()) {}

  Var operator()(const Graph& graph, const Var& x, Index rounds) const {
    const Neighbours fanins = fanins_of(graph), fanouts = fanouts_of(graph);
    Var h = beside(x, Var(Tensor::ones({graph.nodes(), update.hidden()}, x.dtype())));
    for (Index round = 0; round < rounds; ++round) {
      h = step(fanins, aggr, update, x, h);
      h = step(fanouts, aggr_r, update_r, x, h);
    }
    return h;
  }

  static void visit(auto& self, auto&& v) {
    v("aggr", self.aggr);
    v("update", self.update);
    v("aggr_r", self.aggr_r);
    v("update_r", self.update_r);
  }

  SumAggregator<LinearT> aggr, aggr_r;
  LevelGru update, update_r;

 private:
  // A GRU holds six times the states on the way, so its rows are taken in blocks.
  static Var step(const Neighbours& graph, const SumAggregator<LinearT>& sum, const LevelGru& gru,
                  const Var& x, const Var& h) {
    constexpr Index block = 8192;
    const Var message = aggregate_sum(graph, sum.msg(h));
    std::vector<Var> parts;
    for (Index begin = 0; begin < h.size(0); begin += block) {
      const Index end = std::min(h.size(0), begin + block);
      const auto rows = [&](const Var& all) { return slice(all, 0, begin, end); };
      parts.push_back(gru(cat({rows(message), rows(x)}, 1), rows(h)));
    }
    return parts.size() == 1 ? parts[0] : parts.empty() ? h : cat(parts, 0);
  }
};

/// GcnGru over the kinds of gates, and a linear layer whose halves are the vectors. Tensors are
/// named as in the public code.
/// Source:  Z. Shi et al., "DeepCell: multiview representation learning for post-mapping
///          netlists", ICCAD 2025, with the details of its public code.
template <class LinearT = Linear<>>
class DeepCellGcn {
 public:
  using Config = DeepCellGcnConfig;
  static constexpr std::string_view kind = "deepcell_aig_gcn";
  /// Tensors of public files that their network never reads begin so.
  static constexpr std::array<std::string_view, 1> unread{"target_conv."};

  explicit DeepCellGcn(const Config& config = {}, Init init = Rng(0))
      : source_conv(3, 2 * config.width, init.next()),
        linear(2 * config.width, 2 * config.width, init.next()),
        readout_prob(MlpConfig::head(config.width, config.head, 1, config.head_dropout),
                     init.next()),
        config_(config) {
    CFM_CHECK(config.rounds >= 0, "deepcell gcn: the number of rounds is negative", config.rounds);
  }

  /// `x` are the kinds of gates, one-hot; it gives tape and type.   Shapes:  x [nodes, 3].
  GateStates operator()(const Graph& graph, const Var& x) const {
    CFM_CHECK(x.rank() == 2 && x.size(0) == graph.nodes() && x.size(1) == 3,
              concat("deepcell gcn: needs x [", graph.nodes(), ", 3]"), x);
    return gate_halves(linear(source_conv(graph, x, config_.rounds)));
  }
  GateStates operator()(const ExplicitNotGraph& circuit) const {
    const Tensor x = one_hot(circuit.kinds, 3);
    return (*this)(circuit.graph, Var(x.to(linear.weight.decode().dtype())));
  }

  /// The probability that each gate is true, as trained: not clamped.
  /// Shapes:  function [rows, width]  ->  [rows, 1].
  Var probability(const Var& function) const { return readout_prob(function); }

  const Config& config() const { return config_; }

  static void visit(auto& self, auto&& v) {
    v("source_conv", self.source_conv);
    v("readout_prob.fc", self.readout_prob);
    v("linear", self.linear);
  }

  GcnGru<LinearT> source_conv;
  LinearT linear;
  Mlp<LinearT> readout_prob;

 private:
  Config config_;
};

CFM_ISA_NAMESPACE_END
