#pragma once
/// @file  The inner loops of bit-parallel simulation.

#include <cfm/circuit/aig.hpp>

CFM_ISA_NAMESPACE_BEGIN
namespace isa_detail {

// value[v] = AND of its fan-ins, W words each, for the ANDs in order. Row v starts at
// values + v * stride. W is a constant, so the loops become vector instructions; 8 words are one
// cache line a fan-in.
template <std::size_t W>
void simulate_ands(std::span<const std::array<Literal, 2>> fanins, std::size_t first_and,
                   std::uint64_t* values, std::size_t stride) {
  std::uint64_t* __restrict out = values + first_and * stride;
  for (const auto& [a, b] : fanins) {
    const std::uint64_t* __restrict x = values + a.variable() * stride;
    const std::uint64_t* __restrict y = values + b.variable() * stride;
    const std::uint64_t flip_x = 0 - std::uint64_t{a.inverted()};
    const std::uint64_t flip_y = 0 - std::uint64_t{b.inverted()};
    for (std::size_t w = 0; w < W; ++w) out[w] = (x[w] ^ flip_x) & (y[w] ^ flip_y);
    out += stride;
  }
}

// The same for any number of words.
inline void simulate_words(std::span<const std::array<Literal, 2>> fanins, std::size_t first_and,
                           std::uint64_t* values, std::size_t stride, std::size_t words) {
  for (; words >= 8; words -= 8, values += 8) simulate_ands<8>(fanins, first_and, values, stride);
  if (words & 4) {
    simulate_ands<4>(fanins, first_and, values, stride);
    values += 4;
  }
  if (words & 2) {
    simulate_ands<2>(fanins, first_and, values, stride);
    values += 2;
  }
  if (words & 1) simulate_ands<1>(fanins, first_and, values, stride);
}

}  // namespace isa_detail
CFM_ISA_NAMESPACE_END
