#pragma once
/// @file  Adders: as building blocks on words of literals, and as whole circuits.

#include <span>
#include <vector>

#include <cfm/circuit/strash.hpp>

CFM_NAMESPACE_BEGIN

/// Bits of a number, the lowest first.
using Word = std::vector<Literal>;

/// Two literals that stand for sum + 2 carry.
struct SumCarry {
  Literal sum, carry;
};

/// a + b.
inline SumCarry half_adder(Strash& aig, Literal a, Literal b) {
  return {aig.lxor(a, b), aig.land(a, b)};
}

/// a + b + c.
inline SumCarry full_adder(Strash& aig, Literal a, Literal b, Literal c) {
  const SumCarry ab = half_adder(aig, a, b), abc = half_adder(aig, ab.sum, c);
  return {abc.sum, aig.lor(ab.carry, abc.carry)};
}

/// n inputs as a word.
inline Word add_inputs(Strash& aig, std::size_t n) {
  Word out;
  for (std::size_t i = 0; i < n; ++i) out.push_back(aig.add_input());
  return out;
}
/// The bits of a word as outputs.
inline void add_outputs(Strash& aig, const Word& word) {
  for (Literal l : word) aig.add_output(l);
}

/// a + b + carry, one bit longer than a and b: each full adder waits for the one before.
/// Errors:  Error if a and b differ in length.
inline Word ripple_add(Strash& aig, const Word& a, const Word& b, Literal carry = literal_false) {
  CFM_CHECK(a.size() == b.size(), "ripple_add: words of one length", a.size(), b.size());
  Word out;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const SumCarry s = full_adder(aig, a[i], b[i], carry);
    out.push_back(s.sum);
    carry = s.carry;
  }
  out.push_back(carry);
  return out;
}

/// a + b + carry, one bit longer than a and b: carries from "generate" and "propagate" of groups of
/// four, of groups of groups, and so on, so the depth is logarithmic.
/// Errors:  Error if a and b differ in length.
inline Word carry_lookahead_add(Strash& aig, const Word& a, const Word& b,
                                Literal carry = literal_false) {
  CFM_CHECK(a.size() == b.size(), "carry_lookahead_add: words of one length", a.size(), b.size());
  constexpr std::size_t radix = 4;
  struct Group {
    Literal generate, propagate;
  };
  // carry out of `later` given the groups up to `first`: g_l | p_l g_(l-1) | .. | p_l .. p_f into
  const auto carry_out = [&](std::span<const Group> groups, Literal into) {
    Literal out = literal_false, all = literal_true;
    for (std::size_t i = groups.size(); i-- > 0;) {
      out = aig.lor(out, aig.land(all, groups[i].generate));
      all = aig.land(all, groups[i].propagate);
    }
    return aig.lor(out, aig.land(all, into));
  };
  std::vector<std::vector<Group>> levels(1);
  Word halves;
  for (std::size_t i = 0; i < a.size(); ++i) {
    levels[0].push_back({aig.land(a[i], b[i]), aig.lor(a[i], b[i])});
    halves.push_back(aig.lxor(a[i], b[i]));
  }
  while (levels.back().size() > 1) {
    const std::vector<Group>& below = levels.back();
    std::vector<Group> above;
    for (std::size_t i = 0; i < below.size(); i += radix) {
      const auto part = std::span(below).subspan(i, std::min(radix, below.size() - i));
      Literal all = literal_true;
      for (const Group& g : part) all = aig.land(all, g.propagate);
      above.push_back({carry_out(part, literal_false), all});
    }
    levels.push_back(std::move(above));
  }
  Word into{carry};  // carries into the groups of a level, from the top down
  for (std::size_t level = levels.size() - 1; level-- > 0;) {
    const std::vector<Group>& groups = levels[level];
    Word next;
    for (std::size_t i = 0; i < groups.size(); ++i) {
      const std::size_t first = i - i % radix;
      next.push_back(carry_out(std::span(groups).subspan(first, i - first), into[i / radix]));
    }
    into = std::move(next);
  }
  Word out;
  for (std::size_t i = 0; i < a.size(); ++i) out.push_back(aig.lxor(halves[i], into[i]));
  out.push_back(a.empty() ? carry : carry_out(levels.back(), carry));
  return out;
}

/// Three words as two of the same sum modulo 2^bits, without any carry chain.
/// Errors:  Error if the words differ in length.
inline std::pair<Word, Word> carry_save_add(Strash& aig, const Word& a, const Word& b,
                                            const Word& c) {
  CFM_CHECK(a.size() == b.size() && a.size() == c.size(), "carry_save_add: words of one length",
            a.size(), b.size(), c.size());
  Word sums, carries{literal_false};
  for (std::size_t i = 0; i < a.size(); ++i) {
    const SumCarry s = full_adder(aig, a[i], b[i], c[i]);
    sums.push_back(s.sum);
    carries.push_back(s.carry);
  }
  carries.resize(a.size());
  return {std::move(sums), std::move(carries)};
}

/// 2 bits inputs (a, then b), bits + 1 outputs.   Errors:  Error if bits is 0.
inline Aig ripple_adder(std::size_t bits) {
  CFM_CHECK(bits > 0, "ripple_adder: at least one bit");
  Strash aig;
  const Word a = add_inputs(aig, bits), b = add_inputs(aig, bits);
  add_outputs(aig, ripple_add(aig, a, b));
  return aig.take();
}

/// 2 bits inputs (a, then b), bits + 1 outputs, logarithmic depth.   Errors:  Error if bits is 0.
inline Aig carry_lookahead_adder(std::size_t bits) {
  CFM_CHECK(bits > 0, "carry_lookahead_adder: at least one bit");
  Strash aig;
  const Word a = add_inputs(aig, bits), b = add_inputs(aig, bits);
  add_outputs(aig, carry_lookahead_add(aig, a, b));
  return aig.take();
}

/// The sum of `operands` words of `bits` bits: carry-save layers, then one ripple adder. Inputs
/// word by word; as many outputs as the largest sum needs. Errors:  Error if bits or operands is 0,
/// or operands is above 2^20.
inline Aig carry_save_adder(std::size_t bits, std::size_t operands) {
  CFM_CHECK(bits > 0 && operands > 0 && operands <= (1u << 20),
            "carry_save_adder: at least one bit and one operand, at most 2^20 operands", bits,
            operands);
  std::size_t width = bits;  // of (2^bits - 1) operands <= 2^bits operands - 1
  while ((std::size_t{1} << (width - bits)) < operands) ++width;
  Strash aig;
  std::vector<Word> words;
  for (std::size_t w = 0; w < operands; ++w) words.push_back(add_inputs(aig, bits));
  for (Word& word : words) word.resize(width, literal_false);
  while (words.size() > 2) {
    std::vector<Word> next;
    for (std::size_t w = 0; w + 2 < words.size(); w += 3) {
      auto [sums, carries] = carry_save_add(aig, words[w], words[w + 1], words[w + 2]);
      next.push_back(std::move(sums));
      next.push_back(std::move(carries));
    }
    for (std::size_t w = words.size() - words.size() % 3; w < words.size(); ++w)
      next.push_back(std::move(words[w]));
    words = std::move(next);
  }
  if (words.size() == 2) {
    words[0] = ripple_add(aig, words[0], words[1]);
    words[0].resize(width);
  }
  add_outputs(aig, words[0]);
  return aig.take();
}

CFM_NAMESPACE_END
