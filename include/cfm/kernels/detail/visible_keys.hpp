#pragma once
/// @file  The keys that a tile of queries sees, clamped to those that exist.

#include <limits>

#include <cfm/kernels/attention_masks.hpp>

CFM_NAMESPACE_BEGIN
namespace detail {

// The keys that a tile of queries sees.
struct VisibleKeys {
  static constexpr Index most = 6;  // queries: rows of a register tile

  KeyRange row[most];
  Index begin = 0, end = 0;  // first and last visible, whatever lies between

  VisibleKeys() = default;
  template <class Mask>
  VisibleKeys(Index rows, const Mask& mask, const QueryPlace* places) {
    for (Index r = 0; r < rows; ++r) {
      KeyRange range = mask(places[r]);
      const Index keys = places[r].keys;
      range.begin = std::clamp<Index>(range.begin, 0, keys);
      range.end = std::clamp<Index>(range.end, range.begin, keys);
      range.sinks = std::clamp<Index>(range.sinks, 0, keys);
      if (range.sinks >= range.begin) {  // one range
        range.end = std::max(range.end, range.sinks);
        range.begin = range.sinks = 0;
      }
      row[r] = range;
      const Index first = range.sinks > 0 ? 0 : range.begin;
      const Index last = range.begin < range.end ? range.end : range.sinks;
      if (first >= last) continue;
      begin = begin == end ? first : std::min(begin, first);
      end = std::max(end, last);
    }
  }

  bool sees(Index from, Index to) const { return begin < to && from < end; }

  // Hides what row r does not see of keys from .. to.
  template <class T>
  void hide(Index r, Index from, Index to, T* scores) const {
    constexpr T hidden = -std::numeric_limits<T>::infinity();
    const KeyRange& range = row[r];
    const auto at = [&](Index key) { return std::clamp<Index>(key - from, 0, to - from); };
    std::fill(scores + at(range.sinks), scores + std::max(at(range.sinks), at(range.begin)),
              hidden);
    std::fill(scores + at(range.end), scores + (to - from), hidden);
  }
};

}  // namespace detail
CFM_NAMESPACE_END
