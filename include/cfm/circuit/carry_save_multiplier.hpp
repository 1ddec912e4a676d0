#pragma once
/// @file  The carry-save array multiplier on which adder recognition is trained and measured.

#include <algorithm>
#include <vector>

#include <cfm/circuit/aig.hpp>

CFM_NAMESPACE_BEGIN

namespace detail {

// One cell of the array: row k adds the partial product b_k a_(i-k) to column i.
struct ArrayCell {
  Literal sum;     // literal of column i below this row
  Literal and_ab;  // AND of the two words' bits; of no use where carry_ready
  Literal and_cx;  // AND of the carry with the XOR of the two bits
  Literal carry;   // into column i + 1 of the same row
  bool carry_ready = false;
};

// The network of the array has one XOR cell pair per full adder. Numbering it depth-first from
// the outputs, twice, with structural hashing in between, as the reference flow does, gives a
// regular order, because no two cells share a gate and because in every gate the fan-in that is
// listed first also gets the smaller number. Column by column it reads: the pending carries of
// the column before, from the last row to the first; then the cells from the first row to the
// last. So the gates are written down directly, with two columns of literals as all scratch.
class ArrayMultiplier {
 public:
  explicit ArrayMultiplier(std::size_t bits) : bits_(bits), left_(bits), here_(bits) {
    aig_.reserve_ands(bits == 1 ? 1 : 8 * bits * bits - 11 * bits);
    for (std::size_t i = 0; i < 2 * bits; ++i) aig_.add_input();
  }

  Aig build() && {
    for (std::size_t i = 0; i + 1 < 2 * bits_; ++i) {
      aig_.add_output(column(i));
      left_.swap(here_);
    }
    aig_.add_output(bits_ == 1 ? literal_false : carry_of(left_[bits_ - 1]));
    return std::move(aig_);
  }

 private:
  // Writes column i and returns its sum.
  Literal column(std::size_t i) {
    const std::size_t last = std::min(i, bits_ - 1);  // rows with a cell here
    const std::size_t first = i < bits_ ? 1 : i - bits_ + 1;
    for (std::size_t k = last + 1; k-- > first;)
      if (k < i) carry_of(left_[k]);
    Literal sum = i < bits_ ? product(0, i) : literal_false;
    if (first > 1) sum = carry_of(left_[first - 1]);  // the row above ends one column earlier
    for (std::size_t k = first; k <= last; ++k) {
      const bool no_carry = k == i;              // lowest column of its row
      const bool no_sum = k == 1 && i == bits_;  // row 0 has no carry out
      ArrayCell& cell = here_[k];
      const Literal b = product(k, i);
      if (no_carry) {
        cell = half_adder(sum, b);
        cell.carry = cell.and_ab;
      } else if (no_sum) {
        cell = half_adder(left_[k].carry, b);
        cell.carry = cell.and_ab;
      } else {
        const ArrayCell ab = half_adder(sum, b);
        cell = half_adder(left_[k].carry, ab.sum);
        cell.and_cx = cell.and_ab;
        cell.and_ab = ab.and_ab;
        cell.carry_ready = false;
      }
      sum = cell.sum;
    }
    return sum;
  }

  Literal product(std::size_t k, std::size_t i) {
    return aig_.add_and(Literal(aig_.input_variable(bits_ + k), false),
                        Literal(aig_.input_variable(i - k), false));
  }

  ArrayCell half_adder(Literal a, Literal b) {
    ArrayCell cell;
    cell.and_ab = aig_.add_and(a, b);
    const Literal nor = aig_.add_and(!a, !b);
    cell.sum = aig_.add_and(!cell.and_ab, !nor);
    cell.carry_ready = true;
    return cell;
  }

  // The carry of a full adder is a gate of its own, written when somebody first needs it.
  Literal carry_of(ArrayCell& cell) {
    if (!cell.carry_ready) {
      cell.carry = !aig_.add_and(!cell.and_ab, !cell.and_cx);
      cell.carry_ready = true;
    }
    return cell.carry;
  }

  std::size_t bits_;
  Aig aig_;
  std::vector<ArrayCell> left_, here_;  // by row: the column before, the column being written
};

}  // namespace detail

/// The unsigned carry-save array multiplier of two words of `bits` bits: 2 bits inputs (a from its
/// lowest bit, then b), 2 bits outputs from the lowest bit. Gate order, fan-ins and outputs are
/// those of the reference flow (generate, hash, renumber depth-first from the outputs), bit for
/// bit: 8 bits^2 - 11 bits ANDs, bits (bits - 2) full adders and `bits` half adders (bits > 1).
/// Errors:  Error if bits is 0 or the graph would have too many variables.
/// Cost:    linear in the gates; the scratch is two columns.
/// Source:  N. Wu et al., "Gamora", DAC 2023 (its CSA multipliers).
inline Aig carry_save_multiplier(std::size_t bits) {
  CFM_CHECK(bits >= 1 && bits <= 11000, "carry_save_multiplier: bits in [1, 11000]", bits);
  return detail::ArrayMultiplier(bits).build();
}

CFM_NAMESPACE_END
