#pragma once
/// @file  Numbers for names: 0, 1, 2 .. in the order in which they were first seen.

#include <bit>
#include <cstring>
#include <string_view>
#include <vector>

#include <cfm/core/config.hpp>

CFM_NAMESPACE_BEGIN
namespace detail {

// Names are views into a text that must outlive the table. Open addressing: 4 to 8 bytes a name
// beside the view, where a node-based map takes 50 and more.
class NameTable {
 public:
  static constexpr std::uint32_t none = 0xFFFFFFFF;

  // The number of a name, new if it is.
  std::uint32_t intern(std::string_view name) {
    if (2 * names_.size() >= slots_.size()) grow();
    std::uint32_t& slot = slots_[find_slot(name)];
    if (slot == none) {
      slot = static_cast<std::uint32_t>(names_.size());
      names_.push_back(name);
    }
    return slot;
  }

  // The number of a name, or none.
  std::uint32_t find(std::string_view name) const {
    return slots_.empty() ? none : slots_[find_slot(name)];
  }

  std::string_view operator[](std::uint32_t number) const { return names_[number]; }
  std::size_t size() const { return names_.size(); }

 private:
  static std::uint64_t hash(std::string_view name) {
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

  std::size_t find_slot(std::string_view name) const {
    const std::size_t mask = slots_.size() - 1;
    auto i = static_cast<std::size_t>(hash(name)) & mask;
    while (slots_[i] != none && names_[slots_[i]] != name) i = (i + 1) & mask;
    return i;
  }

  void grow() {
    slots_.assign(slots_.empty() ? 8 : 2 * slots_.size(), none);
    for (std::uint32_t n = 0; n < names_.size(); ++n) slots_[find_slot(names_[n])] = n;
  }

  std::vector<std::string_view> names_;
  std::vector<std::uint32_t> slots_;
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
