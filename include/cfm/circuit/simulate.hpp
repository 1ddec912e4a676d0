#pragma once
/// @file  Bit-parallel simulation: 64 patterns a word, combinational or step by step.

#include <bit>
#include <memory>

#include <cfm/circuit/bit_rows.hpp>
#include <cfm/circuit/detail/aig_copy.hpp>
#include <cfm/circuit/simulate-inl.hpp>

CFM_NAMESPACE_BEGIN

/// What a latch with an undefined reset holds at first. AIGER's own simulator takes an unknown, or
/// 0 if asked to; there are no unknowns here, and so 0 is the default.
enum class UndefinedReset : std::uint8_t { zero, one, random };

/// How simulation starts.
struct ResetOptions {
  UndefinedReset undefined = UndefinedReset::zero;
  Rng rng = Rng(0);  ///< for UndefinedReset::random: a bit for each latch and pattern
};

/// The latches after reset: a row for each.
inline BitRows reset_state(const Aig& aig, Index words, const ResetOptions& options = {}) {
  const auto latches = static_cast<Index>(aig.latches().size());
  BitRows state(latches, words);
  BitRows random;
  if (options.undefined == UndefinedReset::random)
    random = random_patterns(latches, words, options.rng);
  for (Index i = 0; i < latches; ++i) {
    const Reset reset = aig.latches()[static_cast<std::size_t>(i)].reset;
    const bool undefined = reset == Reset::undefined;
    const bool one = undefined ? options.undefined == UndefinedReset::one : reset == Reset::one;
    const bool copy = undefined && options.undefined == UndefinedReset::random;
    for (std::size_t w = 0; w < static_cast<std::size_t>(words); ++w)
      state[i][w] = copy ? random[i][w] : 0 - std::uint64_t{one};
  }
  return state;
}

/// How signal_probabilities draws its patterns.
struct ProbabilityOptions {
  Index words = 256;  ///< 64 patterns each
  Rng rng = Rng(0);
};

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN
namespace isa_detail {

// Values of all variables for one block of patterns.
class SimulationBlock {
 public:
  SimulationBlock(const Aig& aig, std::size_t words)
      : aig_(aig),
        words_(words),
        memory_(std::make_unique_for_overwrite<std::uint64_t[]>(aig.variables() * words + 8)) {
    // Rows of 8 words then are cache lines.
    const auto address = reinterpret_cast<std::uintptr_t>(memory_.get());
    values_ = memory_.get() + (64 - address % 64) % 64 / 8;
  }

  // Words [begin, begin + words) of the sources, through all ANDs.
  void run(const BitRows& inputs, const BitRows& state, Index begin) {
    std::fill_n(values_, words_, 0u);
    std::uint64_t* row = values_ + words_;
    for (const BitRows* sources : {&inputs, &state})
      for (Index i = 0; i < sources->rows(); ++i, row += words_)
        std::copy_n(sources->data() + i * sources->words() + begin, words_, row);
    simulate_words(aig_.all_fanins(), aig_.first_and(), values_, words_, words_);
  }

  const std::uint64_t* row(std::uint32_t variable) const { return values_ + variable * words_; }

  void copy(Literal literal, std::uint64_t* to) const {
    const std::uint64_t flip = 0 - std::uint64_t{literal.inverted()};
    for (std::size_t w = 0; w < words_; ++w) to[w] = row(literal.variable())[w] ^ flip;
  }

 private:
  const Aig& aig_;
  std::size_t words_;
  std::unique_ptr<std::uint64_t[]> memory_;
  std::uint64_t* values_;
};

// Words that are simulated at once: a cache line a variable, less if that is over 256 MiB.
inline Index block_words(const Aig& aig, Index words) {
  Index block = 8;
  while (block > 1 && static_cast<Index>(aig.variables()) * block * 8 > (Index{1} << 28))
    block /= 2;
  return std::min(block, std::max<Index>(words, 1));
}

// Calls f(block, begin, words) for every block of patterns.
template <class F>
void for_each_block(const Aig& aig, const BitRows& inputs, const BitRows& state, const F& f) {
  CFM_CHECK(inputs.rows() == static_cast<Index>(aig.inputs()), "simulate: one row for each input",
            inputs.rows(), aig.inputs());
  CFM_CHECK(state.rows() == static_cast<Index>(aig.latches().size()),
            "simulate: one row for each latch", state.rows(), aig.latches().size());
  CFM_CHECK(state.rows() == 0 || inputs.rows() == 0 || state.words() == inputs.words(),
            "simulate: inputs and latches need the same number of words", inputs.words(),
            state.words());
  const Index words = state.rows() == 0 ? inputs.words() : state.words();
  parallel_for(words, block_words(aig, words), [&](Index begin, Index end) {
    SimulationBlock block(aig, static_cast<std::size_t>(end - begin));
    block.run(inputs, state, begin);
    f(block, begin, end - begin);
  });
}

}  // namespace isa_detail

/// The outputs for given inputs and latch values; `state` then holds the next values of the
/// latches. Calling it again and again simulates from reset_state step by step.
/// Shapes:  inputs [inputs, words], state [latches, words], result [outputs, words]. If there are
///          latches and no inputs, only the words of `state` count.
/// Errors:  Error if the shapes do not fit.
/// Order:   blocks of patterns run in parallel; the same bits for any number of threads.
inline BitRows simulate_step(const Aig& aig, const BitRows& inputs, BitRows& state) {
  const Index words = state.rows() == 0 ? inputs.words() : state.words();
  BitRows outputs(static_cast<Index>(aig.outputs()), words);
  BitRows next(static_cast<Index>(aig.latches().size()), words);
  isa_detail::for_each_block(aig, inputs, state, [&](const auto& block, Index begin, Index) {
    Index place = begin;  // an empty BitRows has no address to start from
    for (const Literal output : aig.output_literals()) {
      block.copy(output, outputs.data() + place);
      place += words;
    }
    place = begin;
    for (const Latch& latch : aig.latches()) {
      block.copy(latch.next, next.data() + place);
      place += words;
    }
  });
  state = std::move(next);
  return outputs;
}

/// The outputs of a combinational circuit.
/// Shapes:  inputs [inputs, words], result [outputs, words].
/// Errors:  Error if there are latches (simulate_step is for these), or the shapes do not fit.
inline BitRows simulate(const Aig& aig, const BitRows& inputs) {
  CFM_CHECK(aig.latches().empty(), "simulate: the circuit has latches; use simulate_step",
            aig.latches().size());
  BitRows state;
  return simulate_step(aig, inputs, state);
}

/// The values of all variables, the constant included.
/// Shapes:  inputs [inputs, words], state [latches, words], result [variables, words].
/// Errors:  Error if the shapes do not fit.
inline BitRows simulate_all(const Aig& aig, const BitRows& inputs, const BitRows& state = {}) {
  const Index words = state.rows() == 0 ? inputs.words() : state.words();
  BitRows values(static_cast<Index>(aig.variables()), words);
  isa_detail::for_each_block(aig, inputs, state, [&](const auto& block, Index begin, Index n) {
    for (std::uint32_t v = 0; v < aig.variables(); ++v)
      std::copy_n(block.row(v), n, values.data() + static_cast<Index>(v) * words + begin);
  });
  return values;
}

/// The share of patterns under which each variable is 1, with inputs and latches drawn
/// independently and uniformly.
/// Order:  exact counts: the same bits for any number of threads.
inline std::vector<double> signal_probabilities(const Aig& aig,
                                                const ProbabilityOptions& options = {}) {
  const Index words = options.words;
  CFM_CHECK(words > 0, "signal_probabilities: words must be positive", words);
  const auto inputs = static_cast<Index>(aig.inputs());
  const auto latches = static_cast<Index>(aig.latches().size());
  const BitRows in = random_patterns(inputs, words, options.rng);
  const BitRows state = random_patterns(latches, words, options.rng.split(1));
  using Counts = std::vector<std::uint64_t>;

  // A few chunks of many blocks, so that few arrays of counts are alive.
  const Index block_size = isa_detail::block_words(aig, words);
  const Index blocks = (words + block_size - 1) / block_size;
  const Counts counts = parallel_reduce(
      blocks, (blocks + 7) / 8, Counts(),
      [&](Index first, Index last) {
        Counts ones(aig.variables(), 0);
        for (Index b = first; b < last; ++b) {
          const Index begin = b * block_size;
          const Index n = std::min(block_size, words - begin);
          isa_detail::SimulationBlock block(aig, static_cast<std::size_t>(n));
          block.run(in, state, begin);
          for (std::uint32_t v = 0; v < aig.variables(); ++v)
            for (Index w = 0; w < n; ++w)
              ones[v] += static_cast<std::uint64_t>(std::popcount(block.row(v)[w]));
        }
        return ones;
      },
      [](Counts sum, Counts more) {
        if (sum.empty()) return more;
        for (std::size_t v = 0; v < sum.size(); ++v) sum[v] += more[v];
        return sum;
      });

  std::vector<double> out(aig.variables());
  for (std::size_t v = 0; v < out.size(); ++v)
    out[v] = static_cast<double>(counts[v]) / static_cast<double>(64 * words);
  return out;
}

CFM_ISA_NAMESPACE_END
