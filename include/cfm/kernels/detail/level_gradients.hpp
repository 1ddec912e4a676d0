#pragma once
/// @file  The drivers of level_sweep and level_sweep_backward.

#include <algorithm>
#include <vector>

#include <cfm/kernels/level_sweep.hpp>

CFM_ISA_NAMESPACE_BEGIN

inline Tensor level_sweep(const LevelSchedule& schedule, std::span<const LevelWeights> kinds,
                          const LevelInputs& inputs, const Tensor& state, LevelSaved* saved,
                          bool keep_gates) {
  Tensor out = Tensor::empty(state.shape(), state.dtype());
  visit_real(state.dtype(), "level_sweep", [&]<class T>(std::type_identity<T>) {
    isa_detail::LevelPlan<T> plan(schedule, kinds, inputs, state, false);
    detail::LevelSweep<T>& sweep = plan.sweep;
    sweep.state = out.data<T>();
    const bool attention =
        std::any_of(kinds.begin(), kinds.end(), [](const auto& k) { return k.score.defined(); });
    Tensor alpha, gates;
    if (attention) {
      alpha = Tensor::empty({schedule.rows().edges()}, state.dtype());
      sweep.alpha = alpha.data<T>();
    }
    if (saved && keep_gates) {
      gates = Tensor::empty({schedule.nodes(), sweep.gate_columns()}, state.dtype());
      sweep.gates = gates.data<T>();
    }
    const Index size = detail::level_scratch(detail::level_tile, plan.widest, sweep.hidden4, false);
    std::vector<Scratch<T>> scratch(isa_detail::level_slots);
    for (Index level = 0; level < schedule.levels(); ++level)
      plan.each_tile(level, detail::level_tile,
                     [&](std::uint8_t kind, Index begin, Index end, Index slot) {
                       if (kind == LevelSchedule::fixed) {
                         for (Index p = begin; p < end; ++p) {
                           const Index v = sweep.order[p];
                           std::copy_n(sweep.before + v * sweep.before_stride, sweep.hidden,
                                       sweep.state + v * sweep.hidden);
                         }
                         return;
                       }
                       Scratch<T>& own = scratch[static_cast<std::size_t>(slot)];
                       if (own.size() == 0) own = Scratch<T>(size);
                       CFM_CALL(level_forward)(sweep, plan.kinds[kind], begin, end, own.data());
                     });
    if (saved) *saved = {std::move(alpha), std::move(gates)};
  });
  return out;
}

namespace isa_detail {

// Sums of the gradients of all weights, by slot and kind.
template <Real T>
class LevelWeightSums {
 public:
  explicit LevelWeightSums(const LevelPlan<T>& plan) : plan_(plan) {
    const Index h4 = plan.sweep.hidden4;
    for (const auto& kind : plan.kinds)
      size_ += 3 * h4 * (kind.inputs + h4 + 2) + kind.inputs + kind.message + 16;
  }

  // The sums of a slot; made at the first call.
  detail::LevelSums<T>* slot(Index slot) {
    auto& sums = sums_[static_cast<std::size_t>(slot)];
    if (!sums.empty()) return sums.data();
    const Index h4 = plan_.sweep.hidden4;
    Tensor& memory = memory_[static_cast<std::size_t>(slot)];
    memory = Tensor::zeros({size_}, dtype_of<T>);
    T* at = memory.template data<T>();
    const auto take = [&](Index n) { return std::exchange(at, at + n); };
    std::vector<detail::LevelSums<T>> made;
    for (const auto& kind : plan_.kinds) {
      detail::LevelSums<T> s;
      s.in = take(3 * h4 * kind.inputs);
      s.hidden = take(3 * h4 * h4);
      s.bias_in = take(3 * h4);
      s.bias_hidden = take(3 * h4);
      s.score = take(kind.inputs);
      made.push_back(s);
    }
    sums = std::move(made);
    return sums.data();
  }

  // All slots together, in the shapes of the weights.
  LevelWeights total(std::size_t k, const LevelWeights& like) const {
    const Index h = plan_.sweep.hidden, h4 = plan_.sweep.hidden4;
    const auto& kind = plan_.kinds[k];
    LevelWeights out;
    out.side = like.side;
    out.weight_ih = Tensor::zeros(like.weight_ih.shape(), dtype_of<T>);
    out.weight_hh = Tensor::zeros(like.weight_hh.shape(), dtype_of<T>);
    out.bias_ih = Tensor::zeros(like.bias_ih.shape(), dtype_of<T>);
    out.bias_hh = Tensor::zeros(like.bias_hh.shape(), dtype_of<T>);
    if (like.score.defined()) out.score = Tensor::zeros(like.score.shape(), dtype_of<T>);
    const auto add = [](const T* from, Index n, T* to) {
      for (Index i = 0; i < n; ++i) to[i] += from[i];
    };
    const Index columns = like.weight_ih.size(1);
    for (const auto& slot : sums_) {
      if (slot.empty()) continue;
      const detail::LevelSums<T>& s = slot[k];
      for (Index gate = 0; gate < 3; ++gate)
        for (Index i = 0; i < h; ++i) {
          const Index row = gate * h + i, from = (gate + 1) % 3 * h4 + i;
          add(s.in + from * kind.inputs, columns, out.weight_ih.template data<T>() + row * columns);
          // Of a common state the sum of the gates' gradients is all there is to know.
          const T* const own = s.hidden + (gate * h4 + i) * plan_.sweep.own;
          T* const to = out.weight_hh.template data<T>() + row * h;
          if (const T* const common = plan_.sweep.common)
            for (Index c = 0; c < h; ++c) to[c] += own[0] * common[c];
          else
            add(own, h, to);
          out.bias_ih.template data<T>()[row] += s.bias_in[from];
          out.bias_hh.template data<T>()[row] += s.bias_hidden[gate * h4 + i];
        }
      if (like.score.defined()) add(s.score, like.score.size(), out.score.template data<T>());
    }
    return out;
  }

 private:
  const LevelPlan<T>& plan_;
  Index size_ = 0;
  std::array<Tensor, level_slots> memory_{};
  std::array<std::vector<detail::LevelSums<T>>, level_slots> sums_{};
};

}  // namespace isa_detail

inline LevelGradients level_sweep_backward(const LevelSchedule& schedule,
                                           std::span<const LevelWeights> kinds,
                                           const LevelInputs& inputs, const Tensor& before,
                                           const Tensor& after, const LevelSaved& saved,
                                           const Tensor& grad, bool side_grad, bool state_grad) {
  LevelGradients out;
  visit_real(before.dtype(), "level_sweep", [&]<class T>(std::type_identity<T>) {
    isa_detail::LevelPlan<T> plan(schedule, kinds, inputs, before, true);
    detail::LevelSweep<T>& sweep = plan.sweep;
    // The bodies read the new states, edge weights and gates, and write none of them here.
    const Tensor states = after.contiguous(), dy = grad.contiguous();
    sweep.state = const_cast<T*>(std::as_const(states).template data<T>());
    if (saved.alpha.defined())
      sweep.alpha = const_cast<T*>(std::as_const(saved.alpha).template data<T>());
    if (saved.gates.defined())
      sweep.gates = const_cast<T*>(std::as_const(saved.gates).template data<T>());
    const Index nodes = schedule.nodes();
    std::vector<std::uint8_t> kind_of(static_cast<std::size_t>(nodes), LevelSchedule::fixed);
    for (const auto& group : schedule.groups())
      for (std::int32_t v : schedule.nodes_of(group))
        kind_of[static_cast<std::size_t>(v)] = group.kind;
    const CsrView targets = schedule.rows().fanouts();
    detail::LevelGradient<T> g;
    g.out_offsets = targets.offsets.data();
    g.out_columns = targets.columns.data();
    g.out_edges = schedule.rows().fanout_edges().data();
    g.kind_of = kind_of.data();
    g.grad = dy.template data<T>();
    if (state_grad) {
      out.state = Tensor::empty(before.shape(), before.dtype());
      g.before = out.state.template data<T>();
    }
    g.message_columns = plan.widest_message;
    Tensor messages = Tensor::empty({nodes, plan.widest_message}, before.dtype());
    g.message = messages.template data<T>();
    if (side_grad && inputs.side.defined()) {
      out.side = Tensor::empty(inputs.side.shape(), before.dtype());
      g.side = out.side.template data<T>();
      g.side_columns = inputs.side.size(1);
    }
    Tensor scores;
    if (saved.alpha.defined()) {
      scores = Tensor::empty(saved.alpha.shape(), before.dtype());
      g.score = scores.template data<T>();
    }
    isa_detail::LevelWeightSums<T> sums(plan);
    const Index size =
        detail::level_scratch(detail::level_backward_tile, plan.widest, sweep.hidden4, true);
    std::vector<Scratch<T>> scratch(isa_detail::level_slots);
    for (Index level = schedule.levels(); level-- > 0;)
      plan.each_tile(level, detail::level_backward_tile,
                     [&](std::uint8_t kind, Index begin, Index end, Index slot) {
                       Scratch<T>& own = scratch[static_cast<std::size_t>(slot)];
                       if (own.size() == 0) own = Scratch<T>(size);
                       CFM_CALL(level_backward)
                       (sweep, g, Index{kind}, begin, end, sums.slot(slot), own.data());
                     });
    for (std::size_t k = 0; k < kinds.size(); ++k) out.kinds.push_back(sums.total(k, kinds[k]));
  });
  return out;
}

CFM_ISA_NAMESPACE_END
