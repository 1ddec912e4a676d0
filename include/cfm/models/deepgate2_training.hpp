#pragma once
/// @file  What DeepGate2 is trained on: probabilities, pairs of gates, and the stages.

#include <cfm/autograd/ops_loss.hpp>
#include <cfm/autograd/ops_reduce.hpp>
#include <cfm/models/deepgate2.hpp>
#include <cfm/models/distance_loss.hpp>

CFM_NAMESPACE_BEGIN

/// Labels of a circuit or a batch; what is not defined takes no part.
struct DeepGate2Targets {
  Tensor probability{};        ///< of ones, [nodes]
  Tensor function_pairs{};     ///< two nodes each, i32 or i64 [pairs, 2]
  Tensor function_distance{};  ///< part of the truth table in which they differ, [pairs]
  Tensor cone_pairs{};         ///< i32 or i64 [pairs, 2]
  Tensor cone_overlap{};       ///< 1 if their cones overlap, else 0; [pairs]
};

/// How much each loss counts. Totals are divided by the sum of the weights.
struct DeepGate2Weights {
  double probability = 3, reconvergence = 1, function = 2;

  /// The first stage of the Python package; of the research code.
  static constexpr DeepGate2Weights first_stage() { return {3, 1, 0}; }
  static constexpr DeepGate2Weights research_first_stage() { return {1, 0, 0}; }
  /// The second stage of both.
  static constexpr DeepGate2Weights second_stage() { return {3, 1, 2}; }
};

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

namespace isa_detail {

// Rows of the first and of the second node of each pair.
inline std::array<Var, 2> pair_rows(const Var& states, const Tensor& pairs) {
  CFM_CHECK(pairs.rank() == 2 && pairs.size(1) == 2, "pairs: needs [pairs, 2]", pairs);
  const auto rows = [&](Index c) {
    return index_select(states, 0, pairs.slice(1, c, c + 1).reshape({pairs.size(0)}));
  };
  return {rows(0), rows(1)};
}

}  // namespace isa_detail

/// mean |p - label|.
inline Var probability_loss(const Var& probability, const Tensor& label) {
  return l1_loss(reshape(probability, {probability.size()}), Var(label.reshape({label.size()})));
}

/// distance_loss over pairs of nodes.   Shapes:  function [nodes, width], pairs [pairs, 2].
inline Var function_loss(const Var& function, const Tensor& pairs, const Tensor& distance) {
  const auto [first, second] = isa_detail::pair_rows(function, pairs);
  return distance_loss(first, second, distance);
}

/// The weighted mean of the losses that the targets have labels for; reconvergence is a binary
/// cross entropy, as in the research code, and takes part only if the model has that head.
/// Errors:  Error if no loss has both a weight and labels.
template <class LinearT>
Var deepgate2_loss(const DeepGate2<LinearT>& model, const GateStates& states,
                   const DeepGate2Targets& targets,
                   const DeepGate2Weights& weights = DeepGate2Weights::second_stage()) {
  Var total;
  double sum = 0;
  const auto add = [&](double weight, const Var& loss) {
    total = sum == 0 ? loss * weight : total + loss * weight;
    sum += weight;
  };
  if (weights.probability > 0 && targets.probability.defined())
    add(weights.probability,
        probability_loss(model.probability(states.function), targets.probability));
  if (weights.reconvergence > 0 && targets.cone_pairs.defined() && model.readout_rc) {
    const auto [first, second] = isa_detail::pair_rows(states.structure, targets.cone_pairs);
    add(weights.reconvergence,
        bce_loss(reshape(model.reconvergence(first, second), {first.size(0)}),
                 Var(targets.cone_overlap)));
  }
  if (weights.function > 0 && targets.function_pairs.defined())
    add(weights.function,
        function_loss(states.function, targets.function_pairs, targets.function_distance));
  CFM_CHECK(sum > 0, "deepgate2_loss: no loss has both a weight and labels");
  return total / sum;
}

CFM_ISA_NAMESPACE_END
