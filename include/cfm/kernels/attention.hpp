#pragma once
/// @file  Flash attention: softmax(q k^T) v without the matrix of scores.

#include <memory>
#include <optional>

#include <cfm/exec/parallel.hpp>
#include <cfm/kernels/detail/attention_block.hpp>
#include <cfm/tensor/tensor.hpp>

CFM_NAMESPACE_BEGIN

/// What flash_attention may be told beside its mask and score policy.
template <Real T>
struct AttentionOptions {
  T scale = 0;                 ///< of scores; 0 means 1 / sqrt(width)
  View<T, 3> logsumexp{};      ///< if it has data: log(sum(exp(scores))) [batch, heads, queries]
  AttentionDropout dropout{};  ///< of weights; the logsumexp is that of all of them
  /// Turns keys and queries as they are read: key j by position rope->first + j, and the last query
  /// as the last key, so that distances are those of the masks.
  std::optional<Rope> rope{};
};

namespace detail {
// What scores of tensors of T are computed in.
template <class T>
using AttentionReal = std::conditional_t<Real<T>, T, float>;
}  // namespace detail

/// The types that attention takes: f32 and f64; bf16 and f16, whose products are taken in f32.
template <class T>
concept AttentionElement = Real<T> || std::same_as<T, bf16> || std::same_as<T, f16>;

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN
namespace isa_detail {

// The tensor, or a copy of it with dense rows.
inline Tensor dense_rows_of(const Tensor& t) {
  return t.size() == 0 || t.rank() == 0 || t.strides().back() == 1 ? t : t.contiguous();
}

// Calls f with the type of the elements, of those that attention takes.
template <class F>
decltype(auto) visit_attention(DType dtype, F&& f) {
  if (dtype == DType::bf16) return f(std::type_identity<bf16>{});
  if (dtype == DType::f16) return f(std::type_identity<f16>{});
  return visit_real(dtype, "flash_attention", f);
}

template <class T>
T scale_or_default(T scale, Index width) {
  return scale != T{0} ? scale : T{1} / std::sqrt(static_cast<T>(std::max<Index>(1, width)));
}

// The table of a fused rope, for as many keys; null without.
template <class T>
std::shared_ptr<const detail::RopeTable<T>> rope_table(const std::optional<Rope>& rope, Index width,
                                                       Index queries, Index keys,
                                                       bool inverse = false) {
  if (!rope) return nullptr;
  CFM_CHECK(queries <= keys, "flash_attention: with rope there are no more queries than keys",
            queries, keys);
  return std::make_shared<const detail::RopeTable<T>>(*rope, width, keys, inverse);
}

template <class Mask>
void check_mask(const Mask& mask) {
  if constexpr (BlockedMask<Mask>)
    CFM_CHECK(mask.block() > 0 && mask.block() % 32 == 0,
              "flash_attention: blocks of a mask are multiples of 32 keys", mask.block());
}

}  // namespace isa_detail

/// out = softmax(score(scale q k^T)) v over the keys that the mask shows, in one pass over blocks
/// of keys: no matrix of scores. Several heads of queries may share one of keys (grouped queries).
///
///     const auto decay = [](auto score, auto distance) { return score - distance * 0.01f; };
///     flash_attention(q, k, v, out, Causal{}, decay);
///
/// Shapes:  q [batch, heads, queries, width], k [batch, kv heads, keys, width], v [batch, kv heads,
///          keys, v width], out [batch, heads, queries, v width]; last strides 1; heads a multiple
///          of kv heads. bf16 and f16 are converted block by block, products and sums are f32. A
///          query that sees no key gives zeros, and -infinity as its logsumexp. Keys
///          that are hidden must hold finite numbers too: their weight is 0, and 0 times NaN is
///          NaN. Only those behind the last one that any query sees may be anything.
/// Order:   scores are softmaxed over blocks of 384 keys from the first. A query gives the same
///          bits alone and among others, for any number of threads.
/// Errors:  ShapeError.
/// Cost:    2 queries keys (width + v width) operations for what the masks show, by blocks; memory
///          for 384 queries and 384 keys a thread.
/// Errors of a rope: as rope(); Error if there are more queries than keys.
/// Source:  T. Dao, "FlashAttention-2", ICLR 2024, algorithm 1.
template <AttentionElement S, AttentionMask Mask = AllKeys, class Score = PlainScores>
requires ScorePolicy<Score, detail::AttentionReal<S>>
void flash_attention(In<S, 4> q, In<S, 4> k, In<S, 4> v, View<S, 4> out, const Mask& mask = {},
                     const Score& score = {},
                     const AttentionOptions<detail::AttentionReal<S>>& options = {}) {
  using T = detail::AttentionReal<S>;
  const Index batch = q.extent[0], heads = q.extent[1], queries = q.extent[2];
  const Index kv_heads = k.extent[1];
  CFM_CHECK(k.extent[0] == batch && v.extent[0] == batch && v.extent[1] == kv_heads &&
                v.extent[2] == k.extent[2] && k.extent[3] == q.extent[3],
            "flash_attention: q, k and v do not fit", q, k, v);
  CFM_CHECK(kv_heads > 0 ? heads % kv_heads == 0 : heads == 0,
            "flash_attention: heads must be a multiple of those of keys", q, k);
  CFM_CHECK(out.extent[0] == batch && out.extent[1] == heads && out.extent[2] == queries &&
                out.extent[3] == v.extent[3],
            "flash_attention: out must be [batch, heads, queries, width of v]", out, q, v);
  CFM_CHECK(
      q.last_contiguous() && k.last_contiguous() && v.last_contiguous() && out.last_contiguous(),
      "flash_attention: rows must be dense", q, k, v, out);
  const View<T, 3> lse = options.logsumexp;
  CFM_CHECK(lse.data == nullptr ||
                (lse.extent[0] == batch && lse.extent[1] == heads && lse.extent[2] == queries),
            "flash_attention: logsumexp must be [batch, heads, queries]", lse, q);
  isa_detail::check_dropout(options.dropout);
  isa_detail::check_mask(mask);
  if (batch * heads * queries == 0) return;
  constexpr auto widen = isa_detail::conversion<S, T>(), narrow = isa_detail::conversion<T, S>();
  detail::AttentionCall<T> call{
      {q, widen},     {k, widen}, {v, widen},
      {out, narrow},  lse,        isa_detail::scale_or_default(options.scale, q.extent[3]),
      options.dropout};
  const auto table = isa_detail::rope_table<T>(options.rope, q.extent[3], queries, k.extent[2]);
  call.q = call.q.turning(table.get(), k.extent[2] - queries);
  call.k = call.k.turning(table.get(), 0);
  const Index rows = heads / kv_heads * queries, units = batch * kv_heads;
  // Long blocks pack keys less often, short ones share the work better. Neither shows in results.
  const Index tasks = units * rows / detail::attention_rows;
  const Index factor = tasks >= 32 ? 4 : tasks >= 16 ? 2 : 1;
  const Index most = factor * detail::attention_rows;
  const Index blocks = (rows + most - 1) / most;
  // Heads of few queries go together. The last blocks of a causal mask are the longest: they begin
  // first.
  const Index together = std::max<Index>(1, detail::attention_rows / rows);
  parallel_for(units * blocks, together, [&](Index begin, Index end) {
    const detail::AttentionRoom<T> room(call, std::min(most, rows),
                                        CFM_CALL(gemm_width)(detail::Gemm<T>{}));
    for (Index i = begin; i < end; ++i) {
      const Index first = (blocks - 1 - i % blocks) * most;
      isa_detail::attention_block(call, mask, score, i / blocks / kv_heads, i / blocks % kv_heads,
                                  first, std::min(most, rows - first), room);
    }
  });
}

/// The result of attention on tensors, and what its backward pass needs.
struct AttentionResult {
  Tensor out;        ///< [batch, heads, queries, v width]
  Tensor logsumexp;  ///< [batch, heads, queries]
};

/// The same for tensors, with the logsumexp.   Shapes:  [batch, heads, positions, width] each.
/// Errors:  TypeError unless all have one type of f32, f64, bf16, f16; ShapeError.
template <AttentionMask Mask = AllKeys, class Score = PlainScores>
AttentionResult flash_attention_result(const Tensor& q, const Tensor& k, const Tensor& v,
                                       const Mask& mask = {}, const Score& score = {},
                                       double scale = 0, const AttentionDropout& dropout = {},
                                       const std::optional<Rope>& rope = {}) {
  CFM_CHECK(q.dtype() == k.dtype() && q.dtype() == v.dtype(),
            "flash_attention: q, k and v must have one type", q, k, v, q.dtype());
  CFM_CHECK(q.rank() == 4 && k.rank() == 4 && v.rank() == 4,
            "flash_attention: wants [batch, heads, positions, width]", q, k, v);
  return isa_detail::visit_attention(q.dtype(), [&]<class S>(std::type_identity<S>) {
    using T = detail::AttentionReal<S>;
    AttentionResult result{Tensor::empty({q.size(0), q.size(1), q.size(2), v.size(3)}, q.dtype()),
                           Tensor::empty({q.size(0), q.size(1), q.size(2)}, dtype_of<T>)};
    if constexpr (ScorePolicy<Score, T>) {
      const Tensor qd = isa_detail::dense_rows_of(q), kd = isa_detail::dense_rows_of(k);
      const Tensor vd = isa_detail::dense_rows_of(v);
      flash_attention<S>(qd.view<S, 4>(), kd.view<S, 4>(), vd.view<S, 4>(), result.out.view<S, 4>(),
                         mask, score,
                         AttentionOptions<T>{.scale = static_cast<T>(scale),
                                             .logsumexp = result.logsumexp.view<T, 3>(),
                                             .dropout = dropout,
                                             .rope = rope});
    } else {
      throw_error<TypeError>("flash_attention: the score policy does not take ", q.dtype());
    }
    return result;
  });
}

/// The same without; [heads, positions, width] and [positions, width] too.
template <AttentionMask Mask = AllKeys, class Score = PlainScores>
Tensor flash_attention(const Tensor& q, const Tensor& k, const Tensor& v, const Mask& mask = {},
                       const Score& score = {}, double scale = 0) {
  CFM_CHECK(q.rank() >= 2 && k.rank() == q.rank() && v.rank() == q.rank(),
            "flash_attention: wants [batch, heads, positions, width]", q, k, v);
  const auto with_heads = [](Tensor t) {
    while (t.rank() < 4) t = t.unsqueeze(0);
    return t;
  };
  Tensor out =
      flash_attention_result(with_heads(q), with_heads(k), with_heads(v), mask, score, scale).out;
  while (out.rank() > q.rank()) out = out.squeeze(0);
  return out;
}

CFM_ISA_NAMESPACE_END
