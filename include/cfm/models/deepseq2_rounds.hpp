#pragma once
/// @file  The rounds of DeepSeq2 over circuits with feedback, and its losses.

#include <utility>
#include <vector>

#include <cfm/models/deepseq2.hpp>

CFM_ISA_NAMESPACE_BEGIN

// The states on their way. ANDs read the snapshots, which are taken at the end of a level.
template <class LinearT>
struct DeepSeq2<LinearT>::Running {
  Running(const DeepSeq2& m, const DeepSeq2Graph& g, const SequentialStates& s)
      : model(m),
        graph(g),
        strc(s.structure),
        func(s.function),
        seq(s.sequence),
        old_strc(s.structure),
        old_func(s.function),
        old_seq(s.sequence) {}

  // ANDs or NOTs, all of one level.
  void update(std::span<const std::int32_t> list, bool is_and) {
    if (list.empty()) return;
    const isa_detail::LevelEdges e(graph.gates.schedule, list);
    const Segments segments = e.segments();
    const auto step = [&](LevelStates& h, const Var& x, const Var& target, const Aggregator& a,
                          const LevelGru& gru) {
      h.assign(e.nodes, gru(a(x, target, segments), h.rows(e.nodes)));
    };
    const auto plain = [&](LevelStates& h, const Aggregator& a, const LevelGru& gru) {
      step(h, h.rows(e.sources), h.rows(e.targets), a, gru);
    };
    const auto both = [&](LevelStates& h, const LevelStates& old, const Aggregator& a,
                          const LevelGru& gru) {
      const auto rows = [&](const Tensor& index) {
        return cat({old_strc.rows(index), old.rows(index)}, 1);
      };
      step(h, rows(e.sources), rows(e.targets), a, gru);
    };
    if (is_and) {
      plain(strc, model.aggr_and_strc, model.update_and_strc);
      both(func, old_func, model.aggr_and_func, model.update_and_func);
      both(seq, old_seq, model.aggr_and_seq, model.update_and_seq);
    } else {
      plain(strc, model.aggr_not_strc, model.update_not_strc);
      plain(func, model.aggr_not_func, model.update_not_func);
      plain(seq, model.aggr_not_seq, model.update_not_seq);
    }
    changed.insert(changed.end(), list.begin(), list.end());
  }

  // Latches by number take a map of the vectors of their drivers.
  void load(const std::vector<std::size_t>& which) {
    if (which.empty()) return;
    std::vector<std::int32_t> to, from;
    for (std::size_t i : which) {
      to.push_back(graph.latches[i]);
      from.push_back(graph.drivers[i]);
    }
    const Tensor latches = isa_detail::index_tensor(to), drivers = isa_detail::index_tensor(from);
    func.assign(latches, model.linear_transform_ff_func(func.rows(drivers)));
    seq.assign(latches, model.linear_transform_ff_seq(seq.rows(drivers)));
    changed.insert(changed.end(), to.begin(), to.end());
  }

  void snapshot() {
    std::sort(changed.begin(), changed.end());
    changed.erase(std::unique(changed.begin(), changed.end()), changed.end());
    const Tensor rows = isa_detail::index_tensor(changed);
    if (!changed.empty()) {
      old_strc.assign(rows, strc.rows(rows));
      old_func.assign(rows, func.rows(rows));
      old_seq.assign(rows, seq.rows(rows));
    }
    changed.clear();
  }

  const DeepSeq2& model;
  const DeepSeq2Graph& graph;
  LevelStates strc, func, seq, old_strc, old_func, old_seq;
  std::vector<std::int32_t> changed{};
};

template <class LinearT>
SequentialStates DeepSeq2<LinearT>::step_by_step(const DeepSeq2Graph& graph,
                                                 const SequentialStates& start) const {
  const LevelSchedule& schedule = graph.gates.schedule;
  Running run(*this, graph, start);
  // The latches whose drivers are on a level.
  std::vector<std::vector<std::size_t>> driven(static_cast<std::size_t>(schedule.levels()));
  for (std::size_t i = 0; i < graph.latches.size(); ++i)
    if (graph.drivers[i] >= 0)
      driven[static_cast<std::size_t>(graph.level[static_cast<std::size_t>(graph.drivers[i])])]
          .push_back(i);
  std::vector<std::uint8_t> member(static_cast<std::size_t>(graph.nodes()));
  const auto cyclic_pass = [&](const std::vector<std::size_t>& latches) {
    std::fill(member.begin(), member.end(), std::uint8_t{0});
    bool any = false;
    for (std::size_t i : latches)
      for (std::int32_t v : graph.cycles[i]) {
        member[static_cast<std::size_t>(v)] = 1;
        any = true;
      }
    if (!any) return;
    std::vector<std::int32_t> part;
    std::vector<std::size_t> loads;
    for (Index level = 1; level < schedule.levels(); ++level) {
      for (const auto& group : schedule.groups(level)) {
        if (group.kind == LevelSchedule::fixed) continue;
        part.clear();
        for (std::int32_t v : schedule.nodes_of(group))
          if (member[static_cast<std::size_t>(v)]) part.push_back(v);
        run.update(part, group.kind == 0);
      }
      loads.clear();
      for (std::size_t i : driven[static_cast<std::size_t>(level)])
        if (member[static_cast<std::size_t>(graph.latches[i])]) loads.push_back(i);
      run.load(loads);
    }
  };
  for (Index round = 0; round < config_.rounds; ++round)
    for (Index level = 1; level < schedule.levels(); ++level) {
      for (const auto& group : schedule.groups(level))
        if (group.kind != LevelSchedule::fixed)
          run.update(schedule.nodes_of(group), group.kind == 0);
      const auto& latches = driven[static_cast<std::size_t>(level)];
      run.load(latches);
      cyclic_pass(latches);
      run.snapshot();
    }
  return {std::move(run.strc).take(), std::move(run.func).take(), std::move(run.seq).take()};
}

CFM_ISA_NAMESPACE_END

CFM_NAMESPACE_BEGIN

/// Labels of a circuit or a batch; what is not defined takes no part.
struct DeepSeq2Targets {
  Tensor transitions{};      ///< of 0 to 1 and 1 to 0, [nodes, 2]
  DeepGate2Targets gates{};  ///< the others, as for DeepGate2
};

/// How much each loss counts. Totals are divided by the sum of the weights.
struct DeepSeq2Weights {
  double probability = 3, reconvergence = 1, function = 2, transitions = 4;
};

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// The weighted mean of the losses that the targets have labels for: smooth L1 for probabilities
/// and transitions, binary cross entropy for reconvergence, function_loss for pairs.
/// Errors:  Error if no loss has both a weight and labels.
template <class LinearT>
Var deepseq2_loss(const DeepSeq2<LinearT>& model, const SequentialStates& states,
                  const DeepSeq2Targets& targets, const DeepSeq2Weights& weights = {}) {
  Var total;
  double sum = 0;
  const auto add = [&](double weight, const Var& loss) {
    total = sum == 0 ? loss * weight : total + loss * weight;
    sum += weight;
  };
  const DeepGate2Targets& gates = targets.gates;
  if (weights.probability > 0 && gates.probability.defined())
    add(weights.probability,
        smooth_l1_loss(reshape(model.probability(states.function), {states.function.size(0)}),
                       Var(gates.probability)));
  if (weights.transitions > 0 && targets.transitions.defined())
    add(weights.transitions,
        smooth_l1_loss(model.transitions(states.sequence), Var(targets.transitions)));
  if (weights.reconvergence > 0 && gates.cone_pairs.defined()) {
    const auto [first, second] = isa_detail::pair_rows(states.structure, gates.cone_pairs);
    add(weights.reconvergence,
        bce_loss(reshape(model.reconvergence(first, second), {first.size(0)}),
                 Var(gates.cone_overlap)));
  }
  if (weights.function > 0 && gates.function_pairs.defined())
    add(weights.function,
        function_loss(states.function, gates.function_pairs, gates.function_distance));
  CFM_CHECK(sum > 0, "deepseq2_loss: no loss has both a weight and labels");
  return total / sum;
}

CFM_ISA_NAMESPACE_END
