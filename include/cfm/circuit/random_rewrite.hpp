#pragma once
/// @file  Rewrites a circuit at random into another of the same function.

#include <utility>
#include <vector>

#include <cfm/circuit/strash.hpp>
#include <cfm/core/rng.hpp>

CFM_NAMESPACE_BEGIN

/// How random_rewrite draws.
struct RandomRewriteOptions {
  double rate = 0.3;  ///< the part of the ANDs that a pass tries to rewrite
  int passes = 2;
  Rng rng = Rng(0);
};

namespace detail {

/// Builds a & b in one of several equivalent ways, where the gates behind a and b allow it.
class RandomAnd {
 public:
  RandomAnd(Strash& to, Rng& rng) : to_(to), rng_(rng) {}

  Literal operator()(Literal a, Literal b) {
    if (rng_.below(2) == 1) std::swap(a, b);
    const int first = static_cast<int>(rng_.below(rules));
    for (int i = 0; i < rules; ++i)
      if (applies((first + i) % rules, a, b)) return rewrite((first + i) % rules, a, b);
    return to_.land(a, b);
  }

 private:
  static constexpr int rules = 6;

  bool gate(Literal l, bool inverted) const {
    return to_.aig().is_and(l.variable()) && l.inverted() == inverted;
  }
  // The fan-ins of the gate behind a literal, in random order.
  std::pair<Literal, Literal> fanins(Literal l) {
    const auto& [x, y] = to_.aig().fanins(l.variable());
    return rng_.below(2) == 1 ? std::pair(y, x) : std::pair(x, y);
  }
  // A fan-in that two gates share, and the other ones; false if there is none.
  bool common(Literal a, Literal b, Literal& p, Literal& q, Literal& r) const {
    const auto& x = to_.aig().fanins(a.variable());
    const auto& y = to_.aig().fanins(b.variable());
    for (std::size_t i = 0; i < 2; ++i)
      for (std::size_t j = 0; j < 2; ++j)
        if (x[i] == y[j]) {
          p = x[i];
          q = x[1 - i];
          r = y[1 - j];
          return true;
        }
    return false;
  }
  // !(x & y) & !(!x & !y) is x ^ y.
  bool parity(Literal a, Literal b) const {
    const auto& x = to_.aig().fanins(a.variable());
    const auto& y = to_.aig().fanins(b.variable());
    return (x[0] == !y[0] && x[1] == !y[1]) || (x[0] == !y[1] && x[1] == !y[0]);
  }

  bool applies(int rule, Literal a, Literal b) const {
    Literal p, q, r;
    switch (rule) {
      case 0: return gate(a, false);
      case 1:
      case 2: return gate(a, true);
      case 3: return gate(a, true) && gate(b, true) && common(a, b, p, q, r);
      case 4: return gate(a, true) && gate(b, true) && parity(a, b);
      default: return true;
    }
  }

  Literal rewrite(int rule, Literal a, Literal b) {
    Literal p, q, r;
    switch (rule) {
      case 0: {  // (x & y) & b = x & (y & b)
        const auto [x, y] = fanins(a);
        return to_.land(x, to_.land(y, b));
      }
      case 1: {  // !(x & y) & b = (!x & b) | (!y & b)
        const auto [x, y] = fanins(a);
        return to_.lor(to_.land(!x, b), to_.land(!y, b));
      }
      case 2: {  // Shannon's expansion by x: !(x & y) & b = x ? !y & b : b
        const auto [x, y] = fanins(a);
        return to_.mux(x, to_.land(!y, b), b);
      }
      case 3:  // !(p & q) & !(p & r) = !(p & (q | r))
        common(a, b, p, q, r);
        return !to_.land(p, to_.lor(q, r));
      case 4: {  // the other form of x ^ y
        const auto [x, y] = fanins(a);
        return to_.lor(to_.land(x, !y), to_.land(!x, y));
      }
      default:  // a & b = a & !(a & !b)
        return to_.land(a, !to_.land(a, !b));
    }
  }

  Strash& to_;
  Rng& rng_;
};

}  // namespace detail

/// Another circuit of the same functions, inputs and latches: chosen ANDs are built anew by
/// association, distribution, factoring, Shannon's expansion, the other form of a parity or
/// absorption, and the result is hashed. It is larger on average.
/// Order:   depends on the circuit and the options alone.
/// Errors:  Error if the rate is not in 0 .. 1 or passes is negative.
/// Cost:    linear in the circuit for each pass.
inline Aig random_rewrite(const Aig& aig, const RandomRewriteOptions& options = {}) {
  CFM_CHECK(options.rate >= 0 && options.rate <= 1 && options.passes >= 0,
            "random_rewrite: the rate is in 0 .. 1, passes not negative", options.rate,
            options.passes);
  Aig out = strash(aig);
  Rng rng = options.rng;
  for (int pass = 0; pass < options.passes; ++pass) {
    Strash builder;
    std::vector<Literal> map = detail::copy_sources(out, builder);
    builder.reserve(out.ands());
    detail::RandomAnd any(builder, rng);
    for (std::uint32_t v = out.first_and(); v < out.variables(); ++v) {
      const auto& fanins = out.fanins(v);
      const Literal a = detail::mapped(map, fanins[0]), b = detail::mapped(map, fanins[1]);
      map[v] = rng.uniform() < options.rate ? any(a, b) : builder.land(a, b);
    }
    detail::copy_sinks(out, map, builder);
    Aig next = builder.take();
    detail::copy_properties(out, map, next);
    out = remove_dangling(next);
  }
  return out;
}

CFM_NAMESPACE_END
