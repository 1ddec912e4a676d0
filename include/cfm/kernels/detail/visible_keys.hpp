#pragma once
/// @file  The keys that a tile of queries sees, clamped to those that exist.

#include <limits>

#include <cfm/kernels/attention-inl.hpp>
#include <cfm/kernels/attention_masks.hpp>

CFM_NAMESPACE_BEGIN
namespace detail {

// The range that a mask gives, within the keys that exist. Sinks that touch the range join it.
template <class Mask>
KeyRange clamped_range(const Mask& mask, const QueryPlace& place) {
  KeyRange range = mask(place);
  range.begin = std::clamp<Index>(range.begin, 0, place.keys);
  range.end = std::clamp<Index>(range.end, range.begin, place.keys);
  range.sinks = std::clamp<Index>(range.sinks, 0, place.keys);
  if (range.sinks >= range.begin) {
    range.end = std::max(range.end, range.sinks);
    range.begin = range.sinks = 0;
  }
  return range;
}

// Writes -infinity over what a query does not see of keys from .. to; scores[0] is key from.
template <class Mask, class T>
void hide_keys(const Mask& mask, const QueryPlace& place, const KeyRange& range, Index from,
               Index to, T* scores) {
  constexpr T hidden = -std::numeric_limits<T>::infinity();
  const auto at = [&](Index key) { return std::clamp<Index>(key - from, 0, to - from); };
  std::fill(scores + at(range.sinks), scores + std::max(at(range.sinks), at(range.begin)), hidden);
  std::fill(scores + at(range.end), scores + (to - from), hidden);
  if constexpr (BlockedMask<Mask>)
    for (Index i = from / mask.block(); i * mask.block() < to; ++i)
      if (mask.hides(place, i))
        std::fill(scores + at(i * mask.block()), scores + at((i + 1) * mask.block()), hidden);
  if constexpr (DetailedMask<Mask>) {
    // The answers first, and then every score is written: a plain question becomes vectors.
    constexpr Index lanes = 16;
    Index key = std::max(from, mask.first_hidden(place));
    for (; key + lanes <= to; key += lanes) {
      std::uint32_t hides[lanes];
      for (Index i = 0; i < lanes; ++i) hides[i] = mask.hides_key(place, key + i);
      T* const row = scores + (key - from);
      for (Index i = 0; i < lanes; ++i) row[i] = hides[i] ? hidden : row[i];
    }
    for (; key < to; ++key)
      if (mask.hides_key(place, key)) scores[key - from] = hidden;
  }
}

// The keys that a tile of queries sees.
struct VisibleKeys {
  KeyRange row[attention_most];
  Index sinks = 0, begin = std::numeric_limits<Index>::max(), end = 0;  // of all of them

  VisibleKeys() = default;
  template <class Mask>
  VisibleKeys(Index rows, const Mask& mask, const QueryPlace* places) {
    for (Index r = 0; r < rows; ++r) {
      const KeyRange range = row[r] = clamped_range(mask, places[r]);
      sinks = std::max(sinks, range.sinks);
      if (range.begin >= range.end) continue;
      begin = std::min(begin, range.begin);
      end = std::max(end, range.end);
    }
  }

  // Of keys from .. to: whether one is seen, the first and behind the last.
  bool sees(Index from, Index to) const { return from < sinks || sees_range(from, to); }
  Index first(Index from) const { return from < sinks ? from : std::max(from, begin); }
  Index last(Index from, Index to) const {
    return std::min(to, sees_range(from, to) ? std::max(end, sinks) : sinks);
  }

 private:
  bool sees_range(Index from, Index to) const { return begin < to && from < end; }
};

// Keys that are computed together.
struct KeyPart {
  Index begin, end;
};

// The parts of keys begin .. end, within one block of `attention_keys`, that a tile computes:
// everything, or the blocks that one of its queries sees. Returns their number. The bounds of parts
// do not depend on what other queries see, so neither do the sums over them.
template <class Mask>
Index visible_parts(const Mask& mask, Index rows, const QueryPlace* places, Index begin, Index end,
                    KeyPart* parts) {
  if constexpr (!BlockedMask<Mask>) {
    parts[0] = {begin, end};
    return begin < end ? 1 : 0;
  } else {
    Index n = 0;
    const Index block = mask.block();
    for (Index i = begin / block; i * block < end; ++i) {
      bool seen = false;
      for (Index r = 0; r < rows && !seen; ++r) seen = !mask.hides(places[r], i);
      if (seen) parts[n++] = {std::max(begin, i * block), std::min(end, (i + 1) * block)};
    }
    return n;
  }
}

}  // namespace detail
CFM_NAMESPACE_END
