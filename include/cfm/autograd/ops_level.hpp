#pragma once
/// @file  Level-wise GRU message passing, with gradients.

#include <utility>
#include <vector>

#include <cfm/autograd/tape.hpp>
#include <cfm/kernels/level_sweep.hpp>

CFM_ISA_NAMESPACE_BEGIN

/// LevelWeights with gradients; a score that is Var() means weights of 1.
struct LevelUpdate {
  Var weight_ih{}, weight_hh{}, bias_ih{}, bias_hh{}, score{};
  bool side = false;  ///< messages begin with the rows of the side matrix
};

/// LevelInputs, of which the side matrix may have a gradient.
struct LevelContext {
  Var side{};
  Tensor extra{}, edge_table{}, edge_rows{};
  /// Keeps the activations of all gates, 4 nodes x hidden, so that the gradient need not compute
  /// them again.
  bool keep_gates = false;
};

namespace isa_detail {

struct LevelRecord {
  LevelSchedule schedule;
  std::vector<LevelWeights> weights;
  std::vector<LevelUpdate> slots;
  LevelInputs inputs;
  Saved before, after, alpha, gates;
  GradSlot state, side;

  void operator()(Gradients& gradients, const Tensor& dy) {
    const LevelSaved saved{*alpha, *gates};
    LevelGradients d = level_sweep_backward(schedule, weights, inputs, *before, *after, saved, dy,
                                            gradients.wanted(side), gradients.wanted(state));
    const auto add = [&](const Var& to, Tensor&& grad) {
      if (gradients.wanted(to.slot())) gradients.add(to.slot(), std::move(grad));
    };
    if (gradients.wanted(state)) gradients.add(state, std::move(d.state));
    if (gradients.wanted(side)) gradients.add(side, std::move(d.side));
    for (std::size_t k = 0; k < slots.size(); ++k) {
      add(slots[k].weight_ih, std::move(d.kinds[k].weight_ih));
      add(slots[k].weight_hh, std::move(d.kinds[k].weight_hh));
      add(slots[k].bias_ih, std::move(d.kinds[k].bias_ih));
      add(slots[k].bias_hh, std::move(d.kinds[k].bias_hh));
      add(slots[k].score, std::move(d.kinds[k].score));
    }
  }
};

}  // namespace isa_detail

/// The states of all nodes after a sweep over the schedule; see level_sweep of tensors.
/// Shapes:  state [nodes, hidden]  ->  the same.
/// Saved:   old and new states, the weights of edges; gates only if the context asks.
inline Var level_sweep(const LevelSchedule& schedule, const Var& state,
                       const std::vector<LevelUpdate>& kinds, const LevelContext& context = {}) {
  std::vector<const Var*> inputs{&state, &context.side};
  std::vector<LevelWeights> weights;
  for (const LevelUpdate& k : kinds) {
    inputs.insert(inputs.end(), {&k.weight_ih, &k.weight_hh, &k.bias_ih, &k.bias_hh, &k.score});
    weights.push_back({k.weight_ih.value(), k.weight_hh.value(), k.bias_ih.value(),
                       k.bias_hh.value(), k.score.value(), k.side});
  }
  const LevelInputs rest{context.side.value(), context.extra, context.edge_table,
                         context.edge_rows};
  Tape* const tape = detail::common_tape(inputs);
  const bool recorded = tape != nullptr && detail::any_needs_grad(inputs);
  LevelSaved saved;
  Tensor out = level_sweep(schedule, weights, rest, state.value(), recorded ? &saved : nullptr,
                           context.keep_gates);
  isa_detail::LevelRecord backward{schedule,
                                   std::move(weights),
                                   kinds,
                                   rest,
                                   Saved(state.value()),
                                   Saved(out),
                                   Saved(saved.alpha),
                                   Saved(saved.gates),
                                   state.slot(),
                                   context.side.slot()};
  return record(std::span<const Var* const>(inputs), std::move(out), std::move(backward));
}

CFM_ISA_NAMESPACE_END
