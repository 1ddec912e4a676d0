// One const model, many threads: what operator() promises by writing nothing. Run by the thread
// sanitizer, too.

#include <cfm/nn/transformer.hpp>

#include <atomic>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "attention_cases.hpp"

using namespace cfm;
using namespace cfm::test;

TEST_CASE("shared model: eight threads make ten thousand passes through one transformer") {
  constexpr int threads = 8, inputs = 5, passes = 10000;
  const TransformerEncoder<> model({.dim = 8,
                                    .heads = 2,
                                    .hidden = 16,
                                    .layers = 1,
                                    .activation = Activation::gelu,
                                    .rope = RopeConfig{},
                                    .dropout = 0.1},
                                   Rng(1));
  std::vector<Tensor> x, want;
  for (int i = 0; i < inputs; ++i) {
    x.push_back(noise({2, 3 + i, 8}, static_cast<std::uint64_t>(i), DType::f32));
    want.push_back(model(x.back(), Causal{}).value());
  }
  std::atomic<int> done{0}, wrong{0};
  const auto work = [&](int thread) {
    for (int k = thread; k < passes; k += threads) {
      const auto i = static_cast<std::size_t>(k % inputs);
      // Every second one on a tape of its own, as servers that also adapt do.
      Tape tape;
      const Var in = k % 2 == 0 ? Var(x[i]) : tape.input(x[i]);
      if (!same_bits(model(in, Causal{}).value(), want[i])) ++wrong;
      ++done;
    }
  };
  std::vector<std::thread> pool;
  for (int t = 0; t < threads; ++t) pool.emplace_back(work, t);
  for (std::thread& t : pool) t.join();
  CHECK(done == passes);
  CHECK(wrong == 0);
}
