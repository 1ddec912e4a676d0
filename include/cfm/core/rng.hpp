#pragma once
/// @file  Counter-based random numbers: the same numbers for any order and any number of threads.

#include <array>
#include <cmath>
#include <cstdint>

#include <cfm/core/config.hpp>

CFM_NAMESPACE_BEGIN

/// Ten rounds of Philox 4x32: 128 random bits for a 128-bit counter and a 64-bit key.
/// Source:  J. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
constexpr std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter,
                                                  std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = std::uint64_t{0xD2511F53u} * counter[0];
    const std::uint64_t b = std::uint64_t{0xCD9E8D57u} * counter[2];
    counter = {static_cast<std::uint32_t>(b >> 32) ^ counter[1] ^ key[0],
               static_cast<std::uint32_t>(b),
               static_cast<std::uint32_t>(a >> 32) ^ counter[3] ^ key[1],
               static_cast<std::uint32_t>(a)};
    key[0] += 0x9E3779B9u;
    key[1] += 0xBB67AE85u;
  }
  return counter;
}

/// A stream of random numbers named by (seed, stream). Two ways to draw: by position, which is
/// const and may run in parallel, and in sequence, which advances. `split` gives independent
/// streams. Copying copies the position; saving `seed`, `stream` and `position` saves all of it.
class Rng {
 public:
  explicit constexpr Rng(std::uint64_t seed = 0, std::uint64_t stream = 0)
      : seed_(seed), stream_(stream) {}

  /// 128 bits at a position of this stream.
  constexpr std::array<std::uint32_t, 4> bits_at(std::uint64_t position) const {
    return philox4x32({static_cast<std::uint32_t>(position),
                       static_cast<std::uint32_t>(position >> 32),
                       static_cast<std::uint32_t>(stream_),
                       static_cast<std::uint32_t>(stream_ >> 32)},
                      {static_cast<std::uint32_t>(seed_), static_cast<std::uint32_t>(seed_ >> 32)});
  }

  /// Uniform in [0, 1), 24 bits, at a position.
  constexpr float uniform_at(std::uint64_t position) const {
    return static_cast<float>(bits_at(position)[0] >> 8) * 0x1p-24f;
  }

  /// The next 64 random bits.
  constexpr std::uint64_t next() {
    const auto b = bits_at(position_++);
    return (std::uint64_t{b[1]} << 32) | b[0];
  }

  /// The next number in [0, 1), 53 bits.
  constexpr double uniform() { return static_cast<double>(next() >> 11) * 0x1p-53; }

  /// The next number in [low, high).
  constexpr double uniform(double low, double high) { return low + (high - low) * uniform(); }

  /// The next standard normal number (Box and Muller, the cosine branch alone).
  double normal() {
    const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
    return radius * std::cos(6.283185307179586477 * uniform());
  }

  /// The next integer in [0, bound), without bias; 0 if bound is 0.
  constexpr std::uint64_t below(std::uint64_t bound) {
    if (bound == 0) return 0;
    const std::uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
    std::uint64_t value = next();
    while (value >= limit) value = next();
    return value % bound;
  }

  /// An independent stream: the same (seed, stream, index) gives the same stream.
  constexpr Rng split(std::uint64_t index) const {
    const auto b = philox4x32({static_cast<std::uint32_t>(index),
                               static_cast<std::uint32_t>(index >> 32),
                               static_cast<std::uint32_t>(stream_),
                               static_cast<std::uint32_t>(stream_ >> 32)},
                              {static_cast<std::uint32_t>(seed_ >> 32),
                               static_cast<std::uint32_t>(seed_) ^ 0x5851F42Du});
    return Rng((std::uint64_t{b[1]} << 32) | b[0], (std::uint64_t{b[3]} << 32) | b[2]);
  }

  constexpr std::uint64_t seed() const { return seed_; }
  constexpr std::uint64_t stream() const { return stream_; }
  constexpr std::uint64_t position() const { return position_; }

  /// Goes to a position of the stream, to resume from a saved state.
  constexpr void seek(std::uint64_t position) { position_ = position; }

 private:
  std::uint64_t seed_;
  std::uint64_t stream_;
  std::uint64_t position_ = 0;
};

CFM_NAMESPACE_END
