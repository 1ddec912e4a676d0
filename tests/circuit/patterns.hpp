#pragma once
// 64 patterns at a time through an Aig, in the plainest way: the reference of these tests.

#include <cstdint>
#include <vector>

#include <cfm/circuit/aig.hpp>
#include <cfm/core/rng.hpp>

namespace cfm::test {

// Values of all variables for 64 patterns of inputs and latches, one word each.
inline std::vector<std::uint64_t> evaluate(const Aig& aig,
                                           const std::vector<std::uint64_t>& sources) {
  std::vector<std::uint64_t> value(aig.variables(), 0);
  const auto of = [&](Literal l) {
    return value[l.variable()] ^ (l.inverted() ? ~std::uint64_t{0} : 0);
  };
  for (std::size_t v = 1; v < value.size(); ++v) {
    const auto variable = static_cast<std::uint32_t>(v);
    value[v] = aig.is_and(variable) ? of(aig.fanins(variable)[0]) & of(aig.fanins(variable)[1])
                                    : sources[v - 1];
  }
  return value;
}

inline std::vector<std::uint64_t> outputs_of(const Aig& aig,
                                             const std::vector<std::uint64_t>& sources) {
  const auto value = evaluate(aig, sources);
  std::vector<std::uint64_t> out;
  for (Literal l : aig.output_literals())
    out.push_back(value[l.variable()] ^ (l.inverted() ? ~std::uint64_t{0} : 0));
  return out;
}

__extension__ typedef unsigned __int128 Number;

// 64 numbers of `bits` bits as 64 patterns of their bits, and back.
inline void append_bits(std::vector<std::uint64_t>& words, const std::vector<Number>& numbers,
                        std::size_t bits) {
  for (std::size_t i = 0; i < bits; ++i) {
    std::uint64_t word = 0;
    for (std::size_t p = 0; p < numbers.size(); ++p)
      word |= static_cast<std::uint64_t>((numbers[p] >> i) & 1) << p;
    words.push_back(word);
  }
}
inline Number number_at(const std::vector<std::uint64_t>& words, std::size_t pattern) {
  Number out = 0;
  for (std::size_t i = 0; i < words.size(); ++i)
    out |= static_cast<Number>((words[i] >> pattern) & 1) << i;
  return out;
}

// How many of the patterns give outputs other than expected(a, b). All pairs if the two words have
// at most 12 bits together, else 10 x 64 random ones, the extremes among them.
template <class Expected>
std::size_t wrong_results(const Aig& aig, std::size_t bits_a, std::size_t bits_b,
                          const Expected& expected) {
  const Number top_a = (Number{1} << bits_a) - 1, top_b = (Number{1} << bits_b) - 1;
  const bool all = bits_a + bits_b <= 12;
  const std::uint64_t patterns = all ? std::uint64_t{1} << (bits_a + bits_b) : 640;
  Rng rng(bits_a * 1000 + bits_b);
  const auto draw = [&](Number top) {
    const Number wide = (static_cast<Number>(rng.next()) << 64) | rng.next();
    const std::uint64_t kind = rng.below(8);
    return kind == 0 ? Number{0} : kind == 1 ? top : kind == 2 ? (top >> 1) + 1 : wide & top;
  };
  std::size_t wrong = 0;
  for (std::uint64_t p = 0; p < patterns; p += 64) {
    std::vector<Number> a, b;
    for (std::uint64_t i = p; i < p + 64 && i < patterns; ++i) {
      a.push_back(all ? i & top_a : draw(top_a));
      b.push_back(all ? i >> bits_a : draw(top_b));
    }
    std::vector<std::uint64_t> words;
    append_bits(words, a, bits_a);
    append_bits(words, b, bits_b);
    const auto out = outputs_of(aig, words);
    for (std::size_t i = 0; i < a.size(); ++i) wrong += number_at(out, i) != expected(a[i], b[i]);
  }
  return wrong;
}

}  // namespace cfm::test
