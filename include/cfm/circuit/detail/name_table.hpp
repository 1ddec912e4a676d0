#pragma once
/// @file  Numbers for names: 0, 1, 2 .. in the order in which they were first seen.

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include <cfm/core/config.hpp>

CFM_NAMESPACE_BEGIN
namespace detail {

// Good enough for names; not against someone who looks for collisions.
inline std::uint64_t hash_of(std::string_view name) {
  std::uint64_t h = 0x9E3779B97F4A7C15u ^ name.size();
  const auto mix = [&](std::uint64_t word) {
    h = (h ^ word) * 0xBF58476D1CE4E5B9u;
    h ^= h >> 32;
  };
  std::size_t i = 0;
  for (std::uint64_t word = 0; i + 8 <= name.size(); i += 8) {
    std::memcpy(&word, name.data() + i, 8);
    mix(word);
  }
  std::uint64_t tail = 0;
  if (i < name.size()) std::memcpy(&tail, name.data() + i, name.size() - i);
  mix(tail);
  return h;
}

// Names are views into a text that must outlive the table. Open addressing, with a part of the hash
// beside each number, so that other names are told apart without looking at them.
class NameTable {
 public:
  static constexpr std::uint32_t none = 0xFFFFFFFF;

  // The number of a name, new if it is.
  std::uint32_t intern(std::string_view name) {
    if (2 * names_.size() >= slots_.size()) grow();
    const std::uint64_t h = hash_of(name);
    Slot& slot = slots_[find_slot(name, h)];
    if (slot.number == none) {
      slot = {static_cast<std::uint32_t>(names_.size()), static_cast<std::uint32_t>(h)};
      names_.push_back(name);
    }
    return slot.number;
  }

  // The number of a name, or none.
  std::uint32_t find(std::string_view name) const {
    return slots_.empty() ? none : slots_[find_slot(name, hash_of(name))].number;
  }

  std::string_view operator[](std::uint32_t number) const { return names_[number]; }
  std::size_t size() const { return names_.size(); }

 private:
  struct Slot {
    std::uint32_t number = none, tag = 0;
  };

  std::size_t find_slot(std::string_view name, std::uint64_t h) const {
    const std::size_t mask = slots_.size() - 1;
    auto i = static_cast<std::size_t>(h) & mask;
    while (slots_[i].number != none &&
           (slots_[i].tag != static_cast<std::uint32_t>(h) || names_[slots_[i].number] != name))
      i = (i + 1) & mask;
    return i;
  }

  void grow() {
    const std::vector<Slot> old =
        std::exchange(slots_, std::vector<Slot>(std::max<std::size_t>(8, 2 * slots_.size())));
    const std::size_t mask = slots_.size() - 1;
    for (const Slot slot : old) {
      if (slot.number == none) continue;
      // The tag is the low half of the hash, all that a position needs below 2^32 slots.
      auto i = static_cast<std::size_t>(
                   slots_.size() <= UINT32_MAX ? slot.tag : hash_of(names_[slot.number])) &
               mask;
      while (slots_[i].number != none) i = (i + 1) & mask;
      slots_[i] = slot;
    }
  }

  std::vector<std::string_view> names_;
  std::vector<Slot> slots_;
};

// a == b, where b is lower case and ASCII letters of a may be upper case.
inline bool equal_ignoring_case(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const char c = a[i] >= 'A' && a[i] <= 'Z' ? static_cast<char>(a[i] - 'A' + 'a') : a[i];
    if (c != b[i]) return false;
  }
  return true;
}

}  // namespace detail
CFM_NAMESPACE_END
