#pragma once
/// @file  Global attention among the nodes of each graph, linear in their number.

#include <span>
#include <vector>

#include <cfm/autograd/ops_activation.hpp>
#include <cfm/autograd/ops_matmul.hpp>
#include <cfm/autograd/ops_reduce.hpp>
#include <cfm/autograd/ops_shape.hpp>
#include <cfm/nn/linear.hpp>

CFM_NAMESPACE_BEGIN

/// Sizes of GraphLinearAttention.
struct GraphLinearAttentionConfig {
  Index width = 64;
  Index heads = 4;

  static void visit(auto& self, auto&& v) {
    v("width", self.width);
    v("heads", self.heads);
  }
};

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// y[v] = out( f(q[v]) . S / (f(q[v]) . z) ),  S = sum of f(k[u]) v[u]^T and z = sum of f(k[u])
/// over all nodes u of the graph of v, f(a) = elu(a) + 1, in heads.
/// Shapes:  x [nodes, width], graphs one after the other  ->  the same.
/// Names:   q_proj, k_proj, v_proj, out_proj.
/// Cost:    nodes * width * width / heads; no matrix of nodes x nodes.
/// Source:  A. Katharopoulos et al., "Transformers are RNNs", ICML 2020, eq. (5) to (7).
template <class LinearT = Linear<>>
class GraphLinearAttention {
 public:
  using Config = GraphLinearAttentionConfig;
  static constexpr std::string_view kind = "graph_linear_attention";

  explicit GraphLinearAttention(const Config& config = {}, Init init = {})
      : q_proj(config.width, config.width, init.next()),
        k_proj(config.width, config.width, init.next()),
        v_proj(config.width, config.width, init.next()),
        out_proj(config.width, config.width, init.next()),
        config_(config) {
    CFM_CHECK(config.heads >= 1 && config.width >= config.heads &&
                  config.width % config.heads == 0,
              "graph_linear_attention: width must be a multiple of heads", config.width,
              config.heads);
  }

  /// `offsets`: where the nodes of each graph begin, and the end (GraphBatch::node_offsets).
  Var operator()(const Var& x, std::span<const Index> offsets) const {
    CFM_CHECK(x.rank() == 2 && x.size(1) == config_.width && !offsets.empty() &&
                  offsets.front() == 0 && offsets.back() == x.size(0),
              concat("graph_linear_attention: needs x [nodes, ", config_.width,
                     "], and offsets from 0 to the number of nodes"),
              x);
    const Var q = heads_of(elu(q_proj(x)) + 1.0), k = heads_of(elu(k_proj(x)) + 1.0);
    const Var v = heads_of(v_proj(x));  // [heads, nodes, width / heads]
    std::vector<Var> parts;
    for (std::size_t g = 0; g + 1 < offsets.size(); ++g) {
      const Index begin = offsets[g], end = offsets[g + 1];
      if (begin == end) continue;
      const Var qg = slice(q, 1, begin, end), kg = slice(k, 1, begin, end);
      const Var state = bmm(transpose(kg, 1, 2), slice(v, 1, begin, end));
      const Var total = transpose(sum(kg, {1}, true), 1, 2);  // [heads, width / heads, 1]
      parts.push_back(bmm(qg, state) / bmm(qg, total));
    }
    if (parts.empty()) return x;
    const Var y = parts.size() == 1 ? parts[0] : cat(parts, 1);
    return out_proj(reshape(transpose(y, 0, 1), x.shape()));
  }
  /// One graph.
  Var operator()(const Var& x) const {
    const Index offsets[] = {0, x.rank() > 0 ? x.size(0) : 0};
    return (*this)(x, offsets);
  }

  const Config& config() const { return config_; }

  static void visit(auto& self, auto&& v) {
    v("q_proj", self.q_proj);
    v("k_proj", self.k_proj);
    v("v_proj", self.v_proj);
    v("out_proj", self.out_proj);
  }

  LinearT q_proj, k_proj, v_proj, out_proj;

 private:
  Var heads_of(const Var& x) const {
    const Index heads = config_.heads;
    return transpose(reshape(x, {x.size(0), heads, x.size(1) / heads}), 0, 1);
  }

  Config config_;
};

CFM_ISA_NAMESPACE_END
