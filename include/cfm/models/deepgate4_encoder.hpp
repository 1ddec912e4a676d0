#pragma once
/// @file  DeepGate4 from a circuit: tokens and refined states batch by batch, and hops.

#include <span>
#include <string_view>
#include <vector>

#include <cfm/models/circuit_hops.hpp>
#include <cfm/models/deepgate2.hpp>
#include <cfm/models/deepgate4.hpp>

CFM_NAMESPACE_BEGIN

/// Sizes of the pipeline. Both models must have the same width.
struct DeepGate4EncoderConfig {
  DeepGate2Config tokenizer{.start = DeepGate2Start::probability};
  DeepGate4Config model{};
  Index depth = 8;    ///< hops from the root of an area to its rim
  Index stride = 6;   ///< levels between roots
  Index areas = 256;  ///< that are refined at once

  static void visit(auto& self, auto&& v) {
    v("tokenizer", self.tokenizer);
    v("model", self.model);
    v("depth", self.depth);
    v("stride", self.stride);
    v("areas", self.areas);
  }
};

/// Where the gates of a circuit stand.
inline GatePlaces gate_places(const DeepGate2Graph& graph) {
  const CsrView rows = graph.schedule.rows().fanins();
  const std::vector<std::int32_t> levels = forward_levels(rows);
  GatePlaces out{Tensor::zeros({rows.rows()}, DType::i64), Tensor::zeros({rows.rows()}, DType::i64),
                 Tensor::zeros({rows.rows()}, DType::i64)};
  std::copy(levels.begin(), levels.end(), out.level.data<std::int64_t>());
  const auto ands = out.and_fanouts.span<std::int64_t>(),
             nots = out.not_fanouts.span<std::int64_t>();
  for (Index v = 0; v < rows.rows(); ++v)
    for (const std::int32_t u : rows[v])
      ++(graph.kinds[static_cast<std::size_t>(v)] == NodeKind::not_gate
             ? nots
             : ands)[static_cast<std::size_t>(u)];
  return out;
}

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// The published pipeline. The function vectors of sources go through two virtual NOTs; then, batch
/// of areas by batch, DeepGate2 updates the fresh gates from the states of their fan-ins in the
/// store (refined ones where they are finished), the encoding is added to their structure, and
/// DeepGate4 refines them.
///
///     const CircuitHops hops = circuit_hops(circuit);
///     const CircuitStates states = encoder(circuit, hops.inputs);
///
/// Tensors of the tokenizer are below "tokenizer", the others as in DeepGate4.
/// Source:  as DeepGate4; where the paper does not say, virtual NOTs start from 0 as NOTs do, and a
///          gate at the rim of its area reads fan-ins beyond the rim from the store.
template <class LinearT = Linear<>>
class DeepGate4Encoder {
 public:
  using Config = DeepGate4EncoderConfig;
  static constexpr std::string_view kind = "deepgate4_encoder";

  explicit DeepGate4Encoder(const Config& config = {}, Init init = Rng(0))
      : tokenizer(config.tokenizer, init.next()),
        model(config.model, init.next()),
        config_(config) {
    CFM_CHECK(config.tokenizer.width == config.model.width,
              "deepgate4 encoder: tokenizer and model differ in width", config.tokenizer.width,
              config.model.width);
  }

  /// Without gradients. `probability`: of ones at each source, without it one half.
  /// Cost:    memory is some vectors a gate and one batch, whatever the circuit.
  CircuitStates operator()(const DeepGate2Graph& graph, const HopInputs& hops = {},
                           std::uint64_t seed = 0, std::span<const double> probability = {}) const {
    const Graph& edges = graph.schedule.rows();
    const GatePlaces places = gate_places(graph);
    GateStore store = first_states(graph, seed, probability);
    const std::vector<Area> areas =
        cone_areas(edges, {.depth = config_.depth, .stride = config_.stride});
    SubgraphCutter cut(edges);
    for_each_area_batch(edges, areas, config_.areas, {}, [&](const AreaBatch& batch) {
      tokens(graph, places, batch.updated, cut, store);
      model.refine(store, std::span(&batch, 1));
    });
    CircuitStates out{.gates = {.structure = store.structure, .function = store.function}};
    if (hops.roots.defined() && hops.roots.size() > 0)
      out.hops = pool_in_blocks(model.pooling, out.gates, hops);
    return out;
  }
  CircuitStates operator()(const ExplicitNotGraph& circuit, const HopInputs& hops = {}) const {
    return (*this)(deepgate2_graph(circuit), hops);
  }

  /// The states before the first batch.
  GateStore first_states(const DeepGate2Graph& graph, std::uint64_t seed,
                         std::span<const double> probability) const {
    Tensor function = tokenizer.first_function(graph, {}, probability).value();
    const Var zero(
        Tensor::zeros({std::ssize(graph.sources), tokenizer.config().width}, function.dtype()));
    Var h(rows_at(function, graph.sources));
    for (int twice = 0; twice < 2; ++twice)  // the message of a single fan-in is its value
      h = tokenizer.update_not_func(tokenizer.aggr_not_func.msg_v(h), zero);
    put_rows(function, graph.sources, h.value());
    return {
        .function = function,
        .structure = orthonormal_states(graph, tokenizer.config().width, seed, function.dtype())};
  }

  const Config& config() const { return config_; }

  static void visit(auto& self, auto&& v) {
    v("tokenizer", self.tokenizer);
    v("", self.model);
  }

  DeepGate2<LinearT> tokenizer;
  DeepGate4<LinearT> model;

 private:
  // What DeepGate2 and the encoding give to fresh gates, into the store.
  void tokens(const DeepGate2Graph& graph, const GatePlaces& places,
              std::span<const std::int32_t> fresh, SubgraphCutter& cut, GateStore& store) const {
    const CsrView rows = graph.schedule.rows().fanins();
    std::vector<std::int32_t> list(fresh.begin(), fresh.end());
    for (const std::int32_t v : fresh) {
      const auto row = rows[v];
      list.insert(list.end(), row.begin(), row.end());
    }
    std::sort(list.begin(), list.end());
    list.erase(std::unique(list.begin(), list.end()), list.end());
    std::vector<std::uint8_t> steps;
    for (const std::int32_t v : list) {
      const NodeKind gate = graph.kinds[static_cast<std::size_t>(v)];
      const bool moves = std::binary_search(fresh.begin(), fresh.end(), v);
      steps.push_back(moves && gate == NodeKind::and_gate   ? std::uint8_t{0}
                      : moves && gate == NodeKind::not_gate ? std::uint8_t{1}
                                                            : LevelSchedule::fixed);
    }
    const LevelSchedule schedule(cut(list).graph, steps);
    const GateStates swept = tokenizer.sweep(schedule, Var(rows_at(store.structure, list)),
                                             Var(rows_at(store.function, list)));
    put_rows(store.structure, list, swept.structure.value());
    put_rows(store.function, list, swept.function.value());
    const GatePlaces here{rows_at(places.level, fresh), rows_at(places.and_fanouts, fresh),
                          rows_at(places.not_fanouts, fresh)};
    const Var hs(rows_at(store.structure, fresh));
    put_rows(store.structure, fresh, (hs + model.encoding(here, hs)).value());
  }

  Config config_;
};

CFM_ISA_NAMESPACE_END
