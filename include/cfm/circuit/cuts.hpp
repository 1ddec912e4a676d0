#pragma once
/// @file  All cuts of up to six leaves of every AND, with their truth tables.

#include <algorithm>
#include <array>
#include <bit>
#include <span>
#include <type_traits>
#include <vector>

#include <cfm/circuit/aig.hpp>

CFM_NAMESPACE_BEGIN

/// A truth table over K variables, K in 3 .. 6: bit m is the value at minterm m, in which variable
/// 0 is the lowest bit. Functions of fewer variables repeat.
template <int K>
using CutTable = std::conditional_t<
    K == 3, std::uint8_t,
    std::conditional_t<K == 4, std::uint16_t,
                       std::conditional_t<K == 5, std::uint32_t, std::uint64_t>>>;

/// Variables that separate a node from the inputs, and the node as a function of them.
template <int K>
struct Cut {
  static_assert(K >= 3 && K <= 6, "cuts: 3 to 6 leaves");
  std::array<std::uint32_t, std::size_t{K}> leaves{};  ///< ascending; zero behind the last
  std::uint16_t signature = 0;  ///< one of 16 bits for each leaf: a quick test for too large unions
  std::uint8_t size = 0;
  CutTable<K> table = 0;  ///< leaf 0 is variable 0 of the table
  friend bool operator==(const Cut&, const Cut&) = default;
};

namespace detail {

// The table of variable v: 0xAA, 0xCC, 0xF0 for K = 3.
template <int K>
constexpr CutTable<K> projection(int v) {
  CutTable<K> table = 0;
  for (unsigned m = 0; m < (1u << K); ++m)
    if ((m >> v) & 1) table = static_cast<CutTable<K>>(table | (CutTable<K>{1} << m));
  return table;
}

// Swaps variables v and v + 1.
template <int K>
constexpr CutTable<K> swap_adjacent(CutTable<K> table, int v) {
  const auto low = static_cast<CutTable<K>>(projection<K>(v) & ~projection<K>(v + 1));
  const auto high = static_cast<CutTable<K>>(~projection<K>(v) & projection<K>(v + 1));
  const unsigned shift = 1u << v;
  return static_cast<CutTable<K>>((table & ~(low | high)) | ((table & low) << shift) |
                                  ((table & high) >> shift));
}

// Moves variable j to the j-th set bit of `places`: a table over a subset of leaves, seen over all.
template <int K>
constexpr CutTable<K> spread_table(CutTable<K> table, unsigned places) {
  std::array<int, std::size_t{K}> targets{};
  std::size_t count = 0;
  for (int p = 0; p < K; ++p)
    if ((places >> p) & 1) targets[count++] = p;
  while (count-- > 0)
    for (int v = static_cast<int>(count); v < targets[count]; ++v)
      table = swap_adjacent<K>(table, v);
  return table;
}

inline constexpr auto spread3 = [] {
  std::array<std::array<std::uint8_t, 256>, 8> out{};
  for (unsigned places = 0; places < 8; ++places) {
    // A table is the union of its ones, so eight images make all: each compiler run computes this.
    std::uint8_t image[8] = {};
    for (unsigned one = 0; one < 8; ++one)
      image[one] = spread_table<3>(static_cast<std::uint8_t>(1u << one), places);
    for (unsigned t = 1; t < 256; ++t)
      out[places][t] =
          static_cast<std::uint8_t>(out[places][t & (t - 1)] | image[std::countr_zero(t)]);
  }
  return out;
}();

template <int K>
CutTable<K> spread(CutTable<K> table, unsigned places) {
  if constexpr (K == 3)
    return spread3[places][table];
  else
    return spread_table<K>(table, places);
}

// The cut {variable}.
template <int K>
Cut<K> trivial_cut(std::uint32_t variable) {
  Cut<K> out;
  out.leaves[0] = variable;
  out.signature = static_cast<std::uint16_t>(1u << (variable * 0x9E3779B1u >> 28));
  out.size = 1;
  out.table = projection<K>(0);
  return out;
}

// The union of the leaves of two cuts; false if there are more than K. `places_a` says where in
// the union the leaves of a lie.
template <int K>
bool merge_leaves(const Cut<K>& a, const Cut<K>& b, Cut<K>& out, unsigned& places_a,
                  unsigned& places_b) {
  out.signature = a.signature | b.signature;
  unsigned rest = out.signature;
  for (int leaf = 0; leaf < K; ++leaf) rest &= rest - 1;
  if (rest != 0) return false;
  unsigned i = 0, j = 0, n = 0;
  places_a = places_b = 0;
  while (i < a.size || j < b.size) {
    if (n == K) return false;
    const bool take_a = j >= b.size || (i < a.size && a.leaves[i] <= b.leaves[j]);
    const bool take_b = i >= a.size || (j < b.size && b.leaves[j] <= a.leaves[i]);
    out.leaves[n] = take_a ? a.leaves[i] : b.leaves[j];
    places_a |= static_cast<unsigned>(take_a) << n;
    places_b |= static_cast<unsigned>(take_b) << n;
    i += take_a;
    j += take_b;
    ++n;
  }
  out.size = static_cast<std::uint8_t>(n);
  while (n < K) out.leaves[n++] = 0;
  return true;
}

template <int K>
bool contains_leaves(std::span<const Cut<K>> cuts, const Cut<K>& wanted) {
  for (const Cut<K>& cut : cuts) {
    std::uint32_t difference = static_cast<std::uint32_t>(cut.signature ^ wanted.signature);
    for (std::size_t i = 0; i < K; ++i) difference |= cut.leaves[i] ^ wanted.leaves[i];
    if (difference == 0) return true;  // no call of memcmp: this is the innermost loop
  }
  return false;
}

// The cuts of the ANDs that are still needed, in blocks of a power of two that are used again.
template <int K>
class CutStore {
 public:
  explicit CutStore(const Aig& aig)
      : first_and_(aig.first_and()), uses_(aig.variables()), block_(aig.ands()) {
    for (const auto& fanins : aig.all_fanins())
      for (Literal l : fanins) ++uses_[l.variable()];
  }

  bool needed(std::uint32_t variable) const { return uses_[variable] > 0; }

  std::span<const Cut<K>> get(std::uint32_t variable, Cut<K>& source) const {
    if (variable < first_and_) {
      source = variable == 0 ? Cut<K>{} : trivial_cut<K>(variable);  // the constant has no leaf
      return {&source, 1};
    }
    const Block& block = block_[variable - first_and_];
    return {arena_.data() + block.begin, block.count};
  }

  void put(std::uint32_t variable, std::span<const Cut<K>> cuts) {
    const std::size_t kind = kind_of(cuts.size());
    if (free_.size() <= kind) free_.resize(kind + 1);
    Block& block = block_[variable - first_and_];
    block.count = static_cast<std::uint32_t>(cuts.size());
    if (free_[kind].empty()) {
      CFM_CHECK(arena_.size() <= UINT32_MAX - cuts.size(), "cuts: too many; set max_cuts");
      block.begin = static_cast<std::uint32_t>(arena_.size());
      arena_.resize(arena_.size() + (std::size_t{1} << kind));
    } else {
      block.begin = free_[kind].back();
      free_[kind].pop_back();
    }
    std::copy(cuts.begin(), cuts.end(), arena_.begin() + static_cast<std::ptrdiff_t>(block.begin));
  }

  void release(std::uint32_t variable) {
    if (--uses_[variable] > 0 || variable < first_and_) return;
    const Block& block = block_[variable - first_and_];
    free_[kind_of(block.count)].push_back(block.begin);
  }

 private:
  struct Block {
    std::uint32_t begin = 0, count = 0;
  };

  static std::size_t kind_of(std::size_t count) {
    std::size_t kind = 2;
    while ((std::size_t{1} << kind) < count) ++kind;
    return kind;
  }

  std::uint32_t first_and_;
  std::vector<std::uint32_t> uses_;
  std::vector<Block> block_;
  std::vector<Cut<K>> arena_;
  std::vector<std::vector<std::uint32_t>> free_;
};

}  // namespace detail

/// A limit for circuits in which the number of cuts grows with the depth (a long chain that reads
/// one signal again and again). Netlists from practice stay below 20 cuts of three leaves a node.
struct CutOptions {
  std::size_t max_cuts = 256;  ///< keep the first so many cuts of a node; 0 keeps all
};

/// Calls f(variable, cuts) for every AND in order, with all cuts of at most K leaves: first the
/// trivial one {variable}, then for every pair (cut of the smaller fan-in literal, cut of the
/// larger) in stored order the union of the leaves, unless it has too many leaves or occurred at
/// this node before. An input or latch has its trivial cut alone; the constant has the empty cut.
/// `cuts` is valid during the call.
/// Cost:  about (cuts of a fan-in)^2 a node; memory for the cuts of nodes whose fan-outs are not
///        all done.
template <int K = 3, class F>
void for_each_cut_set(const Aig& aig, const F& f, const CutOptions& options = {}) {
  detail::CutStore<K> store(aig);
  const std::size_t limit = options.max_cuts == 0 ? SIZE_MAX : options.max_cuts;
  std::vector<Cut<K>> cuts;
  std::uint32_t variable = aig.first_and();
  for (const auto& fanins : aig.all_fanins()) {
    Cut<K> trivial0, trivial1, merged;
    const auto set0 = store.get(fanins[1].variable(), trivial0);
    const auto set1 = store.get(fanins[0].variable(), trivial1);
    const auto flip0 = static_cast<CutTable<K>>(fanins[1].inverted() ? ~CutTable<K>{0} : 0);
    const auto flip1 = static_cast<CutTable<K>>(fanins[0].inverted() ? ~CutTable<K>{0} : 0);
    cuts.clear();
    cuts.push_back(detail::trivial_cut<K>(variable));
    for (std::size_t i = 0; i < set0.size() && cuts.size() < limit; ++i) {
      const Cut<K>& a = set0[i];
      for (const Cut<K>& b : set1) {
        unsigned places_a, places_b;
        if (!detail::merge_leaves(a, b, merged, places_a, places_b)) continue;
        if (detail::contains_leaves<K>(cuts, merged)) continue;
        merged.table = static_cast<CutTable<K>>((detail::spread<K>(a.table, places_a) ^ flip0) &
                                                (detail::spread<K>(b.table, places_b) ^ flip1));
        cuts.push_back(merged);
        if (cuts.size() >= limit) break;
      }
    }
    f(variable, std::span<const Cut<K>>(cuts));
    if (store.needed(variable)) store.put(variable, cuts);
    store.release(fanins[1].variable());
    store.release(fanins[0].variable());
    ++variable;
  }
}

/// The cuts of every AND, kept.
template <int K = 3>
class CutSets {
 public:
  CutSets(const Aig& aig, const CutOptions& options = {}) : first_and_(aig.first_and()) {
    offsets_.reserve(aig.ands() + 1);
    for_each_cut_set<K>(
        aig,
        [&](std::uint32_t, std::span<const Cut<K>> cuts) {
          cuts_.insert(cuts_.end(), cuts.begin(), cuts.end());
          offsets_.push_back(cuts_.size());
        },
        options);
  }

  /// The cuts of an AND variable, in the order of for_each_cut_set.
  std::span<const Cut<K>> operator[](std::uint32_t variable) const {
    CFM_CHECK(variable >= first_and_ && variable - first_and_ + 1 < offsets_.size(),
              "cuts: not an AND", variable);
    const std::size_t i = variable - first_and_;
    return std::span(cuts_).subspan(offsets_[i], offsets_[i + 1] - offsets_[i]);
  }

  /// Cuts of all ANDs.
  std::size_t size() const { return cuts_.size(); }

 private:
  std::uint32_t first_and_;
  std::vector<std::size_t> offsets_{0};
  std::vector<Cut<K>> cuts_;
};

CFM_NAMESPACE_END
