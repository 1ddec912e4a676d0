#pragma once
/// @file  GPS: local messages and global attention side by side.

#include <optional>
#include <span>
#include <vector>

#include <cfm/autograd/ops_activation.hpp>
#include <cfm/nn/attention.hpp>
#include <cfm/nn/linear.hpp>
#include <cfm/nn/norm.hpp>

CFM_NAMESPACE_BEGIN

/// Sizes and parts of GpsLayer.
struct GpsConfig {
  Index width = 64;
  Index heads = 4;
  double dropout = 0;            ///< of what each part adds
  double attention_dropout = 0;  ///< of the weights of attention

  static void visit(auto& self, auto&& v) {
    v("width", self.width);
    v("heads", self.heads);
    v("dropout", self.dropout);
    v("attention_dropout", self.attention_dropout);
  }
};

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// h = norm1(x + conv(graph, x)) + norm2(x + attention of x over the nodes of its graph),
/// y = norm3(h + mlp(h)),  norms over the batch. Any layer called as conv(graph, x) will do.
/// Shapes:  x [nodes, width], graphs one after the other  ->  the same.
/// Names:   conv, attn, mlp.0 and mlp.3, norm1.module ... as in PyG's GPSConv.
/// Source:  L. Rampasek et al., "Recipe for a general, powerful, scalable graph transformer",
///          NeurIPS 2022, eq. (1) to (4).
template <Module Conv, class LinearT = Linear<>>
class GpsLayer {
 public:
  GpsLayer(Conv local, const GpsConfig& config, Init init = {})
      : conv(std::move(local)),
        attn({.dim = config.width, .heads = config.heads, .dropout = config.attention_dropout},
             init.next()),
        mlp_in(config.width, 2 * config.width, init.next()),
        mlp_out(2 * config.width, config.width, init.next()),
        norm1(config.width, init.next()),
        norm2(config.width, init.next()),
        norm3(config.width, init.next()),
        config_(config) {}

  /// `offsets`: where the nodes of each graph begin, and the end (GraphBatch::node_offsets). They
  /// must outlive the backward pass.
  template <class AnyGraph>
  Var operator()(const AnyGraph& graph, const Var& x, std::span<const Index> offsets) const {
    CFM_CHECK(!offsets.empty() && offsets.front() == 0 && offsets.back() == x.size(0),
              "gps_layer: offsets must run from 0 to the number of nodes", offsets.size(), x);
    const double p = config_.dropout;
    const Var local = norm1(x + dropout(conv(graph, x), p));
    const Var global = norm2(x + dropout(attn(x, PackedSequences{offsets}), p));
    const Var h = local + global;
    return norm3(h + dropout(mlp_out(dropout(relu(mlp_in(h)), p)), p));
  }

  const GpsConfig& config() const { return config_; }

  static void visit(auto& self, auto&& v) {
    v("conv", self.conv);
    v("attn", self.attn);
    v("mlp.0", self.mlp_in);
    v("mlp.3", self.mlp_out);
    v("norm1.module", self.norm1);
    v("norm2.module", self.norm2);
    v("norm3.module", self.norm3);
  }

  Conv conv;
  MultiHeadAttention<LinearT> attn;
  LinearT mlp_in, mlp_out;
  BatchNorm1d norm1, norm2, norm3;

 private:
  GpsConfig config_;
};

CFM_ISA_NAMESPACE_END
