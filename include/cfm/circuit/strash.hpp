#pragma once
/// @file  Structural hashing: building an Aig in which no AND is trivial and no two are equal.

#include <bit>
#include <utility>

#include <cfm/circuit/cone.hpp>

CFM_NAMESPACE_BEGIN

/// Builds an Aig. An AND is made only if it is not trivial (0 & x = 0, 1 & x = x, x & x = x,
/// x & !x = 0) and does not exist yet, so equal calls give equal literals.
class Strash {
 public:
  Strash() = default;

  /// Goes on from a graph. Its own ANDs stay as they are.
  explicit Strash(Aig aig) : aig_(std::move(aig)) { grow(2 * aig_.ands()); }

  Literal add_input(std::string name = {}) { return aig_.add_input(std::move(name)); }
  Literal add_latch(Reset reset = Reset::zero, std::string name = {}) {
    return aig_.add_latch(reset, std::move(name));
  }
  void add_output(Literal driver, std::string name = {}) {
    aig_.add_output(driver, std::move(name));
  }
  void set_next(std::size_t latch, Literal next) { aig_.set_next(latch, next); }

  /// Makes room for n ANDs in all.
  void reserve(std::size_t n) {
    aig_.reserve_ands(n);
    if (2 * n > slots_.size()) grow(2 * n);
  }

  /// a & b.   Errors:  Error if a or b does not exist.
  Literal land(Literal a, Literal b) {
    aig_.check_literal(a);
    aig_.check_literal(b);
    if (a < b) std::swap(a, b);
    if (b == literal_false || a == !b) return literal_false;
    if (b == literal_true || a == b) return a;
    if (2 * aig_.ands() >= slots_.size()) grow(4 * aig_.ands());
    std::uint32_t& slot = find(a, b);
    if (slot == 0) slot = aig_.add_and(a, b).variable();
    return Literal(slot, false);
  }

  /// a | b = !(!a & !b).
  Literal lor(Literal a, Literal b) { return !land(!a, !b); }
  /// a ^ b = (a & !b) | (!a & b).
  Literal lxor(Literal a, Literal b) { return lor(land(a, !b), land(!a, b)); }
  /// !(a ^ b) = (!a & !b) | (a & b).
  Literal lxnor(Literal a, Literal b) { return lor(land(!a, !b), land(a, b)); }
  /// select ? one : zero.
  Literal mux(Literal select, Literal one, Literal zero) {
    return lor(land(select, one), land(!select, zero));
  }
  /// True where two or three of a, b, c are.
  Literal majority(Literal a, Literal b, Literal c) { return lor(land(a, b), land(c, lor(a, b))); }

  /// The AND of all, from left to right; true if there are none.
  Literal land(std::span<const Literal> literals) {
    Literal all = literal_true;
    for (const Literal literal : literals) all = land(all, literal);
    return all;
  }
  /// The OR of all, from left to right; false if there are none.
  Literal lor(std::span<const Literal> literals) {
    Literal any = literal_false;
    for (const Literal literal : literals) any = lor(any, literal);
    return any;
  }
  /// The parity of all, from left to right; false if there are none.
  Literal lxor(std::span<const Literal> literals) {
    Literal odd = literal_false;
    for (const Literal literal : literals) odd = lxor(odd, literal);
    return odd;
  }

  /// The graph so far.
  const Aig& aig() const { return aig_; }
  /// Gives the graph away and starts anew.
  Aig take() {
    slots_.clear();
    return std::exchange(aig_, Aig());
  }

 private:
  // The slot of (a, b), or the empty slot where it belongs. Linear probing, at most half full.
  std::uint32_t& find(Literal a, Literal b) {
    std::uint64_t key = (std::uint64_t{a.value} << 32) | b.value;
    key = (key ^ (key >> 29)) * 0xBF58476D1CE4E5B9u;
    const std::size_t mask = slots_.size() - 1;
    auto i = static_cast<std::size_t>(key ^ (key >> 32)) & mask;
    while (slots_[i] != 0 && aig_.fanins(slots_[i]) != std::array{a, b}) i = (i + 1) & mask;
    return slots_[i];
  }

  void grow(std::size_t slots) {
    slots_.assign(std::bit_ceil(std::max<std::size_t>(slots, 64)), 0u);
    for (std::uint32_t v = aig_.first_and(); v < aig_.variables(); ++v) {
      const auto& fanins = aig_.fanins(v);
      std::uint32_t& slot = find(fanins[0], fanins[1]);
      if (slot == 0) slot = v;
    }
  }

  Aig aig_;
  std::vector<std::uint32_t> slots_;  // AND variables; 0 is empty
};

/// The same functions without trivial, repeated or unread ANDs. Inputs, latches, outputs,
/// properties, names and the order of the ANDs stay. The number of ANDs is that of ABC's `strash`.
inline Aig strash(const Aig& aig) {
  Strash builder;
  std::vector<Literal> map = detail::copy_sources(aig, builder);
  builder.reserve(aig.ands());
  for (std::uint32_t v = aig.first_and(); v < aig.variables(); ++v) {
    const auto& fanins = aig.fanins(v);
    map[v] = builder.land(detail::mapped(map, fanins[0]), detail::mapped(map, fanins[1]));
  }
  detail::copy_sinks(aig, map, builder);
  Aig out = builder.take();
  detail::copy_properties(aig, map, out);
  return remove_dangling(out);
}

CFM_NAMESPACE_END
