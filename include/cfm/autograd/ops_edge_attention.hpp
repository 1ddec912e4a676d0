#pragma once
/// @file  Attention of a node over its neighbours, with gradients.

#include <cfm/autograd/tape.hpp>
#include <cfm/kernels/edge_attention.hpp>

CFM_NAMESPACE_BEGIN

/// What attention over edges may have besides queries, keys and values. Empty: not there.
struct EdgeAttentionExtras {
  Var weight = {};      ///< of LeakyDotScore [heads, key width]
  Var edge_key = {};    ///< added to the key [edges, heads, key width]; additive: [edges, heads]
  Var edge_value = {};  ///< added to the value [edges, heads, width]
  Tensor factor = {};   ///< times the softmax [edges, heads]: a dropout mask; no gradient
};

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN
namespace isa_detail {

// Tensors of edge attention as rows, in the order q, k, v, weight, edge_key, edge_value, factor.
struct EdgeAttentionTensors {
  std::array<Tensor, 7> x;
  Index heads;

  template <Real T>
  EdgeAttentionInputs<T> view() const {
    EdgeAttentionInputs<T> in{x[0].view<T, 2>(), x[1].view<T, 2>(), x[2].view<T, 2>(), heads};
    if (x[3].defined()) in.weight = x[3].view<T, 1>();
    if (x[4].defined()) in.edge_key = x[4].view<T, 2>();
    if (x[5].defined()) in.edge_value = x[5].view<T, 2>();
    if (x[6].defined()) in.factor = x[6].view<T, 2>();
    return in;
  }
};

// [rows, heads, width] or [rows, heads] as rows of all heads.
inline Tensor edge_matrix(const Tensor& x) {
  if (!x.defined()) return {};
  CFM_CHECK(x.rank() == 2 || x.rank() == 3, "edge_attention: [rows, heads, width] or [rows, heads]",
            x);
  return x.reshape({x.size(0), x.rank() == 3 ? x.size(1) * x.size(2) : x.size(1)}).contiguous();
}

}  // namespace isa_detail

/// y[v] = sum over the neighbours u of v of softmax(score(q[v], k[u])) v[u], head by head; 0 for
/// nodes without neighbours. Edges may add to keys and values.
///
///     edge_attention(graph, target_part, source_part, values, AdditiveScore{0.2});  // GAT
///     edge_attention(graph, q, k, k, LeakyDotScore{0.2}, {.weight = a});            // GATv2
///     edge_attention(graph, q, k, v, DotScore{});                                   // transformer
///
/// Shapes:  q, k [nodes, heads, key width], for AdditiveScore [nodes, heads]; v [nodes, heads,
///          width]; extras as in EdgeAttentionExtras  ->  [nodes, heads, width].
/// Saved:   the operands, y, and one number a node and head.
/// Order:   neighbours in the order of the graph; same bits for any number of threads.
/// Errors:  TypeError, ShapeError.
template <class Score>
Var edge_attention(const Neighbours& graph, const Var& q, const Var& k, const Var& v,
                   const Score& score, const EdgeAttentionExtras& extras = {}) {
  CFM_CHECK(v.rank() == 3, "edge_attention: v must be [nodes, heads, width]", v);
  const std::array<const Var*, 6> inputs{&q,           &k,              &v, &extras.weight,
                                         &extras.edge_key, &extras.edge_value};
  const DType dtype = q.dtype();
  for (const Var* x : inputs)
    CFM_CHECK(!x->value().defined() || x->dtype() == dtype,
              "edge_attention: operands differ in type", x->dtype(), dtype);
  CFM_CHECK(!extras.factor.defined() || extras.factor.dtype() == dtype,
            "edge_attention: operands differ in type", extras.factor.dtype(), dtype);
  CFM_CHECK((Score::kind == detail::edge_leaky_dot) == extras.weight.value().defined(),
            "edge_attention: LeakyDotScore and no other has a weight", extras.weight);
  const Index heads = v.size(1);
  CFM_CHECK(q.rank() >= 2 && q.size(1) == heads && k.rank() >= 2 && k.size(1) == heads,
            "edge_attention: q, k and v must have the same heads", q, k, v);
  isa_detail::EdgeAttentionTensors dense{
      {isa_detail::edge_matrix(q.value()), isa_detail::edge_matrix(k.value()),
       isa_detail::edge_matrix(v.value()), Tensor(),
       isa_detail::edge_matrix(extras.edge_key.value()),
       isa_detail::edge_matrix(extras.edge_value.value()), extras.factor.contiguous()},
      heads};
  if (extras.weight.value().defined())
    dense.x[3] = extras.weight.value().reshape({extras.weight.size()}).contiguous();
  Tensor y = Tensor::empty({graph.nodes(), heads, v.size(2)}, dtype), log_sum;
  if (detail::any_needs_grad(inputs)) log_sum = Tensor::empty({graph.nodes(), heads}, dtype);
  CFM_CHECK(q.size(0) == graph.nodes() && v.size(0) == graph.nodes(),
            concat("edge_attention: needs a row for each of ", graph.nodes(), " nodes"), q, v);
  visit_real(dtype, "edge_attention", [&]<class T>(std::type_identity<T>) {
    edge_attention<T>(graph.rows(), dense.view<T>(), score,
                      isa_detail::edge_matrix(y).template view<T, 2>(),
                      log_sum.defined() ? log_sum.view<T, 2>() : View<T, 2>{});
  });
  std::array<GradSlot, 6> slots{};
  std::array<Shape, 6> shapes;
  std::array<Saved, 7> kept;
  for (std::size_t i = 0; i < 7; ++i) {
    if (dense.x[i].defined()) kept[i] = Saved(dense.x[i]);
    if (i == 6) break;
    slots[i] = inputs[i]->slot();
    shapes[i] = inputs[i]->shape();
  }
  Saved out(y);
  return record(
      std::span(inputs), std::move(y),
      [graph, score, slots, shapes, dense, kept, out, log_sum](Gradients& gradients,
                                                               const Tensor& grad) {
        for (std::size_t i = 0; i < 7; ++i)
          if (dense.x[i].defined()) static_cast<void>(*kept[i]);  // nobody wrote to it
        visit_real(grad.dtype(), "edge_attention", [&]<class T>(std::type_identity<T>) {
          const Tensor dy = isa_detail::edge_matrix(grad), y_rows = isa_detail::edge_matrix(*out);
          EdgeAttentionBackward<T> g{.dy = dy.view<T, 2>(),
                                     .out = y_rows.view<T, 2>(),
                                     .log_sum = log_sum.view<T, 2>()};
          std::array<Tensor, 6> d;
          for (std::size_t i = 0; i < 6; ++i)
            if (gradients.wanted(slots[i])) d[i] = Tensor::empty(dense.x[i].shape(), grad.dtype());
          View<T, 2>* const to[] = {&g.dq, &g.dk, &g.dv, nullptr, &g.d_edge_key, &g.d_edge_value};
          for (std::size_t i = 0; i < 6; ++i)
            if (d[i].defined() && to[i] != nullptr) *to[i] = d[i].template view<T, 2>();
          if (d[3].defined()) g.d_weight = d[3].template view<T, 1>();
          edge_attention_backward<T>(graph.rows(), graph.listeners(), dense.view<T>(), score, g);
          for (std::size_t i = 0; i < 6; ++i)
            if (d[i].defined()) gradients.add(slots[i], d[i].reshape(shapes[i]));
        });
      });
}

CFM_ISA_NAMESPACE_END
