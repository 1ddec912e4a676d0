#pragma once
/// @file  FGNN2: vectors of the functions that nodes compute, from maps of AND and of inversion.

#include <string_view>
#include <utility>
#include <vector>

#include <cfm/circuit/aig.hpp>
#include <cfm/graph/batch.hpp>
#include <cfm/nn/level_gru.hpp>
#include <cfm/nn/mlp.hpp>
#include <cfm/nn/serialize.hpp>

CFM_NAMESPACE_BEGIN

/// Sizes of FGNN2.
struct Fgnn2Config {
  Index width = 256;
  Index hidden = 128;           ///< inside the maps of AND and inversion
  Index projection = 0;         ///< columns of the projection head; 0: no head
  Index projection_hidden = 0;  ///< inside the head; 0: width

  static void visit(auto& self, auto&& v) {
    v("width", self.width);
    v("hidden", self.hidden);
    v("projection", self.projection);
    v("projection_hidden", self.projection_hidden);
  }
};

/// A circuit, or a batch, of inputs and ANDs.
struct Fgnn2Graph {
  LevelSchedule schedule;                 ///< ANDs are kind 0, those that end inverted kind 1
  std::vector<std::int32_t> outputs;      ///< the node of each output
  std::vector<std::int64_t> circuits{0};  ///< where the nodes of each circuit begin; the end

  Index nodes() const { return schedule.nodes(); }
};

/// Edge type 1 is an inverted edge; inverted[v] is 1 if node v drives an inverted output: its
/// vector is that of the inverted function, for its targets too, as published.
/// Errors:  Error if edges have no types, there is not one mark for every node, or there is a
///          cycle.
inline Fgnn2Graph fgnn2_graph(const Graph& graph, std::span<const std::uint8_t> inverted,
                              std::vector<std::int32_t> outputs,
                              std::vector<std::int64_t> circuits = {}) {
  CFM_CHECK(graph.edges() == 0 || !graph.edge_types().empty(),
            "fgnn2 graph: edges need types, 1 for inverted", graph.edges());
  CFM_CHECK(static_cast<Index>(inverted.size()) == graph.nodes(),
            "fgnn2 graph: one mark for every node", inverted.size(), graph.nodes());
  std::vector<std::uint8_t> kinds;
  for (std::uint8_t i : inverted) kinds.push_back(i ? 1 : 0);
  Fgnn2Graph out;
  out.schedule = LevelSchedule(graph, kinds);
  out.outputs = std::move(outputs);
  out.circuits = circuits.empty() ? std::vector<std::int64_t>{0, graph.nodes()} : circuits;
  return out;
}

/// The union of circuits. Nodes: inputs and ANDs of each in the order of their variables. Outputs
/// that are constant have no node.
/// Errors:  Error if there are latches, or an AND reads a constant.
inline Fgnn2Graph fgnn2_graph(std::span<const Aig> circuits) {
  std::vector<std::int64_t> offsets{0}, begins{0};
  std::vector<std::int32_t> columns, outputs;
  std::vector<std::uint8_t> types, inverted;
  for (const Aig& aig : circuits) {
    CFM_CHECK(aig.latches().empty(), "fgnn2 graph: only combinational circuits",
              aig.latches().size());
    const std::size_t before = inverted.size();
    const auto node = [&](Literal l) {
      return static_cast<std::int32_t>(before + l.variable() - 1);
    };
    offsets.insert(offsets.end(), aig.inputs(), offsets.back());
    for (const auto& fanins : aig.all_fanins()) {
      for (Literal l : fanins) {
        CFM_CHECK(l.variable() != 0, "fgnn2 graph: an AND reads a constant; strash first");
        columns.push_back(node(l));
        types.push_back(l.inverted());
      }
      offsets.push_back(static_cast<std::int64_t>(columns.size()));
    }
    inverted.resize(before + aig.variables() - 1, 0);
    begins.push_back(static_cast<std::int64_t>(inverted.size()));
    for (Literal l : aig.output_literals()) {
      if (l.variable() == 0) continue;
      outputs.push_back(node(l));
      if (l.inverted()) inverted[static_cast<std::size_t>(node(l))] = 1;
    }
  }
  return fgnn2_graph(Graph::from_csr(offsets, columns, types), inverted, std::move(outputs),
                     std::move(begins));
}

/// The graph of one circuit.
inline Fgnn2Graph fgnn2_graph(const Aig& aig) {
  return fgnn2_graph(std::span<const Aig>(&aig, 1));
}

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// h = 1 at inputs; h_v = and(mean over fan-ins u of (inverted ? inv(h_u) : h_u)), and inv of that
/// where v drives an inverted output. inv of a node is computed once, whatever its fan-out.
/// Source:  Z. Wang et al., "FGNN2: a powerful pretraining framework for learning the logic
///          functionality of circuits", TCAD 2024, section III, with the details of its code.
template <class LinearT = Linear<>>
class Fgnn2 {
 public:
  using Config = Fgnn2Config;
  static constexpr std::string_view kind = "fgnn2";

  explicit Fgnn2(const Config& config = {}, Init init = Rng(0)) : config_(config) {
    CFM_CHECK(config.width >= 1 && config.hidden >= 1, "fgnn2: widths are at least 1", config.width,
              config.hidden);
    for (auto* map : {&func_inv, &func_and})
      *map = Mlp<LinearT>({.in = config.width,
                           .hidden = config.hidden,
                           .out = config.width,
                           .layers = 3,
                           .activation = Activation::leaky_relu},
                          init.next());
    if (config.projection > 0)
      proj_head = Mlp<LinearT>(
          {.in = config.width,
           .hidden = config.projection_hidden > 0 ? config.projection_hidden : config.width,
           .out = config.projection,
           .layers = 2},
          init.next());
  }

  /// The vectors of all nodes. `tape` is any value on the tape that shall record, or Var().
  /// Shapes:  [nodes, width].
  Var operator()(const Fgnn2Graph& graph, const Var& tape = {}) const {
    const LevelSchedule& schedule = graph.schedule;
    const DType dtype = func_and.linear(0).weight.decode().dtype();
    LevelStates h(beside(tape, Var(Tensor::ones({graph.nodes(), config_.width}, dtype))));
    LevelStates inverse(beside(tape, Var(Tensor::zeros({graph.nodes(), config_.width}, dtype))));
    const std::vector<std::uint8_t> wanted = inverted_sources(schedule);
    const auto types = schedule.rows().edge_types();
    for (Index level = 0; level < schedule.levels(); ++level)
      for (const auto& group : schedule.groups(level)) {
        if (group.kind != LevelSchedule::fixed) {
          const isa_detail::LevelEdges edges(schedule, group);
          Var y = func_and(mean_of_sources(edges, types, h, inverse));
          if (group.kind == 1) y = func_inv(y);
          h.assign(edges.nodes, y);
        }
        std::vector<std::int32_t> nodes;
        for (std::int32_t v : schedule.nodes_of(group))
          if (wanted[static_cast<std::size_t>(v)]) nodes.push_back(v);
        if (nodes.empty()) continue;
        const Tensor rows = isa_detail::index_tensor(nodes);
        inverse.assign(rows, func_inv(h.rows(rows)));
      }
    return std::move(h).take();
  }

  /// The vectors of the outputs, through the projection head if there is one.
  /// Shapes:  states [nodes, width]  ->  [outputs, width or projection].
  Var outputs(const Fgnn2Graph& graph, const Var& states) const {
    return project(index_select(states, 0, isa_detail::index_tensor(graph.outputs)));
  }
  /// Shapes:  [rows, width]  ->  [rows, projection].
  Var project(const Var& x) const { return proj_head ? (*proj_head)(x) : x; }

  const Config& config() const { return config_; }

  static void visit(auto& self, auto&& v) {
    v("func_inv.layers", self.func_inv);
    v("func_and.layers", self.func_and);
    v("proj_head.layers", self.proj_head);
  }

  Mlp<LinearT> func_inv, func_and;
  std::optional<Mlp<LinearT>> proj_head;

 private:
  static std::vector<std::uint8_t> inverted_sources(const LevelSchedule& schedule) {
    std::vector<std::uint8_t> out(static_cast<std::size_t>(schedule.nodes()), 0);
    const auto columns = schedule.rows().fanins().columns;
    const auto types = schedule.rows().edge_types();
    for (std::size_t e = 0; e < types.size(); ++e)
      if (types[e]) out[static_cast<std::size_t>(columns[e])] = 1;
    return out;
  }

  // Plain edges read the states, inverted ones their inverses.
  static Var mean_of_sources(const isa_detail::LevelEdges& edges,
                             std::span<const std::uint8_t> types, const LevelStates& h,
                             const LevelStates& inverse) {
    std::vector<std::int32_t> sources[2], keys[2];
    const Tensor& from = edges.sources;
    const Tensor& key = edges.keys;
    for (std::size_t i = 0; i < static_cast<std::size_t>(from.size()); ++i) {
      const auto edge = static_cast<std::size_t>(edges.edges.span<std::int32_t>()[i]);
      const std::size_t side = types[edge] ? 1 : 0;
      sources[side].push_back(from.span<std::int32_t>()[i]);
      keys[side].push_back(key.span<std::int32_t>()[i]);
    }
    keys[0].insert(keys[0].end(), keys[1].begin(), keys[1].end());
    const Segments nodes(isa_detail::index_tensor(keys[0]), edges.nodes.size());
    if (sources[1].empty())
      return segment_mean(h.rows(isa_detail::index_tensor(sources[0])), nodes);
    if (sources[0].empty())
      return segment_mean(inverse.rows(isa_detail::index_tensor(sources[1])), nodes);
    return segment_mean(cat({h.rows(isa_detail::index_tensor(sources[0])),
                             inverse.rows(isa_detail::index_tensor(sources[1]))},
                            0),
                        nodes);
  }

  Config config_;
};

CFM_ISA_NAMESPACE_END
