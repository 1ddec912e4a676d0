#pragma once
/// @file  Bits of many signals under many patterns.

#include <span>
#include <vector>

#include <cfm/core/checked.hpp>
#include <cfm/core/error.hpp>
#include <cfm/core/rng.hpp>
#include <cfm/exec/parallel.hpp>

CFM_NAMESPACE_BEGIN

/// A row for each signal, 64 patterns a word: pattern p is bit p % 64 of word p / 64.
class BitRows {
 public:
  BitRows() = default;

  /// All bits are 0.   Errors:  Error if an extent is negative or their product is too large.
  BitRows(Index rows, Index words) : rows_(rows), words_(words) {
    const auto size = checked_mul(rows, words);
    CFM_CHECK(rows >= 0 && words >= 0 && size && *size <= (Index{1} << 48),
              "bit rows: impossible extents", rows, words);
    bits_.assign(static_cast<std::size_t>(*size), 0u);
  }

  Index rows() const { return rows_; }
  Index words() const { return words_; }
  Index patterns() const { return 64 * words_; }

  std::span<std::uint64_t> operator[](Index row) {
    return std::span(bits_).subspan(static_cast<std::size_t>(row * words_),
                                    static_cast<std::size_t>(words_));
  }
  std::span<const std::uint64_t> operator[](Index row) const {
    return std::span(bits_).subspan(static_cast<std::size_t>(row * words_),
                                    static_cast<std::size_t>(words_));
  }

  /// One bit.   Errors:  Error if there is no such row or pattern.
  bool get(Index row, Index pattern) const {
    return (bits_[word_of(row, pattern)] >> (pattern % 64) & 1) != 0;
  }
  void set(Index row, Index pattern, bool value) {
    std::uint64_t& word = bits_[word_of(row, pattern)];
    const std::uint64_t bit = std::uint64_t{1} << (pattern % 64);
    word = value ? word | bit : word & ~bit;
  }

  std::uint64_t* data() { return bits_.data(); }
  const std::uint64_t* data() const { return bits_.data(); }

  friend bool operator==(const BitRows&, const BitRows&) = default;

 private:
  std::size_t word_of(Index row, Index pattern) const {
    CFM_CHECK(row >= 0 && row < rows_ && pattern >= 0 && pattern < patterns(),
              "bit rows: no such bit", row, pattern, rows_, patterns());
    return static_cast<std::size_t>(row * words_ + pattern / 64);
  }

  Index rows_ = 0, words_ = 0;
  std::vector<std::uint64_t> bits_;
};

/// Uniform random bits: word w of row r takes position r * words + w of the stream.
/// Order:  the same bits for any number of threads.
inline BitRows random_patterns(Index rows, Index words, const Rng& rng) {
  BitRows out(rows, words);
  parallel_for(rows * words, 4096, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      const auto bits = rng.bits_at(static_cast<std::uint64_t>(i));
      out.data()[i] = (std::uint64_t{bits[1]} << 32) | bits[0];
    }
  });
  return out;
}

CFM_NAMESPACE_END
