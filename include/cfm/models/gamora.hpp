#pragma once
/// @file  GAMORA: finds the XORs, majorities and adders of a netlist with a graph network.

#include <array>
#include <string_view>
#include <vector>

#include <cfm/autograd/ops_activation.hpp>
#include <cfm/autograd/ops_index.hpp>
#include <cfm/autograd/ops_loss.hpp>
#include <cfm/nn/norm.hpp>
#include <cfm/nn/sage_conv.hpp>
#include <cfm/nn/serialize.hpp>

CFM_NAMESPACE_BEGIN

/// Sizes of GAMORA. The defaults are the published model: 7,904 parameters.
struct GamoraConfig {
  Index features = 4;    ///< columns of the input
  Index width = 32;      ///< of every hidden state
  Index layers = 4;      ///< rounds of message passing: a node sees its cone of this depth
  double dropout = 0.5;  ///< after every layer, in training

  static void visit(auto& self, auto&& v) {
    v("features", self.features);
    v("width", self.width);
    v("layers", self.layers);
    v("dropout", self.dropout);
  }
};

/// The classes that GAMORA is trained on, i64 [nodes] each; see adder_targets.
struct GamoraTargets {
  Tensor first, second, root;
};

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// What GAMORA says about each node: logits of its three classifications, [nodes, 3] each.
struct GamoraOutput {
  Var first;   ///< 0 other, 1 in an adder only, 2 in an XOR
  Var second;  ///< 0 other, 1 in an adder, 2 in an XOR only
  Var root;    ///< 0 carry of an adder, 1 sum of an adder, 2 other
};

/// GraphSAGE layers with ReLU over the fan-ins of each node, then a hidden layer with batch norm
/// (after its ReLU, as published) and three linear heads. Tensors are named as in the public
/// checkpoint, so that it loads as it is.
/// Source:  N. Wu et al., "Gamora: graph learning based symbolic reasoning for large-scale Boolean
///          networks", DAC 2023, section III, with the details of its public code.
template <class LinearT = Linear<>>
class Gamora {
 public:
  using Config = GamoraConfig;
  static constexpr std::string_view kind = "gamora";

  explicit Gamora(const Config& config = {}, Init init = Rng(0)) : config_(config) {
    CFM_CHECK(config.layers >= 1 && config.features >= 1 && config.width >= 1,
              "gamora: features, width and layers are at least 1", config.features, config.width,
              config.layers);
    for (Index l = 0; l < config.layers; ++l)
      convs.emplace_back(l == 0 ? config.features : config.width, config.width, init.next());
    linear.emplace_back(config.width, config.width, init.next(), LinearOptions{.bias = false});
    for (int head = 0; head < 3; ++head)
      linear.emplace_back(config.width, Index{3}, init.next(), LinearOptions{.bias = false});
    bn0 = BatchNorm1d(config.width, init.next());
  }

  /// The state of every node after message passing.   Shapes:  [nodes, features] -> [nodes, width].
  Var embed(const Graph& fanins, const Var& x) const {
    Var h = x;
    for (const SageConv<LinearT>& conv : convs)
      h = dropout(relu(conv(fanins, h)), config_.dropout);
    return h;
  }

  /// The logits for rows of states.   Shapes:  [rows, width] -> 3 x [rows, 3].
  GamoraOutput classify(const Var& states) const {
    const Var h = dropout(bn0(relu(linear[0](states))), config_.dropout);
    return {linear[1](h), linear[2](h), linear[3](h)};
  }

  GamoraOutput operator()(const Graph& fanins, const Var& x) const {
    return classify(embed(fanins, x));
  }

  const Config& config() const { return config_; }

  static void visit(auto& self, auto&& v) {
    v("convs", self.convs);
    v("linear", self.linear);
    v("bn0", self.bn0);
  }

  std::vector<SageConv<LinearT>> convs;
  std::vector<LinearT> linear;  ///< hidden layer, then the heads: first, second, root
  BatchNorm1d bn0;

 private:
  Config config_;
};

/// CE(first) + CE(second) + 2 CE(root), means over the rows.
/// Source:  as Gamora; the paper's text gives 0.8 for the last weight, its code 2.
inline Var gamora_loss(const GamoraOutput& out, const GamoraTargets& targets) {
  return cross_entropy(out.first, targets.first) + cross_entropy(out.second, targets.second) +
         2.0 * cross_entropy(out.root, targets.root);
}

CFM_ISA_NAMESPACE_END
