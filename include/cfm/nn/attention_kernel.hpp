#pragma once
/// @file  What multi-head attention may compute with: flash attention, or the formula written out.

#include <algorithm>
#include <cmath>
#include <limits>

#include <cfm/autograd/ops_activation.hpp>
#include <cfm/autograd/ops_attention.hpp>
#include <cfm/autograd/ops_elementwise.hpp>
#include <cfm/autograd/ops_matmul.hpp>
#include <cfm/autograd/ops_softmax.hpp>

CFM_ISA_NAMESPACE_BEGIN

/// A kernel of MultiHeadAttention: flash_attention(), memory linear in the positions. A score
/// policy may be a Var: a bias with a gradient.
struct FlashAttention {
  /// It turns rows itself (options.rope). Other kernels get queries and keys that are turned.
  static constexpr bool fused_rope = true;

  template <AttentionMask Mask, class Score>
  Var operator()(const Var& q, const Var& k, const Var& v, const Mask& mask, const Score& score,
                 const AttentionVarOptions& options = {}) const {
    return flash_attention(q, k, v, mask, score, options);
  }
};

namespace isa_detail {

// What a mask shows of [batch, heads, queries, keys]: 0 for visible keys, -infinity for the others,
// and for each query 1 if it sees a key and 0 if not.
struct ShownKeys {
  Tensor bias;  // [batch, heads, queries, keys]
  Tensor any;   // [batch, heads, queries, 1]
  bool all_see = true;
};

template <class Mask>
ShownKeys shown_keys(const Shape& shape, const Mask& mask, DType dtype) {
  ShownKeys out{Tensor::full(shape, 0, dtype),
                Tensor::ones({shape[0], shape[1], shape[2], 1}, dtype)};
  visit_real(dtype, "attention", [&]<class T>(std::type_identity<T>) {
    T* bias = out.bias.data<T>();
    T* any = out.any.data<T>();
    const Index heads = shape[1], queries = shape[2], keys = shape[3];
    for (Index row = 0; row < shape[0] * heads * queries; ++row, bias += keys, ++any) {
      const QueryPlace place{.batch = row / queries / heads,
                             .query = row % queries,
                             .queries = queries,
                             .keys = keys,
                             .head = row / queries % heads};
      Index hidden = 0;
      for (Index j = 0; j < keys; ++j)
        if (!shows(mask, place, j)) {
          bias[j] = -std::numeric_limits<T>::infinity();
          ++hidden;
        }
      if (hidden < keys) continue;
      std::fill_n(bias, keys, T{0});  // the softmax needs something to average
      *any = 0;
      out.all_see = false;
    }
  });
  return out;
}

// Heads of keys as many as those of queries: each is repeated for its group.
inline Var repeat_heads(const Var& x, Index heads) {
  if (x.size(1) == heads) return x;
  const Index batch = x.size(0), kv_heads = x.size(1), n = x.size(2), width = x.size(3);
  return reshape(expand(unsqueeze(x, 2), {batch, kv_heads, heads / kv_heads, n, width}),
                 {batch, heads, n, width});
}

}  // namespace isa_detail

/// softmax(q k^T / sqrt(width)) over the keys that the mask shows, as a tensor: what flash
/// attention never builds. A query that sees nothing has weights of zero. Shapes:  q [batch, heads,
/// queries, width], k [batch, kv heads, keys, width]
///          -> [batch, heads, queries, keys].
/// Errors:  ShapeError.
template <AttentionMask Mask = AllKeys>
Var attention_weights(const Var& q, const Var& k, const Mask& mask = {}) {
  CFM_CHECK(q.rank() == 4 && k.rank() == 4 && q.size(0) == k.size(0) && q.size(3) == k.size(3) &&
                k.size(1) > 0 && q.size(1) % k.size(1) == 0,
            "attention_weights: needs q [batch, heads, queries, width] and k [batch, kv heads, "
            "keys, width]",
            q, k);
  const double scale = 1 / std::sqrt(static_cast<double>(std::max<Index>(1, q.size(3))));
  const auto shown =
      isa_detail::shown_keys(Shape{q.size(0), q.size(1), q.size(2), k.size(2)}, mask, q.dtype());
  const Var keys = isa_detail::repeat_heads(k, q.size(1));
  const Var scores = matmul(q * scale, transpose(keys, -2, -1)) + shown.bias;
  const Var weights = softmax(scores, -1);
  return shown.all_see ? weights : weights * shown.any;
}

/// A kernel of MultiHeadAttention: the formula, with the matrix of weights. For comparisons.
struct PlainAttention {
  template <AttentionMask Mask>
  Var operator()(const Var& q, const Var& k, const Var& v, const Mask& mask, PlainScores,
                 const AttentionVarOptions& options = {}) const {
    const Var weights = dropout(attention_weights(q, k, mask), options.dropout);
    return matmul(weights, isa_detail::repeat_heads(v, q.size(1)));
  }
};

CFM_ISA_NAMESPACE_END
