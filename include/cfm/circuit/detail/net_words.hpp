#pragma once
/// @file  Arithmetic on words of nets, as gates.

#include <cfm/circuit/detail/netlist_builder.hpp>

CFM_NAMESPACE_BEGIN
namespace detail {

// Words are nets, least significant first; operands of one operation have one width. Every gate is
// counted by the builder, which ends what grows too large.
class NetWords {
 public:
  using Net = Netlist::Net;
  using Word = std::vector<Net>;

  explicit NetWords(NetlistBuilder& build) : build_(build) {}

  template <class F>
  Word map(const Word& a, const Word& b, const F& f) {
    Word out(a.size());
    for (std::size_t i = 0; i < a.size(); ++i) out[i] = f(a[i], b[i]);
    return out;
  }
  Word invert(const Word& a) {
    Word out;
    for (const Net net : a) out.push_back(build_.lnot(net));
    return out;
  }
  Word mux(Net select, const Word& one, const Word& zero) {
    return map(one, zero, [&](Net a, Net b) { return build_.mux(select, a, b); });
  }

  Net any(const Word& a) {
    Net out = Netlist::zero;
    for (const Net net : a) out = build_.lor(out, net);
    return out;
  }
  Net all(const Word& a) {
    Net out = Netlist::one;
    for (const Net net : a) out = build_.land(out, net);
    return out;
  }
  Net odd(const Word& a) {
    Net out = Netlist::zero;
    for (const Net net : a) out = build_.lxor(out, net);
    return out;
  }

  // a + b + carry; the carry out is left in `carry`.
  Word add(const Word& a, const Word& b, Net& carry) {
    Word out(a.size());
    for (std::size_t i = 0; i < a.size(); ++i) {
      const Net half = build_.lxor(a[i], b[i]);
      out[i] = build_.lxor(half, carry);
      carry = build_.lor(build_.land(a[i], b[i]), build_.land(half, carry));
    }
    return out;
  }
  Word add(const Word& a, const Word& b) {
    Net carry = Netlist::zero;
    return add(a, b, carry);
  }
  Word subtract(const Word& a, const Word& b) {
    Net carry = Netlist::one;
    return add(a, invert(b), carry);
  }
  Word negate(const Word& a) { return subtract(Word(a.size(), Netlist::zero), a); }

  Net equal(const Word& a, const Word& b) {
    Net out = Netlist::one;
    for (std::size_t i = 0; i < a.size(); ++i)
      out = build_.land(out, build_.lnot(build_.lxor(a[i], b[i])));
    return out;
  }
  Net less(const Word& a, const Word& b, bool is_signed) {
    Net out = Netlist::zero;
    for (std::size_t i = 0; i < a.size(); ++i) {
      const bool sign = is_signed && i + 1 == a.size();
      const Net x = sign ? b[i] : a[i], y = sign ? a[i] : b[i];
      out = build_.mux(build_.lxor(x, y), y, out);
    }
    return out;
  }

  // The low half of the product.
  Word multiply(const Word& a, const Word& b) {
    Word out(a.size(), Netlist::zero);
    for (std::size_t i = 0; i < b.size(); ++i) {
      build_.charge(1);
      if (b[i] == Netlist::zero) continue;
      Net carry = Netlist::zero;
      for (std::size_t j = 0; i + j < a.size(); ++j) {
        build_.charge(1);
        const Net bit = build_.land(a[j], b[i]);
        const Net half = build_.lxor(out[i + j], bit);
        const Net sum = build_.lxor(half, carry);
        carry = build_.lor(build_.land(out[i + j], bit), build_.land(half, carry));
        out[i + j] = sum;
      }
    }
    return out;
  }

  // Quotient and remainder, truncated towards zero. A divisor of zero gives what it gives.
  void divide(Word a, Word b, bool is_signed, Word& quotient, Word& remainder) {
    const std::size_t n = a.size();
    const Net sign_a = is_signed ? a.back() : Netlist::zero;
    const Net sign_b = is_signed ? b.back() : Netlist::zero;
    if (is_signed) {
      a = mux(sign_a, negate(a), a);
      b = mux(sign_b, negate(b), b);
    }
    b.push_back(Netlist::zero);
    Word rest(n + 1, Netlist::zero);
    quotient.assign(n, Netlist::zero);
    for (std::size_t i = n; i-- > 0;) {
      build_.charge(n + 1);
      rest.insert(rest.begin(), a[i]);
      rest.pop_back();
      Net carry = Netlist::one;
      const Word less_b = add(rest, invert(b), carry);
      quotient[i] = carry;
      rest = mux(carry, less_b, rest);
    }
    rest.pop_back();
    remainder = std::move(rest);
    if (!is_signed) return;
    quotient = mux(build_.lxor(sign_a, sign_b), negate(quotient), quotient);
    remainder = mux(sign_a, negate(remainder), remainder);
  }

  Word power(const Word& a, const Word& exponent) {
    Word out(a.size(), Netlist::zero);
    out[0] = Netlist::one;
    for (std::size_t i = exponent.size(); i-- > 0;) {
      out = multiply(out, out);
      out = mux(exponent[i], multiply(out, a), out);
    }
    return out;
  }

  // Shifts to higher (left) or lower bits by a word of any width, filling with `fill`.
  Word shift(Word a, const Word& by, bool left, Net fill) {
    const std::size_t n = a.size();
    for (std::size_t k = 0; k < by.size(); ++k) {
      if (by[k] == Netlist::zero) continue;
      build_.charge(n);
      const std::size_t distance = k < 32 ? std::size_t{1} << k : n;
      Word moved(n, fill);
      for (std::size_t i = 0; i + distance < n; ++i)
        (left ? moved[i + distance] : moved[i]) = left ? a[i] : a[i + distance];
      a = mux(by[k], moved, a);
    }
    return a;
  }

 private:
  NetlistBuilder& build_;
};

}  // namespace detail
CFM_NAMESPACE_END
