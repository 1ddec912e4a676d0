#pragma once
/// @file  Which keys a query of attention sees: a range, and what it lacks.

#include <algorithm>
#include <concepts>
#include <numeric>
#include <span>

#include <cfm/core/error.hpp>

CFM_NAMESPACE_BEGIN

/// The place of a query: sequence `batch`, position `query` of `queries`, which look at `keys`
/// keys. Unequal lengths end together: the last query stands at the last key.
struct QueryPlace {
  Index batch = 0, query = 0, queries = 0, keys = 0;
  Index head = 0;

  /// The key at the query's own position.
  constexpr Index position() const { return query + keys - queries; }
};

/// Keys begin .. end are visible, and the first `sinks`.
struct KeyRange {
  Index begin = 0, end = 0, sinks = 0;

  /// The keys that both ranges show, if that is such a range: sinks of one stay where the other
  /// begins at key 0.
  friend constexpr KeyRange operator&(const KeyRange& x, const KeyRange& y) {
    const KeyRange a = x.joined(), b = y.joined();
    return {std::max(a.begin, b.begin), std::min(a.end, b.end),
            std::min(a.begin <= 0 ? a.end : a.sinks, b.begin <= 0 ? b.end : b.sinks)};
  }
  /// The same keys; sinks that touch the range are part of it.
  constexpr KeyRange joined() const {
    if (sinks <= 0 || sinks < begin) return *this;
    return {0, std::max(end, sinks), 0};
  }
  friend constexpr bool operator==(const KeyRange&, const KeyRange&) = default;
};

/// What attention takes as a mask: the range of a query. What lies outside costs nothing.
template <class M>
concept AttentionMask = requires(const M& mask, const QueryPlace& place) {
  { mask(place) } -> std::same_as<KeyRange>;
};

/// A mask that hides blocks of keys inside the range: block i is keys i block() .. (i + 1) block(),
/// block() a multiple of 32. What no query of a tile sees is not computed.
template <class M>
concept BlockedMask = AttentionMask<M> && requires(const M& mask, const QueryPlace& place) {
  { mask.block() } -> std::same_as<Index>;
  { mask.hides(place, Index{}) } -> std::same_as<bool>;
};

/// A mask that hides single keys inside the range, none of them before first_hidden(place).
template <class M>
concept DetailedMask = AttentionMask<M> && requires(const M& mask, const QueryPlace& place) {
  { mask.hides_key(place, Index{}) } -> std::same_as<bool>;
  { mask.first_hidden(place) } -> std::same_as<Index>;
};

/// True if the query sees the key, 0 <= key < place.keys.
template <AttentionMask M>
constexpr bool shows(const M& mask, const QueryPlace& place, Index key) {
  const KeyRange range = mask(place);
  if (key >= range.sinks && (key < range.begin || key >= range.end)) return false;
  if constexpr (BlockedMask<M>)
    if (mask.hides(place, key / mask.block())) return false;
  if constexpr (DetailedMask<M>)
    return key < mask.first_hidden(place) || !mask.hides_key(place, key);
  return true;
}

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

/// What both masks show: BothMasks{Causal{}, KeyLengths{lengths}}. Sinks of one are kept where the
/// other begins at key 0 or hides by blocks.
template <AttentionMask A, AttentionMask B>
struct BothMasks {
  A a;
  B b;

  constexpr KeyRange operator()(const QueryPlace& q) const {
    KeyRange in_a = a(q), in_b = b(q);  // what a range leaves out at its start, blocks hide anyway
    if constexpr (BlockedMask<A>)
      if (in_b.sinks > 0) in_a.begin = 0;
    if constexpr (BlockedMask<B>)
      if (in_a.sinks > 0) in_b.begin = 0;
    return in_a & in_b;
  }

  constexpr Index block() const requires(BlockedMask<A> || BlockedMask<B>) {
    if constexpr (!BlockedMask<A>)
      return b.block();
    else if constexpr (!BlockedMask<B>)
      return a.block();
    else
      return std::gcd(a.block(), b.block());
  }
  constexpr bool hides(const QueryPlace& q, Index i) const
      requires(BlockedMask<A> || BlockedMask<B>) {
    const Index key = i * block();
    if constexpr (BlockedMask<A>)
      if (a.hides(q, key / a.block())) return true;
    if constexpr (BlockedMask<B>)
      if (b.hides(q, key / b.block())) return true;
    return false;
  }
  constexpr Index first_hidden(const QueryPlace& q) const
      requires(DetailedMask<A> || DetailedMask<B>) {
    Index first = q.keys;
    if constexpr (DetailedMask<A>) first = std::min(first, a.first_hidden(q));
    if constexpr (DetailedMask<B>) first = std::min(first, b.first_hidden(q));
    return first;
  }
  constexpr bool hides_key(const QueryPlace& q, Index key) const
      requires(DetailedMask<A> || DetailedMask<B>) {
    if constexpr (DetailedMask<A>)
      if (key >= a.first_hidden(q) && a.hides_key(q, key)) return true;
    if constexpr (DetailedMask<B>)
      if (key >= b.first_hidden(q) && b.hides_key(q, key)) return true;
    return false;
  }
};
template <class A, class B>
BothMasks(A, B) -> BothMasks<A, B>;

CFM_NAMESPACE_END
