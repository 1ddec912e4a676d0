#pragma once
/// @file  A node beside each graph that hears from all nodes and tells all nodes.

#include <cfm/nn/pooling.hpp>

CFM_ISA_NAMESPACE_BEGIN

/// What an exchange with the virtual nodes gives.
struct VirtualExchange {
  Var nodes;  ///< [nodes, width]
  Var state;  ///< [graphs, width]: the virtual nodes
};

/// nodes' = nodes + state of the graph; state' = state + mlp(state + sum of nodes' over the graph).
/// One for every layer of a network, between the layers; the first state is `initial`.
/// Shapes:  nodes [nodes, width], state [graphs, width].
/// Source:  J. Gilmer et al., "Neural message passing for quantum chemistry", ICML 2017, section
///          5.2, in the form of the OGB baselines with a residual.
template <class LinearT = Linear<>>
class VirtualNode {
 public:
  /// An MLP of two layers, twice as wide inside.
  VirtualNode(Index width, Init init = {})
      : mlp({.in = width, .hidden = 2 * width, .out = width}, init.next()),
        start{init.next().constant({width}, 0)} {}

  /// The state before the first exchange: the same learned row for every graph.
  Var initial(const GraphBatch& batch, const Var& nodes) const {
    const Index width = start.value.size(0);
    return expand(reshape(bind(nodes, start), {1, width}), {batch.size(), width});
  }

  VirtualExchange operator()(const GraphBatch& batch, const Var& nodes, const Var& state) const {
    const Segments segments = graph_segments(batch);
    CFM_CHECK(nodes.rank() == 2 && nodes.size(0) == segments.rows(),
              "virtual node: nodes must be [nodes, width]", nodes);
    CFM_CHECK(state.rank() == 2 && state.size(0) == batch.size() && state.size(1) == nodes.size(1),
              "virtual node: state must be [graphs, width]", state, nodes);
    const Var told = add(nodes, segment_spread(state, segments));
    return {told, add(state, mlp(add(state, segment_sum(told, segments))))};
  }

  static void visit(auto& self, auto&& v) {
    v("mlp", self.mlp);
    v("start", self.start);
  }

  Mlp<LinearT> mlp;
  Parameter start;  ///< [width]; 0 at first
};

CFM_ISA_NAMESPACE_END
