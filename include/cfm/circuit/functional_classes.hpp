#pragma once
/// @file  Nodes that compute the same function, or its complement: by simulation, then by truth
///        tables of their cones where those are small.

#include <algorithm>
#include <numeric>

#include <cfm/circuit/cone.hpp>
#include <cfm/circuit/node_functions.hpp>

CFM_NAMESPACE_BEGIN

/// How functional_classes works.
struct FunctionalClassOptions {
  PatternOptions patterns = {};
  /// Compares a node with its class by all patterns if both together depend on at most so many
  /// sources; at most 20. 0 leaves all that simulation cannot tell apart together.
  Index exact_sources = 12;
};

/// The equivalence classes of the variables of an Aig, up to complement.
struct FunctionalClasses {
  /// The smallest variable of each variable's class, complemented where the functions are.
  std::vector<Literal> representative;
  /// 1: the equality with the representative holds for all patterns; 0: for those simulated.
  std::vector<std::uint8_t> proved;

  /// Whether two literals belong together, in this polarity.
  bool equivalent(Literal a, Literal b) const { return resolve(a) == resolve(b); }
  /// The representative of a literal.
  Literal resolve(Literal l) const { return representative[l.variable()] ^ l.inverted(); }
  /// Number of classes.
  std::size_t classes() const {
    std::size_t out = 0;
    for (std::size_t v = 0; v < representative.size(); ++v)
      out += representative[v].variable() == v;
    return out;
  }
};

namespace detail {

// Compares two variables of an Aig by all patterns of their sources. One serves one thread.
class ConeComparer {
 public:
  explicit ConeComparer(const Aig& aig) : aig_(aig), find_(aig), place_(aig.variables(), 0) {}

  enum Result { equal, complement, different, too_large };

  Result operator()(std::uint32_t a, std::uint32_t b, Index max_sources) {
    const Literal roots[] = {Literal(a, false), Literal(b, false)};
    const auto cone = find_(roots);
    Index sources = 0;
    for (const std::uint32_t v : cone) sources += aig_.is_source(v);
    if (sources > max_sources) return too_large;
    const BitRows patterns = all_patterns(sources);
    const auto words = static_cast<std::size_t>(patterns.words());
    values_.resize(cone.size() * words);
    Index source = 0;
    for (std::size_t i = 0; i < cone.size(); ++i) {
      const std::uint32_t v = cone[i];
      place_[v] = i;
      std::uint64_t* out = values_.data() + i * words;
      if (aig_.is_source(v)) {
        std::copy_n(patterns[source++].data(), words, out);
      } else if (v == 0) {
        std::fill_n(out, words, 0u);
      } else {
        const auto& [x, y] = aig_.fanins(v);
        for (std::size_t w = 0; w < words; ++w) out[w] = word(x, words, w) & word(y, words, w);
      }
    }
    bool same = true, inverse = true;
    for (std::size_t w = 0; w < words && (same || inverse); ++w) {
      const std::uint64_t difference = word(roots[0], words, w) ^ word(roots[1], words, w);
      same &= difference == 0;
      inverse &= ~difference == 0;
    }
    return same ? equal : inverse ? complement : different;
  }

 private:
  std::uint64_t word(Literal l, std::size_t words, std::size_t w) const {
    return values_[place_[l.variable()] * words + w] ^ (0 - std::uint64_t{l.inverted()});
  }

  const Aig& aig_;
  ConeFinder find_;
  std::vector<std::size_t> place_;  // of the variables of the cone
  std::vector<std::uint64_t> values_;
};

}  // namespace detail

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// Groups variables whose simulated bits agree up to complement, then checks each member against
/// its class by all patterns where the cones allow it; what turns out different starts a class of
/// its own. The class of variable 0 are the constants.
/// Order:   the same classes for any number of threads.
/// Errors:  Error if options are out of range.
/// Cost:    as node_functions, and for each candidate a walk over two cones.
inline FunctionalClasses functional_classes(const Aig& aig,
                                            const FunctionalClassOptions& options = {}) {
  CFM_CHECK(options.exact_sources >= 0 && options.exact_sources <= 20,
            "functional_classes: exact_sources must be 0 to 20", options.exact_sources);
  const NodeFunctions functions = node_functions(aig, options.patterns);
  const BitRows& bits = functions.values;
  const std::size_t n = aig.variables();
  const auto flip = [&](std::uint32_t v) { return 0 - (bits[v][0] & 1); };  // the first bit is 0
  std::vector<std::uint64_t> hash(n);
  parallel_for(static_cast<Index>(n), 256, [&](Index begin, Index end) {
    for (Index v = begin; v < end; ++v) {
      std::uint64_t h = 0;
      for (const std::uint64_t word : bits[v]) {
        h = (h ^ word ^ flip(static_cast<std::uint32_t>(v))) * 0xBF58476D1CE4E5B9u;
        h ^= h >> 29;
      }
      hash[static_cast<std::size_t>(v)] = h;
    }
  });
  const auto same_bits = [&](std::uint32_t a, std::uint32_t b) {
    const std::uint64_t f = flip(a) ^ flip(b);
    const auto x = bits[a], y = bits[b];
    return std::equal(x.begin(), x.end(), y.begin(),
                      [&](std::uint64_t p, std::uint64_t q) { return p == (q ^ f); });
  };

  FunctionalClasses out;
  for (std::uint32_t v = 0; v < n; ++v) out.representative.push_back(Literal(v, false));
  out.proved.assign(n, 1);
  std::vector<std::uint32_t> order(n);
  std::iota(order.begin(), order.end(), 0u);
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    return std::pair(hash[a], a) < std::pair(hash[b], b);
  });
  detail::ConeComparer compare(aig);
  std::vector<std::uint32_t> leaders;  // of the classes with one hash
  for (std::size_t i = 0; i < n; ++i) {
    const std::uint32_t v = order[i];
    if (i == 0 || hash[v] != hash[order[i - 1]]) leaders.clear();
    bool found = false;
    for (std::size_t l = 0; l < leaders.size() && !found; ++l) {
      if (!same_bits(leaders[l], v)) continue;
      const bool inverted = flip(leaders[l]) != flip(v);
      auto result = detail::ConeComparer::too_large;
      if (functions.exact)
        result = inverted ? detail::ConeComparer::complement : detail::ConeComparer::equal;
      else if (options.exact_sources > 0)
        result = compare(leaders[l], v, options.exact_sources);
      if (result == detail::ConeComparer::different) continue;
      found = true;
      out.representative[v] = Literal(leaders[l], inverted);
      out.proved[v] = result != detail::ConeComparer::too_large;
    }
    if (!found) leaders.push_back(v);
  }
  return out;
}

CFM_ISA_NAMESPACE_END
