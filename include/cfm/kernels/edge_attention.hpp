#pragma once
/// @file  Attention of a node over its neighbours: softmax by node and head, fused.

#include <cmath>

#include <cfm/exec/parallel.hpp>
#include <cfm/exec/scratch.hpp>
#include <cfm/graph/neighbours.hpp>
#include <cfm/kernels/edge_attention_backward-inl.hpp>
#include <cfm/tensor/view.hpp>

CFM_NAMESPACE_BEGIN

/// score = leaky(q + k), one number a node and head. A slope of 1 leaves the sum as it is.
/// Source:  P. Velickovic et al., "Graph attention networks", ICLR 2018, eq. (3).
struct AdditiveScore {
  static constexpr int kind = detail::edge_additive;
  double slope = 0.2;
};

/// score = weight . leaky(q + k), with a weight a head and column.
/// Source:  S. Brody et al., "How attentive are graph attention networks?", ICLR 2022, eq. (7).
struct LeakyDotScore {
  static constexpr int kind = detail::edge_leaky_dot;
  double slope = 0.2;
};

/// score = scale q . k; a scale of 0 means 1 / sqrt(columns of a head).
struct DotScore {
  static constexpr int kind = detail::edge_dot;
  double scale = 0;
};

/// Operands of attention over edges, heads side by side in every row. Views without data are not
/// there.
template <class T>
struct EdgeAttentionInputs {
  View<const T, 2> q;  ///< of the node that hears [rows, heads * key width]; additive: key width 1
  View<const T, 2> k;  ///< of the node that sends, the same columns
  View<const T, 2> v;  ///< of the node that sends [sources, heads * width]
  Index heads = 1;
  View<const T, 1> weight = {};      ///< of LeakyDotScore [heads * key width]
  View<const T, 2> edge_key = {};    ///< added to the key, [edges, heads * key width]
  View<const T, 2> edge_value = {};  ///< added to the value, [edges, heads * width]
  View<const T, 2> factor = {};      ///< times the weight of the softmax, [edges, heads]: dropout
};

/// Results and gradients of attention over edges; views without data are not wanted.
template <class T>
struct EdgeAttentionBackward {
  View<const T, 2> dy;       ///< shaped like out
  View<const T, 2> out;      ///< what edge_attention gave
  View<const T, 2> log_sum;  ///< and what it saved
  View<T, 2> dq = {};
  View<T, 2> dk = {};
  View<T, 2> dv = {};
  View<T, 1> d_weight = {};
  View<T, 2> d_edge_key = {};
  View<T, 2> d_edge_value = {};
};

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN
namespace isa_detail {

template <class Score>
inline constexpr bool is_edge_score = std::is_same_v<Score, AdditiveScore> ||
                                      std::is_same_v<Score, LeakyDotScore> ||
                                      std::is_same_v<Score, DotScore>;

// A matrix that kernels may read by rows, or nothing.
template <class T>
void check_edge_matrix(const View<T, 2>& x, Index rows, Index cols, const char* name) {
  CFM_CHECK(x.data == nullptr || (x.rows() == rows && x.cols() == cols && x.last_contiguous()),
            concat("edge_attention: ", name, " must be [", rows, ", ", cols, "], rows dense"), x);
}

template <class Score, Real T>
detail::EdgeAttentionArgs<T> edge_attention_args(const EdgeRows& rows,
                                                 const EdgeAttentionInputs<T>& x,
                                                 const Score& score) {
  static_assert(is_edge_score<Score>, "edge_attention: AdditiveScore, LeakyDotScore or DotScore");
  const Index targets = rows.rows.rows(), edges = rows.rows.edges(), heads = x.heads;
  CFM_CHECK(heads >= 1 && x.q.cols() % heads == 0 && x.v.cols() % heads == 0,
            concat("edge_attention: columns must be those of ", heads, " heads"), x.q, x.v);
  const Index keys = x.q.cols() / heads;
  check_edge_matrix(x.q, targets, heads * keys, "q");
  check_edge_matrix(x.k, x.v.rows(), heads * keys, "k");
  check_edge_matrix(x.v, x.v.rows(), x.v.cols(), "v");
  check_edge_matrix(x.edge_key, edges, heads * keys, "edge_key");
  check_edge_matrix(x.edge_value, edges, x.v.cols(), "edge_value");
  check_edge_matrix(x.factor, edges, heads, "factor");
  if constexpr (Score::kind == detail::edge_additive)
    CFM_CHECK(keys == 1, "edge_attention: additive scores want one number a node and head", x.q);
  if constexpr (Score::kind == detail::edge_leaky_dot)
    CFM_CHECK(x.weight.extent[0] == heads * keys && x.weight.last_contiguous(),
              "edge_attention: the weight must be [heads * key width]", x.weight, x.q);
  detail::EdgeAttentionArgs<T> a{};
  a.offsets = rows.rows.offsets.data();
  a.columns = rows.rows.columns.data();
  a.places = rows.places.empty() ? nullptr : rows.places.data();
  a.edges = edges;
  a.heads = heads;
  a.key_width = keys;
  a.width = x.v.cols() / heads;
  a.q = x.q.data;
  a.q_row = x.q.stride[0];
  a.k = x.k.data;
  a.k_row = x.k.stride[0];
  a.v = x.v.data;
  a.v_row = x.v.stride[0];
  a.edge_key = x.edge_key.data;
  a.edge_key_row = x.edge_key.stride[0];
  a.edge_value = x.edge_value.data;
  a.edge_value_row = x.edge_value.stride[0];
  a.factor = x.factor.data;
  a.factor_row = x.factor.stride[0];
  a.weight = x.weight.data;
  a.slope = a.scale = T{1};
  if constexpr (Score::kind == detail::edge_dot)
    a.scale = score.scale != 0 ? static_cast<T>(score.scale)
                               : T{1} / std::sqrt(static_cast<T>(std::max<Index>(1, keys)));
  else
    a.slope = static_cast<T>(score.slope);
  return a;
}

template <Real T>
Index edge_attention_grain(const CsrView& rows, const detail::EdgeAttentionArgs<T>& a) {
  const Index average = rows.edges() / std::max<Index>(1, rows.rows()) + 1;
  return grain_for((average + 1) * a.heads * (a.width + a.key_width) * Index{sizeof(T)},
                   Index{1} << 18);
}

template <Real T>
Scratch<T> edge_attention_memory(Index heads) {
  Scratch<T> out(detail::edge_attention_scratch(heads));
  std::fill_n(out.data(), out.size(), T{0});
  return out;
}

}  // namespace isa_detail

/// out[v] = sum over the neighbours u of v of softmax(score(q[v], k[u] + edge_key)) factor
/// (v[u] + edge_value), head by head; 0 without neighbours.
///
/// Shapes:  as in EdgeAttentionInputs; out [rows, heads * width], apart from the inputs.
/// Saved:   log_sum [rows, heads], dense: the logarithm of the sum of the exponentials.
/// Order:   neighbours in the order of the row, in blocks of 64: same bits for any threads.
/// Errors:  ShapeError.
/// Cost:    each neighbour's row once; scores of 64 edges at a time, nothing of edges x width.
template <Real T, class Score>
void edge_attention(const EdgeRows& rows, const EdgeAttentionInputs<T>& inputs, const Score& score,
                    View<T, 2> out, View<T, 2> log_sum = {}) {
  auto a = isa_detail::edge_attention_args<Score, T>(rows, inputs, score);
  const Index targets = rows.rows.rows();
  isa_detail::check_edge_matrix(out, targets, inputs.v.cols(), "out");
  CFM_CHECK(log_sum.data == nullptr || (log_sum.rows() == targets && log_sum.cols() == a.heads &&
                                        log_sum.contiguous()),
            "edge_attention: log_sum must be dense [rows, heads]", log_sum);
  a.out = out.data;
  a.out_row = out.stride[0];
  a.log_sum = log_sum.data;
  parallel_for(targets, isa_detail::edge_attention_grain(rows.rows, a),
               [&](Index begin, Index end) {
                 const Scratch<T> scratch = isa_detail::edge_attention_memory<T>(a.heads);
                 CFM_CALL(edge_attention_rows)<Score::kind>(a, scratch.data(), begin, end);
               });
}

/// Gradients of edge_attention by everything but the factor.
/// Shapes:  listeners: the transpose of rows, with the same edges; gradients like their operands.
/// Order:   by node: the same bits for any number of threads.
/// Cost:    two passes, over rows and over listeners; the scores are computed again in each.
template <Real T, class Score>
void edge_attention_backward(const EdgeRows& rows, const EdgeRows& listeners,
                             const EdgeAttentionInputs<T>& inputs, const Score& score,
                             const EdgeAttentionBackward<T>& grads) {
  auto a = isa_detail::edge_attention_args<Score, T>(rows, inputs, score);
  const Index targets = rows.rows.rows(), sources = inputs.v.rows(), edges = rows.rows.edges();
  const Index keys = inputs.q.cols(), columns = inputs.v.cols();
  CFM_CHECK(listeners.rows.rows() == sources && listeners.rows.edges() == edges,
            "edge_attention_backward: listeners are the transpose of rows", inputs.v);
  isa_detail::check_edge_matrix(grads.dy, targets, columns, "dy");
  isa_detail::check_edge_matrix(grads.out, targets, columns, "out");
  CFM_CHECK(grads.log_sum.rows() == targets && grads.log_sum.cols() == a.heads &&
                grads.log_sum.contiguous(),
            "edge_attention_backward: log_sum must be dense [rows, heads]", grads.log_sum);
  isa_detail::check_edge_matrix(grads.dq, targets, keys, "dq");
  isa_detail::check_edge_matrix(grads.dk, sources, keys, "dk");
  isa_detail::check_edge_matrix(grads.dv, sources, columns, "dv");
  isa_detail::check_edge_matrix(grads.d_edge_key, edges, keys, "d_edge_key");
  isa_detail::check_edge_matrix(grads.d_edge_value, edges, columns, "d_edge_value");
  CFM_CHECK(grads.d_weight.data == nullptr ||
                (grads.d_weight.extent[0] == keys && grads.d_weight.last_contiguous()),
            "edge_attention_backward: d_weight must be [heads * key width]", grads.d_weight);
  const Scratch<T> delta(targets * a.heads);
  const detail::EdgeAttentionGradients<T> g{
      grads.dy.data,         grads.dy.stride[0],         grads.out.data,
      grads.out.stride[0],   grads.log_sum.data,         delta.data(),
      grads.dq.data,         grads.dq.stride[0],         grads.dk.data,
      grads.dk.stride[0],    grads.dv.data,              grads.dv.stride[0],
      grads.d_edge_key.data, grads.d_edge_key.stride[0], grads.d_edge_value.data,
      grads.d_edge_value.stride[0]};
  const Index grain = isa_detail::edge_attention_grain(rows.rows, a);
  // Chunks sum the gradient of the weight on their own; the chunks are added in order.
  const bool weighted = grads.d_weight.data != nullptr && targets > 0;
  const Index chunks = weighted ? (targets - 1) / grain + 1 : 0;
  const Scratch<T> partial(chunks * keys);
  std::fill_n(partial.data(), partial.size(), T{0});
  parallel_for(targets, grain, [&](Index begin, Index end) {
    const Scratch<T> scratch = isa_detail::edge_attention_memory<T>(a.heads);
    T* const d_weight = chunks == 0 ? nullptr : partial.data() + begin / grain * keys;
    CFM_CALL(edge_attention_targets)<Score::kind>(a, g, scratch.data(), d_weight, begin, end);
  });
  if (grads.d_weight.data != nullptr)
    for (Index c = 0; c < keys; ++c) {
      T sum = 0;
      for (Index i = 0; i < chunks; ++i) sum += partial[i * keys + c];
      grads.d_weight(c) = sum;
    }
  if (grads.dk.data == nullptr && grads.dv.data == nullptr) return;
  a.offsets = listeners.rows.offsets.data();
  a.columns = listeners.rows.columns.data();
  a.places = listeners.places.empty() ? nullptr : listeners.places.data();
  parallel_for(sources, isa_detail::edge_attention_grain(listeners.rows, a),
               [&](Index begin, Index end) {
                 const Scratch<T> scratch = isa_detail::edge_attention_memory<T>(a.heads);
                 CFM_CALL(edge_attention_sources)<Score::kind>(a, g, scratch.data(), begin, end);
               });
}

CFM_ISA_NAMESPACE_END
