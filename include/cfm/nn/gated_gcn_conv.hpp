#pragma once
/// @file  Gated graph convolution with states of nodes and of edges.

#include <optional>

#include <cfm/autograd/ops_activation.hpp>
#include <cfm/autograd/ops_propagate.hpp>
#include <cfm/nn/linear.hpp>
#include <cfm/nn/norm.hpp>
#include <cfm/nn/self_loops.hpp>

CFM_NAMESPACE_BEGIN

/// What GatedGcnConv is told.
struct GatedGcnOptions {
  bool norm = true;      ///< batch norm of nodes and edges before the ReLU
  bool residual = true;  ///< what came in is added
  double dropout = 0;
};

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// States of nodes and edges.
struct NodesAndEdges {
  Var nodes;  ///< [nodes, width]
  Var edges;  ///< [edges, width], in the order of Graph::fanins()
};

/// Gates of edges decide what is heard:
///
///     g = C e + D x[v] + E x[u],   e' = e + relu(norm(g)),
///     x'[v] = x[v] + relu(norm(A x[v] + sum s(g) B x[u] / (sum s(g) + 1e-6)))  over neighbours u,
///
/// s the sigmoid.
/// Shapes:  x [nodes, width], edges [edges, width]  ->  the same.
/// Names:   A, B, C, D, E, bn_node_x, bn_edge_e, as in GraphGPS.
/// Source:  X. Bresson, T. Laurent, "Residual gated graph convnets", arXiv:1711.07553; V. Dwivedi
///          et al., "Benchmarking graph neural networks", JMLR 2023.
template <class LinearT = Linear<>>
class GatedGcnConv {
 public:
  explicit GatedGcnConv(Index width, Init init = {}, const GatedGcnOptions& options = {})
      : A(width, width, init.next()),
        B(width, width, init.next()),
        C(width, width, init.next()),
        D(width, width, init.next()),
        E(width, width, init.next()),
        options_(options) {
    if (!options.norm) return;
    bn_node_x = BatchNorm1d(width, init.next());
    bn_edge_e = BatchNorm1d(width, init.next());
  }

  NodesAndEdges operator()(const Graph& graph, const Var& x, const Var& edges) const {
    CFM_CHECK(x.rank() == 2 && edges.rank() == 2 && x.size(0) == graph.nodes() &&
                  edges.size(0) == graph.edges(),
              concat("gated_gcn_conv: needs a row for each of ", graph.nodes(), " nodes and ",
                     graph.edges(), " edges"),
              x, edges);
    const Var state = beside(edges, x), e = beside(state, edges);
    const Var gates = C(e) + index_select(D(state), 0, edge_targets(graph)) +
                      index_select(E(state), 0, graph.columns());
    const Var sums = propagate(
        graph, [](auto gate, auto value) { return sigmoid(gate) * value; }, Sum{}, at_edge(gates),
        at_source(B(state)));
    const Var weights = propagate(
        graph, [](auto gate) { return sigmoid(gate); }, Sum{}, at_edge(gates));
    const Var heard = A(state) + sums / (weights + 1e-6);
    return {finish(state, heard, bn_node_x), finish(e, gates, bn_edge_e)};
  }

  static void visit(auto& self, auto&& v) {
    v("A", self.A);
    v("B", self.B);
    v("C", self.C);
    v("D", self.D);
    v("E", self.E);
    v("bn_node_x", self.bn_node_x);
    v("bn_edge_e", self.bn_edge_e);
  }

  LinearT A, B, C, D, E;
  std::optional<BatchNorm1d> bn_node_x, bn_edge_e;

 private:
  Var finish(const Var& before, const Var& h, const std::optional<BatchNorm1d>& norm) const {
    const Var y = dropout(relu(norm ? (*norm)(h) : h), options_.dropout);
    return options_.residual ? before + y : y;
  }

  GatedGcnOptions options_;
};

CFM_ISA_NAMESPACE_END
