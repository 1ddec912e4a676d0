#pragma once
/// @file  GENConv: generalised aggregation between the mean and the maximum.

#include <array>
#include <optional>
#include <string_view>
#include <vector>

#include <cfm/autograd/ops_math.hpp>
#include <cfm/autograd/ops_propagate.hpp>
#include <cfm/nn/linear.hpp>
#include <cfm/nn/mlp.hpp>

CFM_NAMESPACE_BEGIN

/// How GenConv reduces messages.
enum class GenReduce {
  softmax,  ///< sum of softmax(t m) m, column by column
  power     ///< (mean of m^p)^(1 / p)
};

constexpr std::array<std::string_view, 2> enum_names(GenReduce) { return {"softmax", "power"}; }

/// Sizes and parts of GenConv.
struct GenConvConfig {
  Index in = 64;
  Index out = 64;
  Index edge = 0;  ///< columns of edge features; 0: none
  GenReduce reduce = GenReduce::softmax;
  double parameter = 1;    ///< the temperature t, or the power p, at first
  bool learned = true;     ///< whether training changes it
  Index layers = 2;        ///< of the perceptron behind
  Index expansion = 2;     ///< of its width in between
  Norm norm = Norm::batch; ///< in between
  bool bias = false;       ///< of linear layers
  double epsilon = 1e-7;   ///< added to messages

  static void visit(auto& self, auto&& v) {
    v("in", self.in);
    v("out", self.out);
    v("edge", self.edge);
    v("reduce", self.reduce);
    v("parameter", self.parameter);
    v("learned", self.learned);
    v("layers", self.layers);
    v("expansion", self.expansion);
    v("norm", self.norm);
    v("bias", self.bias);
    v("epsilon", self.epsilon);
  }
};

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN
namespace isa_detail {

// Linear, norm, ReLU, dropout as four numbers each, and a last Linear: "mlp.0", "mlp.1", "mlp.4".
template <class LinearT>
class GenConvMlp {
 public:
  GenConvMlp(const GenConvConfig& c, Init init) {
    CFM_CHECK(c.layers >= 1 && c.expansion >= 1, "gen_conv: layers and expansion at least 1",
              c.layers, c.expansion);
    for (Index l = 0; l < c.layers; ++l) {
      const Index in = l == 0 ? c.out : c.out * c.expansion;
      const Index out = l + 1 == c.layers ? c.out : c.out * c.expansion;
      Stage& stage = stages_.emplace_back();
      stage.linear = LinearT(in, out, init.next(), LinearOptions{.bias = c.bias});
      if (l + 1 == c.layers) break;
      if (c.norm == Norm::batch) stage.batch_norm = BatchNorm1d(out, init.next());
      if (c.norm == Norm::layer) stage.layer_norm = LayerNorm(out, init.next());
    }
  }

  Var operator()(const Var& x) const {
    Var h = x;
    for (std::size_t l = 0; l < stages_.size(); ++l) {
      h = stages_[l].linear(h);
      if (l + 1 == stages_.size()) break;
      if (stages_[l].batch_norm) h = (*stages_[l].batch_norm)(h);
      if (stages_[l].layer_norm) h = (*stages_[l].layer_norm)(h);
      h = relu(h);
    }
    return h;
  }

  static void visit(auto& self, auto&& v) {
    for (std::size_t l = 0; l < self.stages_.size(); ++l) {
      v(concat(4 * l), self.stages_[l].linear);
      v(concat(4 * l + 1), self.stages_[l].batch_norm);
      v(concat(4 * l + 1), self.stages_[l].layer_norm);
    }
  }

 private:
  struct Stage {
    LinearT linear{};
    std::optional<BatchNorm1d> batch_norm{};
    std::optional<LayerNorm> layer_norm{};
  };
  std::vector<Stage> stages_;
};

// What a neighbour says, and what the softmax weighs it by.
struct GenMessage {
  double epsilon;

  template <class B>
  B operator()(B x, B) const {
    return relu(x) + B(static_cast<typename B::value_type>(epsilon));
  }
  template <class B>
  B operator()(B x, B, B edge) const {
    return (*this)(x + edge, edge);
  }
};
struct GenScore {
  GenMessage message;

  template <class B>
  B operator()(B x, B t) const {
    return t * message(x, t);
  }
  template <class B>
  B operator()(B x, B t, B edge) const {
    return t * message(x, t, edge);
  }
};
struct GenPower {
  GenMessage message;

  template <class B>
  static B power(B m, B p) {
    const B high(typename B::value_type{100});
    return exp(p * log(select(m > high, high, m)));
  }
  template <class B>
  B operator()(B x, B p) const {
    return power(message(x, p), p);
  }
  template <class B>
  B operator()(B x, B p, B edge) const {
    return power(message(x, p, edge), p);
  }
};

}  // namespace isa_detail

/// y[v] = mlp(x[v] + reduce over neighbours u of m),  m = relu(x[u] + edge features) + epsilon.
/// Nodes without neighbours have 0 in place of the reduction.
/// Shapes:  x [nodes, in], edges [edges, config.edge]  ->  [nodes, out].
/// Names:   as PyG's GENConv: lin_src and lin_dst where in != out, lin_edge where edge != out,
///          aggr_module.t or .p, mlp.0 ...
/// Source:  G. Li et al., "DeeperGCN: all you need to train deeper GCNs", arXiv:2006.07739,
///          section 3.
template <class LinearT = Linear<>>
class GenConv {
 public:
  using Config = GenConvConfig;
  static constexpr std::string_view kind = "gen_conv";

  explicit GenConv(const Config& config = {}, Init init = {})
      : mlp(config, init.next()), config_(config) {
    CFM_CHECK(config.in >= 1 && config.out >= 1 && config.edge >= 0,
              "gen_conv: in and out at least 1", config.in, config.out, config.edge);
    const LinearOptions options{.bias = config.bias};
    if (config.in != config.out) {
      lin_src.emplace(config.in, config.out, init.next(), options);
      lin_dst.emplace(config.in, config.out, init.next(), options);
    }
    if (config.edge > 0 && config.edge != config.out)
      lin_edge.emplace(config.edge, config.out, init.next(), options);
    const Tensor first = init.constant({1}, config.parameter);
    (config.reduce == GenReduce::softmax ? t : p) = Parameter{first, !config.learned};
  }

  Var operator()(const Neighbours& graph, const Var& x) const {
    CFM_CHECK(config_.edge == 0, "gen_conv: edge features are missing", config_.edge);
    return finish(graph, x, lin_src ? (*lin_src)(x) : x);
  }
  Var operator()(const Neighbours& graph, const Var& x, const Var& edges) const {
    CFM_CHECK(config_.edge > 0 && edges.rank() == 2 && edges.size(1) == config_.edge,
              concat("gen_conv: needs edge features [edges, ", config_.edge, "]"), edges);
    return finish(graph, x, lin_src ? (*lin_src)(x) : x,
                  at_edge(lin_edge ? (*lin_edge)(beside(x, edges)) : edges));
  }

  const Config& config() const { return config_; }

  static void visit(auto& self, auto&& v) {
    v("lin_src", self.lin_src);
    v("lin_edge", self.lin_edge);
    v("aggr_module.t", self.t);
    v("aggr_module.p", self.p);
    v("mlp", self.mlp);
    v("lin_dst", self.lin_dst);
  }

  std::optional<LinearT> lin_src, lin_edge, lin_dst;
  std::optional<Parameter> t, p;  ///< temperature or power, one of them
  isa_detail::GenConvMlp<LinearT> mlp;

 private:
  template <class... Edge>
  Var finish(const Neighbours& graph, const Var& x, const Var& source, const Edge&... edge) const {
    const isa_detail::GenMessage message{config_.epsilon};
    const Var parameter = bind(x, t ? *t : *p);
    Var y;
    if (t) {
      y = propagate(graph, message, SoftmaxSum(isa_detail::GenScore{message}), at_source(source),
                    everywhere(parameter), edge...);
    } else {
      const Var powers = propagate(graph, isa_detail::GenPower{message}, Mean{}, at_source(source),
                                   everywhere(parameter), edge...);
      // The limit below keeps the logarithm of the gradient finite where there are no neighbours.
      y = pow(clamp(powers, 1e-30, 100), reciprocal(parameter)) * has_neighbours(graph, x.dtype());
    }
    return mlp(y + (lin_dst ? (*lin_dst)(x) : x));
  }

  static Tensor has_neighbours(const Neighbours& graph, DType dtype) {
    Tensor out = Tensor::zeros({graph.nodes(), 1}, dtype);
    const auto& offsets = graph.rows().rows.offsets;
    visit_real(dtype, "gen_conv", [&]<class T>(std::type_identity<T>) {
      const auto to = out.span<T>();
      for (std::size_t v = 0; v < to.size(); ++v) to[v] = offsets[v + 1] > offsets[v] ? T{1} : T{0};
    });
    return out;
  }

  Config config_;
};

CFM_ISA_NAMESPACE_END
