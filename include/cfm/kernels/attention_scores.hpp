#pragma once
/// @file  What attention may do to scores before the softmax: policies, one row at a time.

#include <cmath>
#include <vector>

#include <cfm/exec/map.hpp>
#include <cfm/kernels/attention_masks.hpp>

CFM_NAMESPACE_BEGIN

/// Scores of one query and consecutive keys, in cache: what a score policy changes in place.
template <Real T>
struct ScoreRow {
  T* scores;  ///< [keys]
  Index keys;
  Index first_key;  ///< the key of scores[0]
  Index head;       ///< of the query
  QueryPlace place;

  /// Positions from key i of this row to the query: 0 at its own, positive for keys before it.
  Index distance(Index i) const { return place.position() - first_key - i; }
};

/// A policy for whole rows: policy(ScoreRow<T>).
template <class P, class T>
concept RowScorePolicy = requires(const P& policy, ScoreRow<T> row) {
  policy(row);
};

/// Scores as they are.
struct PlainScores {
  static constexpr bool shifts = true;  ///< the derivative by the score is 1
  template <Real T>
  void operator()(const ScoreRow<T>&) const {}
};

/// score - slope[head] |distance|.
/// Source:  O. Press et al., "Train short, test long", ICLR 2022.
struct Alibi {
  static constexpr bool shifts = true;
  std::vector<double> slopes;  ///< one a head

  /// The published slopes: 2^(-8 (h + 1) / n) for n heads, n a power of two; else those of the next
  /// smaller power, then every second one of the next larger.
  static Alibi for_heads(Index heads) {
    Index power = 1;
    while (2 * power <= heads) power *= 2;
    Alibi out;
    for (Index h = 0; h < power; ++h)
      out.slopes.push_back(
          std::exp2(-8.0 * static_cast<double>(h + 1) / static_cast<double>(power)));
    for (Index h = 0; power + h < heads; ++h)
      out.slopes.push_back(
          std::exp2(-4.0 * static_cast<double>(2 * h + 1) / static_cast<double>(power)));
    return out;
  }

  template <Real T>
  void operator()(const ScoreRow<T>& row) const {
    CFM_CHECK(row.head < static_cast<Index>(slopes.size()), "alibi: one slope a head",
              slopes.size(), row.head);
    const T slope = static_cast<T>(slopes[static_cast<std::size_t>(row.head)]);
    for (Index i = 0; i < row.keys; ++i)
      row.scores[i] -= slope * static_cast<T>(std::abs(row.distance(i)));
  }
};

/// score + bias[batch, head, query, key]; extents of 1 serve all. -infinity hides a key.
template <Real T>
struct ScoreBias {
  static constexpr bool shifts = true;
  View<const T, 4> bias;

  void operator()(const ScoreRow<T>& row) const {
    const Index last[4] = {row.place.batch, row.head, row.place.query,
                           row.first_key + row.keys - 1};
    for (int d = 0; d < 4; ++d)
      CFM_CHECK(bias.extent[d] == 1 || last[d] < bias.extent[d],
                "score bias: extents are 1 or those of [batch, heads, queries, keys]", bias, d);
    const auto at = [&](int d, Index i) { return bias.extent[d] == 1 ? 0 : i * bias.stride[d]; };
    const T* const from = bias.data + at(0, row.place.batch) + at(1, row.head) +
                          at(2, row.place.query) + at(3, row.first_key);
    const Index step = bias.extent[3] == 1 ? 0 : bias.stride[3];
    for (Index i = 0; i < row.keys; ++i) row.scores[i] += from[i * step];
  }
};

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// cap tanh(score / cap)
struct SoftCap {
  double cap = 50;

  template <Real T>
  void operator()(const ScoreRow<T>& row) const {
    const T c = static_cast<T>(cap), inverse = static_cast<T>(1 / cap);
    isa_detail::map_chunk(
        row.keys, [&](auto s) { return tanh(s * inverse) * c; }, row.scores, row.scores);
  }

  /// d times the derivative by the score; the row holds what came out.
  template <Real T>
  void gradient(const ScoreRow<T>& row, T* d) const {
    const T inverse = static_cast<T>(1 / cap);
    for (Index i = 0; i < row.keys; ++i) {
      const T y = row.scores[i] * inverse;  // a hidden key has no weight, so d is 0 there
      d[i] *= y >= -1 ? 1 - y * y : 0;
    }
  }
};

namespace isa_detail {

// Row policies as they are; lane-wise functions f(score, distance) over a row of distances.
template <class T, class Policy>
void apply_scores(const Policy& policy, const ScoreRow<T>& row) {
  if constexpr (std::is_same_v<Policy, PlainScores>) {
  } else if constexpr (RowScorePolicy<Policy, T>) {
    policy(row);
  } else {
    T distances[512];
    for (Index begin = 0; begin < row.keys; begin += 512) {
      const Index n = std::min<Index>(512, row.keys - begin);
      for (Index i = 0; i < n; ++i) distances[i] = static_cast<T>(row.distance(begin + i));
      map_chunk(n, policy, row.scores + begin, row.scores + begin, distances);
    }
  }
}

}  // namespace isa_detail

/// What attention takes as a score policy: a row policy, or a lane-wise f(score, distance).
template <class P, class T>
concept ScorePolicy = RowScorePolicy<P, T> || LaneFunction2<P, T>;

CFM_ISA_NAMESPACE_END
