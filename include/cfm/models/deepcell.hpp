#pragma once
/// @file  DeepCell's encoder of mapped netlists: cells by their truth tables.

#include <algorithm>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <cfm/models/deepgate2.hpp>

CFM_NAMESPACE_BEGIN

/// What a standard cell computes: entry j, for the inputs j, is bit j.
struct CellFunction {
  std::uint64_t table = 0;
  int inputs = 0;  ///< at most 6
};

/// Sizes of DeepCell's encoder.
struct DeepCellConfig {
  Index width = 128;     ///< of both vectors
  Index head = 32;       ///< width of the heads
  double dropout = 0.2;  ///< in the heads

  static void visit(auto& self, auto&& v) {
    v("width", self.width);
    v("head", self.head);
    v("dropout", self.dropout);
  }
};

/// A mapped netlist, or a batch.
struct DeepCellGraph {
  LevelSchedule schedule;                 ///< all cells are of kind 0
  Tensor features;                        ///< truth tables, repeated to 64 entries: [nodes, 64]
  std::vector<std::int32_t> sources;      ///< nodes of level 0, ascending
  std::vector<std::int64_t> circuits{0};  ///< where the nodes of each netlist begin; the end

  Index nodes() const { return schedule.nodes(); }
};

/// Truth tables of nodes as columns, repeated cyclically to 64. An input of the netlist has a
/// function without inputs and table 0: a row of zeros.
/// Shapes:  [nodes, 64].   Errors:  Error for more than 6 inputs.
inline Tensor cell_features(std::span<const CellFunction> functions) {
  Tensor out = Tensor::zeros({std::ssize(functions), 64});
  const View<float, 2> rows = out.view<float, 2>();
  for (Index v = 0; v < rows.rows(); ++v) {
    const CellFunction& f = functions[static_cast<std::size_t>(v)];
    CFM_CHECK(f.inputs >= 0 && f.inputs <= 6, "cell features: cells of at most 6 inputs", v,
              f.inputs);
    const Index entries = Index{1} << f.inputs;
    for (Index j = 0; j < 64; ++j) rows(v, j) = static_cast<float>((f.table >> (j % entries)) & 1);
  }
  return out;
}

/// Errors:  Error if there is not one function for every node, or there is a cycle.
inline DeepCellGraph deepcell_graph(const Graph& graph, std::span<const CellFunction> functions,
                                    std::vector<std::int64_t> circuits = {}) {
  CFM_CHECK(std::ssize(functions) == graph.nodes(), "deepcell graph: one function for every node",
            functions.size(), graph.nodes());
  DeepCellGraph out;
  const std::vector<std::uint8_t> alike(functions.size(), 0);
  out.schedule = LevelSchedule(graph, alike);
  out.features = cell_features(functions);
  out.sources = detail::level_sources(out.schedule);
  out.circuits = circuits.empty() ? std::vector<std::int64_t>{0, graph.nodes()} : circuits;
  return out;
}

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// DeepGate2 with one kind of node: a sweep for structure and one for function, whose GRUs also
/// read the truth table of the cell. The published variants are DeepCell<TfMlpAggregator<>>
/// ("dg2"), DeepCell<AgnnAggregator<>> ("gat") and DeepCell<SumAggregator<>> ("gcn"); tensors are
/// named as in their files.
/// Source:  Z. Shi et al., "DeepCell: multiview representation learning for post-mapping
///          netlists", ICCAD 2025, section III, with the details of its public code.
template <class Aggregator = TfMlpAggregator<>, class LinearT = Linear<>>
class DeepCell {
 public:
  using Config = DeepCellConfig;
  static constexpr std::string_view kind = "deepcell";
  static constexpr Index table_columns = 64;

  explicit DeepCell(const Config& config = {}, Init init = Rng(0)) : config_(config) {
    CFM_CHECK(config.width >= 1 && config.head >= 1, "deepcell: widths are at least 1",
              config.width, config.head);
    const Index h = config.width;
    aggr_cell_strc = make(h, h, init.next());
    aggr_cell_func = make(2 * h, h, init.next());
    update_cell_strc = LevelGru(h + table_columns, h, init.next());
    update_cell_func = LevelGru(h + table_columns, h, init.next());
    readout_prob =
        Mlp<LinearT>(MlpConfig::head(h, config.head, 1, config.dropout), init.next());
    connect_head =
        Mlp<LinearT>(MlpConfig::head(2 * h, config.head, 3, config.dropout), init.next());
  }

  /// The vectors of all nodes from given first structure vectors and zero function vectors.
  /// Shapes:  structure [nodes, width].
  GateStates from(const DeepCellGraph& graph, const Var& structure) const {
    const Tensor tables = graph.features.to(structure.dtype());
    const Var hs = level_layer(graph.schedule, structure, {.extra = tables},
                               LevelStep{aggr_cell_strc, update_cell_strc});
    const Var zero = beside(structure, Var(Tensor::zeros(structure.shape(), structure.dtype())));
    return {hs, level_layer(graph.schedule, zero, {.side = hs, .extra = tables},
                            LevelStep{aggr_cell_func, update_cell_func, true})};
  }

  /// The same from orthonormal structure vectors. `tape` is any value on the tape that shall
  /// record, or Var().
  GateStates operator()(const DeepCellGraph& graph, const Var& tape = {},
                        std::uint64_t seed = 0) const {
    const DType dtype = update_cell_strc.cell.weights.recurrent.weight.decode().dtype();
    const Tensor hs = orthonormal_states(graph.circuits, graph.sources, config_.width, seed, dtype);
    return from(graph, beside(tape, Var(hs)));
  }

  /// The probability that each node is true, as trained: not clamped.
  /// Shapes:  function [rows, width]  ->  [rows, 1].
  Var probability(const Var& function) const { return readout_prob(function); }
  /// Logits of how two nodes are connected.   Shapes:  structure of both [pairs, width]  ->
  /// [pairs, 3].
  Var connection(const Var& first, const Var& second) const {
    return connect_head(cat({first, second}, 1));
  }

  const Config& config() const { return config_; }

  static void visit(auto& self, auto&& v) {
    v("aggr_cell_strc", self.aggr_cell_strc);
    v("aggr_cell_func", self.aggr_cell_func);
    v("update_cell_strc", self.update_cell_strc);
    v("update_cell_func", self.update_cell_func);
    v("readout_prob.fc", self.readout_prob);
    v("connect_head.fc", self.connect_head);
  }

  Aggregator aggr_cell_strc, aggr_cell_func;
  LevelGru update_cell_strc, update_cell_func;
  Mlp<LinearT> readout_prob, connect_head;

 private:
  static Aggregator make(Index in, Index out, Init init) {
    if constexpr (std::is_constructible_v<Aggregator, Index, Index, Index, Init>)
      return Aggregator(in, out, 0, std::move(init));
    else
      return Aggregator(in, out, std::move(init));
  }

  Config config_;
};

CFM_ISA_NAMESPACE_END
