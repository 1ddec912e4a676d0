#pragma once
/// @file  DeepSeq2: structure, function and sequence vectors for the nodes of sequential circuits.

#include <optional>
#include <string_view>

#include <cfm/models/deepgate2_training.hpp>
#include <cfm/models/deepseq2_graph.hpp>

CFM_NAMESPACE_BEGIN

/// Sizes of DeepSeq2.
struct DeepSeq2Config {
  Index width = 128;
  Index rounds = 2;
  Index head = 32;       ///< width of the heads
  double dropout = 0.2;  ///< in the heads

  static void visit(auto& self, auto&& v) {
    v("width", self.width);
    v("rounds", self.rounds);
    v("head", self.head);
    v("dropout", self.dropout);
  }
};

/// How the inputs of a circuit behave: the probability of 1, of 0 to 1 and of 1 to 0 from one cycle
/// to the next; one number an input, in the order of the nodes.
struct DeepSeq2Workload {
  std::vector<double> one, rise, fall;
};

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// The vectors of all nodes, [nodes, width] each.
struct SequentialStates {
  Var structure, function, sequence;
};

/// DeepGate2 with a third vector for what changes from cycle to cycle. Flip-flops are sources; when
/// the level of a flip-flop's driver is done, the flip-flop takes a map of the driver's vectors,
/// and the nodes on cycles through it are updated once more. Tensors are named as in the public
/// code.
/// Source:  S. Khan et al., "DeepSeq2: enhanced sequential circuit learning with disentangled
///          representations", ASP-DAC 2025, with details of a public derivative of its code.
template <class LinearT = Linear<>>
class DeepSeq2 {
 public:
  using Config = DeepSeq2Config;
  using Aggregator = TfMlpAggregator<LinearT>;
  static constexpr std::string_view kind = "deepseq2";

  explicit DeepSeq2(const Config& config = {}, Init init = Rng(0)) : config_(config) {
    CFM_CHECK(config.width >= 2 && config.width % 2 == 0 && config.rounds >= 1,
              "deepseq2: an even width, and at least one round", config.width, config.rounds);
    const Index h = config.width;
    for (Aggregator* a :
         {&aggr_and_strc, &aggr_not_strc, &aggr_not_func, &aggr_not_seq, &aggr_ff_strc})
      *a = Aggregator(h, h, init.next());
    for (Aggregator* a : {&aggr_and_func, &aggr_and_seq}) *a = Aggregator(2 * h, h, init.next());
    for (LevelGru* g : {&update_and_strc, &update_and_func, &update_and_seq, &update_not_strc,
                        &update_not_func, &update_not_seq, &update_ff_strc})
      *g = LevelGru(h, h, init.next());
    for (auto* m : {&linear_transform_ff_func, &linear_transform_ff_seq})
      *m = Mlp<LinearT>({.in = h,
                         .hidden = h,
                         .out = h,
                         .layers = 2,
                         .activation = Activation::none,
                         .dropout = 0.5},
                        init.next());
    hf_emd_int = LinearT(1, h, init.next());
    hseq_emd_int = LinearT(1, h, init.next());
    readout_prob =
        Mlp<LinearT>(MlpConfig::head(h, config.head, 1, config.dropout), init.next());
    readout_trans_prob =
        Mlp<LinearT>(MlpConfig::head(h, config.head, 2, config.dropout), init.next());
    readout_rc =
        Mlp<LinearT>(MlpConfig::pair_head(2 * h, config.head, config.dropout), init.next());
  }

  /// The vectors after all rounds, from orthonormal structure vectors. `tape` is any value on the
  /// tape that shall record, or Var().
  SequentialStates operator()(const DeepSeq2Graph& graph, const DeepSeq2Workload& workload,
                              const Var& tape = {}, std::uint64_t seed = 0) const {
    return from(graph,
                beside(tape, Var(orthonormal_states(graph.gates, config_.width, seed, dtype()))),
                workload);
  }

  /// The same from given structure vectors.
  SequentialStates from(const DeepSeq2Graph& graph, const Var& structure,
                        const DeepSeq2Workload& workload) const {
    SequentialStates s{structure, first(graph, structure, hf_emd_int, workload, false),
                       first(graph, structure, hseq_emd_int, workload, true)};
    s = graph.feeds_back() ? step_by_step(graph, s) : sweeps(graph, s);
    s.structure = latch_structure(graph, s.structure);
    return s;
  }

  /// Shapes:  function [rows, width]  ->  [rows, 1].
  Var probability(const Var& function) const { return readout_prob(function); }
  /// Of 0 to 1 and of 1 to 0.   Shapes:  sequence [rows, width]  ->  [rows, 2].
  Var transitions(const Var& sequence) const { return readout_trans_prob(sequence); }
  /// Shapes:  structure of both [pairs, width]  ->  [pairs, 1].
  Var reconvergence(const Var& first, const Var& second) const {
    return readout_rc(cat({first, second}, 1));
  }

  const Config& config() const { return config_; }

  static void visit(auto& self, auto&& v) {
    v("aggr_and_strc", self.aggr_and_strc);
    v("aggr_not_strc", self.aggr_not_strc);
    v("aggr_and_func", self.aggr_and_func);
    v("aggr_not_func", self.aggr_not_func);
    v("aggr_and_seq", self.aggr_and_seq);
    v("aggr_not_seq", self.aggr_not_seq);
    v("aggr_ff_strc", self.aggr_ff_strc);
    v("update_and_strc", self.update_and_strc);
    v("update_and_func", self.update_and_func);
    v("update_and_seq", self.update_and_seq);
    v("update_not_strc", self.update_not_strc);
    v("update_not_func", self.update_not_func);
    v("update_not_seq", self.update_not_seq);
    v("update_ff_strc", self.update_ff_strc);
    v("linear_transform_ff_func.fc", self.linear_transform_ff_func);
    v("linear_transform_ff_seq.fc", self.linear_transform_ff_seq);
    v("hf_emd_int", self.hf_emd_int);
    v("hseq_emd_int", self.hseq_emd_int);
    v("readout_prob.fc", self.readout_prob);
    v("readout_trans_prob.fc", self.readout_trans_prob);
    v("readout_rc.fc", self.readout_rc);
  }

  Aggregator aggr_and_strc, aggr_not_strc, aggr_and_func, aggr_not_func, aggr_and_seq, aggr_not_seq,
      aggr_ff_strc;
  LevelGru update_and_strc, update_and_func, update_and_seq, update_not_strc, update_not_func,
      update_not_seq, update_ff_strc;
  Mlp<LinearT> linear_transform_ff_func, linear_transform_ff_seq;
  LinearT hf_emd_int, hseq_emd_int;
  Mlp<LinearT> readout_prob, readout_trans_prob, readout_rc;

 private:
  DType dtype() const { return hf_emd_int.weight.decode().dtype(); }

  // One trained vector for all nodes; inputs have their workload instead.
  Var first(const DeepSeq2Graph& graph, const Var& tape, const LinearT& embed,
            const DeepSeq2Workload& workload, bool sequence) const {
    const Index h = config_.width, half = h / 2;
    const std::size_t n = graph.inputs.size();
    CFM_CHECK(workload.one.size() == n && workload.rise.size() == n && workload.fall.size() == n,
              "deepseq2: a workload has three numbers for each input", n, workload.one.size());
    const Var one = beside(tape, Var(Tensor::ones({1, 1}, dtype())));
    LevelStates states(expand(embed(one), Shape{graph.nodes(), h}));
    Tensor rows = Tensor::empty({static_cast<Index>(n), h}, dtype());
    visit_real(dtype(), "deepseq2", [&]<class T>(std::type_identity<T>) {
      const View<T, 2> to = rows.view<T, 2>();
      for (std::size_t i = 0; i < n; ++i) {
        T* const row = to.row(static_cast<Index>(i));
        std::fill_n(row, half, static_cast<T>(sequence ? workload.rise[i] : workload.one[i]));
        std::fill_n(row + half, half,
                    static_cast<T>(sequence ? workload.fall[i] : workload.one[i]));
      }
    });
    if (n > 0) states.assign(isa_detail::index_tensor(graph.inputs), Var(rows));
    return std::move(states).take();
  }

  // No state of a source changes within a round: DeepGate2's sweeps.
  SequentialStates sweeps(const DeepSeq2Graph& graph, SequentialStates s) const {
    const LevelSchedule& schedule = graph.gates.schedule;
    for (Index round = 0; round < config_.rounds; ++round) {
      s.structure =
          level_layer(schedule, s.structure, {}, LevelStep{aggr_and_strc, update_and_strc},
                      LevelStep{aggr_not_strc, update_not_strc});
      s.function = level_layer(schedule, s.function, {.side = s.structure},
                               LevelStep{aggr_and_func, update_and_func, true},
                               LevelStep{aggr_not_func, update_not_func});
      s.sequence = level_layer(schedule, s.sequence, {.side = s.structure},
                               LevelStep{aggr_and_seq, update_and_seq, true},
                               LevelStep{aggr_not_seq, update_not_seq});
    }
    return s;
  }

  struct Running;
  SequentialStates step_by_step(const DeepSeq2Graph& graph, const SequentialStates& start) const;

  Var latch_structure(const DeepSeq2Graph& graph, const Var& structure) const {
    std::vector<std::int32_t> latches, drivers, keys;
    for (std::size_t i = 0; i < graph.latches.size(); ++i) {
      if (graph.drivers[i] < 0) continue;
      keys.push_back(static_cast<std::int32_t>(latches.size()));
      latches.push_back(graph.latches[i]);
      drivers.push_back(graph.drivers[i]);
    }
    if (latches.empty()) return structure;
    const Tensor nodes = isa_detail::index_tensor(latches);
    const Segments own(isa_detail::index_tensor(keys), nodes.size());
    LevelStates h(structure);
    const Var old = h.rows(nodes);
    const Var m = aggr_ff_strc(h.rows(isa_detail::index_tensor(drivers)), old, own);
    h.assign(nodes, update_ff_strc(m, old));
    return std::move(h).take();
  }

  Config config_;
};

CFM_ISA_NAMESPACE_END

#include <cfm/models/deepseq2_rounds.hpp>
