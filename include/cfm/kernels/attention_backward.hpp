#pragma once
/// @file  The backward pass of flash attention: weights are computed again, block by block.

#include <cfm/kernels/attention.hpp>
#include <cfm/kernels/detail/attention_gradients.hpp>

CFM_NAMESPACE_BEGIN

/// What the backward pass of attention reads: the inputs and results of the forward pass, and the
/// gradient of its result.
template <AttentionElement S>
struct AttentionSaved {
  View<const S, 4> q, k, v, out;
  View<const detail::AttentionReal<S>, 3> logsumexp;
  View<const S, 4> dout;
};

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// A score policy that the backward pass can take: it only shifts scores, has a gradient, or is a
/// lane-wise function, which dual numbers differentiate.
template <class P, class T>
concept DifferentiableScore = ScorePolicy<P, T> &&(
    requires { requires P::shifts; } ||
    requires(const P& policy, ScoreRow<T> row, T* d) { policy.gradient(row, d); } ||
    (!RowScorePolicy<P, T> && isa_detail::DualScore<P, T>));

namespace isa_detail {

template <class S>
void check_saved(const AttentionSaved<S>& s) {
  CFM_CHECK(s.out.shape() == s.dout.shape() && s.out.extent[3] == s.v.extent[3] &&
                s.q.extent[0] == s.k.extent[0] && s.k.extent[2] == s.v.extent[2] &&
                s.k.extent[3] == s.q.extent[3] && s.out.extent[2] == s.q.extent[2] &&
                s.out.extent[1] == s.q.extent[1] && s.k.extent[1] == s.v.extent[1] &&
                s.v.extent[0] == s.q.extent[0] && s.out.extent[0] == s.q.extent[0] &&
                s.logsumexp.extent[0] == s.q.extent[0] && s.logsumexp.extent[1] == s.q.extent[1] &&
                s.logsumexp.extent[2] == s.q.extent[2],
            "flash_attention_backward: the saved tensors do not fit", s.q, s.k, s.v, s.out, s.dout);
  CFM_CHECK(s.q.last_contiguous() && s.k.last_contiguous() && s.v.last_contiguous() &&
                s.dout.last_contiguous() && s.out.last_contiguous(),
            "flash_attention_backward: rows must be dense", s.q, s.k, s.v);
  CFM_CHECK(s.q.extent[1] == 0 || (s.k.extent[1] > 0 && s.q.extent[1] % s.k.extent[1] == 0),
            "flash_attention_backward: heads must be a multiple of those of keys", s.q, s.k);
}

// The products of dout and out, one a query, into dots; and all that the passes read.
template <class S, class T>
detail::AttentionBack<T> attention_back(const AttentionSaved<S>& s,
                                        const AttentionOptions<T>& options, T* dots) {
  constexpr auto widen = conversion<S, T>();
  const detail::AttentionOperand<T> g(s.dout, widen), out(s.out, widen);
  const Index heads = s.q.extent[1], queries = s.q.extent[2], v_width = s.v.extent[3];
  parallel_for(s.q.extent[0] * heads, 1, [&](Index begin, Index end) {
    const detail::Scratch<T> wide(widen != nullptr ? 2 * v_width : 0);
    for (Index i = begin; i < end; ++i)
      for (Index query = 0; query < queries; ++query) {
        const auto row = [&](const detail::AttentionOperand<T>& x, T* room) {
          return dense_rows<T>(x, i / heads, i % heads, query, 1, room).data;
        };
        dots[i * queries + query] =
            CFM_CALL(dot_row)(v_width, row(g, wide.data()),
                              row(out, widen != nullptr ? wide.data() + v_width : nullptr));
      }
  });
  check_dropout(options.dropout);
  const Index keys = s.k.extent[2];
  detail::AttentionBack<T> back{{s.q, widen},
                                {s.k, widen},
                                {s.v, widen},
                                g,
                                s.logsumexp,
                                dots,
                                scale_or_default(options.scale, s.q.extent[3]),
                                options.dropout,
                                rope_table<T>(options.rope, s.q.extent[3], queries, keys)};
  back.q = back.q.turning(back.rope.get(), keys - queries);
  back.k = back.k.turning(back.rope.get(), 0);
  return back;
}

}  // namespace isa_detail

/// The gradients of flash_attention with the same mask, policy and options; dq, dk and dv are
/// overwritten. What a policy itself holds gets none; for a bias see attention_bias_backward.
///
/// Shapes:  those of the forward pass; dq as q, dk as k, dv as v; last strides 1. bf16 and f16 are
///          converted block by block, sums are f32 and rounded once.
/// Order:   each gradient is summed over queries and keys in order: same bits for any threads.
/// Errors:  ShapeError.
/// Cost:    five products of the size of the forward pass's two. Parallel over heads of keys, and
///          over blocks of 384 keys where there are fewer than eight heads; memory for two to nine
///          times the queries of a head of keys, 96 queries and 384 keys a thread.
/// Source:  T. Dao, "FlashAttention-2", ICLR 2024, algorithm 2.
template <AttentionElement S, AttentionMask Mask = AllKeys, class Score = PlainScores>
requires DifferentiableScore<Score, detail::AttentionReal<S>>
void flash_attention_backward(const AttentionSaved<S>& saved, View<S, 4> dq, View<S, 4> dk,
                              View<S, 4> dv, const Mask& mask = {}, const Score& score = {},
                              const AttentionOptions<detail::AttentionReal<S>>& options = {}) {
  using T = detail::AttentionReal<S>;
  const auto& s = saved;
  CFM_CHECK(s.q.shape() == dq.shape() && s.k.shape() == dk.shape() && s.v.shape() == dv.shape(),
            "flash_attention_backward: gradients are shaped as their inputs", s.q, s.k, s.v, dq, dk,
            dv);
  CFM_CHECK(dq.last_contiguous() && dk.last_contiguous() && dv.last_contiguous(),
            "flash_attention_backward: rows must be dense", dq, dk, dv);
  isa_detail::check_saved(s);
  isa_detail::check_mask(mask);
  const detail::Scratch<T> dots(s.logsumexp.size());
  const auto call = isa_detail::attention_back(s, options, dots.data());
  const Index kv_heads = s.k.extent[1], units = s.q.extent[0] * kv_heads;
  constexpr auto narrow = isa_detail::conversion<T, S>();
  const auto table = isa_detail::rope_table<T>(options.rope, s.q.extent[3], s.q.extent[2],
                                               s.k.extent[2], true);
  const auto dq_rows = detail::AttentionOperand<T>(dq, narrow).turning(
      table.get(), s.k.extent[2] - s.q.extent[2]);
  const auto dk_rows = detail::AttentionOperand<T>(dk, narrow).turning(table.get(), 0);
  constexpr Index wanted = 8;  // pieces of work
  const Index blocks = (s.k.extent[2] + detail::attention_keys - 1) / detail::attention_keys;
  const Index side =
      std::clamp<Index>(wanted / std::max<Index>(1, units), 1, std::max<Index>(1, blocks));
  parallel_for(units, 1, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i)
      isa_detail::attention_head_back<T>(call, mask, score, i / kv_heads, i % kv_heads, side,
                                         dq_rows, dk_rows, {dv, narrow});
  });
}

CFM_ISA_NAMESPACE_END
