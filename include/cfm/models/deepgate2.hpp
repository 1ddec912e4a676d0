#pragma once
/// @file  DeepGate2: a structure and a function vector for every gate of a circuit.

#include <array>
#include <optional>
#include <string_view>

#include <cfm/autograd/ops_elementwise.hpp>
#include <cfm/autograd/ops_index.hpp>
#include <cfm/models/deepgate2_graph.hpp>
#include <cfm/models/gate_states.hpp>
#include <cfm/nn/level_gru.hpp>
#include <cfm/nn/mlp.hpp>
#include <cfm/nn/serialize.hpp>

CFM_NAMESPACE_BEGIN

/// What function vectors start with.
enum class DeepGate2Start {
  zeros,       ///< all 0: the Python package
  learned,     ///< one trained vector for all nodes: the research code
  workload,    ///< sources their probability, gates -1: the tokenizer of DeepGate3
  probability  ///< sources their probability, gates 0: DeepGate4
};

constexpr std::array<std::string_view, 4> enum_names(DeepGate2Start) {
  return {"zeros", "learned", "workload", "probability"};
}

/// Sizes of DeepGate2. The defaults are those of the Python package: 649,957 parameters.
struct DeepGate2Config {
  Index width = 128;  ///< of both vectors
  DeepGate2Start start = DeepGate2Start::zeros;
  Index head = 32;             ///< width of the heads
  double dropout = 0.2;        ///< in the heads
  bool reconvergence = false;  ///< has the head for pairs of gates, as the research code

  /// The research code: 171,334 parameters.
  static DeepGate2Config research() {
    return {.width = 64, .start = DeepGate2Start::learned, .reconvergence = true};
  }

  static void visit(auto& self, auto&& v) {
    v("width", self.width);
    v("start", self.start);
    v("head", self.head);
    v("dropout", self.dropout);
    v("reconvergence", self.reconvergence);
  }
};

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// One sweep over the fan-ins for structure, one for function: ANDs and NOTs each have their own
/// attention and GRU, and the function of an AND also reads the structure of its fan-ins. Tensors
/// are named as in the public checkpoints.
/// Source:  Z. Shi et al., "DeepGate2: functionality-aware circuit representation learning", ICCAD
///          2023, section III, with the details of its public code.
template <class LinearT = Linear<>>
class DeepGate2 {
 public:
  using Config = DeepGate2Config;
  using Aggregator = TfMlpAggregator<LinearT>;
  static constexpr std::string_view kind = "deepgate2";

  explicit DeepGate2(const Config& config = {}, Init init = Rng(0)) : config_(config) {
    CFM_CHECK(config.width >= 1 && config.head >= 1, "deepgate2: widths are at least 1",
              config.width, config.head);
    const Index h = config.width;
    aggr_and_strc = Aggregator(h, h, init.next());
    aggr_not_strc = Aggregator(h, h, init.next());
    aggr_and_func = Aggregator(2 * h, h, init.next());
    aggr_not_func = Aggregator(h, h, init.next());
    for (LevelGru* gru : {&update_and_strc, &update_and_func, &update_not_strc, &update_not_func})
      *gru = LevelGru(h, h, init.next());
    readout_prob =
        Mlp<LinearT>(MlpConfig::head(h, config.head, 1, config.dropout), init.next());
    if (config.start == DeepGate2Start::learned) hf_emd_int = LinearT(1, h, init.next());
    if (config.reconvergence)
      readout_rc =
          Mlp<LinearT>(MlpConfig::pair_head(2 * h, config.head, config.dropout), init.next());
  }

  /// The vectors after both sweeps, from given first ones.
  /// Shapes:  structure, function [nodes, width].
  GateStates sweep(const LevelSchedule& schedule, const Var& structure, const Var& function) const {
    const Var hs = level_layer(schedule, structure, {}, LevelStep{aggr_and_strc, update_and_strc},
                               LevelStep{aggr_not_strc, update_not_strc});
    return {hs, function_sweep(schedule, hs, function)};
  }

  /// The same from orthonormal structure vectors and the start of the configuration. `tape` is any
  /// value on the tape that shall record, or Var(). `probability`: of ones at each source, for the
  /// starts that read it; without it one half.
  GateStates operator()(const DeepGate2Graph& graph, const Var& tape = {}, std::uint64_t seed = 0,
                        std::span<const double> probability = {}) const {
    const DType dtype = update_and_strc.cell.weights.recurrent.weight.decode().dtype();
    const Tensor hs = orthonormal_states(graph, config_.width, seed, dtype);
    return sweep(graph.schedule, beside(tape, Var(hs)), first_function(graph, tape, probability));
  }
  GateStates operator()(const ExplicitNotGraph& circuit) const {
    return (*this)(deepgate2_graph(circuit));
  }

  /// The function vectors that the configuration starts with.   Shapes:  [nodes, width].
  Var first_function(const DeepGate2Graph& graph, const Var& tape,
                     std::span<const double> probability = {}) const {
    const DType dtype = update_and_strc.cell.weights.recurrent.weight.decode().dtype();
    const Index nodes = graph.nodes(), h = config_.width;
    if (config_.start == DeepGate2Start::learned)
      return expand((*hf_emd_int)(beside(tape, Var(Tensor::ones({1, 1}, dtype)))), Shape{nodes, h});
    const bool workload = config_.start == DeepGate2Start::workload;
    Tensor out = Tensor::full({nodes, h}, workload ? -1.0 : 0.0, dtype);
    if (config_.start != DeepGate2Start::zeros) {
      CFM_CHECK(probability.empty() || probability.size() == graph.sources.size(),
                "deepgate2: one probability for each source", probability.size(),
                graph.sources.size());
      visit_real(dtype, "deepgate2", [&]<class T>(std::type_identity<T>) {
        for (std::size_t i = 0; i < graph.sources.size(); ++i)
          std::fill_n(out.view<T, 2>().row(graph.sources[i]), h,
                      static_cast<T>(probability.empty() ? 0.5 : probability[i]));
      });
    }
    return beside(tape, Var(out));
  }

  /// The probability that each node is true.   Shapes:  function [rows, width]  ->  [rows, 1].
  Var probability(const Var& function) const { return clamp(readout_prob(function), 0, 1); }

  /// How likely the cones of two gates overlap.   Shapes:  structure of both [pairs, width]  ->
  /// [pairs, 1].   Errors:  Error if the configuration has no such head.
  Var reconvergence(const Var& first, const Var& second) const {
    CFM_CHECK(readout_rc.has_value(), "deepgate2: this model has no head for reconvergence");
    return (*readout_rc)(cat({first, second}, 1));
  }

  const Config& config() const { return config_; }

  static void visit(auto& self, auto&& v) {
    v("aggr_and_strc", self.aggr_and_strc);
    v("aggr_not_strc", self.aggr_not_strc);
    v("aggr_and_func", self.aggr_and_func);
    v("aggr_not_func", self.aggr_not_func);
    v("update_and_strc", self.update_and_strc);
    v("update_and_func", self.update_and_func);
    v("update_not_strc", self.update_not_strc);
    v("update_not_func", self.update_not_func);
    v("hf_emd_int", self.hf_emd_int);
    v("readout_prob.fc", self.readout_prob);
    v("readout_rc.fc", self.readout_rc);
  }

  Aggregator aggr_and_strc, aggr_not_strc, aggr_and_func, aggr_not_func;
  LevelGru update_and_strc, update_and_func, update_not_strc, update_not_func;
  std::optional<LinearT> hf_emd_int;
  Mlp<LinearT> readout_prob;
  std::optional<Mlp<LinearT>> readout_rc;

 private:
  // Fan-ins are on lower levels, so their structure is final: a constant of this sweep.
  Var function_sweep(const LevelSchedule& schedule, const Var& structure,
                     const Var& function) const {
    return level_layer(schedule, function, {.side = structure},
                       LevelStep{aggr_and_func, update_and_func, true},
                       LevelStep{aggr_not_func, update_not_func});
  }

  Config config_;
};

CFM_ISA_NAMESPACE_END
