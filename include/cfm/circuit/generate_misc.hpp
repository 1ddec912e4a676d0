#pragma once
/// @file  Shifters, comparators and random graphs.

#include <vector>

#include <cfm/circuit/generate_adders.hpp>
#include <cfm/core/rng.hpp>

CFM_NAMESPACE_BEGIN

/// Where a shifter moves its bits.
enum class ShiftKind : std::uint8_t {
  left,        ///< to higher places; zeros come in
  right,       ///< to lower places; zeros come in
  rotate_left  ///< to higher places; what leaves comes in again
};

/// Shifts a word by 0 .. 2^k - 1 places, k = ceil(log2(bits)), in k layers of multiplexers.
/// Inputs: the word, then k bits of the distance, both from the lowest bit; `bits` outputs.
/// Errors:  Error if bits is 0.
inline Aig barrel_shifter(std::size_t bits, ShiftKind kind = ShiftKind::left) {
  CFM_CHECK(bits > 0, "barrel_shifter: at least one bit");
  Strash aig;
  Word word = add_inputs(aig, bits);
  std::size_t layers = 0;
  while ((std::size_t{1} << layers) < bits) ++layers;
  const Word distance = add_inputs(aig, layers);
  for (std::size_t k = 0; k < layers; ++k) {
    const std::size_t step = std::size_t{1} << k;
    Word next;
    for (std::size_t i = 0; i < bits; ++i) {
      Literal from = literal_false;
      if (kind == ShiftKind::rotate_left) from = word[(i + bits - step % bits) % bits];
      if (kind == ShiftKind::left && i >= step) from = word[i - step];
      if (kind == ShiftKind::right && i + step < bits) from = word[i + step];
      next.push_back(aig.mux(distance[k], from, word[i]));
    }
    word = std::move(next);
  }
  add_outputs(aig, word);
  return aig.take();
}

/// Compares two unsigned numbers: 2 bits inputs (a, then b); outputs a < b, a == b, a > b.
/// Errors:  Error if bits is 0.
inline Aig comparator(std::size_t bits) {
  CFM_CHECK(bits > 0, "comparator: at least one bit");
  Strash aig;
  const Word a = add_inputs(aig, bits), b = add_inputs(aig, bits);
  Literal less = literal_false, greater = literal_false;
  for (std::size_t i = 0; i < bits; ++i) {  // a higher bit that differs overrules the lower ones
    const Literal below = aig.land(!a[i], b[i]), above = aig.land(a[i], !b[i]);
    less = aig.lor(below, aig.land(!above, less));
    greater = aig.lor(above, aig.land(!below, greater));
  }
  add_outputs(aig, {less, aig.land(!less, !greater), greater});
  return aig.take();
}

struct RandomAigOptions {
  std::size_t inputs = 8;
  std::size_t latches = 0;
  std::size_t ands = 100;
  std::size_t outputs = 8;
  std::size_t window = 0;  ///< fan-ins are among the last so many variables; 0 takes all. Small
                           ///< windows give deep graphs
  bool hashed = true;      ///< no trivial and no repeated ANDs
};

/// A random graph: fan-ins, inversions, drivers and resets drawn uniformly. The same options and
/// the same Rng give the same graph. If `hashed`, it may have fewer ANDs than asked for, namely
/// where no new one is found in 64 tries.
/// Errors:  Error if there are ANDs but neither inputs nor latches.
inline Aig random_aig(const RandomAigOptions& options, Rng rng) {
  CFM_CHECK(options.ands == 0 || options.inputs + options.latches > 0,
            "random_aig: ANDs need an input or a latch");
  Strash strash;
  for (std::size_t i = 0; i < options.inputs; ++i) strash.add_input();
  for (std::size_t i = 0; i < options.latches; ++i)
    strash.add_latch(static_cast<Reset>(rng.below(3)));
  Aig plain = strash.aig();
  const auto variables = [&] { return (options.hashed ? strash.aig() : plain).variables(); };
  const auto draw = [&](std::size_t window) {
    const std::size_t count = variables() - 1;  // without the constant
    const std::size_t choices = window == 0 ? count : std::min(count, window);
    const std::uint64_t back = rng.below(choices);
    return Literal(static_cast<std::uint32_t>(count - back), (rng.next() & 1) != 0);
  };
  for (std::size_t made = 0; made < options.ands; ++made) {
    const std::size_t before = variables();
    for (int tries = 0; tries < 64 && variables() == before; ++tries) {
      const Literal a = draw(options.window), b = draw(options.window);
      if (options.hashed)
        strash.land(a, b);
      else
        plain.add_and(a, b);
    }
    if (variables() == before) break;
  }
  Aig out = options.hashed ? strash.take() : std::move(plain);
  const auto driver = [&] {
    const std::uint64_t v = out.variables() == 1 ? 0 : 1 + rng.below(out.variables() - 1);
    return Literal(static_cast<std::uint32_t>(v), (rng.next() & 1) != 0);
  };
  for (std::size_t i = 0; i < options.outputs; ++i) out.add_output(driver());
  for (std::size_t i = 0; i < options.latches; ++i) out.set_next(i, driver());
  return out;
}

CFM_NAMESPACE_END
