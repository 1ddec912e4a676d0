#pragma once
/// @file  Multipliers by column compression: Wallace, Dadda and Booth.

#include <vector>

#include <cfm/circuit/carry_save_multiplier.hpp>
#include <cfm/circuit/generate_adders.hpp>

CFM_NAMESPACE_BEGIN

/// How the bits of a column are brought down to two.
enum class Compression : std::uint8_t {
  wallace,  ///< every layer compresses all it can
  dadda     ///< every layer compresses only what the next height 2, 3, 4, 6, 9, 13 .. demands
};

/// Bits to be added, by weight: columns[i] counts 2^i each.
using BitColumns = std::vector<Word>;

namespace detail {

inline BitColumns wallace_layer(Strash& aig, const BitColumns& columns) {
  BitColumns next(columns.size() + 1);
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const Word& bits = columns[i];
    std::size_t b = 0;
    for (; b + 3 <= bits.size(); b += 3) {
      const SumCarry s = full_adder(aig, bits[b], bits[b + 1], bits[b + 2]);
      next[i].push_back(s.sum);
      next[i + 1].push_back(s.carry);
    }
    if (b + 2 == bits.size()) {
      const SumCarry s = half_adder(aig, bits[b], bits[b + 1]);
      next[i].push_back(s.sum);
      next[i + 1].push_back(s.carry);
    } else if (b < bits.size()) {
      next[i].push_back(bits[b]);
    }
  }
  return next;
}

// Brings every column to `height`; carries of this layer count for the next column at once.
inline BitColumns dadda_layer(Strash& aig, const BitColumns& columns, std::size_t height) {
  BitColumns next(columns.size() + 1);
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const Word& bits = columns[i];
    std::size_t b = 0, count = bits.size() + next[i].size();
    while (count > height) {
      const bool half = count == height + 1;
      const SumCarry s = half ? half_adder(aig, bits[b], bits[b + 1])
                              : full_adder(aig, bits[b], bits[b + 1], bits[b + 2]);
      b += half ? 2 : 3;
      count -= half ? 1 : 2;
      next[i].push_back(s.sum);
      next[i + 1].push_back(s.carry);
    }
    next[i].insert(next[i].end(), bits.begin() + static_cast<std::ptrdiff_t>(b), bits.end());
  }
  return next;
}

}  // namespace detail

/// The sum of all bits modulo 2^width: compressed to two words, which a lookahead adder adds.
inline Word add_columns(Strash& aig, BitColumns columns, std::size_t width,
                        Compression compression) {
  columns.resize(width);
  const auto highest = [&] {
    std::size_t out = 0;
    for (const Word& bits : columns) out = std::max(out, bits.size());
    return out;
  };
  while (highest() > 2) {
    if (compression == Compression::wallace) {
      columns = detail::wallace_layer(aig, columns);
    } else {
      std::size_t height = 2;
      while (height + height / 2 < highest()) height += height / 2;
      columns = detail::dadda_layer(aig, columns, height);
    }
    columns.resize(width);  // weights from 2^width on do not count
  }
  Word a, b;
  for (Word& bits : columns) {
    bits.resize(2, literal_false);
    a.push_back(bits[0]);
    b.push_back(bits[1]);
  }
  Word sum = carry_lookahead_add(aig, a, b);
  sum.resize(width);
  return sum;
}

namespace detail {

inline Aig compressed_multiplier(std::size_t bits, Compression compression) {
  CFM_CHECK(bits > 0 && bits <= 4096, "multiplier: bits in [1, 4096]", bits);
  Strash aig;
  const Word a = add_inputs(aig, bits), b = add_inputs(aig, bits);
  BitColumns columns(2 * bits);
  for (std::size_t k = 0; k < bits; ++k)
    for (std::size_t i = 0; i < bits; ++i) columns[i + k].push_back(aig.land(a[i], b[k]));
  add_outputs(aig, add_columns(aig, std::move(columns), 2 * bits, compression));
  return aig.take();
}

}  // namespace detail

/// Unsigned product: 2 bits inputs (a, then b), 2 bits outputs.
/// Errors:  Error if bits is not in [1, 4096].
/// Source:  C. Wallace, "A suggestion for a fast multiplier", IEEE Trans. EC 1964.
inline Aig wallace_multiplier(std::size_t bits) {
  return detail::compressed_multiplier(bits, Compression::wallace);
}

/// Unsigned product: 2 bits inputs (a, then b), 2 bits outputs.
/// Errors:  Error if bits is not in [1, 4096].
/// Source:  L. Dadda, "Some schemes for parallel multipliers", Alta Frequenza 1965.
inline Aig dadda_multiplier(std::size_t bits) {
  return detail::compressed_multiplier(bits, Compression::dadda);
}

struct BoothOptions {
  bool is_signed = true;  ///< both factors and the product in two's complement
  Compression compression = Compression::dadda;
};

/// Product by radix-4 Booth recoding of b: 2 bits inputs (a, then b), 2 bits outputs. Half as many
/// rows as an array multiplier, each a, 2a, 0 or their negatives.
/// Errors:  Error if bits is not in [1, 4096].
/// Source:  O. MacSorley, "High-speed arithmetic in binary computers", Proc. IRE 1961.
inline Aig booth_multiplier(std::size_t bits, const BoothOptions& options = {}) {
  CFM_CHECK(bits > 0 && bits <= 4096, "booth_multiplier: bits in [1, 4096]", bits);
  Strash aig;
  const Word a = add_inputs(aig, bits), b = add_inputs(aig, bits);
  const auto extended = [&](const Word& word, std::ptrdiff_t i) {
    if (i < 0) return literal_false;
    if (i < std::ssize(word)) return word[static_cast<std::size_t>(i)];
    return options.is_signed ? word.back() : literal_false;
  };
  const std::size_t width = 2 * bits;
  const std::size_t digits = options.is_signed ? (bits + 1) / 2 : bits / 2 + 1;
  BitColumns columns(width);
  const auto put = [&](std::size_t column, Literal bit) {
    if (column < width && bit != literal_false) columns[column].push_back(bit);
  };
  // A sign bit s at 2^p and all above it is worth -s 2^p = !s 2^p - 2^p: the constants -2^p of all
  // rows are summed here and added as one.
  std::vector<bool> constant(width, false);
  const auto subtract_power = [&](std::size_t p) {
    for (; p < width; ++p) {
      constant[p] = !constant[p];
      if (!constant[p]) return;  // it was 1: no borrow goes on
    }
  };
  for (std::size_t d = 0; d < digits; ++d) {
    const auto low = static_cast<std::ptrdiff_t>(2 * d);
    const Literal b0 = extended(b, low - 1), b1 = extended(b, low), negate = extended(b, low + 1);
    const Literal one = aig.lxor(b0, b1);
    const Literal two =
        aig.lor(aig.land(negate, aig.land(!b0, !b1)), aig.land(!negate, aig.land(b0, b1)));
    for (std::size_t i = 0; i <= bits; ++i) {
      const auto at = static_cast<std::ptrdiff_t>(i);
      const Literal bit =
          aig.lor(aig.land(one, extended(a, at)), aig.land(two, extended(a, at - 1)));
      const Literal signed_bit = aig.lxor(bit, negate);
      const bool is_top = i == bits && options.is_signed;
      put(2 * d + i, is_top ? !signed_bit : signed_bit);
      if (is_top) subtract_power(2 * d + i);
    }
    if (!options.is_signed) {
      put(2 * d + bits + 1, !negate);
      subtract_power(2 * d + bits + 1);
    }
    put(2 * d, negate);  // completes the two's complement
  }
  for (std::size_t p = 0; p < width; ++p)
    if (constant[p]) put(p, literal_true);
  add_outputs(aig, add_columns(aig, std::move(columns), width, options.compression));
  return remove_dangling(aig.take());
}

CFM_NAMESPACE_END
