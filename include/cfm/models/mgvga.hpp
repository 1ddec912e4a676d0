#pragma once
/// @file  MGVGA: gates hidden behind a mask are guessed from their surroundings.

#include <optional>
#include <string_view>
#include <vector>

#include <cfm/autograd/ops_loss.hpp>
#include <cfm/autograd/ops_segment.hpp>
#include <cfm/models/mgvga_graph.hpp>
#include <cfm/nn/embedding.hpp>
#include <cfm/nn/gen_conv.hpp>
#include <cfm/nn/norm.hpp>
#include <cfm/nn/serialize.hpp>

CFM_NAMESPACE_BEGIN

/// Sizes of MGVGA. The defaults are the published model: 1,103,442 parameters.
struct MgvgaConfig {
  Index width = 64;          ///< of every state
  Index layers = 7;          ///< blocks of the encoder
  Index classes = 4;         ///< kinds of nodes
  Index align_layers = 2;    ///< blocks that read the embedding of a design's Verilog
  Index verilog = 3584;      ///< columns of that embedding
  bool conv_bias = false;    ///< linear layers of the convolutions have one
  double dropout = 0.1;      ///< before the heads of degrees and in the alignment
  bool released_degrees = true;  ///< the head named indegree learns fan-outs, as in the public code

  static void visit(auto& self, auto&& v) {
    v("width", self.width);
    v("layers", self.layers);
    v("classes", self.classes);
    v("align_layers", self.align_layers);
    v("verilog", self.verilog);
    v("conv_bias", self.conv_bias);
    v("dropout", self.dropout);
    v("released_degrees", self.released_degrees);
  }
};

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// x + conv(relu(norm(x))).
template <class LinearT = Linear<>>
struct MgvgaBlock {
  MgvgaBlock(const MgvgaConfig& c, Init init)
      : conv({.in = c.width, .out = c.width, .norm = Norm::layer, .bias = c.conv_bias},
             init.next()),
        norm(c.width, init.next()) {}

  Var operator()(const Neighbours& graph, const Var& x) const {
    return x + conv(graph, relu(norm(x)));
  }

  static void visit(auto& self, auto&& v) {
    v("layer.conv", self.conv);
    v("layer.norm", self.norm);
  }

  GenConv<LinearT> conv;
  LayerNorm norm;
};

/// fc2(relu(fc1(dropout(x)))).
template <class LinearT = Linear<>>
struct MgvgaMlp {
  MgvgaMlp(const MgvgaConfig& c, Init init)
      : fc1(c.width, c.width, init.next()), fc2(c.width, c.width, init.next()), drop(c.dropout) {}

  Var operator()(const Var& x) const { return fc2(relu(fc1(dropout(x, drop)))); }

  static void visit(auto& self, auto&& v) {
    v("fc1", self.fc1);
    v("fc2", self.fc2);
  }

  LinearT fc1, fc2;
  double drop;
};

/// Adds what the Verilog of a design says to all of its nodes, then a perceptron. Attention over
/// the one vector of a design has the weight 1 for every node, so it is the vector's value itself;
/// queries and keys are in files, and nothing depends on them.
template <class LinearT = Linear<>>
struct MgvgaAlignBlock {
  MgvgaAlignBlock(const MgvgaConfig& c, Init init)
      : linear_q(c.width, c.width, init.next()),
        linear_k(c.verilog, c.width, init.next()),
        linear_v(c.verilog, c.width, init.next()),
        linear_out(c.width, c.width, init.next()),
        mlp(c, init.next()),
        attn_norm(c.width, init.next()),
        mlp_norm(c.width, init.next()) {}

  /// verilog [graphs, config.verilog]; `graphs` gives each node its graph.
  Var operator()(const Var& x, const Var& verilog, const Segments& graphs) const {
    const Var heard = linear_out(linear_v(beside(x, verilog)));
    const Var h = x + segment_spread(heard, graphs);
    return h + mlp(mlp_norm(h));
  }

  static void visit(auto& self, auto&& v) {
    v("attn.linear_q", self.linear_q);
    v("attn.linear_k", self.linear_k);
    v("attn.linear_v", self.linear_v);
    v("attn.linear_out", self.linear_out);
    v("mlp", self.mlp);
    v("attn_norm", self.attn_norm);
    v("mlp_norm", self.mlp_norm);
  }

  LinearT linear_q, linear_k, linear_v, linear_out;
  MgvgaMlp<LinearT> mlp;
  LayerNorm attn_norm, mlp_norm;
};

/// A perceptron and a linear layer for a number of neighbours.
template <class LinearT = Linear<>>
struct MgvgaDegreeHead {
  MgvgaDegreeHead(const MgvgaConfig& c, Init init)
      : mlp(c, init.next()), classifier(c.width, 1, init.next()) {}

  Var operator()(const Var& x) const { return reshape(classifier(mlp(x)), {x.size(0)}); }

  static void visit(auto& self, auto&& v) {
    v("mlp", self.mlp);
    v("classifier", self.classifier);
  }

  MgvgaMlp<LinearT> mlp;
  LinearT classifier;
};

/// What masked gate modelling guesses about the hidden nodes, in their order.
struct MgvgaGuess {
  Var kinds;             ///< logits [hidden, classes]
  Var indegree, outdegree;  ///< [hidden]
};

/// An encoder of gates whose training hides some: seven blocks of GENConv with ReLU between them,
/// states of 64 numbers. Masked gate modelling hides states behind the encoder and lets one more
/// block guess what they were; the alignment hides gates before it and adds the embedding of the
/// design's Verilog. Batches are disjoint unions (GraphBatch), there is no padding.
/// Source:  H. Wu et al., "Circuit representation learning with masked gate modeling and
///          Verilog-AIG alignment", ICLR 2025, with the details of its public code.
template <class LinearT = Linear<>>
class Mgvga {
 public:
  using Config = MgvgaConfig;
  static constexpr std::string_view kind = "mgvga";

  explicit Mgvga(const Config& config = {}, Init init = Rng(0))
      : token_emb(config.classes + 1, config.width, init.next()),
        decoder(config, init.next()),
        mask_token(1, config.width, init.next()),
        vg_mask_token(1, config.width, init.next()),
        node_head(config.width, config.classes, init.next()),
        vg_node_head(config.width, config.classes, init.next()),
        indegree_head(config, init.next()),
        outdegree_head(config, init.next()),
        config_(config) {
    CFM_CHECK(config.width >= 1 && config.layers >= 1 && config.classes >= 1 &&
                  config.align_layers >= 0 && config.verilog >= 1,
              "mgvga: width, layers, classes and verilog are at least 1", config.width,
              config.layers, config.classes, config.align_layers, config.verilog);
    for (Index l = 0; l < config.layers; ++l) encoder.emplace_back(config, init.next());
    for (Index l = 0; l < config.align_layers; ++l) align.emplace_back(config, init.next());
    start_small(init);
  }

  /// The input states of gates.   Shapes:  tokens i64 [nodes]  ->  [nodes, width].
  Var embed_tokens(const Var& tokens) const { return token_emb(tokens); }

  /// States from input states.   Shapes:  [nodes, width]  ->  the same.
  Var encode(const Neighbours& graph, const Var& x) const {
    Var h = x;
    for (std::size_t l = 0; l < encoder.size(); ++l) {
      h = encoder[l](graph, h);
      if (l + 1 < encoder.size()) h = relu(h);
    }
    return h;
  }

  /// The state of every gate.   Shapes:  tokens i64 [nodes], on the tape for gradients (see
  /// Embedding)  ->  [nodes, width]. The state of a graph is the mean of those of its nodes.
  Var operator()(const Neighbours& graph, const Var& tokens) const {
    return encode(graph, embed_tokens(tokens));
  }

  /// Masked gate modelling: hides `hidden` nodes of the encoder's states and guesses them.
  /// Shapes:  hidden i64 [any], without repetitions.
  MgvgaGuess guess(const Neighbours& graph, const Var& states, const Tensor& hidden) const {
    const Var h = decoder(graph, hide(states, hidden, mask_token));
    const Var seen = index_select(h, 0, hidden);
    return {node_head(seen), indegree_head(seen), outdegree_head(seen)};
  }

  /// Alignment: hides nodes of the encoder's input, and guesses their kinds with the Verilog.
  /// Shapes:  verilog [graphs, config.verilog]  ->  logits [hidden, classes].
  Var guess_aligned(const Neighbours& graph, const Var& tokens, const Tensor& hidden,
                    const Var& verilog, const Segments& graphs) const {
    Var h = encode(graph, hide(embed_tokens(tokens), hidden, vg_mask_token));
    for (const MgvgaAlignBlock<LinearT>& block : align) h = block(h, verilog, graphs);
    return vg_node_head(index_select(h, 0, hidden));
  }

  const Config& config() const { return config_; }

  static void visit(auto& self, auto&& v) {
    v("token_emb.node_token_emb", self.token_emb);
    for (std::size_t l = 0; l < self.encoder.size(); ++l)
      v(l + 1 < self.encoder.size() ? concat("graph_encoder.layers.", l)
                                    : std::string("graph_encoder.conv"),
        self.encoder[l]);
    v("graph_decoder.conv", self.decoder);
    v("vg_decoder.layers", self.align);
    v("mask_token", self.mask_token);
    v("vg_mask_token", self.vg_mask_token);
    v("node_prediction_head.classifier", self.node_head);
    v("vg_node_prediction_head.classifier", self.vg_node_head);
    v("indegree_prediction_head", self.indegree_head);
    v("outdegree_prediction_head", self.outdegree_head);
  }

  Embedding token_emb;
  std::vector<MgvgaBlock<LinearT>> encoder;
  MgvgaBlock<LinearT> decoder;
  std::vector<MgvgaAlignBlock<LinearT>> align;
  Embedding mask_token, vg_mask_token;
  LinearT node_head, vg_node_head;
  MgvgaDegreeHead<LinearT> indegree_head, outdegree_head;

 private:
  // Rows `hidden` of x replaced by a learned one.
  static Var hide(const Var& x, const Tensor& hidden, const Embedding& token) {
    CFM_CHECK(hidden.rank() == 1 && x.rank() == 2, "mgvga: hidden nodes are a vector", hidden, x);
    Tensor mask = Tensor::zeros({x.size(0), 1}, DType::boolean);
    const auto flags = mask.span<bool>();
    const Tensor list = hidden.to(DType::i64).contiguous();
    for (std::int64_t v : list.span<std::int64_t>()) {
      CFM_CHECK(v >= 0 && v < x.size(0), "mgvga: a hidden node is no node", v, x.size(0));
      flags[static_cast<std::size_t>(v)] = true;
    }
    return where(mask, bind(x, token.weight), x);
  }

  // Weights of linear layers and tables N(0, 0.02), biases 0, row 0 of the table of tokens 0.
  void start_small(Init& init) {
    for_each_parameter(*this, [&](std::string_view name, Parameter& p) {
      if (name.ends_with("weight") && p.value.rank() == 2)
        p.value = init.next().normal(p.value.shape(), 0, 0.02);
      else if (name.ends_with("bias"))
        p.value = init.constant(p.value.shape(), 0);
    });
    token_emb.weight.value = zero_row(token_emb.weight.value);
  }
  static Tensor zero_row(Tensor table) {
    if (table.storage().writable() && table.is_contiguous()) table.select(0, 0).fill(0);
    return table;
  }

  Config config_;
};

CFM_ISA_NAMESPACE_END
