#pragma once
/// @file  Graphormer: where a node stands in its graph, as parts of states and of attention scores.

#include <cfm/autograd/ops_index.hpp>
#include <cfm/autograd/ops_shape.hpp>
#include <cfm/graph/graph.hpp>
#include <cfm/nn/init.hpp>
#include <cfm/nn/module.hpp>

CFM_NAMESPACE_BEGIN

/// Sizes of GraphormerBias.
struct GraphormerConfig {
  Index width = 64;      ///< of states
  Index heads = 4;       ///< of attention
  Index degrees = 64;    ///< degrees of this many and above count as the largest
  Index distances = 20;  ///< distances 0 ... distances - 1, then farther ones, then no path

  static void visit(auto& self, auto&& v) {
    v("width", self.width);
    v("heads", self.heads);
    v("degrees", self.degrees);
    v("distances", self.distances);
  }
};

/// Rows of the table of distances: distance d for d < limit, limit for longer ones, limit + 1 where
/// there is no path (a negative number).
/// Shapes:  distances i32 or i64 [any]  ->  i64, the same.
inline Tensor distance_rows(const Tensor& distances, Index limit) {
  const Tensor in = distances.to(DType::i64).contiguous();
  Tensor out = Tensor::empty(in.shape(), DType::i64);
  const auto from = in.span<std::int64_t>();
  const auto to = out.span<std::int64_t>();
  for (std::size_t i = 0; i < from.size(); ++i)
    to[i] = from[i] < 0 ? limit + 1 : std::min<std::int64_t>(from[i], limit);
  return out;
}

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// Learned vectors for the numbers of fan-ins and fan-outs, added to states, and learned numbers
/// for the distances of pairs, added to scores of attention:
///
///     x = x + bias.centrality(graph);
///     y = attention(x, AllKeys{}, bias.scores(x, distances));
///
/// Source:  C. Ying et al., "Do transformers really perform bad for graph representation?",
///          NeurIPS 2021, eq. (5) and (6).
class GraphormerBias {
 public:
  using Config = GraphormerConfig;
  static constexpr std::string_view kind = "graphormer_bias";

  explicit GraphormerBias(const Config& config = {}, Init init = {}) : config_(config) {
    CFM_CHECK(config.width >= 1 && config.heads >= 1 && config.degrees >= 1 &&
                  config.distances >= 1,
              "graphormer_bias: sizes are at least 1", config.width, config.heads, config.degrees,
              config.distances);
    const auto table = [&](Index rows, Index cols) {
      return Parameter{init.next().normal({rows, cols}, 0, 0.02)};
    };
    in_degree = table(config.degrees, config.width);
    out_degree = table(config.degrees, config.width);
    spatial = table(config.distances + 2, config.heads);
  }

  /// What is added to states; `like` gives the tape.   Shapes:  [nodes, width].
  Var centrality(const Graph& graph, const Var& like) const {
    return embedding(bind(like, in_degree), degrees(graph.fanins())) +
           embedding(bind(like, out_degree), degrees(graph.fanouts()));
  }

  /// What is added to scores: a score policy of attention.
  /// Shapes:  distances i32 or i64 [batch, nodes, nodes], negative: no path
  ///          ->  [batch, heads, nodes, nodes].
  Var scores(const Var& like, const Tensor& distances) const {
    CFM_CHECK(distances.rank() == 3 && distances.size(1) == distances.size(2),
              "graphormer_bias: needs distances [batch, nodes, nodes]", distances);
    const Tensor rows = distance_rows(distances, config_.distances);
    return permute(embedding(bind(like, spatial), rows), {0, 3, 1, 2});
  }

  const Config& config() const { return config_; }

  static void visit(auto& self, auto&& v) {
    v("in_degree", self.in_degree);
    v("out_degree", self.out_degree);
    v("spatial", self.spatial);
  }

  Parameter in_degree, out_degree;  ///< [degrees, width]
  Parameter spatial;                ///< [distances + 2, heads]

 private:
  Tensor degrees(const CsrView& rows) const {
    Tensor out = Tensor::empty({rows.rows()}, DType::i64);
    const auto to = out.span<std::int64_t>();
    for (std::size_t v = 0; v < to.size(); ++v)
      to[v] = std::min<std::int64_t>(rows.offsets[v + 1] - rows.offsets[v], config_.degrees - 1);
    return out;
  }

  Config config_;
};

CFM_ISA_NAMESPACE_END
