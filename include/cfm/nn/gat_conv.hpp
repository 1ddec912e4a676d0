#pragma once
/// @file  Graph attention: GAT and GATv2.

#include <optional>

#include <cfm/autograd/ops_activation.hpp>
#include <cfm/autograd/ops_edge_attention.hpp>
#include <cfm/autograd/ops_reduce.hpp>
#include <cfm/nn/linear.hpp>
#include <cfm/nn/self_loops.hpp>

CFM_NAMESPACE_BEGIN

/// Sizes and parts of GatConv and GatV2Conv.
struct GatConfig {
  Index in = 64;
  Index out = 16;          ///< of each head
  Index heads = 4;
  bool concat = true;      ///< heads side by side; false: their mean
  double slope = 0.2;      ///< of the leaky ReLU
  Index edge = 0;          ///< columns of edge features; 0: none
  bool self_loops = true;  ///< every node hears itself once; false: the graph as it is
  bool bias = true;
  double dropout = 0;      ///< of weights, in training

  static void visit(auto& self, auto&& v) {
    v("in", self.in);
    v("out", self.out);
    v("heads", self.heads);
    v("concat", self.concat);
    v("slope", self.slope);
    v("edge", self.edge);
    v("self_loops", self.self_loops);
    v("bias", self.bias);
    v("dropout", self.dropout);
  }
};

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN
namespace isa_detail {

inline const GatConfig& checked(const GatConfig& c) {
  CFM_CHECK(c.in >= 1 && c.out >= 1 && c.heads >= 1 && c.edge >= 0,
            "gat_conv: in, out and heads are at least 1", c.in, c.out, c.heads, c.edge);
  CFM_CHECK(c.dropout >= 0 && c.dropout < 1, "gat_conv: dropout must be in [0, 1)", c.dropout);
  return c;
}

// In training a mask for the weights of edges, [edges, heads]: 0 or 1 / (1 - p).
inline Tensor edge_dropout(const Var& x, Index edges, Index heads, double p) {
  if (p == 0 || x.tape() == nullptr || !x.tape()->training()) return {};
  return dropout(x.tape()->input(Tensor::ones({edges, heads}, x.dtype())), p).value();
}

// [nodes, heads, width] as [nodes, heads width], or the mean of the heads.
inline Var join_heads(const Var& y, bool concat) {
  return concat ? reshape(y, {y.size(0), y.size(1) * y.size(2)}) : mean(y, {1});
}

inline void check_edges(std::string_view op, Index edge, Index rows, const Var& edges) {
  CFM_CHECK(edges.rank() == 2 && edges.size(0) == rows && edges.size(1) == edge && edge > 0,
            concat(op, ": needs edge features [", rows, ", ", edge, "]"), edges);
}

inline std::optional<Parameter> gat_bias(const GatConfig& c, const Init& init) {
  if (!c.bias) return std::nullopt;
  return Parameter{init.constant({c.concat ? c.heads * c.out : c.out}, 0)};
}

// The frame of GatConv and GatV2Conv around attend(graph, edges), which gives [nodes, heads, out]:
// the loops that are asked for, what becomes of the heads, and the bias. `edges` are features or
// Var().
template <class F>
Var gat_frame(const GatConfig& c, const std::optional<Parameter>& bias, const Graph& graph,
              const Var& edges, const F& attend) {
  const bool featured = edges.value().defined();
  if (featured) check_edges("gat_conv", c.edge, graph.edges(), edges);
  CFM_CHECK(featured || c.edge == 0, "gat_conv: edge features are missing", c.edge);
  const auto heads = [&] {
    if (!c.self_loops) return attend(graph, edges);
    const SelfLoops loops = with_self_loops(graph);
    return attend(loops.graph, featured ? with_self_loops(loops, edges) : edges);
  };
  const Var y = join_heads(heads(), c.concat);
  return bias ? y + bind(y, *bias) : y;
}

}  // namespace isa_detail

/// y[v] = sum of w(v, u) lin(x)[u] over the neighbours u of v and v itself, in heads; weights are
/// the softmax of leaky(att_src . lin(x)[u] + att_dst . lin(x)[v] + att_edge . lin_edge(e)).
/// Shapes:  x [nodes, in], edges [edges, config.edge]  ->  [nodes, heads out], or [nodes, out].
/// Names:   lin.weight, att_src, att_dst, att_edge, lin_edge.weight, bias, as in PyG's GATConv; a
///          loop that is added has the mean of the features of its node's edges, as there.
/// Source:  P. Velickovic et al., "Graph attention networks", ICLR 2018.
template <class LinearT = Linear<>>
class GatConv {
 public:
  using Config = GatConfig;
  static constexpr std::string_view kind = "gat_conv";

  explicit GatConv(const Config& config = {}, Init init = {})
      : lin(isa_detail::checked(config).in, config.heads * config.out, init.next(),
            {.bias = false}),
        att_src{xavier_uniform({1, config.heads, config.out}, init.next())},
        att_dst{xavier_uniform({1, config.heads, config.out}, init.next())},
        config_(config) {
    if (config.edge > 0) {
      att_edge = Parameter{xavier_uniform({1, config.heads, config.out}, init.next())};
      lin_edge.emplace(config.edge, config.heads * config.out, init.next(),
                       LinearOptions{.bias = false});
    }
    bias = isa_detail::gat_bias(config, init);
  }

  Var operator()(const Graph& graph, const Var& x, const Var& edges = {}) const {
    return isa_detail::gat_frame(
        config_, bias, graph, edges,
        [&](const Graph& looped, const Var& features) { return attend(looped, x, features); });
  }

  const Config& config() const { return config_; }

  static void visit(auto& self, auto&& v) {
    v("att_src", self.att_src);
    v("att_dst", self.att_dst);
    v("att_edge", self.att_edge);
    v("bias", self.bias);
    v("lin", self.lin);
    v("lin_edge", self.lin_edge);
  }

  LinearT lin;
  std::optional<LinearT> lin_edge;
  Parameter att_src, att_dst;
  std::optional<Parameter> att_edge, bias;

 private:
  // What a vector a head makes of heads of rows.   Shapes:  [rows, heads].
  Var score(const Var& rows, const Parameter& vector) const {
    return sum(rows * bind(rows, vector), {2});
  }
  Var heads_of(const Var& x) const { return reshape(x, {x.size(0), config_.heads, config_.out}); }

  Var attend(const Graph& graph, const Var& x, const Var& edges) const {
    const Var h = heads_of(lin(x));
    EdgeAttentionExtras extras;
    if (edges.value().defined())
      extras.edge_key = score(heads_of((*lin_edge)(beside(x, edges))), *att_edge);
    extras.factor = isa_detail::edge_dropout(x, graph.edges(), config_.heads, config_.dropout);
    return edge_attention(graph, score(h, att_dst), score(h, att_src), h,
                          AdditiveScore{config_.slope}, extras);
  }

  Config config_;
};

/// The same with scores att . leaky(lin_l(x)[u] + lin_r(x)[v] + lin_edge(e)): which neighbour
/// weighs most may depend on the node that hears.
/// Names:   lin_l, lin_r, lin_edge.weight, att, bias, as in PyG's GATv2Conv.
/// Source:  S. Brody et al., "How attentive are graph attention networks?", ICLR 2022.
template <class LinearT = Linear<>>
class GatV2Conv {
 public:
  using Config = GatConfig;
  static constexpr std::string_view kind = "gatv2_conv";

  explicit GatV2Conv(const Config& config = {}, Init init = {})
      : lin_l(isa_detail::checked(config).in, config.heads * config.out, init.next(),
              {.bias = config.bias}),
        lin_r(config.in, config.heads * config.out, init.next(), {.bias = config.bias}),
        att{xavier_uniform({1, config.heads, config.out}, init.next())},
        config_(config) {
    if (config.edge > 0)
      lin_edge.emplace(config.edge, config.heads * config.out, init.next(),
                       LinearOptions{.bias = false});
    bias = isa_detail::gat_bias(config, init);
  }

  Var operator()(const Graph& graph, const Var& x, const Var& edges = {}) const {
    return isa_detail::gat_frame(
        config_, bias, graph, edges,
        [&](const Graph& looped, const Var& features) { return attend(looped, x, features); });
  }

  const Config& config() const { return config_; }

  static void visit(auto& self, auto&& v) {
    v("att", self.att);
    v("bias", self.bias);
    v("lin_l", self.lin_l);
    v("lin_r", self.lin_r);
    v("lin_edge", self.lin_edge);
  }

  LinearT lin_l;  ///< of the node that sends
  LinearT lin_r;  ///< of the node that hears
  std::optional<LinearT> lin_edge;
  Parameter att;
  std::optional<Parameter> bias;

 private:
  Var heads_of(const Var& x) const { return reshape(x, {x.size(0), config_.heads, config_.out}); }

  Var attend(const Graph& graph, const Var& x, const Var& edges) const {
    const Var source = heads_of(lin_l(x));
    EdgeAttentionExtras extras;
    extras.weight = reshape(bind(x, att), {config_.heads, config_.out});
    if (edges.value().defined()) extras.edge_key = heads_of((*lin_edge)(beside(x, edges)));
    extras.factor = isa_detail::edge_dropout(x, graph.edges(), config_.heads, config_.dropout);
    return edge_attention(graph, heads_of(lin_r(x)), source, source, LeakyDotScore{config_.slope},
                          extras);
  }

  Config config_;
};

CFM_ISA_NAMESPACE_END
