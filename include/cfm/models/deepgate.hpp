#pragma once
/// @file  DeepGate: signal probabilities by a recurrent graph network in both directions.

#include <array>
#include <string_view>
#include <type_traits>

#include <cfm/autograd/ops_loss.hpp>
#include <cfm/models/deepgate_graph.hpp>
#include <cfm/nn/level_gru.hpp>
#include <cfm/nn/mlp.hpp>
#include <cfm/nn/serialize.hpp>

CFM_NAMESPACE_BEGIN

/// How states travel; the first is DeepGate, the others are what its authors compared with.
enum class DeepGateForm {
  recurrent,  ///< rounds of level-wise sweeps, forward and backward (DAG-RecGNN)
  single,     ///< one forward sweep whose GRUs start from 0 (DAG-ConvGNN)
  flat        ///< rounds in which all nodes step at once, forward and backward (ConvGNN)
};

constexpr std::array<std::string_view, 3> enum_names(DeepGateForm) {
  return {"recurrent", "single", "flat"};
}

/// Sizes of DeepGate.
struct DeepGateConfig {
  Index width = 64;
  Index rounds = 10;
  Index head = 32;         ///< width of the predictor
  double dropout = 0.5;    ///< in the predictor
  bool attributes = true;  ///< edges carry the levels that they span; only for attention
  DeepGateForm form = DeepGateForm::recurrent;

  static void visit(auto& self, auto&& v) {
    v("width", self.width);
    v("rounds", self.rounds);
    v("head", self.head);
    v("dropout", self.dropout);
    v("attributes", self.attributes);
    v("form", self.form);
  }
};

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// All nodes start alike; each round is a sweep over fan-ins and one over fan-outs, with an
/// aggregator and a GRU a direction that also reads the kind of the node; one predictor for all
/// nodes. Tensors are named as in the public code. The aggregators that the authors compared take
/// the place of attention: DeepGate<SumAggregator<>>, DeepSetAggregator, GatedSumAggregator.
/// Source:  M. Li et al., "DeepGate: learning neural representations of logic gates", DAC 2022,
///          section 3, with the details of its public code.
template <class Aggregator = AgnnAggregator<>, class LinearT = Linear<>>
class DeepGate {
 public:
  using Config = DeepGateConfig;
  static constexpr std::string_view kind = "deepgate";

  explicit DeepGate(const Config& config = {}, Init init = Rng(0)) : config_(config) {
    CFM_CHECK(config.width >= 1 && config.rounds >= 1 && config.head >= 1,
              "deepgate: width, rounds and head are at least 1", config.width, config.rounds,
              config.head);
    emd_int = LinearT(1, config.width, init.next());
    aggr_forward = make(init.next());
    aggr_backward = make(init.next());
    update_forward = LevelGru(config.width + kinds, config.width, init.next());
    update_backward = LevelGru(config.width + kinds, config.width, init.next());
    predictor =
        Mlp<LinearT>(MlpConfig::head(config.width, config.head, 1, config.dropout), init.next());
  }

  /// The states of all nodes. `tape` is any value on the tape that shall record, or Var().
  /// Shapes:  [nodes, width].
  Var operator()(const DeepGateGraph& graph, const Var& tape = {}) const {
    const DType dtype = emd_int.weight.decode().dtype();
    const Var one = beside(tape, Var(Tensor::ones({1, 1}, dtype)));
    Var h = expand(emd_int(one), Shape{graph.nodes(), config_.width});
    LevelLayerInputs inputs{.extra = graph.features.to(dtype)};
    if (has_attributes()) inputs.attributes = {graph.span_table.to(dtype), graph.span_rows};
    const LevelStep up{aggr_forward, update_forward}, down{aggr_backward, update_backward};
    if (config_.form == DeepGateForm::single)
      return level_layer(graph.forward, h * Var(source_mask(graph.forward, dtype)), inputs, up);
    for (Index round = 0; round < config_.rounds; ++round) {
      if (config_.form == DeepGateForm::flat) {
        h = at_once(graph.forward, h, inputs, up);
        h = at_once(graph.backward, h, inputs, down);
      } else {
        h = level_layer(graph.forward, h, inputs, up);
        h = level_layer(graph.backward, h, inputs, down);
      }
    }
    return h;
  }

  /// The predictor as it is trained; probability() keeps it within [0, 1].
  /// Shapes:  [rows, width]  ->  [rows, 1].
  Var predict(const Var& states) const { return predictor(states); }
  Var probability(const Var& states) const { return clamp(predict(states), 0, 1); }

  const Config& config() const { return config_; }

  static void visit(auto& self, auto&& v) {
    v("emd_int", self.emd_int);
    v("aggr_forward", self.aggr_forward);
    v("aggr_backward", self.aggr_backward);
    v("update_forward", self.update_forward);
    v("update_backward", self.update_backward);
    v("predictor.fc", self.predictor);
  }

  LinearT emd_int;
  Aggregator aggr_forward, aggr_backward;
  LevelGru update_forward, update_backward;
  Mlp<LinearT> predictor;

 private:
  static constexpr Index kinds = 3, attribute_columns = 16;
  static constexpr bool takes_attributes =
      std::is_constructible_v<Aggregator, Index, Index, Index, Init>;

  bool has_attributes() const { return takes_attributes && config_.attributes; }

  Aggregator make(Init init) const {
    if constexpr (takes_attributes)
      return Aggregator(config_.width, config_.width, has_attributes() ? attribute_columns : 0,
                        std::move(init));
    else
      return Aggregator(config_.width, config_.width, std::move(init));
  }

  // 1 for nodes of level 0, else 0.
  static Tensor source_mask(const LevelSchedule& schedule, DType dtype) {
    Tensor out = Tensor::zeros({schedule.nodes(), 1}, dtype);
    visit_real(dtype, "deepgate", [&]<class T>(std::type_identity<T>) {
      if (schedule.levels() == 0) return;
      for (const auto& group : schedule.groups(0))
        for (std::int32_t v : schedule.nodes_of(group))
          out.span<T>()[static_cast<std::size_t>(v)] = 1;
    });
    return out;
  }

  // Every node with sources by the old states of all.
  static Var at_once(const LevelSchedule& schedule, const Var& h, const LevelLayerInputs& inputs,
                     const LevelStep<Aggregator>& step) {
    std::vector<std::int32_t> nodes;
    const CsrView rows = schedule.rows().fanins();
    for (Index v = 0; v < rows.rows(); ++v)
      if (!rows[v].empty()) nodes.push_back(static_cast<std::int32_t>(v));
    const isa_detail::LevelEdges all(schedule, nodes);
    Var x = index_select(h, 0, all.sources);
    if (inputs.attributes.table.defined())
      x = cat({x, Var(gather_rows(inputs.attributes.table,
                                  gather_rows(inputs.attributes.rows, all.edges)))},
              1);
    const Var m = step.aggregator(x, index_select(h, 0, all.targets), all.segments());
    const Var old = index_select(h, 0, all.nodes);
    const Var fresh = step.gru(cat({m, Var(gather_rows(inputs.extra, all.nodes))}, 1), old);
    return index_add(h, 0, all.nodes, fresh - old);
  }

  Config config_;
};

/// mean |prediction - probability|.
/// Shapes:  predictions [nodes, 1], probability [nodes].
inline Var deepgate_loss(const Var& predictions, const Tensor& probability) {
  return l1_loss(reshape(predictions, {predictions.size()}),
                 Var(probability.reshape({probability.size()})));
}

CFM_ISA_NAMESPACE_END
