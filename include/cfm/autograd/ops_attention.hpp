#pragma once
/// @file  Flash attention with gradients.

#include <cfm/autograd/record.hpp>
#include <cfm/kernels/attention_bias.hpp>

CFM_NAMESPACE_BEGIN

/// What flash_attention of variables may be told beside its mask and score policy.
struct AttentionVarOptions {
  double scale = 0;    ///< of scores; 0 means 1 / sqrt(width)
  double dropout = 0;  ///< probability of each weight, in training, by the tape's random numbers
  std::optional<Rope> rope{};  ///< turns queries and keys: see AttentionOptions
};

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN
namespace isa_detail {

// Dropout as the tape of the operands wants it.
inline AttentionDropout tape_dropout(std::initializer_list<const Var*> operands,
                                     double probability) {
  check_dropout({probability, Rng()});
  Tape* const tape = detail::common_tape({operands.begin(), operands.size()});
  if (tape == nullptr || !tape->training() || probability == 0) return {};
  return {probability, tape->next_rng()};
}

// What the backward pass of attention keeps.
struct SavedAttention {
  Saved q, k, v, out, logsumexp;

  template <class S>
  AttentionSaved<S> view(const Tensor& dout) const {
    return {(*q).view<S, 4>(),
            (*k).view<S, 4>(),
            (*v).view<S, 4>(),
            (*out).view<S, 4>(),
            (*logsumexp).view<detail::AttentionReal<S>, 3>(),
            dout.view<S, 4>()};
  }
  template <class S, class Mask, class Score>
  void backward(Gradients& gradients, const GradSlot (&to)[3], const Tensor& dout, const Mask& mask,
                const Score& score,
                const AttentionOptions<detail::AttentionReal<S>>& options) const {
    Tensor d[3] = {Tensor::empty((*q).shape(), dout.dtype()),
                   Tensor::empty((*k).shape(), dout.dtype()),
                   Tensor::empty((*v).shape(), dout.dtype())};
    if (to[0] < 0 && to[1] < 0 && to[2] < 0) return;
    flash_attention_backward<S>(view<S>(dout), d[0].view<S, 4>(), d[1].view<S, 4>(),
                                d[2].view<S, 4>(), mask, score, options);
    for (std::size_t i = 0; i < 3; ++i) gradients.add(to[i], std::move(d[i]));
  }
};

}  // namespace isa_detail

/// softmax(score(scale q k^T)) v over the keys that the mask shows; see the kernel. Masks and
/// policies that refer to memory of others (lengths, a bias) must outlive the backward pass.
/// Shapes:  q [batch, heads, queries, width], k and v [batch, kv heads, keys, ..].
/// Saved:   q, k, v, the result and its logsumexp: no matrix of scores, no dropout mask.
/// Errors:  TypeError unless f32, f64, bf16 or f16, ShapeError.
/// Order:   gradients of 16-bit tensors are summed in f32 and rounded once.
template <AttentionMask Mask = AllKeys, class Score = PlainScores>
requires(!std::convertible_to<Score, Var>) Var
    flash_attention(const Var& q, const Var& k, const Var& v, const Mask& mask = {},
                    const Score& score = {}, const AttentionVarOptions& options = {}) {
  static_assert(DifferentiableScore<Score, float> || DifferentiableScore<Score, double>,
                "flash_attention: this score policy has no gradient");
  isa_detail::visit_attention(q.value().dtype(), [&]<class S>(std::type_identity<S>) {
    if constexpr (!DifferentiableScore<Score, detail::AttentionReal<S>>)
      throw_error<TypeError>("flash_attention: the score policy has no gradient in ",
                             q.value().dtype());
  });
  const Tensor qd = isa_detail::dense_rows_of(q.value()), kd = isa_detail::dense_rows_of(k.value());
  const Tensor vd = isa_detail::dense_rows_of(v.value());
  const AttentionDropout dropout = isa_detail::tape_dropout({&q, &k, &v}, options.dropout);
  AttentionResult result = flash_attention_result(qd, kd, vd, mask, score, options.scale, dropout,
                                                  options.rope);
  isa_detail::SavedAttention saved{Saved(qd), Saved(kd), Saved(vd), Saved(result.out),
                                   Saved(result.logsumexp)};
  return record({&q, &k, &v}, std::move(result.out),
                [to_q = q.slot(), to_k = k.slot(), to_v = v.slot(), saved = std::move(saved), mask,
                 score, scale = options.scale, dropout,
                 rope = options.rope](Gradients& gradients, const Tensor& dy) {
                  const Tensor dout = isa_detail::dense_rows_of(dy);
                  isa_detail::visit_attention(dy.dtype(), [&]<class S>(std::type_identity<S>) {
                    using T = detail::AttentionReal<S>;
                    if constexpr (DifferentiableScore<Score, T>)
                      saved.backward<S>(gradients, {to_q, to_k, to_v}, dout, mask, score,
                                        {.scale = static_cast<T>(scale),
                                         .dropout = dropout,
                                         .rope = rope});
                  });
                });
}

/// The same with a bias that has a gradient: softmax(scale q k^T + bias) v.
/// Shapes:  bias [batch or 1, heads or 1, queries or 1, keys or 1].
/// Saved:   the bias too.
template <AttentionMask Mask = AllKeys>
Var flash_attention(const Var& q, const Var& k, const Var& v, const Mask& mask, const Var& bias,
                    const AttentionVarOptions& options = {}) {
  CFM_CHECK(bias.rank() == 4, "flash_attention: the bias must be [batch, heads, queries, keys]",
            bias, q);
  CFM_CHECK(bias.dtype() == q.dtype(), "flash_attention: the bias must have the type of q",
            bias.dtype(), q.dtype());
  CFM_CHECK(q.rank() == 4 && k.rank() == 4,
            "flash_attention: wants [batch, heads, positions, width]", q.value(), k.value());
  const Index wanted[4] = {q.value().size(0), q.value().size(1), q.value().size(2),
                           k.value().size(2)};
  for (int d = 0; d < 4; ++d)
    CFM_CHECK(bias.value().size(d) == 1 || bias.value().size(d) == wanted[d],
              "flash_attention: extents of the bias: 1 or [batch, heads, queries, keys]",
              bias.value(), q.value(), k.value());
  const Tensor qd = isa_detail::dense_rows_of(q.value()), kd = isa_detail::dense_rows_of(k.value());
  const Tensor vd = isa_detail::dense_rows_of(v.value());
  const AttentionDropout dropout = isa_detail::tape_dropout({&q, &k, &v, &bias}, options.dropout);
  AttentionResult result =
      visit_real(q.dtype(), "flash_attention", [&]<class T>(std::type_identity<T>) {
        return flash_attention_result(qd, kd, vd, mask,
                                      ScoreBias<T>{bias.value().template view<T, 4>()},
                                      options.scale, dropout, options.rope);
      });
  isa_detail::SavedAttention saved{Saved(qd), Saved(kd), Saved(vd), Saved(result.out),
                                   Saved(result.logsumexp)};
  return record(
      {&q, &k, &v, &bias}, std::move(result.out),
      [to_q = q.slot(), to_k = k.slot(), to_v = v.slot(), to_bias = bias.slot(),
       saved = std::move(saved), bias = Saved(bias), mask, scale = options.scale, dropout,
       rope = options.rope](Gradients& gradients, const Tensor& dy) {
        const Tensor dout = isa_detail::dense_rows_of(dy);
        visit_real(dy.dtype(), "flash_attention", [&]<class T>(std::type_identity<T>) {
          const AttentionOptions<T> options_of{
              .scale = static_cast<T>(scale), .dropout = dropout, .rope = rope};
          const View<const T, 4> b = bias->template view<T, 4>();
          if (gradients.wanted(to_bias)) {
            Tensor dbias = Tensor::empty(bias->shape(), dy.dtype());
            attention_bias_backward<T>(saved.view<T>(dout), b, dbias.view<T, 4>(), mask,
                                       options_of);
            gradients.add(to_bias, std::move(dbias));
          }
          saved.backward<T>(gradients, {to_q, to_k, to_v}, dout, mask, ScoreBias<T>{b}, options_of);
        });
      });
}

CFM_ISA_NAMESPACE_END
