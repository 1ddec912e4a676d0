#pragma once
/// @file  Exact extraction of XORs, half adders and full adders from an and-inverter graph.

#include <algorithm>
#include <array>
#include <bit>
#include <utility>
#include <vector>

#include <cfm/circuit/cuts.hpp>

CFM_NAMESPACE_BEGIN

/// A node that is the XOR of two or three variables, up to inversion.
struct XorRecord {
  std::uint32_t node = 0;
  std::array<std::uint32_t, 3> leaves{};  ///< ascending; the last is 0 if there are two
  friend bool operator==(const XorRecord&, const XorRecord&) = default;
};

/// Two nodes that are sum and carry of the same inputs, each up to inversions.
struct AdderRecord {
  std::array<std::uint32_t, 3> inputs{};  ///< variables, ascending; the last is 0 in a half adder
  std::uint32_t sum = 0;                  ///< variable of the XOR
  std::uint32_t carry = 0;                ///< variable of the majority, or of the AND
  /// 8 if the XOR is complemented, plus the place of the carry's table among
  /// E8 D4 B2 71 8E 4D 2B 17 (full) or 88 44 22 11 77 BB DD EE (half).
  std::uint32_t sign = 0;
  bool is_full() const { return inputs[2] != 0; }
  friend bool operator==(const AdderRecord&, const AdderRecord&) = default;
};

/// What extract_adders finds.
struct Adders {
  std::vector<AdderRecord> records;  ///< by (sum, carry, inputs)
  std::vector<XorRecord> xors;       ///< by node, at most one each: two inputs go before three

  std::size_t full() const {
    return static_cast<std::size_t>(
        std::count_if(records.begin(), records.end(), [](const auto& r) { return r.is_full(); }));
  }
  std::size_t half() const { return records.size() - full(); }
};

namespace detail {

// What a table over two (three) leaves is: a XOR or, for the carry, its place in the list. The
// sign in the first bits, so that a candidate keeps it in one byte.
struct AdderTables {
  static constexpr std::uint8_t none = 0xFF, is_xor = 0x10;
  std::array<std::uint8_t, 256> two{}, three{};
};

inline constexpr AdderTables adder_tables = [] {
  constexpr std::uint8_t ands[8] = {0x88, 0x44, 0x22, 0x11, 0x77, 0xBB, 0xDD, 0xEE};
  constexpr std::uint8_t majorities[8] = {0xE8, 0xD4, 0xB2, 0x71, 0x8E, 0x4D, 0x2B, 0x17};
  AdderTables t;
  t.two.fill(AdderTables::none);
  t.three.fill(AdderTables::none);
  for (std::uint8_t i = 0; i < 8; ++i) {
    t.two[ands[i]] = i;
    t.three[majorities[i]] = i;
  }
  t.two[0x66] = t.three[0x96] = AdderTables::is_xor;
  t.two[0x99] = t.three[0x69] = AdderTables::is_xor | 8;
  return t;
}();

struct AdderCandidate {
  std::array<std::uint32_t, 3> leaves;
  std::uint32_t node;
  std::uint32_t sign;
};

// Leaf sets of the XORs, numbered in order of appearance. Neighbours in a circuit have sets of
// neighbouring numbers, so only the look-up itself misses the cache: it can be announced.
class LeafSets {
 public:
  using Leaves = std::array<std::uint32_t, 3>;
  static constexpr std::uint32_t none = UINT32_MAX;

  explicit LeafSets(std::size_t capacity) : slots_(std::bit_ceil(capacity + capacity / 2 + 2)) {}

  void announce(const Leaves& leaves) const { __builtin_prefetch(&slots_[hash(leaves) & mask()]); }

  std::uint32_t insert(const Leaves& leaves) {
    const std::size_t slot = place(leaves);
    if (slots_[slot].number == 0) {
      sets_.push_back(leaves);
      slots_[slot] = {tag(hash(leaves)), static_cast<std::uint32_t>(sets_.size())};
    }
    return slots_[slot].number - 1;
  }

  // The number of a set, or none.
  std::uint32_t find(const Leaves& leaves) const { return slots_[place(leaves)].number - 1; }

  std::size_t size() const { return sets_.size(); }

 private:
  struct Slot {
    std::uint32_t tag = 0, number = 0;  // number of the set plus one; 0 is empty
  };

  std::size_t mask() const { return slots_.size() - 1; }
  static std::uint32_t tag(std::uint64_t hash) { return static_cast<std::uint32_t>(hash >> 32); }
  static std::uint64_t hash(const Leaves& leaves) {
    std::uint64_t h = (std::uint64_t{leaves[0]} << 32 | leaves[1]) * 0x9E3779B97F4A7C15u;
    h = (h ^ (h >> 29) ^ leaves[2]) * 0xBF58476D1CE4E5B9u;
    return h ^ (h >> 32);
  }
  // Where the set is, or the empty slot where it belongs.
  std::size_t place(const Leaves& leaves) const {
    const std::uint64_t h = hash(leaves);
    std::size_t slot = h & mask();
    for (; slots_[slot].number != 0; slot = (slot + 1) & mask())
      if (slots_[slot].tag == tag(h) && sets_[slots_[slot].number - 1] == leaves) break;
    return slot;
  }

  std::vector<Slot> slots_;
  std::vector<Leaves> sets_;
};

// The XORs and carries among all cuts, both in the order of their nodes.
struct AdderCandidates {
  std::vector<AdderCandidate> xors, carries;
  std::vector<XorRecord> first_xors;

  AdderCandidates(const Aig& aig, const CutOptions& options) {
    carries.reserve(aig.ands() + aig.ands() / 2);  // a multiplier has 1.2 a node
    for_each_cut_set<3>(
        aig, [&](std::uint32_t node, std::span<const Cut<3>> cuts) { add(node, cuts); }, options);
  }

  void add(std::uint32_t node, std::span<const Cut<3>> cuts) {
    const Cut<3>* first = nullptr;
    for (const Cut<3>& cut : cuts) {
      if (cut.size < 2) continue;
      const std::uint8_t kind =
          cut.size == 2 ? adder_tables.two[cut.table] : adder_tables.three[cut.table];
      if (kind == AdderTables::none) continue;
      const std::uint32_t sign = kind & 0xFu;
      if (kind < AdderTables::is_xor) {
        carries.push_back({cut.leaves, node, sign});
        continue;
      }
      xors.push_back({cut.leaves, node, sign});
      if (first == nullptr || cut.size < first->size) first = &cut;
    }
    if (first != nullptr) first_xors.push_back({node, first->leaves});
  }
};

// Every XOR with every carry of the same inputs, sorted.
inline std::vector<AdderRecord> pair_adders(const AdderCandidates& found) {
  LeafSets sets(found.xors.size());
  std::vector<std::uint32_t> set_of_xor;
  set_of_xor.reserve(found.xors.size());
  constexpr std::size_t ahead = 16;  // look-ups on their way from memory
  for (std::size_t i = 0; i < found.xors.size(); ++i) {
    if (i + ahead < found.xors.size()) sets.announce(found.xors[i + ahead].leaves);
    set_of_xor.push_back(sets.insert(found.xors[i].leaves));
  }

  std::vector<std::size_t> offsets(sets.size() + 1, 0);  // carries of each set, in order
  std::vector<std::pair<std::uint32_t, std::uint32_t>> members;
  CFM_CHECK(found.carries.size() < UINT32_MAX, "adders: too many candidates; set max_cuts");
  for (std::size_t i = 0; i < found.carries.size(); ++i) {
    if (i + ahead < found.carries.size()) sets.announce(found.carries[i + ahead].leaves);
    const std::uint32_t set = sets.find(found.carries[i].leaves);
    if (set == LeafSets::none) continue;
    members.push_back({set, static_cast<std::uint32_t>(i)});
    ++offsets[set + 1];
  }
  for (std::size_t s = 0; s < sets.size(); ++s) offsets[s + 1] += offsets[s];
  std::vector<std::uint32_t> carries(members.size());
  for (std::size_t m = members.size(); m-- > 0;)  // from the back: offsets become begins again
    carries[--offsets[members[m].first + 1]] = members[m].second;
  offsets.push_back(members.size());

  std::vector<AdderRecord> out;
  std::size_t run = 0;  // first record of the current sum
  for (std::size_t i = 0; i < found.xors.size(); ++i) {
    const AdderCandidate& x = found.xors[i];
    const std::uint32_t set = set_of_xor[i];
    for (std::size_t c = offsets[set + 1]; c < offsets[set + 2]; ++c) {
      const AdderCandidate& carry = found.carries[carries[c]];
      out.push_back({x.leaves, x.node, carry.node, x.sign | carry.sign});
    }
    if (i + 1 == found.xors.size() || found.xors[i + 1].node != x.node) {
      std::sort(out.begin() + static_cast<std::ptrdiff_t>(run), out.end(),
                [](const AdderRecord& a, const AdderRecord& b) {
                  return a.carry != b.carry ? a.carry < b.carry : a.inputs < b.inputs;
                });
      run = out.size();
    }
  }
  return out;
}

// Half adders whose AND is nothing but a part of their XOR.
inline void drop_trivial(const Aig& aig, std::vector<AdderRecord>& records) {
  std::vector<std::uint8_t> uses(aig.variables(), 0);  // 2 stands for more
  const auto use = [&](Literal l) {
    std::uint8_t& n = uses[l.variable()];
    if (n < 2) ++n;
  };
  for (const auto& fanins : aig.all_fanins())
    for (Literal l : fanins) use(l);
  for (Literal l : aig.output_literals()) use(l);
  for (const Latch& latch : aig.latches()) use(latch.next);
  std::erase_if(records, [&](const AdderRecord& r) {
    const auto& fanins = aig.fanins(r.sum);
    return !r.is_full() && uses[r.carry] == 1 &&
           (fanins[0].variable() == r.carry || fanins[1].variable() == r.carry);
  });
}

// Half adders that lie inside full adders.
inline void drop_contained(const Aig& aig, std::vector<AdderRecord>& records) {
  std::vector<bool> visited(aig.variables()), inside(aig.variables());
  std::vector<std::uint32_t> stack;
  for (const AdderRecord& r : records) {
    if (!r.is_full()) continue;
    for (std::uint32_t input : r.inputs) visited[input] = true;
    stack = {r.carry, r.sum};
    while (!stack.empty()) {
      const std::uint32_t v = stack.back();
      stack.pop_back();
      if (visited[v]) continue;
      visited[v] = inside[v] = true;
      if (!aig.is_and(v)) continue;
      for (Literal l : aig.fanins(v)) stack.push_back(l.variable());
    }
  }
  std::erase_if(records, [&](const AdderRecord& r) {
    return !r.is_full() && inside[r.sum] && inside[r.carry];
  });
}

}  // namespace detail

/// All XORs, half adders and full adders of a graph, by their functions: a half adder is a pair of
/// nodes whose tables over the same two variables are a XOR and an AND up to inversions, a full
/// adder the same with the XOR and the majority of three. Dropped are half adders whose AND feeds
/// nothing but their own XOR, then those with both nodes inside full adders.
/// Order:   records by (sum, carry, inputs).
/// Cost:    one pass over all cuts of three leaves, then linear in the candidates.
/// Source:  C. Yu, M. Ciesielski, A. Mishchenko, "Fast algebraic rewriting based on and-inverter
///          graphs", IEEE TCAD 2018.
inline Adders extract_adders(const Aig& aig, const CutOptions& options = {}) {
  Adders out;
  {
    detail::AdderCandidates found(aig, options);
    out.records = detail::pair_adders(found);
    out.xors = std::move(found.first_xors);
  }
  detail::drop_trivial(aig, out.records);
  detail::drop_contained(aig, out.records);
  return out;
}

CFM_NAMESPACE_END
