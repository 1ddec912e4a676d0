#pragma once
/// @file  PolarGate: messages along plain and inverted edges kept apart.

#include <optional>
#include <string_view>
#include <vector>

#include <cfm/autograd/ops_aggregate.hpp>
#include <cfm/models/distance_loss.hpp>
#include <cfm/models/signed_graph.hpp>
#include <cfm/nn/mlp.hpp>
#include <cfm/nn/serialize.hpp>

CFM_NAMESPACE_BEGIN

/// Sizes of PolarGate. The defaults are the published model.
struct PolarGateConfig {
  Index features = 3;   ///< columns of the input: one-hot kinds of gates
  Index width = 256;    ///< of a state: its two halves together
  Index layers = 9;     ///< rounds of message passing
  double dropout = 0.2; ///< in the readout
  /// The released code takes minus the minimum over inverted edges. Off: the minimum itself.
  bool negated_minimum = true;
  /// Not 0: a last linear layer of this width, whose second half the readout reads, as in the
  /// encoder of DeepCell.
  Index projection = 0;

  static void visit(auto& self, auto&& v) {
    v("features", self.features);
    v("width", self.width);
    v("layers", self.layers);
    v("dropout", self.dropout);
    v("negated_minimum", self.negated_minimum);
    v("projection", self.projection);
  }
};

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// A pair of linear layers, one for each half of the state.
template <class LinearT = Linear<>>
struct PolarLayer {
  PolarLayer(Index in, Index out, Init init)
      : lin_b(in, out, init.next()), lin_u(in, out, init.next()) {}

  static void visit(auto& self, auto&& v) {
    v("lin_b", self.lin_b);
    v("lin_u", self.lin_u);
  }

  LinearT lin_b, lin_u;
};

/// What PolarGate says about each node.
struct PolarGateOutput {
  Var state;   ///< [nodes, width], or [nodes, projection]
  Var logits;  ///< [nodes]: the probability of 1 is their sigmoid
};

/// States of two halves, b for what a gate says and u for its opposite. The first round takes means
/// of the features over plain and over inverted fan-ins, the later ones element-wise minima, in
/// which an inverted edge swaps the halves:
///
///     b' = W_b [min over plain b, -min over inverted u, b],   u' the other way round.
///
/// Nodes without such fan-ins have 0. tanh follows each round and a last linear layer.
/// Source:  J. Liu et al., "PolarGate: breaking the functionality representation bottleneck of
///          and-inverter graph neural network", ICCAD 2024, with the details of its public code.
template <class LinearT = Linear<>>
class PolarGate {
 public:
  using Config = PolarGateConfig;
  static constexpr std::string_view kind = "polargate";

  explicit PolarGate(const Config& config = {}, Init init = Rng(0))
      : conv1(2 * config.features, half(config), init.next()),
        weight(config.width, config.width, init.next()),
        config_(config) {
    for (Index l = 1; l < config.layers; ++l)
      convs.emplace_back(3 * half(config), half(config), init.next());
    if (config.projection > 0) proj.emplace(config.width, config.projection, init.next());
    const Index read = config.projection > 0 ? config.projection / 2 : config.width;
    readout_prob =
        Mlp<LinearT>(MlpConfig::head(read, config.width, 1, config.dropout), init.next());
  }

  /// The states.   Shapes:  x [nodes, features]  ->  [nodes, width or projection].
  Var embed(const SignedGraph& graph, const Var& x) const {
    CFM_CHECK(x.rank() == 2 && x.size(0) == graph.nodes() && x.size(1) == config_.features,
              concat("polargate: needs x [", graph.nodes(), ", ", config_.features, "]"), x);
    const Var below = aggregate_mean(graph.plain, x), opposite = aggregate_mean(graph.inverted, x);
    Var b = tanh(conv1.lin_b(cat({below, x}, 1))), u = tanh(conv1.lin_u(cat({opposite, x}, 1)));
    for (const PolarLayer<LinearT>& conv : convs) {
      const Var next = tanh(conv.lin_b(cat({least(graph.plain, b), other(graph, u), b}, 1)));
      u = tanh(conv.lin_u(cat({least(graph.plain, u), other(graph, b), u}, 1)));
      b = next;
    }
    const Var z = tanh(weight(cat({b, u}, 1)));
    return proj ? (*proj)(z) : z;
  }

  /// The readout for rows of states.   Shapes:  [rows, width or projection]  ->  [rows].
  Var logits(const Var& state) const {
    const Index begin = proj ? config_.projection - config_.projection / 2 : 0;
    const Var read = proj ? slice(state, 1, begin, config_.projection) : state;
    return reshape(readout_prob(read), {state.size(0)});
  }

  PolarGateOutput operator()(const SignedGraph& graph, const Var& x) const {
    const Var state = embed(graph, x);
    return {state, logits(state)};
  }

  const Config& config() const { return config_; }

  static void visit(auto& self, auto&& v) {
    v("conv1", self.conv1);
    v("convs", self.convs);
    v("weight", self.weight);
    v("proj", self.proj);
    v("readout_prob.fc", self.readout_prob);
  }

  PolarLayer<LinearT> conv1;
  std::vector<PolarLayer<LinearT>> convs;
  LinearT weight;  ///< over both halves
  std::optional<LinearT> proj;
  Mlp<LinearT> readout_prob;

 private:
  static Index half(const Config& c) {
    CFM_CHECK(c.features >= 1 && c.layers >= 1 && c.width >= 2 && c.width % 2 == 0 &&
                  c.projection >= 0 && c.projection % 2 == 0,
              "polargate: features and layers at least 1, width and projection even", c.features,
              c.layers, c.width, c.projection);
    return c.width / 2;
  }

  static Var least(const Graph& graph, const Var& x) {
    return aggregate_min(graph, x);
  }
  Var other(const SignedGraph& graph, const Var& x) const {
    const Var m = least(graph.inverted, x);
    return config_.negated_minimum ? neg(m) : m;
  }

  Config config_;
};

/// mean |sigmoid(logits) - probability|.   Shapes:  probability [nodes].
inline Var polargate_loss(const PolarGateOutput& out, const Tensor& probability) {
  return l1_loss(sigmoid(out.logits), probability);
}

CFM_ISA_NAMESPACE_END
