#pragma once
/// @file  Which keys a query of attention sees, as ranges: what lies outside costs nothing.

#include <algorithm>
#include <concepts>
#include <span>

#include <cfm/core/error.hpp>

CFM_NAMESPACE_BEGIN

/// The place of a query: sequence `batch`, position `query` of `queries`, which look at `keys`
/// keys. Unequal lengths end together: the last query stands at the last key.
struct QueryPlace {
  Index batch = 0, query = 0, queries = 0, keys = 0;

  /// The key at the query's own position.
  constexpr Index position() const { return query + keys - queries; }
};

/// Keys begin .. end are visible, and the first `sinks`.
struct KeyRange {
  Index begin = 0, end = 0, sinks = 0;

  /// The keys that both ranges show. Sinks stay where the other range begins at key 0.
  friend constexpr KeyRange operator&(const KeyRange& a, const KeyRange& b) {
    return {std::max(a.begin, b.begin), std::min(a.end, b.end),
            std::min(a.begin <= 0 ? a.end : a.sinks, b.begin <= 0 ? b.end : b.sinks)};
  }
  friend constexpr bool operator==(const KeyRange&, const KeyRange&) = default;
};

/// What attention takes as a mask: the range of a query.
template <class M>
concept AttentionMask = requires(const M& mask, const QueryPlace& place) {
  { mask(place) } -> std::same_as<KeyRange>;
};

/// Every query sees every key.
struct AllKeys {
  constexpr KeyRange operator()(const QueryPlace& q) const { return {0, q.keys, 0}; }
};

/// Every query sees its own position and what came before.
struct Causal {
  constexpr KeyRange operator()(const QueryPlace& q) const { return {0, q.position() + 1, 0}; }
};

/// Positions from `left` before the query to `right` behind it, and the first `sinks` keys.
/// Source:  I. Beltagy et al., "Longformer", 2020 (windows); G. Xiao et al., "Efficient streaming
///          language models with attention sinks", ICLR 2024.
struct SlidingWindow {
  Index left = 0, right = 0, sinks = 0;

  constexpr KeyRange operator()(const QueryPlace& q) const {
    const Index all =
        q.queries + q.keys;  // wider windows mean the same, and their sums may overflow
    const Index end = q.position() + std::min(right, all) + 1;
    return {q.position() - std::min(left, all), end, std::min(sinks, std::max<Index>(0, end))};
  }
};

/// Sequence b has lengths[b] keys; the rest is padding.
/// Errors:  Error if there are fewer lengths than sequences.
struct KeyLengths {
  std::span<const Index> lengths;

  KeyRange operator()(const QueryPlace& q) const {
    CFM_CHECK(q.batch < static_cast<Index>(lengths.size()), "key lengths: one a sequence",
              lengths.size());
    return {0, lengths[static_cast<std::size_t>(q.batch)], 0};
  }
};

/// Sequences of different lengths one after the other: sequence s is offsets[s] .. offsets[s + 1]
/// of both queries and keys, and sees itself alone. Errors:  Error if a query lies in no sequence.
struct PackedSequences {
  std::span<const Index> offsets;

  KeyRange operator()(const QueryPlace& q) const {
    const auto next = std::upper_bound(offsets.begin(), offsets.end(), q.query);
    CFM_CHECK(next != offsets.begin() && next != offsets.end(),
              "packed sequences: this query lies in none", q.query);
    return {*(next - 1), *next, 0};
  }
};

/// What both masks show: BothMasks{Causal{}, KeyLengths{lengths}}.
template <AttentionMask A, AttentionMask B>
struct BothMasks {
  A a;
  B b;

  constexpr KeyRange operator()(const QueryPlace& q) const { return a(q) & b(q); }
};
template <class A, class B>
BothMasks(A, B) -> BothMasks<A, B>;

CFM_NAMESPACE_END
