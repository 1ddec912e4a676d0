#pragma once
/// @file  The backward pass of flash attention for one block of keys: weights are computed again.

#include <memory>

#include <cfm/exec/dual.hpp>
#include <cfm/kernels/detail/attention_block.hpp>

CFM_NAMESPACE_BEGIN
namespace detail {

// Queries whose weights are computed together.
inline constexpr Index attention_back_rows = 96;
// Of them, those that are computed as far as one of them sees.
inline constexpr Index attention_back_step = 24;

// What one backward pass reads.
template <class T>
struct AttentionBack {
  AttentionOperand<T> q, k, v, dout;
  View<const T, 3> logsumexp;
  const T* dots;  // [batch, heads, queries]: of dout and out
  T scale;
  AttentionDropout dropout;
  std::shared_ptr<const RopeTable<T>> rope = nullptr;  // of q and k

  Index group() const { return q.extent[1] / k.extent[1]; }
  Index rows() const { return group() * q.extent[2]; }  // queries that share a head of keys
};

// Working memory for one block of keys.
template <class T>
struct AttentionBackRoom {
  static constexpr Index keys = attention_keys, rows = attention_back_rows;

  AttentionBackRoom(Index width, Index v_width, Index panel, bool convert)
      : columns(whole_panels(width, panel)),
        v_columns(whole_panels(v_width, panel)),
        k_across(whole_panels(keys, panel) * columns),
        v_across(whole_panels(keys, panel) * v_columns),
        k(keys * columns),
        q(packed_queries(rows, width)),
        g(packed_queries(rows, v_width)),
        q_panels(rows * columns),
        g_panels(rows * v_columns),
        p((rows + attention_most) * attention_row),
        dp((rows + attention_most) * attention_row),
        dk(keys * columns),
        dv(keys * v_columns),
        wide(convert ? keys * std::max(width, v_width) : 0) {}

  Index columns, v_columns;
  Scratch<T> k_across, v_across, k;     // packed
  Scratch<T> q, g, q_panels, g_panels;  // queries and gradients of their results, packed
  Scratch<T> p, dp;                     // [rows][attention_row]
  Scratch<T> dk, dv;                    // [keys][columns]
  Scratch<T> wide;                      // converted rows
};

}  // namespace detail
CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN
namespace isa_detail {

// A lane-wise score policy that gives its derivative too.
template <class P, class T>
concept DualScore = requires(const P& policy, Dual<T> x) {
  { policy(x, x) } -> std::same_as<Dual<T>>;
};

// The derivative of the policy by the score, for raw scores; then the scores that it makes.
template <class T, class Score>
void differentiate_scores(const Score& score, const ScoreRow<T>& row, T* slope) {
  constexpr bool lane_wise = !RowScorePolicy<Score, T>;
  if constexpr (lane_wise) {
    T distances[detail::attention_keys];
    for (Index i = 0; i < row.keys; ++i) distances[i] = static_cast<T>(row.distance(i));
    const auto slopes = [&](Batch<T> s, Batch<T> distance) {
      return score(Dual<T>(s, Batch<T>(T{1})), Dual<T>(distance)).slope;
    };
    map_chunk(row.keys, slopes, slope, row.scores, distances);
  }
  apply_scores(score, row);
  if constexpr (!lane_wise) {
    std::fill_n(slope, row.keys, T{1});
    score.gradient(row, slope);
  }
}

// Scores of a query and keys from .. from + n to weights, dp = dout v^T to the gradient of the
// scores before the policy.
template <class T, class Mask, class Score>
void attention_weigh_back(const detail::AttentionBack<T>& call, const Mask& mask,
                          const Score& score, const QueryPlace& place, const KeyRange& range,
                          Index from, Index n, T* scores, T* dp) {
  const Index heads = call.q.extent[1];
  const T logsumexp = call.logsumexp(place.batch, place.head, place.query);
  if (logsumexp == -std::numeric_limits<T>::infinity()) {  // it sees nothing
    std::fill_n(scores, n, T{0});
    std::fill_n(dp, n, T{0});
    return;
  }
  constexpr bool shifts = requires { requires Score::shifts; };
  T slope[shifts ? 1 : detail::attention_keys];
  const ScoreRow<T> row{scores, n, from, place.head, place};
  if constexpr (shifts)
    apply_scores(score, row);
  else
    differentiate_scores(score, row, slope);
  detail::hide_keys(mask, place, range, from, from + n, scores);
  const T dot = call.dots[(place.batch * heads + place.head) * place.queries + place.query];
  if (call.dropout.probability > 0) {
    T factor[detail::attention_keys];
    std::fill_n(factor, n, T{1});
    drop_weights(call.dropout, place, heads, from, n, factor);
    for (Index j = 0; j < n; ++j) dp[j] *= factor[j];
    CFM_CALL(attention_row_back)(n, logsumexp, dot, scores, dp);
    for (Index j = 0; j < n; ++j) scores[j] *= factor[j];
  } else {
    CFM_CALL(attention_row_back)(n, logsumexp, dot, scores, dp);
  }
  if constexpr (!shifts)
    for (Index j = 0; j < n; ++j) dp[j] = dp[j] == T{0} ? T{0} : dp[j] * slope[j];
}

// Packs keys and values from .. from + n of a head into the room.
template <class T>
void attention_pack_keys(const detail::AttentionBack<T>& call, Index batch, Index kv_head,
                         Index from, Index n, const detail::AttentionBackRoom<T>& room) {
  const Index width = call.k.extent[3], v_width = call.v.extent[3];
  const auto k = dense_rows<T>(call.k, batch, kv_head, from, n, room.wide.data());
  CFM_CALL(gemm_pack_b)(width, n, k.data, Index{1}, k.row, room.k_across.data());
  CFM_CALL(gemm_pack_b)(n, width, k.data, k.row, Index{1}, room.k.data());
  const auto v = dense_rows<T>(call.v, batch, kv_head, from, n, room.wide.data());
  CFM_CALL(gemm_pack_b)(v_width, n, v.data, Index{1}, v.row, room.v_across.data());
}

// Weights of a tile of queries, packed in the room, into its rows of p, and gradients of their
// scores into those of dp: n keys from key `from`, which is key `at` of the packed ones.
template <class T, class Mask, class Score>
void attention_tile_back(const detail::AttentionBack<T>& call, const Mask& mask, const Score& score,
                         const AttentionQueries<T>& queries, Index tile, Index from, Index at,
                         Index n, const detail::AttentionBackRoom<T>& room) {
  const Index width = call.q.extent[3], v_width = call.v.extent[3];
  QueryPlace places[detail::attention_most];
  detail::AttentionTile<T> t{};
  t.rows = queries.places(tile, places);
  t.keys = n;
  T* const p = room.p.data() + queries.row(tile) * detail::attention_row;
  T* const dp = room.dp.data() + queries.row(tile) * detail::attention_row;
  t.width = width;
  t.q = queries.packed(room.q.data(), tile, width);
  t.k = room.k_across.data() + at * width;
  t.scores = p;
  CFM_CALL(attention_scores)(t);
  t.width = v_width;
  t.q = queries.packed(room.g.data(), tile, v_width);
  t.k = room.v_across.data() + at * v_width;
  t.scores = dp;
  CFM_CALL(attention_scores)(t);
  for (Index r = 0; r < t.rows; ++r)
    attention_weigh_back(call, mask, score, places[r], queries.visible(tile).row[r], from, n,
                         p + r * detail::attention_row, dp + r * detail::attention_row);
}

// The parts of keys from .. to that one of the queries sees.
template <class T, class Mask>
Index attention_back_parts(const AttentionQueries<T>& queries, const Mask& mask, Index from,
                           Index to, detail::KeyPart* parts) {
  QueryPlace places[detail::attention_back_rows];
  for (Index tile = 0; tile < queries.tiles(); ++tile)
    queries.places(tile, places + queries.row(tile));
  const Index panel = CFM_CALL(gemm_width)(detail::Gemm<T>{});
  const auto [begin, end] = queries.seen(from, to, panel);
  return detail::visible_parts(mask, queries.rows(), places, begin, end, parts);
}

// One block of queries and one part of keys `at` .. `at` + n of the block of `block` keys that the
// room holds; dq has rows of room.columns.
template <class T, class Mask, class Score>
void attention_part_back(const detail::AttentionBack<T>& call, const Mask& mask, const Score& score,
                         const AttentionQueries<T>& queries, Index from, Index at, Index n,
                         Index block, T* dq, const detail::AttentionBackRoom<T>& room) {
  const Index panel = CFM_CALL(gemm_width)(detail::Gemm<T>{}), m = queries.rows();
  constexpr Index row = detail::attention_row, step = detail::attention_back_step;
  // Steps of queries, and the keys that one sees and none before it.
  detail::KeyPart fresh[detail::attention_back_rows / step] = {};
  Index seen = 0;
  for (Index tile = 0; tile < queries.tiles(); ++tile) {
    const Index r0 = queries.row(tile), rows = std::min(queries.row(1), m - r0);
    const Index first = from + at;
    const detail::VisibleKeys& visible = queries.visible(tile);
    const Index end = visible.sees(first, first + n) ? visible.last(first, first + n) - first : 0;
    if (r0 % step == 0) fresh[r0 / step].begin = seen;
    seen = fresh[r0 / step].end = std::max(seen, end);
    T* const dp = room.dp.data() + r0 * row;
    if (end > 0) {
      attention_tile_back(call, mask, score, queries, tile, first, at, end, room);
      detail::AttentionTile<T> t{};
      t.rows = rows;
      t.keys = end;
      t.scores = dp;
      t.v = room.k.data() + at * panel;
      t.v_row = panel;
      t.v_panel = panel * block;
      t.out = dq + r0 * room.columns;
      t.out_row = room.columns;
      CFM_CALL(attention_values)(t);
    }
    for (Index r = 0; r < rows; ++r) {
      std::fill(room.p.data() + (r0 + r) * row + end, room.p.data() + (r0 + r) * row + n, T{0});
      std::fill(dp + r * row + end, dp + r * row + n, T{0});
    }
  }
  for (Index r0 = 0; r0 < m; r0 += step) {
    const auto [begin, end] = fresh[r0 / step];
    detail::AttentionTile<T> t{};
    t.rows = m - r0;
    t.keys = end - begin;
    t.v_row = panel;
    t.v_panel = panel * m;
    t.scores = room.p.data() + r0 * row + begin;
    t.v = room.g_panels.data() + r0 * panel;
    t.out = room.dv.data() + (at + begin) * room.v_columns;
    t.out_row = room.v_columns;
    CFM_CALL(attention_across)(t);
    t.scores = room.dp.data() + r0 * row + begin;
    t.v = room.q_panels.data() + r0 * panel;
    t.out = room.dk.data() + (at + begin) * room.columns;
    t.out_row = room.columns;
    CFM_CALL(attention_across)(t);
  }
}

// What keys from .. from + block and all queries of their head mean to each other: adds to dq and
// writes dk and dv of the block into the room.
template <class T, class Mask, class Score>
void attention_keys_back(const detail::AttentionBack<T>& call, const Mask& mask, const Score& score,
                         Index batch, Index kv_head, Index from, Index block, T* dq,
                         const detail::AttentionBackRoom<T>& room) {
  attention_pack_keys(call, batch, kv_head, from, block, room);
  std::fill_n(room.dk.data(), block * room.columns, T{0});
  std::fill_n(room.dv.data(), block * room.v_columns, T{0});
  for (Index first = 0; first < call.rows(); first += detail::attention_back_rows) {
    const AttentionQueries<T> queries(call.q, call.k, mask, batch, kv_head, first,
                                      std::min(detail::attention_back_rows, call.rows() - first));
    detail::KeyPart parts[detail::attention_parts];
    const Index count = attention_back_parts(queries, mask, from, from + block, parts);
    if (count == 0) continue;
    queries.pack(call.q, call.scale, room.q.data(), room.q_panels.data());
    queries.pack(call.dout, T{1}, room.g.data(), room.g_panels.data());
    for (Index i = 0; i < count; ++i)
      attention_part_back(call, mask, score, queries, from, parts[i].begin - from,
                          parts[i].end - parts[i].begin, block, dq + first * room.columns, room);
  }
}

// Writes a row of an output, times factor; the row itself changes where it is converted or turned.
template <class T>
void write_row(const detail::AttentionOperand<T>& out, Index batch, Index head, Index i, T factor,
               T* from) {
  void* const to = out.row(batch, head, i);
  T* const target = out.convert != nullptr ? from : static_cast<T*>(to);
  CFM_CALL(scaled_row)(out.extent[3], factor, from, out.in_place() ? target : from);
  if (out.turned != nullptr) turn_row<T>(*out.turned, out.first + i, out.extent[3], from, target);
  if (out.convert != nullptr) out.convert(from, to, out.extent[3]);
}

// All that one head of keys takes part in. Blocks of keys run side by side, `side` of them, each
// with its own part of dq; these are added in order, so `side` does not change the result.
template <class T, class Mask, class Score>
void attention_head_back(const detail::AttentionBack<T>& call, const Mask& mask, const Score& score,
                         Index batch, Index kv_head, Index side,
                         const detail::AttentionOperand<T>& dq,
                         const detail::AttentionOperand<T>& dk,
                         const detail::AttentionOperand<T>& dv) {
  const Index keys = call.k.extent[2], rows = call.rows(), width = call.q.extent[3];
  const Index panel = CFM_CALL(gemm_width)(detail::Gemm<T>{});
  const Index columns = detail::whole_panels(width, panel);
  const Index share_size = (rows + detail::attention_most) * columns;  // the last tile's padding
  const detail::Scratch<T> sum(rows * columns), shares(side * share_size);
  std::fill_n(sum.data(), rows * columns, T{0});
  for (Index wave = 0; wave < keys; wave += side * detail::attention_keys) {
    const Index blocks =
        std::min(side, (keys - wave + detail::attention_keys - 1) / detail::attention_keys);
    parallel_for(blocks, 1, [&](Index begin, Index end) {
      const detail::AttentionBackRoom<T> room(width, call.v.extent[3], panel,
                                              !call.k.in_place() || !call.v.in_place());
      for (Index i = begin; i < end; ++i) {
        const Index from = wave + i * detail::attention_keys;
        const Index block = std::min(detail::attention_keys, keys - from);
        T* const share = shares.data() + i * share_size;
        std::fill_n(share, share_size, T{0});
        attention_keys_back(call, mask, score, batch, kv_head, from, block, share, room);
        for (Index j = 0; j < block; ++j) {
          write_row(dk, batch, kv_head, from + j, call.scale, room.dk.data() + j * columns);
          write_row(dv, batch, kv_head, from + j, T{1}, room.dv.data() + j * room.v_columns);
        }
      }
    });
    for (Index i = 0; i < blocks; ++i)
      CFM_CALL(add_scaled)(rows * columns, T{1}, shares.data() + i * share_size, sum.data());
  }
  for (Index r = 0; r < rows; ++r)
    write_row(dq, batch, kv_head * call.group() + r / call.q.extent[2], r % call.q.extent[2],
              call.scale, sum.data() + r * columns);
}

}  // namespace isa_detail
CFM_ISA_NAMESPACE_END
