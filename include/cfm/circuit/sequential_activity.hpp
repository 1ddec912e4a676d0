#pragma once
/// @file  Signal and transition probabilities of circuits with latches, by simulating steps.

#include <cfm/circuit/simulate.hpp>
#include <cfm/circuit/source_patterns.hpp>

CFM_NAMESPACE_BEGIN

/// What an input does from step to step: a Markov chain of two states, in its stationary state.
struct InputWorkload {
  double probability = 0.5;  ///< of a 1
  /// The share of steps in which it rises, and as often it falls; at most min(p, 1 - p).
  /// Negative: every step draws anew, so p (1 - p).
  double transition = -1;
};

/// How sequential_activity simulates.
struct ActivityOptions {
  std::vector<InputWorkload> inputs = {};  ///< one for each input; empty: all as InputWorkload{}
  Index steps = 1000;                      ///< that count
  Index warm_up = 100;                     ///< before them, from reset
  Index words = 4;                         ///< 64 independent runs each
  ResetOptions reset = {};
  Rng rng = Rng(0);
};

/// Shares of steps, of every variable.
struct Activity {
  std::vector<double> probability;  ///< with a 1
  std::vector<double> rise;         ///< that turn a 0 into a 1
  std::vector<double> fall;         ///< that turn a 1 into a 0
};

namespace detail {

// A chain's probabilities of a 1, in 2^-24: at first, after a 0, after a 1.
struct WorkloadBits {
  std::uint32_t first, after_zero, after_one;

  explicit WorkloadBits(const InputWorkload& w) {
    const double p = w.probability, rise = w.transition < 0 ? p * (1 - p) : w.transition;
    CFM_CHECK(p >= 0 && p <= 1, "activity: a probability lies in 0 .. 1", p);
    CFM_CHECK(rise <= p && rise <= 1 - p,
              "activity: transitions cannot be more than probability and its complement", rise, p);
    first = probability_bits(p);
    after_zero = w.transition < 0 ? first : probability_bits(p < 1 ? rise / (1 - p) : 0);
    after_one = w.transition < 0 ? first : probability_bits(p > 0 ? 1 - rise / p : 0);
  }
};

}  // namespace detail

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// Simulates 64 * words runs from reset and counts, for every variable, ones and changes.
/// Order:   exact counts: the same bits for any number of threads.
/// Errors:  Error if options are out of range or workloads are not one for each input.
/// Cost:    steps * words passes over the ANDs; 16 words of memory a variable and running thread.
inline Activity sequential_activity(const Aig& aig, const ActivityOptions& options = {}) {
  CFM_CHECK(options.steps > 0 && options.warm_up >= 0 && options.words > 0,
            "activity: steps and words must be positive, warm_up not negative", options.steps,
            options.warm_up, options.words);
  CFM_CHECK(options.inputs.empty() || options.inputs.size() == aig.inputs(),
            "activity: one workload for each input", options.inputs.size(), aig.inputs());
  std::vector<detail::WorkloadBits> inputs;
  for (std::size_t i = 0; i < aig.inputs(); ++i)
    inputs.emplace_back(options.inputs.empty() ? InputWorkload{} : options.inputs[i]);
  const BitRows start = reset_state(aig, options.words, options.reset);
  const std::size_t n = aig.variables(), first_latch = 1 + aig.inputs();
  using Counts = std::vector<std::uint64_t>;  // ones, rises, falls

  const Counts counts = parallel_reduce(
      options.words, 8, Counts(),
      [&](Index begin, Index end) {
        const auto words = static_cast<std::size_t>(end - begin);
        Counts sum(3 * n, 0);
        std::vector<std::uint64_t> now(n * words, 0), before(n * words, 0);
        for (std::size_t l = 0; l < aig.latches().size(); ++l)
          std::copy_n(start[static_cast<Index>(l)].data() + begin, words,
                      now.data() + (first_latch + l) * words);
        for (Index step = 0; step <= options.warm_up + options.steps; ++step) {
          if (step > 0) {
            now.swap(before);
            for (std::size_t l = 0; l < aig.latches().size(); ++l) {
              const Literal next = aig.latches()[l].next;
              const std::uint64_t flip = 0 - std::uint64_t{next.inverted()};
              for (std::size_t w = 0; w < words; ++w)
                now[(first_latch + l) * words + w] = before[next.variable() * words + w] ^ flip;
            }
          }
          for (std::size_t i = 0; i < inputs.size(); ++i) {
            const detail::WorkloadBits& chain = inputs[i];
            const Rng rng = options.rng.split(i);
            for (std::size_t w = 0; w < words; ++w) {
              // Two draws for a place: words of a step, steps after each other.
              const auto at = 2 * static_cast<std::uint64_t>(step * options.words + begin +
                                                             static_cast<Index>(w));
              const std::uint64_t old = before[(1 + i) * words + w];
              std::uint64_t value =
                  detail::biased_word(step == 0 ? chain.first : chain.after_zero, rng, at);
              if (step > 0 && chain.after_one != chain.after_zero)
                value = (value & ~old) | (detail::biased_word(chain.after_one, rng, at + 1) & old);
              now[(1 + i) * words + w] = value;
            }
          }
          std::fill_n(now.begin(), words, 0u);
          isa_detail::simulate_words(aig.all_fanins(), aig.first_and(), now.data(), words, words);
          if (step <= options.warm_up) continue;
          for (std::size_t v = 0; v < n; ++v)
            for (std::size_t w = 0; w < words; ++w) {
              const std::uint64_t a = before[v * words + w], b = now[v * words + w];
              sum[v] += static_cast<std::uint64_t>(std::popcount(b));
              sum[n + v] += static_cast<std::uint64_t>(std::popcount(b & ~a));
              sum[2 * n + v] += static_cast<std::uint64_t>(std::popcount(a & ~b));
            }
        }
        return sum;
      },
      [](Counts sum, Counts more) {
        if (sum.empty()) return more;
        for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += more[i];
        return sum;
      });

  Activity out;
  const double all = static_cast<double>(options.steps) * static_cast<double>(64 * options.words);
  std::size_t i = 0;
  for (std::vector<double>* to : {&out.probability, &out.rise, &out.fall})
    for (std::size_t v = 0; v < n; ++v) to->push_back(static_cast<double>(counts[i++]) / all);
  return out;
}

CFM_ISA_NAMESPACE_END
