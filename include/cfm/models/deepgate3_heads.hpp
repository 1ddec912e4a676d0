#pragma once
/// @file  What DeepGate3 and DeepGate4 are asked about gates and hops, and losses of the answers.

#include <array>
#include <string_view>
#include <vector>

#include <cfm/autograd/ops_loss.hpp>
#include <cfm/models/deepgate3_transformers.hpp>
#include <cfm/models/distance_loss.hpp>
#include <cfm/nn/mlp.hpp>

CFM_NAMESPACE_BEGIN

/// Labels of a circuit; what is not defined takes no part. Pairs are i32 or i64 [2, pairs].
struct HopLabels {
  Tensor probability{};    ///< of ones, [nodes]
  Tensor level{};          ///< [nodes]
  Tensor gate_pairs{};     ///< nodes
  Tensor gate_distance{};  ///< part of the truth table in which they differ, [pairs]
  Tensor connect_pairs{};  ///< nodes
  Tensor connect{};        ///< i64 [pairs]: 0 unrelated, 1 fan-in, 2 fan-out; one logit: 0 or not
  Tensor tables{};         ///< bits of the truth tables of hops, [hops, 64]
  Tensor hop_pairs{};      ///< hops
  Tensor hop_distance{};   ///< [pairs]
  Tensor edit_distance{};  ///< [pairs]
  Tensor hop_size{};       ///< [hops]
  Tensor hop_level{};      ///< [hops]
  Tensor member_nodes{};   ///< i64 [pairs]
  Tensor member_hops{};    ///< i64 [pairs]
  Tensor member{};         ///< 1 where the node belongs to the hop, [pairs]
};

/// The losses, in the order in which they are kept.
enum class HopLoss {
  probability, level, gate_distance, connect, table, hop_distance, edit_distance, hop_size,
  hop_level, member
};
inline constexpr std::size_t hop_losses = 10;

constexpr std::array<std::string_view, hop_losses> enum_names(HopLoss) {
  return {"probability",   "level",    "gate_distance", "connect", "table", "hop_distance",
          "edit_distance", "hop_size", "hop_level",     "member"};
}

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// Losses by HopLoss; one without labels is an undefined Var.
using HopLosses = std::array<Var, hop_losses>;

/// The defined ones, each times its weight, over the sum of these weights.
/// Errors:  Error if there is none.
inline Var total_loss(const HopLosses& losses, std::span<const double> weights = {}) {
  CFM_CHECK(weights.empty() || weights.size() == hop_losses, "total_loss: ten weights or none",
            weights.size());
  Var total;
  double sum = 0;
  for (std::size_t i = 0; i < hop_losses; ++i) {
    if (!losses[i].value().defined()) continue;
    const double weight = weights.empty() ? 1.0 : weights[i];
    total = sum == 0 && !total.value().defined() ? losses[i] * weight : total + losses[i] * weight;
    sum += weight;
  }
  CFM_CHECK(total.value().defined() && sum > 0, "total_loss: there is no loss to add up");
  return total / sum;
}

/// Perceptrons of three layers with batch norm, ReLU and dropout 0.5.
/// Source:  as DeepGate3Refine.
template <class LinearT = Linear<>>
class HopHeads {
 public:
  /// connect_classes: 3, or 1 for one logit that says whether two gates are related.
  HopHeads(Index width, Index connect_classes, double dropout, Init init = {})
      : classes_(connect_classes) {
    CFM_CHECK(connect_classes == 1 || connect_classes == 3, "hop heads: 1 or 3 classes",
              connect_classes);
    const auto head = [&](Index in, Index out, Activation last = Activation::none) {
      MlpConfig config = MlpConfig::head(in, width, out, dropout);
      config.last_activation = last;
      return Mlp<LinearT>(config, init.next());
    };
    readout_prob = head(width, 1);
    readout_level = head(width, 1);
    readout_hop_level = head(width, 1);
    readout_hop_size = head(width, 1);
    hop_head = head(width, 64);
    connect_head = head(2 * width, connect_classes);
    member_head = head(2 * width, 1);
    proj_gate_ttsim = head(width, width);
    proj_hop_ttsim = head(width, width);
    proj_GED = head(2 * width, 1, Activation::sigmoid);
  }

  /// `sigmoid_probability`: the probability is the sigmoid of its head, as in DeepGate4.
  HopLosses losses(const GateStates& gates, const GateStates& hops, const HopLabels& labels,
                   bool sigmoid_probability = false) const {
    HopLosses out;
    const auto at = [&](HopLoss which) -> Var& { return out[static_cast<std::size_t>(which)]; };
    const Var& hf = gates.function;
    const Var& hs = gates.structure;
    const auto column = [](const Var& x) { return reshape(x, {x.size(0)}); };
    if (labels.probability.defined()) {
      const Var p = column(readout_prob(hf));
      at(HopLoss::probability) =
          l1_loss(sigmoid_probability ? sigmoid(p) : p, like(p, labels.probability));
    }
    if (labels.level.defined()) {
      const Var level = column(readout_level(hs));
      at(HopLoss::level) = l1_loss(level, like(level, labels.level));
    }
    if (labels.gate_pairs.defined())
      at(HopLoss::gate_distance) =
          distance_loss(proj_gate_ttsim(row(hf, labels.gate_pairs, 0)),
                        proj_gate_ttsim(row(hf, labels.gate_pairs, 1)), labels.gate_distance);
    if (labels.connect_pairs.defined()) {
      const Var logits = connect_head(
          cat({row(hs, labels.connect_pairs, 0), row(hs, labels.connect_pairs, 1)}, 1));
      at(HopLoss::connect) =
          classes_ == 3 ? cross_entropy(logits, labels.connect)
                        : bce_with_logits(column(logits), like(logits, related(labels.connect)));
    }
    if (!hops.function.value().defined()) return out;
    if (labels.tables.defined()) {
      const Var logits = hop_head(hops.function);
      at(HopLoss::table) = bce_with_logits(logits, like(logits, labels.tables));
    }
    if (labels.hop_pairs.defined()) {
      const Tensor& pairs = labels.hop_pairs;
      if (labels.hop_distance.defined())
        at(HopLoss::hop_distance) = distance_loss(proj_hop_ttsim(row(hops.function, pairs, 0)),
                                                  proj_hop_ttsim(row(hops.function, pairs, 1)),
                                                  labels.hop_distance);
      if (labels.edit_distance.defined()) {
        const Var d = column(proj_GED(
            cat({row(hops.structure, pairs, 0), row(hops.structure, pairs, 1)}, 1)));
        at(HopLoss::edit_distance) = l1_loss(d, like(d, labels.edit_distance));
      }
    }
    if (labels.hop_size.defined()) {
      const Var size = column(readout_hop_size(hops.structure));
      at(HopLoss::hop_size) = l1_loss(size, like(size, labels.hop_size));
    }
    if (labels.hop_level.defined()) {
      const Var level = column(readout_hop_level(hops.structure));
      at(HopLoss::hop_level) = l1_loss(level, like(level, labels.hop_level));
    }
    if (labels.member.defined()) {
      const Var logits = column(member_head(cat({index_select(hs, 0, labels.member_nodes),
                                                 index_select(hops.structure, 0,
                                                              labels.member_hops)},
                                                1)));
      at(HopLoss::member) = bce_with_logits(logits, like(logits, labels.member));
    }
    return out;
  }

  static void visit(auto& self, auto&& v) {
    v("readout_prob.fc", self.readout_prob);
    v("readout_level.fc", self.readout_level);
    v("readout_hop_level.fc", self.readout_hop_level);
    v("readout_hop_size.fc", self.readout_hop_size);
    v("hop_head.fc", self.hop_head);
    v("connect_head.fc", self.connect_head);
    v("member_head.fc", self.member_head);
    v("proj_gate_ttsim.fc", self.proj_gate_ttsim);
    v("proj_hop_ttsim.fc", self.proj_hop_ttsim);
    v("proj_GED.fc", self.proj_GED);
  }

  Mlp<LinearT> readout_prob, readout_level, readout_hop_level, readout_hop_size, hop_head,
      connect_head, member_head, proj_gate_ttsim, proj_hop_ttsim, proj_GED;

 private:
  static Tensor like(const Var& x, const Tensor& label) { return label.to(x.dtype()); }
  static Var row(const Var& x, const Tensor& pairs, Index which) {
    CFM_CHECK(pairs.rank() == 2 && pairs.size(0) == 2, "hop heads: pairs must be [2, pairs]",
              pairs);
    return index_select(x, 0, pairs.select(0, which).contiguous());
  }
  static Tensor related(const Tensor& connect) {
    Tensor out = connect.to(DType::f32).clone();
    for (float& v : out.span<float>()) v = v > 0 ? 1.0F : 0.0F;
    return out;
  }

  Index classes_;
};

CFM_ISA_NAMESPACE_END
