#pragma once
/// @file  One row for each graph of a batch, or fewer nodes.

#include <cmath>
#include <numeric>

#include <cfm/autograd/ops_activation.hpp>
#include <cfm/autograd/ops_segment.hpp>
#include <cfm/graph/batch.hpp>
#include <cfm/graph/subgraph.hpp>
#include <cfm/nn/mlp.hpp>

CFM_NAMESPACE_BEGIN

/// The nodes of a batch, grouped by their graph.
inline Segments graph_segments(const GraphBatch& batch) {
  Tensor keys = Tensor::empty({batch.graph().nodes()}, DType::i32);
  const auto of = keys.span<std::int32_t>();
  const auto offsets = batch.node_offsets();
  for (std::size_t g = 0; g + 1 < offsets.size(); ++g)
    std::fill(of.begin() + offsets[g], of.begin() + offsets[g + 1], static_cast<std::int32_t>(g));
  return Segments(keys, batch.size());
}

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

// Shapes:  x [nodes, ...]  ->  [graphs, ...]. A graph without nodes gives 0.
// Order:   nodes in their order: the same bits for any number of threads.

/// The sum over the nodes of each graph.
inline Var pool_sum(const GraphBatch& batch, const Var& x) {
  return segment_sum(x, graph_segments(batch));
}
/// The mean over the nodes of each graph.
inline Var pool_mean(const GraphBatch& batch, const Var& x) {
  return segment_mean(x, graph_segments(batch));
}
/// The element-wise maximum over the nodes of each graph.
inline Var pool_max(const GraphBatch& batch, const Var& x) {
  return segment_max(x, graph_segments(batch));
}
/// The element-wise minimum over the nodes of each graph.
inline Var pool_min(const GraphBatch& batch, const Var& x) {
  return segment_min(x, graph_segments(batch));
}

/// y[g] = sum over nodes of g of softmax_g(gate(x)) transform(x): a weighted mean that learns what
/// to look at.
/// Shapes:  x [nodes, in]  ->  [graphs, out], or [graphs, in] without a transform.
/// Source:  Y. Li et al., "Gated graph sequence neural networks", ICLR 2016, equation 7, in the
///          form of PyG's AttentionalAggregation.
template <class LinearT = Linear<>>
class AttentionPool {
 public:
  /// A gate of two layers and no transform.
  AttentionPool(Index in, Index hidden, Init init = {})
      : gate({.in = in, .hidden = hidden, .out = 1}, init.next()) {}
  /// The same with a linear transform to `out` columns.
  AttentionPool(Index in, Index hidden, Index out, Init init = {})
      : gate({.in = in, .hidden = hidden, .out = 1}, init.next()),
        transform(LinearT(in, out, init.next())) {}

  Var operator()(const GraphBatch& batch, const Var& x) const {
    const Segments segments = graph_segments(batch);
    const Var weight = segment_softmax(gate(x), segments);
    return segment_sum(mul(weight, transform ? (*transform)(x) : x), segments);
  }

  static void visit(auto& self, auto&& v) {
    v("gate", self.gate);
    v("transform", self.transform);
  }

  Mlp<LinearT> gate;
  std::optional<LinearT> transform;
};

/// What TopKPool keeps.
struct TopKResult {
  Var x;             ///< [kept, width]
  GraphBatch batch;  ///< the graphs on the kept nodes
  Tensor nodes;      ///< i32[kept]: their numbers in the old batch, ascending
  Var score;         ///< [kept, 1], before the tanh
};

/// Keeps the best ceil(ratio nodes) nodes of each graph by the score x . p / |p|, and scales their
/// rows by tanh(score), which is where the gradient of p comes from. Kept nodes stay in their
/// order, so a topological one stays; edges between them stay too.
/// Shapes:  x [nodes, width].   Order:  of equal scores the node of the smaller number; NaN last.
/// Source:  H. Gao, S. Ji, "Graph U-Nets", ICML 2019, equation 2; C. Cangea et al., 2018.
class TopKPool {
 public:
  TopKPool(Index width, double ratio = 0.5, Init init = {})
      : weight{fan_in_uniform({width}, width, init.next())}, ratio_(ratio) {
    CFM_CHECK(ratio > 0 && ratio <= 1, "top-k pool: a ratio lies in 0 .. 1, 0 excluded", ratio);
  }

  TopKResult operator()(const GraphBatch& batch, const Var& x) const {
    CFM_CHECK(x.rank() == 2 && x.size(0) == batch.graph().nodes(),
              "top-k pool: x must be [nodes, width]", x);
    const Var p = bind(x, weight);
    const Var score = div(sum(mul(x, p), {1}, true), sqrt(sum(square(p))));
    TopKResult out;
    std::vector<std::int32_t> kept;
    std::vector<Graph> graphs;
    SubgraphCutter cut(batch.graph());
    const Tensor wide = score.value().to(DType::f64).contiguous();
    const auto value = wide.span<double>();
    for (Index g = 0; g < batch.size(); ++g) {
      const auto begin = batch.node_offsets()[detail::to_size(g)];
      const auto end = batch.node_offsets()[detail::to_size(g) + 1];
      std::vector<std::int32_t> nodes(detail::to_size(end - begin));
      std::iota(nodes.begin(), nodes.end(), static_cast<std::int32_t>(begin));
      std::stable_sort(nodes.begin(), nodes.end(), [&](std::int32_t a, std::int32_t b) {
        const double first = value[detail::to_size(a)], second = value[detail::to_size(b)];
        return first > second || (second != second && first == first);
      });
      nodes.resize(detail::to_size(std::ceil(ratio_ * static_cast<double>(nodes.size()) - 1e-9)));
      std::sort(nodes.begin(), nodes.end());
      graphs.push_back(cut(nodes).graph);
      kept.insert(kept.end(), nodes.begin(), nodes.end());
    }
    out.nodes = Tensor::from(kept, {static_cast<Index>(kept.size())});
    out.batch = GraphBatch(graphs);
    out.score = embedding(score, out.nodes);
    out.x = mul(embedding(x, out.nodes), tanh(out.score));
    return out;
  }

  static void visit(auto& self, auto&& v) { v("weight", self.weight); }

  Parameter weight;  ///< [width]

 private:
  double ratio_;
};

CFM_ISA_NAMESPACE_END
