#pragma once
/// @file  Principal neighbourhood aggregation: several reductions, scaled by degree.

#include <array>
#include <cmath>
#include <optional>
#include <string_view>
#include <vector>

#include <cfm/autograd/ops_propagate.hpp>
#include <cfm/nn/linear.hpp>

CFM_NAMESPACE_BEGIN

/// How PnaConv scales what it aggregates, by the number d of neighbours (at least 1).
enum class PnaScaler {
  identity,        ///< 1
  amplification,   ///< log(d + 1) / mean of log(d + 1)
  attenuation,     ///< the inverse of that
  linear,          ///< d / mean of d
  inverse_linear   ///< the inverse of that
};

constexpr std::array<std::string_view, 5> enum_names(PnaScaler) {
  return {"identity", "amplification", "attenuation", "linear", "inverse_linear"};
}

/// Sizes and parts of PnaConv. Reductions are mean, minimum, maximum and standard deviation.
struct PnaConfig {
  Index in = 64;
  Index out = 64;
  Index edge = 0;  ///< columns of edge features; 0: none
  std::vector<PnaScaler> scalers{PnaScaler::identity, PnaScaler::amplification,
                                 PnaScaler::attenuation};

  static void visit(auto& self, auto&& v) {
    v("in", self.in);
    v("out", self.out);
    v("edge", self.edge);
    v("scalers", self.scalers);
  }
};

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// y[v] = lin(post [x[v], scaled reductions of pre [x[v], x[u], edge] over neighbours u]),  pre and
/// post linear. The mean degrees of the training data are buffers: see set_degrees().
/// Shapes:  x [nodes, in], edges [edges, config.edge]  ->  [nodes, out].
/// Names:   pre_nns.0.0, post_nns.0.0, edge_encoder, lin, aggr_module.avg_deg_lin and avg_deg_log,
///          as in PyG's PNAConv with one tower; its standard deviation limits the variance from
///          below where ours adds the limit.
/// Source:  G. Corso et al., "Principal neighbourhood aggregation for graph nets", NeurIPS 2020.
template <class LinearT = Linear<>>
class PnaConv {
 public:
  using Config = PnaConfig;
  static constexpr std::string_view kind = "pna_conv";
  static constexpr Index reductions = 4;

  explicit PnaConv(const Config& config = {}, Init init = {})
      : pre((config.edge > 0 ? 3 : 2) * config.in, config.in, init.next()),
        avg_deg_lin{init.constant({1}, 1)},
        avg_deg_log{init.constant({1}, std::log(2.0))},
        config_(config) {
    CFM_CHECK(config.in >= 1 && config.out >= 1 && config.edge >= 0 && !config.scalers.empty(),
              "pna_conv: in and out at least 1, and a scaler", config.in, config.out, config.edge,
              config.scalers.size());
    if (config.edge > 0) edge_encoder.emplace(config.edge, config.in, init.next());
    const auto scalers = static_cast<Index>(config.scalers.size());
    post = LinearT((reductions * scalers + 1) * config.in, config.out, init.next());
    lin = LinearT(config.out, config.out, init.next());
  }

  /// Takes the mean degrees, over the nodes of the graphs to train on.
  void set_degrees(const std::vector<Graph>& graphs) {
    double linear = 0, logarithm = 0, count = 0;
    for (const Graph& g : graphs) {
      const CsrView rows = g.fanins();
      for (Index v = 0; v < rows.rows(); ++v) {
        const auto d = static_cast<double>(rows[v].size());
        linear += d;
        logarithm += std::log(d + 1);
        count += 1;
      }
    }
    CFM_CHECK(linear > 0, "pna_conv: graphs without edges have no mean degree");
    avg_deg_lin.value.fill(linear / count);
    avg_deg_log.value.fill(logarithm / count);
  }

  Var operator()(const Neighbours& graph, const Var& x) const {
    CFM_CHECK(config_.edge == 0, "pna_conv: edge features are missing", config_.edge);
    return finish(graph, x,
                  propagate(graph, [](auto s, auto t) { return s + t; }, reduce(),
                            at_source(part(x, 1)), at_target(part(x, 0))));
  }
  Var operator()(const Neighbours& graph, const Var& x, const Var& edges) const {
    CFM_CHECK(config_.edge > 0 && edges.rank() == 2 && edges.size(1) == config_.edge,
              concat("pna_conv: needs edge features [edges, ", config_.edge, "]"), edges);
    const Var e = part((*edge_encoder)(beside(x, edges)), 2);
    return finish(graph, x,
                  propagate(graph, [](auto s, auto t, auto w) { return s + t + w; }, reduce(),
                            at_source(part(x, 1)), at_target(part(x, 0)), at_edge(e)));
  }

  const Config& config() const { return config_; }

  static void visit(auto& self, auto&& v) {
    v("aggr_module.avg_deg_lin", self.avg_deg_lin);
    v("aggr_module.avg_deg_log", self.avg_deg_log);
    v("edge_encoder", self.edge_encoder);
    v("pre_nns.0.0", self.pre);
    v("post_nns.0.0", self.post);
    v("lin", self.lin);
  }

  Linear<> pre;  ///< columns for x[v], x[u], and the edge
  std::optional<LinearT> edge_encoder;
  LinearT post, lin;
  Buffer avg_deg_lin, avg_deg_log;

 private:
  // What the layer before the messages makes of one of its operands: rows once, not edge by edge.
  Var part(const Var& x, Index which) const {
    const Var w = slice(bind(x, pre.weight.value), 1, which * config_.in, (which + 1) * config_.in);
    return which == 0 ? linear(x, w, bind(x, *pre.bias)) : linear(x, w);
  }

  static auto reduce() { return Multi(Mean{}, Min{}, Max{}, StdDev{}); }

  // [nodes, 1]
  Tensor scale(const Neighbours& graph, PnaScaler scaler, DType dtype) const {
    Tensor out = Tensor::empty({graph.nodes(), 1}, dtype);
    const auto& offsets = graph.rows().rows.offsets;
    visit_real(dtype, "pna_conv", [&]<class T>(std::type_identity<T>) {
      const auto to = out.span<T>();
      const T lin_mean = avg_deg_lin.value.item<T>(), log_mean = avg_deg_log.value.item<T>();
      for (std::size_t v = 0; v < to.size(); ++v) {
        const T d = std::max(T{1}, static_cast<T>(offsets[v + 1] - offsets[v]));
        switch (scaler) {
          case PnaScaler::identity: to[v] = T{1}; break;
          case PnaScaler::amplification: to[v] = std::log(d + 1) / log_mean; break;
          case PnaScaler::attenuation: to[v] = log_mean / std::log(d + 1); break;
          case PnaScaler::linear: to[v] = d / lin_mean; break;
          case PnaScaler::inverse_linear: to[v] = lin_mean / d; break;
        }
      }
    });
    return out;
  }

  Var finish(const Neighbours& graph, const Var& x, const Var& reduced) const {
    std::vector<Var> parts{x};
    for (PnaScaler s : config_.scalers)
      parts.push_back(s == PnaScaler::identity ? reduced
                                               : reduced * scale(graph, s, x.dtype()));
    return lin(post(cat(parts, 1)));
  }

  Config config_;
};

CFM_ISA_NAMESPACE_END
