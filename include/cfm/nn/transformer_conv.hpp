#pragma once
/// @file  Transformer convolution: dot-product attention over neighbours.

#include <optional>

#include <cfm/nn/gat_conv.hpp>

CFM_NAMESPACE_BEGIN

/// Sizes and parts of TransformerConv.
struct TransformerConvConfig {
  Index in = 64;
  Index out = 16;      ///< of each head
  Index heads = 4;
  bool concat = true;  ///< heads side by side; false: their mean
  bool beta = false;   ///< a gate mixes the node's own part and what it hears
  bool root = true;    ///< the node's own part is added
  Index edge = 0;      ///< columns of edge features; 0: none
  bool bias = true;    ///< of linear layers
  double dropout = 0;  ///< of weights, in training

  static void visit(auto& self, auto&& v) {
    v("in", self.in);
    v("out", self.out);
    v("heads", self.heads);
    v("concat", self.concat);
    v("beta", self.beta);
    v("root", self.root);
    v("edge", self.edge);
    v("bias", self.bias);
    v("dropout", self.dropout);
  }
};

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// y[v] = sum of w(v, u) (value(x)[u] + e) over the neighbours u of v, in heads, weights the
/// softmax of query(x)[v] . (key(x)[u] + e) / sqrt(out), e = lin_edge(edge); plus r = skip(x)[v],
/// or with beta  b r + (1 - b) y,  b = sigmoid(lin_beta [y, r, y - r]).
/// Shapes:  x [nodes, in], edges [edges, config.edge]  ->  [nodes, heads out], or [nodes, out].
/// Names:   lin_key, lin_query, lin_value, lin_edge, lin_skip, lin_beta, as in PyG's
///          TransformerConv.
/// Source:  Y. Shi et al., "Masked label prediction: unified message passing model for
///          semi-supervised classification", IJCAI 2021, eq. (1) to (5).
template <class LinearT = Linear<>>
class TransformerConv {
 public:
  using Config = TransformerConvConfig;
  static constexpr std::string_view kind = "transformer_conv";

  explicit TransformerConv(const Config& config = {}, Init init = {}) : config_(config) {
    CFM_CHECK(config.in >= 1 && config.out >= 1 && config.heads >= 1 && config.edge >= 0,
              "transformer_conv: in, out and heads are at least 1", config.in, config.out,
              config.heads, config.edge);
    CFM_CHECK(config.root || !config.beta, "transformer_conv: beta needs the root");
    const Index all = config.heads * config.out, own = config.concat ? all : config.out;
    const LinearOptions options{.bias = config.bias}, plain{.bias = false};
    lin_key = LinearT(config.in, all, init.next());
    lin_query = LinearT(config.in, all, init.next());
    lin_value = LinearT(config.in, all, init.next());
    if (config.edge > 0) lin_edge.emplace(config.edge, all, init.next(), plain);
    if (config.root) lin_skip.emplace(config.in, own, init.next(), options);
    if (config.beta) lin_beta.emplace(3 * own, Index{1}, init.next(), plain);
  }

  Var operator()(const Neighbours& graph, const Var& x) const {
    CFM_CHECK(config_.edge == 0, "transformer_conv: edge features are missing", config_.edge);
    return attend(graph, x, {});
  }
  Var operator()(const Neighbours& graph, const Var& x, const Var& edges) const {
    isa_detail::check_edges("transformer_conv", config_.edge, graph.edges(), edges);
    return attend(graph, x, heads_of((*lin_edge)(beside(x, edges))));
  }

  const Config& config() const { return config_; }

  static void visit(auto& self, auto&& v) {
    v("lin_key", self.lin_key);
    v("lin_query", self.lin_query);
    v("lin_value", self.lin_value);
    v("lin_edge", self.lin_edge);
    v("lin_skip", self.lin_skip);
    v("lin_beta", self.lin_beta);
  }

  LinearT lin_key, lin_query, lin_value;
  std::optional<LinearT> lin_edge, lin_skip, lin_beta;

 private:
  Var heads_of(const Var& x) const { return reshape(x, {x.size(0), config_.heads, config_.out}); }

  Var attend(const Neighbours& graph, const Var& x, const Var& edges) const {
    EdgeAttentionExtras extras{.edge_key = edges, .edge_value = edges};
    extras.factor = isa_detail::edge_dropout(x, graph.edges(), config_.heads, config_.dropout);
    const Var heard = isa_detail::join_heads(
        edge_attention(graph, heads_of(lin_query(x)), heads_of(lin_key(x)),
                       heads_of(lin_value(x)), DotScore{}, extras),
        config_.concat);
    if (!lin_skip) return heard;
    const Var own = (*lin_skip)(x);
    if (!lin_beta) return heard + own;
    const Var b = sigmoid((*lin_beta)(cat({heard, own, heard - own}, 1)));
    return b * own + (1.0 - b) * heard;
  }

  Config config_;
};

CFM_ISA_NAMESPACE_END
