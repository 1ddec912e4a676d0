#pragma once
/// @file  Learned use of structural encodings: eigenvectors without signs, levels and degrees.

#include <cfm/autograd/ops_aggregate.hpp>
#include <cfm/graph/encodings.hpp>
#include <cfm/graph/laplacian.hpp>
#include <cfm/nn/embedding.hpp>
#include <cfm/nn/mlp.hpp>

CFM_NAMESPACE_BEGIN

/// Each column times 1 or -1 at random: what a network that is not blind to signs is trained with.
/// Shapes:  f32[nodes, count].
inline Tensor flip_signs(const Tensor& vectors, Rng rng) {
  CFM_CHECK(vectors.rank() == 2, "flip_signs: vectors must be [nodes, count]", vectors);
  Tensor out = vectors.clone();
  const auto values = out.span<float>();
  const auto count = detail::to_size(vectors.size(1));
  std::vector<float> sign(count);
  for (float& s : sign) s = (rng.next() & 1) != 0 ? 1.0f : -1.0f;
  for (std::size_t i = 0; i < values.size(); ++i) values[i] *= sign[i % count];
  return out;
}

/// Sizes of a SignNet.
struct SignNetConfig {
  Index count = 8;    ///< eigenvectors
  Index hidden = 32;  ///< inside phi and rho
  Index inner = 8;    ///< columns that phi gives for each eigenvector
  Index out = 16;

  static void visit(auto& self, auto&& v) {
    v("count", self.count);
    v("hidden", self.hidden);
    v("inner", self.inner);
    v("out", self.out);
  }
};

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// y = rho([phi(v_j, lambda_j) + phi(-v_j, lambda_j)]_j): the same for either sign of every
/// eigenvector. phi looks at a node and its neighbours, for one that saw single elements would only
/// know their absolute values:  h = relu(first [v, lambda]),
/// phi = last relu(own h + neighbours mean(h)).
/// Shapes:  vectors [nodes, count], values [count]  ->  [nodes, out]. The graph's rows are the
///          neighbours: undirected(circuit).
/// Source:  D. Lim et al., "Sign and basis invariant networks for spectral graph representation
///          learning", ICLR 2023, equation 3.
template <class LinearT = Linear<>>
class SignNet {
 public:
  using Config = SignNetConfig;
  static constexpr std::string_view kind = "sign_net";

  explicit SignNet(const Config& config = {}, Init init = {})
      : first(2, config.hidden, init.next()),
        own(config.hidden, config.hidden, init.next()),
        neighbours(config.hidden, config.hidden, init.next(), {.bias = false}),
        last(config.hidden, config.inner, init.next()),
        rho({.in = config.count * config.inner, .hidden = config.hidden, .out = config.out},
            init.next()),
        config_(config) {}

  Var operator()(const Graph& graph, const Var& vectors, const Var& values) const {
    CFM_CHECK(
        vectors.rank() == 2 && vectors.size(1) == config_.count && vectors.size(0) == graph.nodes(),
        "sign net: vectors must be [nodes, count]", vectors, graph.nodes());
    CFM_CHECK(values.rank() == 1 && values.size(0) == config_.count,
              "sign net: one value for each vector", values);
    const Index nodes = vectors.size(0), count = config_.count;
    const Var v = reshape(vectors, {nodes, count, 1});
    const Var lambda = expand(reshape(values, {1, count, 1}), {nodes, count, 1});
    const Var both = add(phi(graph, v, lambda), phi(graph, neg(v), lambda));
    return rho(reshape(both, {nodes, count * config_.inner}));
  }

  /// The same for eigenvectors as they come, on the tape and in the element type of `like`.
  Var operator()(const Graph& graph, const Var& like, const LaplacianEigenvectors& e) const {
    const DType dtype = like.value().dtype();
    return (*this)(graph, beside(like, Var(e.vectors.to(dtype))), Var(e.values.to(dtype)));
  }

  const Config& config() const { return config_; }

  static void visit(auto& self, auto&& v) {
    v("first", self.first);
    v("own", self.own);
    v("neighbours", self.neighbours);
    v("last", self.last);
    v("rho", self.rho);
  }

  LinearT first, own, neighbours, last;
  Mlp<LinearT> rho;

 private:
  // v and lambda [nodes, count, 1]  ->  [nodes, count, inner].
  Var phi(const Graph& graph, const Var& v, const Var& lambda) const {
    const Index nodes = v.size(0), count = v.size(1), hidden = config_.hidden;
    const Var h = relu(first(cat(std::vector<Var>{v, lambda}, 2)));
    const Var mean = aggregate_mean(graph, reshape(h, {nodes, count * hidden}));
    return last(relu(add(own(h), neighbours(reshape(mean, {nodes, count, hidden})))));
  }

  Config config_;
};

/// y[v] = level(sines of the level of v) + sum over kinds k of degrees_k[degree_k[v]]: where a gate
/// stands and how many gates of each kind read it.
/// Shapes:  levels and each of degree i32 [nodes]  ->  [nodes, width].
/// Source:  Z. Zheng et al., "DeepGate4", ICLR 2025, section 3.3.
template <class LinearT = Linear<>>
class LevelDegreeEncoding {
 public:
  /// `kinds` tables of `max_degree` rows each; larger degrees take the last row.
  LevelDegreeEncoding(Index width, Index max_degree, Index kinds, Init init = {})
      : level(width, width, init.next()) {
    CFM_CHECK(max_degree > 0 && kinds >= 0, "level and degree encoding: rows and kinds", max_degree,
              kinds);
    for (Index k = 0; k < kinds; ++k) degrees.emplace_back(max_degree, width, init.next());
  }

  /// On the tape and in the element type of `like`; without a tape, constants.
  Var operator()(const Var& like, std::span<const std::int32_t> levels,
                 std::span<const Tensor> degree) const {
    CFM_CHECK(degree.size() == degrees.size(), "level and degree encoding: degrees of each kind",
              degree.size(), degrees.size());
    const Tensor sines = sinusoidal_encoding(levels, level.inputs()).to(like.value().dtype());
    Var out = level(beside(like, Var(sines)));
    for (std::size_t k = 0; k < degrees.size(); ++k) {
      const Tensor& found = degree[k];
      CFM_CHECK(found.rank() == 1 && found.size(0) == static_cast<Index>(levels.size()),
                "level and degree encoding: one degree for each node", found);
      const auto rows = static_cast<std::int32_t>(degrees[k].weight.value.size(0));
      Tensor index = found.clone();
      for (std::int32_t& d : index.span<std::int32_t>()) d = std::min(d, rows - 1);
      out = add(out, embedding(bind(like, degrees[k].weight), index));
    }
    return out;
  }

  static void visit(auto& self, auto&& v) {
    v("level", self.level);
    v("degrees", self.degrees);
  }

  LinearT level;
  std::vector<Embedding> degrees;
};

CFM_ISA_NAMESPACE_END
