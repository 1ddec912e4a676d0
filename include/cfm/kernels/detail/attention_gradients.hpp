#pragma once
/// @file  The backward pass of flash attention for one block of keys: weights are computed again.

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
  View<const T, 4> q, k, v, dout;
  View<const T, 3> logsumexp;
  const T* dots;  // [batch, heads, queries]: of dout and out
  T scale;
  AttentionDropout dropout;

  Index group() const { return q.extent[1] / k.extent[1]; }
  Index rows() const { return group() * q.extent[2]; }  // queries that share a head of keys
  QueryPlace place(Index batch, Index kv_head, Index r) const {
    const Index queries = q.extent[2];
    return {batch, r % queries, queries, k.extent[2], kv_head * group() + r / queries};
  }
};

constexpr Index whole_panels(Index n) { return (n + 31) / 32 * 32; }  // of any target

// Working memory for one block of keys.
template <class T>
struct AttentionBackRoom {
  static constexpr Index keys = attention_keys, rows = attention_back_rows;
  // Memory even for a width of 0: pointers into it are formed, though nothing is read.
  static constexpr Index some(Index width) { return std::max<Index>(1, width); }

  AttentionBackRoom(Index width, Index v_width)
      : k_across(whole_panels(keys) * some(width)),
        v_across(whole_panels(keys) * some(v_width)),
        k(keys * whole_panels(some(width))),
        narrow_q(rows * whole_panels(some(width))),
        narrow_g(rows * whole_panels(some(v_width))),
        q(rows * some(width)),
        g(rows * some(v_width)),
        p(rows * attention_row),
        dp(rows * attention_row),
        packed(rows * (std::max(width, v_width) + 3)),
        dk(keys * some(width)),
        dv(keys * some(v_width)) {}

  Scratch<T> k_across, v_across, k;  // packed
  Scratch<T> narrow_q, narrow_g;     // queries and their gradients, packed
  Scratch<T> q, g, p, dp;            // of a block of queries
  Scratch<T> packed;                 // what gemm_pack_a makes: rows by terms rounded up to four
  Scratch<T> dk, dv;
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

// Rows of dense memory that products read and write.
template <class T>
struct Rows {
  T* data;
  Index row;
};

// out = a b + beta out over at most one block of terms. a: [m, k], or [k, m] read across and packed
// into `room`; it is read where it lies if that is null.
template <class T>
void attention_product(Index m, Index n, Index k, Rows<const T> a, bool across, const T* packed_b,
                       Index packed_terms, Rows<T> out, T beta, T* room) {
  const detail::Gemm<T> g{
      m, n,        k,       a.data, across ? 1 : a.row, across ? a.row : 1, nullptr, 0,
      1, out.data, out.row, beta};
  CFM_CALL(gemm_terms)(g, Index{0}, k, packed_b, room, packed_terms);
}

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

// Queries first .. first + m, scaled, and their gradients, as dense rows.
template <class T>
void attention_gather(const detail::AttentionBack<T>& call, Index batch, Index kv_head, Index first,
                      Index m, T* q, T* g) {
  const Index width = call.q.extent[3], v_width = call.v.extent[3];
  for (Index r = 0; r < m; ++r) {
    const QueryPlace at = call.place(batch, kv_head, first + r);
    const T* const from = &call.q(batch, at.head, at.query, Index{0});
    for (Index e = 0; e < width; ++e) q[r * width + e] = from[e] * call.scale;
    std::copy_n(&call.dout(batch, at.head, at.query, Index{0}), v_width, g + r * v_width);
  }
}

// The places and ranges of queries first .. first + m, and the parts of keys from .. from + block
// that one of them sees.
template <class T, class Mask>
Index attention_back_parts(const detail::AttentionBack<T>& call, const Mask& mask, Index batch,
                           Index kv_head, Index first, Index m, Index from, Index block,
                           QueryPlace* places, KeyRange* ranges, detail::KeyPart* parts) {
  Index end = from;  // behind the last key that a query sees
  for (Index r = 0; r < m; ++r) {
    places[r] = call.place(batch, kv_head, first + r);
    const KeyRange range = ranges[r] = detail::clamped_range(mask, places[r]);
    const Index last = range.begin < range.end ? range.end : range.sinks;
    if (range.sinks > from || range.begin < from + block) end = std::max(end, last);
  }
  return detail::visible_parts(mask, m, places, from, std::min(end, from + block), parts);
}

// One block of queries, gathered in the room, and one part of keys `at` .. `at` + n of a block.
template <class T, class Mask, class Score>
void attention_part_back(const detail::AttentionBack<T>& call, const Mask& mask, const Score& score,
                         const QueryPlace* places, const KeyRange* ranges, Index m, Index from,
                         Index at, Index n, Index block, T* dq,
                         detail::AttentionBackRoom<T>& room) {
  const Index width = call.q.extent[3], v_width = call.v.extent[3];
  const Index panel = CFM_CALL(gemm_width)(detail::Gemm<T>{});
  constexpr Index row = detail::attention_row, step = detail::attention_back_step;
  T* const packed = room.packed.data();
  T* const in_place = nullptr;
  CFM_CALL(gemm_pack_b)(m, v_width, room.g.data(), v_width, Index{1}, room.narrow_g.data());
  CFM_CALL(gemm_pack_b)(m, width, room.q.data(), width, Index{1}, room.narrow_q.data());
  // Steps of queries, each as far as one of its queries sees, and what no step before has seen.
  detail::KeyPart fresh[detail::attention_back_rows / step];
  Index seen = 0;
  for (Index r0 = 0; r0 < m; r0 += step) {
    const Index rows = std::min(step, m - r0);
    Index end = 0;
    for (Index r = r0; r < r0 + rows; ++r)
      end = std::max({end, ranges[r].sinks, ranges[r].begin < ranges[r].end ? ranges[r].end : 0});
    end = std::clamp<Index>(end - from - at, 0, n);
    fresh[r0 / step] = {seen, std::max(seen, end)};
    seen = std::max(seen, end);
    T* const p = room.p.data() + r0 * row;
    T* const dp = room.dp.data() + r0 * row;
    if (end > 0) {
      attention_product<T>(rows, end, width, {room.q.data() + r0 * width, width}, false,
                           room.k_across.data() + at * width, width, {p, row}, T{0}, packed);
      attention_product<T>(rows, end, v_width, {room.g.data() + r0 * v_width, v_width}, false,
                           room.v_across.data() + at * v_width, v_width, {dp, row}, T{0}, packed);
    }
    for (Index r = 0; r < rows; ++r) {
      if (end > 0)
        attention_weigh_back(call, mask, score, places[r0 + r], ranges[r0 + r], from + at, end,
                             p + r * row, dp + r * row);
      std::fill(p + r * row + end, p + r * row + n, T{0});
      std::fill(dp + r * row + end, dp + r * row + n, T{0});
    }
    if (end > 0)
      attention_product<T>(rows, width, end, {dp, row}, false, room.k.data() + at * panel, block,
                           {dq + r0 * width, width}, T{1}, in_place);
  }
  for (Index r0 = 0; r0 < m; r0 += step) {
    const auto [begin, end] = fresh[r0 / step];
    if (begin == end) continue;
    const Index first = r0 * row + begin;
    attention_product<T>(end - begin, v_width, m - r0, {room.p.data() + first, row}, true,
                         room.narrow_g.data() + r0 * panel, m,
                         {room.dv.data() + (at + begin) * v_width, v_width}, T{1}, in_place);
    attention_product<T>(end - begin, width, m - r0, {room.dp.data() + first, row}, true,
                         room.narrow_q.data() + r0 * panel, m,
                         {room.dk.data() + (at + begin) * width, width}, T{1}, in_place);
  }
}

// What keys from .. from + block and all queries of their head mean to each other: adds to dq, rows
// of width, and writes dk and dv of the block into the room.
template <class T, class Mask, class Score>
void attention_keys_back(const detail::AttentionBack<T>& call, const Mask& mask, const Score& score,
                         Index batch, Index kv_head, Index from, Index block, T* dq,
                         detail::AttentionBackRoom<T>& room) {
  const Index width = call.q.extent[3], v_width = call.v.extent[3], rows = call.rows();
  const T* const k = &call.k(batch, kv_head, from, Index{0});
  const T* const v = &call.v(batch, kv_head, from, Index{0});
  CFM_CALL(gemm_pack_b)(width, block, k, Index{1}, call.k.stride[2], room.k_across.data());
  CFM_CALL(gemm_pack_b)(block, width, k, call.k.stride[2], Index{1}, room.k.data());
  CFM_CALL(gemm_pack_b)(v_width, block, v, Index{1}, call.v.stride[2], room.v_across.data());
  std::fill_n(room.dk.data(), block * width, T{0});
  std::fill_n(room.dv.data(), block * v_width, T{0});
  for (Index first = 0; first < rows; first += detail::attention_back_rows) {
    const Index m = std::min(detail::attention_back_rows, rows - first);
    QueryPlace places[detail::attention_back_rows];
    KeyRange ranges[detail::attention_back_rows];
    detail::KeyPart parts[detail::attention_parts];
    const Index count = attention_back_parts(call, mask, batch, kv_head, first, m, from, block,
                                             places, ranges, parts);
    if (count == 0) continue;
    attention_gather(call, batch, kv_head, first, m, room.q.data(), room.g.data());
    for (Index i = 0; i < count; ++i)
      attention_part_back(call, mask, score, places, ranges, m, from, parts[i].begin - from,
                          parts[i].end - parts[i].begin, block, dq + first * width, room);
  }
}

// All that one head of keys takes part in. Blocks of keys run side by side, `side` of them, each
// with its own part of dq; these are added in order, so `side` does not change the result.
template <class T, class Mask, class Score>
void attention_head_back(const detail::AttentionBack<T>& call, const Mask& mask, const Score& score,
                         Index batch, Index kv_head, Index side, View<T, 4> dq, View<T, 4> dk,
                         View<T, 4> dv) {
  const Index keys = call.k.extent[2], rows = call.rows(), width = call.q.extent[3];
  const Index v_width = call.v.extent[3];
  const detail::Scratch<T> sum(rows * width), shares(side * rows * width);
  std::fill_n(sum.data(), rows * width, T{0});
  for (Index wave = 0; wave < keys; wave += side * detail::attention_keys) {
    const Index blocks =
        std::min(side, (keys - wave + detail::attention_keys - 1) / detail::attention_keys);
    parallel_for(blocks, 1, [&](Index begin, Index end) {
      detail::AttentionBackRoom<T> room(width, v_width);
      for (Index i = begin; i < end; ++i) {
        const Index from = wave + i * detail::attention_keys;
        const Index block = std::min(detail::attention_keys, keys - from);
        T* const share = shares.data() + i * rows * width;
        std::fill_n(share, rows * width, T{0});
        attention_keys_back(call, mask, score, batch, kv_head, from, block, share, room);
        for (Index j = 0; j < block; ++j) {
          std::copy_n(room.dk.data() + j * width, width, &dk(batch, kv_head, from + j, Index{0}));
          std::copy_n(room.dv.data() + j * v_width, v_width,
                      &dv(batch, kv_head, from + j, Index{0}));
        }
      }
    });
    for (Index i = 0; i < blocks; ++i)
      for (Index e = 0; e < rows * width; ++e) sum.data()[e] += shares.data()[i * rows * width + e];
  }
  for (Index r = 0; r < rows; ++r) {
    const QueryPlace at = call.place(batch, kv_head, r);
    T* const to = &dq(batch, at.head, at.query, Index{0});
    for (Index e = 0; e < width; ++e) to[e] = sum.data()[r * width + e] * call.scale;
  }
}

}  // namespace isa_detail
CFM_ISA_NAMESPACE_END
