#pragma once
/// @file  What a node of a circuit graph makes of its sources: the aggregators of the DeepGate
///        family.
///
/// An aggregator says what it does twice: `operator()` on the rows of all edges of a group, and,
/// if its message is linear in the sources up to scalar weights, `linear_message`, from which
/// level_layer makes one sweep (products once a node, none a source).

#include <optional>

#include <cfm/autograd/ops_segment.hpp>
#include <cfm/nn/linear.hpp>

CFM_NAMESPACE_BEGIN

/// Extra rows that edges carry: row edge_rows[e] of a constant table. See LevelInputs.
struct EdgeAttributes {
  Tensor table{};  ///< [rows, any]; Tensor() for none
  Tensor rows{};   ///< i32[edges], in the order of the graph's fanins()
};

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// sum_j a_j (weight x_j + source_bias) + bias over the sources j of a node, where x_j may end with
/// the attributes of the edge, and a_j is 1 or the softmax of score . x_j.
/// Shapes:  weight [out, in + attributes], biases [out] or Var(), score [in + attributes] or Var().
struct LinearMessage {
  Var weight{}, bias{}, source_bias{}, score{};
};

namespace isa_detail {

template <WeightMatrix W>
Var bound_weight(const Var& x, const Linear<W>& layer) {
  if constexpr (std::is_same_v<W, DenseMatrix>)
    return bind(x, layer.weight.value);
  else
    return Var(layer.weight.decode());
}
template <WeightMatrix W>
Var bound_bias(const Var& x, const Linear<W>& layer) {
  return bind(x, *layer.bias);
}

// The half of a score layer [1, 2 out] that looks at the source, through the layer of its keys: the
// other half and all biases add the same to every source of a node, so the softmax drops them.
inline Var source_score(const Var& attention, const Var& keys) {
  const Index out = keys.size(0);
  return reshape(matmul(slice(attention, 1, out, 2 * out), keys), {keys.size(1)});
}

}  // namespace isa_detail

/// Attention with a layer each for query, key and value: score_ij = attn_lin [q_i | k_j],
/// message_i = sum_j softmax_j(score_ij) v_j. The query adds the same to all scores of a node, so
/// msg_q has no effect and no gradient; it is there for the files.
/// Shapes:  x [edges, in]  ->  [nodes, out].
/// Source:  Z. Shi et al., "DeepGate2: functionality-aware circuit representation learning", ICCAD
///          2023, section III-C.
template <class LinearT = Linear<>>
class TfMlpAggregator {
 public:
  TfMlpAggregator() = default;
  TfMlpAggregator(Index in, Index out, Init init = {})
      : attn_lin(2 * out, 1, init.next()),
        msg_q(in, out, init.next()),
        msg_k(in, out, init.next()),
        msg_v(in, out, init.next()) {}

  LinearMessage linear_message(const Var& beside) const {
    return {isa_detail::bound_weight(beside, msg_v), isa_detail::bound_bias(beside, msg_v), Var(),
            isa_detail::source_score(isa_detail::bound_weight(beside, attn_lin),
                                     isa_detail::bound_weight(beside, msg_k))};
  }

  /// Row e of x is the source of an edge, row e of `target` its target.
  Var operator()(const Var& x, const Var& target, const Segments& nodes) const {
    const Var score = attn_lin(cat({msg_q(target), msg_k(x)}, 1));
    return segment_sum(msg_v(x) * segment_softmax(score, nodes), nodes);
  }

  static void visit(auto& self, auto&& v) {
    v("attn_lin", self.attn_lin);
    v("msg_q", self.msg_q);
    v("msg_k", self.msg_k);
    v("msg_v", self.msg_v);
  }

  LinearT attn_lin, msg_q, msg_k, msg_v;
};

/// Attention with one layer for everything: key and value are msg(x_j) + edge_encoder(e_ij), the
/// query msg(x_i). With `attributes` edges carry as many columns, at the end of x.
/// Shapes:  x [edges, in + attributes]  ->  [nodes, out].
/// Source:  M. Li et al., "DeepGate: learning neural representations of logic gates", DAC 2022,
///          eq. (5), in the form of its code.
template <class LinearT = Linear<>>
class AgnnAggregator {
 public:
  AgnnAggregator() = default;
  AgnnAggregator(Index in, Index out, Index attributes = 0, Init init = {})
      : msg(in, out, init.next()), attn_lin(2 * out, 1, init.next()) {
    if (attributes > 0) edge_encoder = LinearT(attributes, out, init.next());
  }

  LinearMessage linear_message(const Var& beside) const {
    Var weight = isa_detail::bound_weight(beside, msg), bias = isa_detail::bound_bias(beside, msg);
    if (edge_encoder) {
      weight = cat({weight, isa_detail::bound_weight(beside, *edge_encoder)}, 1);
      bias = bias + isa_detail::bound_bias(beside, *edge_encoder);
    }
    return {weight, bias, Var(),
            isa_detail::source_score(isa_detail::bound_weight(beside, attn_lin), weight)};
  }

  Var operator()(const Var& x, const Var& target, const Segments& nodes) const {
    const Index in = msg.inputs();
    Var value = msg(slice(x, 1, 0, in));
    if (edge_encoder) value = value + (*edge_encoder)(slice(x, 1, in, x.size(1)));
    const Var score = attn_lin(cat({msg(target), value}, 1));
    return segment_sum(value * segment_softmax(score, nodes), nodes);
  }

  static void visit(auto& self, auto&& v) {
    v("msg", self.msg);
    v("attn_lin", self.attn_lin);
    v("edge_encoder", self.edge_encoder);
  }

  LinearT msg, attn_lin;
  std::optional<LinearT> edge_encoder;
};

/// sum_j msg(x_j): the sum of a graph convolution.
/// Shapes:  x [edges, in]  ->  [nodes, out].
template <class LinearT = Linear<>>
class SumAggregator {
 public:
  SumAggregator() = default;
  SumAggregator(Index in, Index out, Init init = {}) : msg(in, out, init.next()) {}

  LinearMessage linear_message(const Var& beside) const {
    return {isa_detail::bound_weight(beside, msg), Var(), isa_detail::bound_bias(beside, msg),
            Var()};
  }
  Var operator()(const Var& x, const Var&, const Segments& nodes) const {
    return segment_sum(msg(x), nodes);
  }

  static void visit(auto& self, auto&& v) { v("msg", self.msg); }

  LinearT msg;
};

/// post(sum_j pre(x_j)).
/// Shapes:  x [edges, in]  ->  [nodes, out].
/// Source:  M. Zaheer et al., "Deep sets", NeurIPS 2017, theorem 2, with linear maps.
template <class LinearT = Linear<>>
class DeepSetAggregator {
 public:
  DeepSetAggregator() = default;
  DeepSetAggregator(Index in, Index out, Init init = {})
      : pre(in, out, init.next()), post(out, out, init.next()) {}

  LinearMessage linear_message(const Var& beside) const {
    const Var w = isa_detail::bound_weight(beside, post);
    const Index out = w.size(0);
    const Var b = reshape(isa_detail::bound_bias(beside, pre), {out, 1});
    return {matmul(w, isa_detail::bound_weight(beside, pre)), isa_detail::bound_bias(beside, post),
            reshape(matmul(w, b), {out}), Var()};
  }
  Var operator()(const Var& x, const Var&, const Segments& nodes) const {
    return post(segment_sum(pre(x), nodes));
  }

  static void visit(auto& self, auto&& v) {
    v("pre", self.pre);
    v("post", self.post);
  }

  LinearT pre, post;
};

/// sum_j sigmoid(gate(x_j)) * mapper(x_j). Not linear: level_layer takes it level by level.
/// Shapes:  x [edges, in]  ->  [nodes, out].
/// Source:  M. Zhang et al., "D-VAE: a variational autoencoder for directed acyclic graphs",
///          NeurIPS 2019, eq. (5).
template <class LinearT = Linear<>>
class GatedSumAggregator {
 public:
  GatedSumAggregator() = default;
  GatedSumAggregator(Index in, Index out, Init init = {})
      : gate(in, out, init.next()), mapper(in, out, init.next()) {}

  Var operator()(const Var& x, const Var&, const Segments& nodes) const {
    return segment_sum(sigmoid(gate(x)) * mapper(x), nodes);
  }

  static void visit(auto& self, auto&& v) {
    v("gate", self.gate);
    v("mapper", self.mapper);
  }

  LinearT gate, mapper;
};

CFM_ISA_NAMESPACE_END
