#pragma once
/// @file  Flash attention with gradients.

#include <cfm/autograd/record.hpp>
#include <cfm/kernels/attention_backward.hpp>

CFM_ISA_NAMESPACE_BEGIN

/// softmax(score(q k^T / sqrt(width))) v over the keys that the mask shows; see the kernel. Masks
/// and policies that refer to memory of others (lengths, a bias) must outlive the backward pass.
/// Shapes:  q [batch, heads, queries, width], k and v [batch, kv heads, keys, ..].
/// Saved:   q, k, v, the result and its logsumexp: no matrix of scores.
/// Errors:  TypeError, ShapeError.
template <AttentionMask Mask = AllKeys, class Score = PlainScores>
Var flash_attention(const Var& q, const Var& k, const Var& v, const Mask& mask = {},
                    const Score& score = {}) {
  static_assert(DifferentiableScore<Score, float> || DifferentiableScore<Score, double>,
                "flash_attention: this score policy has no gradient");
  visit_real(q.value().dtype(), "flash_attention", [&]<class T>(std::type_identity<T>) {
    if constexpr (!DifferentiableScore<Score, T>)
      throw_error<TypeError>("flash_attention: the score policy has no gradient in ",
                             q.value().dtype());
  });
  const Tensor qd = isa_detail::dense_rows_of(q.value()), kd = isa_detail::dense_rows_of(k.value());
  const Tensor vd = isa_detail::dense_rows_of(v.value());
  AttentionResult result = flash_attention_result(qd, kd, vd, mask, score);
  Saved saved_q(qd), saved_k(kd), saved_v(vd), out(result.out), lse(result.logsumexp);
  return record(
      {&q, &k, &v}, std::move(result.out),
      [to_q = q.slot(), to_k = k.slot(), to_v = v.slot(), q = std::move(saved_q),
       k = std::move(saved_k), v = std::move(saved_v), out = std::move(out), lse = std::move(lse),
       mask, score](Gradients& gradients, const Tensor& dy) {
        Tensor dq = Tensor::empty((*q).shape(), dy.dtype());
        Tensor dk = Tensor::empty((*k).shape(), dy.dtype());
        Tensor dv = Tensor::empty((*v).shape(), dy.dtype());
        const Tensor dout = isa_detail::dense_rows_of(dy);
        visit_real(dy.dtype(), "flash_attention", [&]<class T>(std::type_identity<T>) {
          if constexpr (DifferentiableScore<Score, T>)
            flash_attention_backward<T>(
                AttentionSaved<T>{(*q).template view<T, 4>(), (*k).template view<T, 4>(),
                                  (*v).template view<T, 4>(), (*out).template view<T, 4>(),
                                  (*lse).template view<T, 3>(), dout.view<T, 4>()},
                dq.view<T, 4>(), dk.view<T, 4>(), dv.view<T, 4>(), mask, score);
        });
        gradients.add(to_q, std::move(dq));
        gradients.add(to_k, std::move(dk));
        gradients.add(to_v, std::move(dv));
      });
}

CFM_ISA_NAMESPACE_END
