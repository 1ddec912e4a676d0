#pragma once
/// @file  Numbers for names that the table keeps itself.

#include <string>

#include <cfm/circuit/detail/name_table.hpp>

CFM_NAMESPACE_BEGIN
namespace detail {

// Like NameTable, but the characters are its own, in one string. Number 0 is the empty name.
class NamePool {
 public:
  static constexpr std::uint32_t none = 0xFFFFFFFF;

  NamePool() { intern({}); }

  // The number of a name, new if it is.
  std::uint32_t intern(std::string_view name) {
    if (2 * ends_.size() >= slots_.size()) grow();
    std::uint32_t& slot = slots_[place(name)];
    if (slot == none) {
      slot = static_cast<std::uint32_t>(ends_.size());
      characters_ += name;
      ends_.push_back(characters_.size());
    }
    return slot;
  }
  // The number of a name, or none.
  std::uint32_t find(std::string_view name) const { return slots_[place(name)]; }

  std::string_view operator[](std::uint32_t number) const {
    const std::size_t begin = number == 0 ? 0 : ends_[number - 1];
    return std::string_view(characters_).substr(begin, ends_[number] - begin);
  }
  std::size_t size() const { return ends_.size(); }

  friend bool operator==(const NamePool& a, const NamePool& b) {
    return a.ends_ == b.ends_ && a.characters_ == b.characters_;
  }

 private:
  std::size_t place(std::string_view name) const {
    const std::size_t mask = slots_.size() - 1;
    std::size_t i = static_cast<std::size_t>(hash_of(name)) & mask;
    while (slots_[i] != none && (*this)[slots_[i]] != name) i = (i + 1) & mask;
    return i;
  }
  void grow() {
    slots_.assign(std::max<std::size_t>(16, 2 * slots_.size()), none);
    for (std::uint32_t n = 0; n < ends_.size(); ++n) slots_[place((*this)[n])] = n;
  }

  std::string characters_;
  std::vector<std::size_t> ends_;
  std::vector<std::uint32_t> slots_;
};

}  // namespace detail
CFM_NAMESPACE_END
