#pragma once
/// @file  Linformer: attention over a fixed number of projected keys, linear in the sequence.

#include <cmath>
#include <string_view>
#include <utility>
#include <vector>

#include <cfm/autograd/ops_matmul.hpp>
#include <cfm/autograd/ops_softmax.hpp>
#include <cfm/nn/feed_forward.hpp>
#include <cfm/nn/norm.hpp>

CFM_NAMESPACE_BEGIN

/// Sizes of a Linformer; the defaults are those of DeepCell.
struct LinformerConfig {
  Index dim = 256;
  Index heads = 8;
  Index keys = 256;        ///< that the sequence is projected to
  Index positions = 8192;  ///< longest sequence
  Index depth = 4;

  static void visit(auto& self, auto&& v) {
    v("dim", self.dim);
    v("heads", self.heads);
    v("keys", self.keys);
    v("positions", self.positions);
    v("depth", self.depth);
  }
};

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// softmax(q k^T / sqrt(width)) k, where k are the keys of all positions mixed to `keys` rows by a
/// trained projection: keys serve as values, and one head of them serves all heads of queries.
/// Shapes:  x [n, dim]  ->  [n, dim].
/// Source:  S. Wang et al., "Linformer: self-attention with linear complexity", 2020, section 4,
///          with shared keys and values.
template <class LinearT = Linear<>>
class LinformerAttention {
 public:
  LinformerAttention() = default;
  LinformerAttention(const LinformerConfig& config, Init init)
      : to_q(config.dim, config.dim, init.next(), {.bias = false}),
        to_k(config.dim, config.dim / config.heads, init.next(), {.bias = false}),
        to_out(config.dim, config.dim, init.next()),
        proj_k{fan_in_uniform({config.positions, config.keys}, config.keys, init.next())},
        heads_(config.heads) {}

  Var operator()(const Var& x) const {
    const Index n = x.size(0), width = to_k.outputs();
    CFM_CHECK(n <= proj_k.value.size(0), "linformer: more positions than it was made for", x,
              proj_k.value);
    const Var mix = slice(bind(x, proj_k), 0, 0, n);
    const Var keys = matmul(transpose(mix, 0, 1), to_k(x));               // [keys, width]
    const Var q = transpose(reshape(to_q(x), {n, heads_, width}), 0, 1);  // [heads, n, width]
    const Var rows = reshape(q, {heads_ * n, width}) / std::sqrt(static_cast<double>(width));
    const Var y = matmul(softmax(matmul(rows, transpose(keys, 0, 1)), 1), keys);
    return to_out(reshape(transpose(reshape(y, {heads_, n, width}), 0, 1), {n, heads_ * width}));
  }

  static void visit(auto& self, auto&& v) {
    v("to_q", self.to_q);
    v("to_k", self.to_k);
    v("to_out", self.to_out);
    v("proj_k", self.proj_k);
  }

  LinearT to_q, to_k, to_out;
  Parameter proj_k;

 private:
  Index heads_ = 1;
};

/// Layers of x + attention(norm(x)), then x + layers(norm(x)) with GELU and four times the width.
/// Shapes:  [n, dim]  ->  [n, dim].
template <class LinearT = Linear<>>
class Linformer {
 public:
  using Config = LinformerConfig;
  static constexpr std::string_view kind = "linformer";

  explicit Linformer(const Config& config = {}, Init init = Rng(0)) : config_(config) {
    CFM_CHECK(config.heads >= 1 && config.dim % config.heads == 0,
              "linformer: the heads share the width", config.dim, config.heads);
    for (Index l = 0; l < config.depth; ++l) {
      Layer& layer = layers.emplace_back();
      layer.norm1 = LayerNorm(config.dim, init.next());
      layer.attention = LinformerAttention<LinearT>(config, init.next());
      layer.norm2 = LayerNorm(config.dim, init.next());
      layer.linear1 = LinearT(config.dim, 4 * config.dim, init.next());
      layer.linear2 = LinearT(4 * config.dim, config.dim, init.next());
    }
  }

  Var operator()(const Var& x) const {
    Var h = x;
    for (const Layer& layer : layers) {
      h = h + layer.attention(layer.norm1(h));
      h = h + layer.linear2(gelu(layer.linear1(layer.norm2(h))));
    }
    return h;
  }

  const Config& config() const { return config_; }

  static void visit(auto& self, auto&& v) { v("layers", self.layers); }

  struct Layer {
    LayerNorm norm1{}, norm2{};
    LinformerAttention<LinearT> attention{};
    LinearT linear1{}, linear2{};

    static void visit(auto& self, auto&& v) {
      v("norm1", self.norm1);
      v("attention", self.attention);
      v("norm2", self.norm2);
      v("linear1", self.linear1);
      v("linear2", self.linear2);
    }
  };
  std::vector<Layer> layers;

 private:
  Config config_;
};

CFM_ISA_NAMESPACE_END
