#pragma once
/// @file  FuncGNN: signed means and sums in turn, normalised with help of a circuit's gate ratio.

#include <optional>
#include <string_view>
#include <vector>

#include <cfm/autograd/ops_aggregate.hpp>
#include <cfm/autograd/ops_loss.hpp>
#include <cfm/autograd/ops_segment.hpp>
#include <cfm/models/signed_graph.hpp>
#include <cfm/nn/mlp.hpp>
#include <cfm/nn/serialize.hpp>

CFM_NAMESPACE_BEGIN

/// Sizes of FuncGNN. The defaults are the published model: 976,513 parameters.
struct FuncGnnConfig {
  Index features = 3;
  Index width = 256;
  Index rounds = 3;    ///< each of a signed mean and a sum
  Index readout = 128; ///< width of the two layers before the probability
  double dropout = 0.1;

  static void visit(auto& self, auto&& v) {
    v("features", self.features);
    v("width", self.width);
    v("rounds", self.rounds);
    v("readout", self.readout);
    v("dropout", self.dropout);
  }
};

/// Part of the gates that are ANDs: the number by which FuncGNN tells circuits apart. The released
/// code leaves its exact definition to the data; this is ours.
inline double gate_ratio(const ExplicitNotGraph& graph) {
  double ands = 0, gates = 0;
  for (NodeKind k : graph.kinds) {
    ands += k == NodeKind::and_gate ? 1 : 0;
    gates += k == NodeKind::and_gate || k == NodeKind::not_gate ? 1 : 0;
  }
  return gates > 0 ? ands / gates : 0;
}

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// Normalises each column over the nodes of a graph; gain and shift depend on a number of it.
class GraphRateNorm {
 public:
  GraphRateNorm(Index width, Init init)
      : weight{init.constant({width}, 1)},
        bias{init.constant({width}, 0)},
        gain(1, width, init.next()),
        shift(1, width, init.next()) {}

  /// Shapes:  x [nodes, width], rate [graphs, 1]; `graphs` gives each node its graph.
  Var operator()(const Var& x, const Segments& graphs, const Var& rate) const {
    const Var centred = x - segment_spread(segment_mean(x, graphs), graphs);
    const Var scale = rsqrt(segment_mean(square(centred), graphs) + 1e-5);
    const Var r = beside(x, rate);
    const Var gains = (bind(x, weight) + gain(r)) * scale;
    return centred * segment_spread(gains, graphs) +
           segment_spread(bind(x, bias) + shift(r), graphs);
  }

  static void visit(auto& self, auto&& v) {
    v("weight", self.weight);
    v("bias", self.bias);
    v("gain", self.gain);
    v("shift", self.shift);
  }

  Parameter weight, bias;
  Linear<> gain, shift;
};

/// mean of sign lin(x)[u] over the fan-ins u of v and v itself (sign +1), plus skip(x).
template <class LinearT = Linear<>>
class SignedSageConv {
 public:
  SignedSageConv(Index in, Index out, Init init) : lin(in, out, init.next()) {
    if (in != out) skip.emplace(in, out, init.next());
  }

  Var operator()(const SignedGraph& graph, const Var& x) const {
    const Var t = lin(x);
    const Var sums = t + aggregate_sum(graph.plain, t) - aggregate_sum(graph.inverted, t);
    return sums * shares(graph, x.dtype()) + (skip ? (*skip)(x) : x);
  }

  static void visit(auto& self, auto&& v) {
    v("lin", self.lin);
    v("skip", self.skip);
  }

  LinearT lin;
  std::optional<LinearT> skip;

 private:
  // 1 / (fan-ins + 1).   Shapes:  [nodes, 1].
  static Tensor shares(const SignedGraph& graph, DType dtype) {
    Tensor out = Tensor::empty({graph.nodes(), 1}, dtype);
    const CsrView plain = graph.plain.fanins(), inverted = graph.inverted.fanins();
    visit_real(dtype, "signed_sage_conv", [&]<class T>(std::type_identity<T>) {
      const auto to = out.span<T>();
      for (Index v = 0; v < graph.nodes(); ++v)
        to[static_cast<std::size_t>(v)] =
            T{1} / static_cast<T>(1 + plain[v].size() + inverted[v].size());
    });
    return out;
  }
};

/// Rounds of a signed mean (with a norm that knows the gate ratio, and GELU) and a sum through a
/// perceptron; all their outputs together give the state of a gate, and that its probability of 1.
/// Source:  the model and the figures of its authors' code; see docs/models/funcgnn.md.
template <class LinearT = Linear<>>
class FuncGnn {
 public:
  using Config = FuncGnnConfig;
  static constexpr std::string_view kind = "funcgnn";

  explicit FuncGnn(const Config& config = {}, Init init = Rng(0)) : config_(config) {
    CFM_CHECK(config.features >= 1 && config.width >= 1 && config.rounds >= 1 &&
                  config.readout >= 1,
              "funcgnn: features, width, rounds and readout are at least 1", config.features,
              config.width, config.rounds, config.readout);
    const Index d = config.width;
    for (Index l = 0; l < config.rounds; ++l) {
      sage.emplace_back(l == 0 ? config.features : d, d, init.next());
      norms.emplace_back(d, init.next());
      gin.emplace_back(
          MlpConfig{.in = d, .hidden = d, .out = d, .activation = Activation::gelu}, init.next());
    }
    fuse = LinearT(2 * config.rounds * d, d, init.next());
    readout = Mlp<LinearT>({.in = d,
                            .hidden = config.readout,
                            .out = 1,
                            .layers = 3,
                            .norm = Norm::layer,
                            .dropout = config.dropout},
                           init.next());
  }

  /// The states of gates.   Shapes:  x [nodes, features], rate [graphs, 1]  ->  [nodes, width].
  Var embed(const SignedGraph& graph, const Var& x, const Segments& graphs, const Var& rate) const {
    CFM_CHECK(x.rank() == 2 && x.size(0) == graph.nodes() && x.size(1) == config_.features,
              concat("funcgnn: needs x [", graph.nodes(), ", ", config_.features, "]"), x);
    CFM_CHECK(rate.shape() == Shape({graphs.count(), 1}), "funcgnn: one rate for every graph",
              rate);
    std::vector<Var> parts;
    Var h = x;
    for (std::size_t l = 0; l < sage.size(); ++l) {
      h = dropout(gelu(norms[l](sage[l](graph, h), graphs, rate)), config_.dropout);
      parts.push_back(h);
      h = gin[l](h + aggregate_sum(graph.plain, h) + aggregate_sum(graph.inverted, h));
      parts.push_back(h);
    }
    return fuse(cat(parts, 1));
  }
  /// The same for one circuit.
  Var embed(const SignedGraph& graph, const Var& x, double rate) const {
    return embed(graph, x, Segments(Tensor::zeros({graph.nodes()}, DType::i64), 1),
                 Tensor::full({1, 1}, rate, x.dtype()));
  }

  /// The logit of the probability of 1, from states.   Shapes:  [rows, width]  ->  [rows].
  Var logits(const Var& states) const { return reshape(readout(states), {states.size(0)}); }

  const Config& config() const { return config_; }

  static void visit(auto& self, auto&& v) {
    v("sage", self.sage);
    v("norms", self.norms);
    v("gin", self.gin);
    v("fuse", self.fuse);
    v("readout", self.readout);
  }

  std::vector<SignedSageConv<LinearT>> sage;
  std::vector<GraphRateNorm> norms;
  std::vector<Mlp<LinearT>> gin;
  LinearT fuse;
  Mlp<LinearT> readout;

 private:
  Config config_;
};

/// mean |sigmoid(logits) - probability|.
inline Var funcgnn_loss(const Var& logits, const Tensor& probability) {
  return l1_loss(sigmoid(logits), probability);
}

CFM_ISA_NAMESPACE_END
