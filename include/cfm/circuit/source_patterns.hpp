#pragma once
/// @file  What inputs and latches are while labels are made: all patterns, or random ones.

#include <cmath>

#include <cfm/circuit/bit_rows.hpp>
#include <cfm/circuit/explicit_not_graph.hpp>

CFM_NAMESPACE_BEGIN

/// How source_patterns draws.
struct PatternOptions {
  Index exact_below = 13;  ///< with fewer sources than this, all patterns; at most 24
  Index patterns = 15000;  ///< else so many random ones, rounded up to whole words
  /// The probability of a 1 for each input and then each latch; empty: 0.5 for all.
  std::vector<double> probability = {};
  Rng rng = Rng(0);
};

/// Values of all sources.
struct SourcePatterns {
  BitRows inputs;      ///< a row for each input
  BitRows latches;     ///< a row for each latch
  bool exact = false;  ///< all patterns, as often each
  /// What each pattern counts, together 1; empty if all count the same.
  std::vector<double> weight = {};

  Index words() const { return inputs.rows() > 0 ? inputs.words() : latches.words(); }
  Index patterns() const { return 64 * words(); }
};

namespace detail {

// 64 independent bits that are 1 with probability bits / 2^24: its binary digits, lowest first.
inline std::uint64_t biased_word(std::uint32_t bits, const Rng& rng, std::uint64_t word) {
  if (bits == 0) return 0;
  if (bits >= 1u << 24) return ~std::uint64_t{0};
  std::uint64_t out = 0;
  for (auto i = static_cast<unsigned>(std::countr_zero(bits)); i < 24; ++i) {
    const auto r = rng.bits_at(word * 24 + i);
    const std::uint64_t random = (std::uint64_t{r[1]} << 32) | r[0];
    out = ((bits >> i) & 1) != 0 ? out | random : out & random;
  }
  return out;
}

inline std::uint32_t probability_bits(double p) {
  CFM_CHECK(p >= 0 && p <= 1, "patterns: a probability lies in 0 .. 1", p);
  return static_cast<std::uint32_t>(std::lround(p * (1 << 24)));
}

// Word w of variable i when all patterns are listed, variable 0 changing fastest.
inline std::uint64_t counting_word(std::size_t i, std::size_t w) {
  constexpr std::uint64_t low[] = {0xAAAAAAAAAAAAAAAA, 0xCCCCCCCCCCCCCCCC, 0xF0F0F0F0F0F0F0F0,
                                   0xFF00FF00FF00FF00, 0xFFFF0000FFFF0000, 0xFFFFFFFF00000000};
  return i < 6 ? low[i] : 0 - static_cast<std::uint64_t>((w >> (i - 6)) & 1);
}

}  // namespace detail

/// Every pattern of so many rows, row 0 changing fastest; fewer than 64 repeat.
/// Errors:  Error for more than 24 rows.
inline BitRows all_patterns(Index rows) {
  CFM_CHECK(rows >= 0 && rows <= 24, "all_patterns: 0 to 24 rows", rows);
  BitRows out(rows, rows <= 6 ? 1 : Index{1} << (rows - 6));
  for (Index i = 0; i < rows; ++i) {
    const auto row = out[i];
    for (std::size_t w = 0; w < row.size(); ++w)
      row[w] = detail::counting_word(static_cast<std::size_t>(i), w);
  }
  return out;
}

/// Values for so many inputs and latches.
/// Order:   source i draws from stream i of the generator: the same bits for any number of threads.
/// Errors:  Error if options are out of range or probabilities are not one for each source.
inline SourcePatterns source_patterns(Index inputs, Index latches,
                                      const PatternOptions& options = {}) {
  const Index sources = inputs + latches;
  CFM_CHECK(options.patterns > 0, "patterns: their number must be positive", options.patterns);
  CFM_CHECK(options.exact_below >= 0 && options.exact_below <= 25,
            "patterns: exact_below must be 0 to 25", options.exact_below);
  CFM_CHECK(options.probability.empty() || std::ssize(options.probability) == sources,
            "patterns: one probability for each input and latch", options.probability.size(),
            sources);
  const auto p = [&](Index i) {
    return options.probability.empty() ? 0.5 : options.probability[static_cast<std::size_t>(i)];
  };
  SourcePatterns out;
  out.exact = sources < options.exact_below;
  const Index words = !out.exact     ? (options.patterns + 63) / 64
                      : sources <= 6 ? 1
                                     : Index{1} << (sources - 6);
  out.inputs = BitRows(inputs, words);
  out.latches = BitRows(latches, words);
  for (Index i = 0; i < sources; ++i) {
    const auto row = i < inputs ? out.inputs[i] : out.latches[i - inputs];
    const Rng rng = options.rng.split(static_cast<std::uint64_t>(i));
    const std::uint32_t bits = detail::probability_bits(p(i));
    parallel_for(words, 1024, [&](Index begin, Index end) {
      for (auto w = static_cast<std::size_t>(begin); w < static_cast<std::size_t>(end); ++w)
        row[w] = out.exact ? detail::counting_word(static_cast<std::size_t>(i), w)
                           : detail::biased_word(bits, rng, w);
    });
  }
  if (!out.exact || options.probability.empty()) return out;
  const auto patterns = static_cast<std::size_t>(64 * words);
  const double repeats = sources < 6 ? static_cast<double>(1 << (6 - sources)) : 1;
  out.weight.assign(patterns, 1 / repeats);
  for (Index i = 0; i < sources; ++i)
    for (std::size_t m = 0; m < patterns; ++m) out.weight[m] *= (m >> i & 1) != 0 ? p(i) : 1 - p(i);
  return out;
}

inline SourcePatterns source_patterns(const Aig& aig, const PatternOptions& options = {}) {
  return source_patterns(static_cast<Index>(aig.inputs()), static_cast<Index>(aig.latches().size()),
                         options);
}

inline SourcePatterns source_patterns(const ExplicitNotGraph& graph,
                                      const PatternOptions& options = {}) {
  const auto count = [&](NodeKind kind) {
    return static_cast<Index>(std::count(graph.kinds.begin(), graph.kinds.end(), kind));
  };
  return source_patterns(count(NodeKind::input), count(NodeKind::latch), options);
}

CFM_NAMESPACE_END
