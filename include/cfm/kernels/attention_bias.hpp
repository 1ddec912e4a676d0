#pragma once
/// @file  The gradient of an additive bias of attention.

#include <cfm/kernels/attention_backward.hpp>

CFM_ISA_NAMESPACE_BEGIN
namespace isa_detail {

// Adds the gradients of the scores of queries first .. first + m of a head to `dbias`, [queries or
// 1, keys or 1], its first row that of query first.
template <class T, class Mask>
void attention_bias_rows(const detail::AttentionBack<T>& call, const Mask& mask,
                         const ScoreBias<T>& score, Index batch, Index head, Index first, Index m,
                         View<T, 2> dbias, const detail::AttentionBackRoom<T>& room) {
  const Index keys = call.k.extent[2], kv_head = head / call.group();
  const AttentionQueries<T> queries(call.q, call.k, mask, batch, kv_head,
                                    head % call.group() * call.q.extent[2] + first, m);
  queries.pack(call.q, call.scale, room.q.data());
  queries.pack(call.dout, T{1}, room.g.data());
  for (Index from = 0; from < keys; from += detail::attention_keys) {
    detail::KeyPart parts[detail::attention_parts];
    const Index count = attention_back_parts(queries, mask, from,
                                             std::min(keys, from + detail::attention_keys), parts);
    for (Index i = 0; i < count; ++i) {
      const Index at = parts[i].begin, n = parts[i].end - at;
      attention_pack_keys(call, batch, kv_head, at, n, room);
      for (Index tile = 0; tile < queries.tiles(); ++tile)
        attention_tile_back(call, mask, score, queries, tile, at, Index{0}, n, room);
      for (Index r = 0; r < m; ++r) {
        const T* const d = room.dp.data() + r * detail::attention_row;
        T* const to = dbias.row(dbias.extent[0] == 1 ? 0 : r);
        if (dbias.extent[1] == 1)
          for (Index j = 0; j < n; ++j) to[0] += d[j];
        else
          for (Index j = 0; j < n; ++j) to[(at + j) * dbias.stride[1]] += d[j];
      }
    }
  }
}

}  // namespace isa_detail

/// The gradient of flash_attention by the bias of its ScoreBias, summed over what the bias serves;
/// dbias is overwritten.
///
/// Shapes:  bias, dbias [batch or 1, heads or 1, queries or 1, keys or 1].
/// Order:   over batches, heads, queries and keys in order: same bits for any threads.
/// Errors:  ShapeError.
/// Cost:    two products of the size of the forward pass's, and the weights once more; no memory of
///          the size of the scores beside dbias. Parallel over what the bias tells apart: batches,
///          heads, blocks of 96 queries.
template <AttentionElement S, AttentionMask Mask = AllKeys, class T = detail::AttentionReal<S>>
void attention_bias_backward(const AttentionSaved<S>& saved, std::type_identity_t<In<T, 4>> bias,
                             std::type_identity_t<View<T, 4>> dbias, const Mask& mask = {},
                             const std::type_identity_t<AttentionOptions<T>>& options = {}) {
  const Index batch = saved.q.extent[0], heads = saved.q.extent[1], queries = saved.q.extent[2];
  const Index want[4] = {batch, heads, queries, saved.k.extent[2]};
  isa_detail::check_saved(saved);
  isa_detail::check_mask(mask);
  CFM_CHECK(bias.shape() == dbias.shape(), "attention_bias_backward: dbias is shaped as the bias",
            bias, dbias);
  for (int d = 0; d < 4; ++d)
    CFM_CHECK(bias.extent[d] == 1 || bias.extent[d] == want[d],
              "attention_bias_backward: extents are 1 or those of [batch, heads, queries, keys]",
              bias, d);
  const detail::Scratch<T> dots(saved.logsumexp.size());
  const auto call = isa_detail::attention_back(saved, options, dots.data());
  const bool all_queries = bias.extent[2] == 1;  // one task adds them all
  constexpr Index most = detail::attention_back_rows;
  const Index blocks = all_queries ? 1 : (queries + most - 1) / most;
  const auto range = [](Index i, Index extent, Index all) {
    return extent == 1 ? std::pair{Index{0}, all} : std::pair{i, i + 1};
  };
  parallel_for(bias.extent[0] * bias.extent[1] * blocks, 1, [&](Index begin, Index end) {
    detail::AttentionBackRoom<T> room(saved.q.extent[3], saved.v.extent[3],
                                      CFM_CALL(gemm_width)(detail::Gemm<T>{}),
                                      !std::is_same_v<S, T>);
    for (Index i = begin; i < end; ++i) {
      const Index b0 = i / blocks / bias.extent[1], h0 = i / blocks % bias.extent[1];
      const Index first = i % blocks * most, last = all_queries ? queries : first + most;
      View<T, 2> to{&dbias(b0, h0, all_queries ? 0 : first, Index{0}),
                    {all_queries ? 1 : std::min(most, queries - first), bias.extent[3]},
                    {dbias.stride[2], dbias.stride[3]}};
      for (Index r = 0; r < to.extent[0]; ++r)
        for (Index j = 0; j < to.extent[1]; ++j) to(r, j) = 0;
      const auto [b1, b2] = range(b0, bias.extent[0], batch);
      const auto [h1, h2] = range(h0, bias.extent[1], heads);
      for (Index b = b1; b < b2; ++b)
        for (Index h = h1; h < h2; ++h)
          for (Index q = first; q < std::min(last, queries); q += most)
            isa_detail::attention_bias_rows(call, mask, ScoreBias<T>{bias}, b, h, q,
                                            std::min(most, queries - q), to, room);
    }
  });
}

CFM_ISA_NAMESPACE_END
