#include <cfm/nn/attention_kernel.hpp>

#include <doctest/doctest.h>

#include "../test.hpp"
#include "attention_cases.hpp"

using namespace cfm;
using namespace cfm::test;

TEST_CASE("attention kernel: weights sum to one over the keys that are seen") {
  const Tensor q = noise({2, 4, 5, 6}, 1), k = noise({2, 2, 7, 6}, 2);
  const std::vector<Index> lengths{3, 0};
  const Tensor w = attention_weights(q, k, KeyLengths{lengths}).value();
  CHECK(w.shape() == Shape{2, 4, 5, 7});
  const auto at = std::as_const(w).view<double, 4>();
  for (Index h = 0; h < 4; ++h)
    for (Index i = 0; i < 5; ++i) {
      double sum = 0, nothing = 0;
      for (Index j = 0; j < 7; ++j) {
        sum += at(0, h, i, j);
        nothing += std::abs(at(1, h, i, j));
        if (j >= 3) CHECK(at(0, h, i, j) == 0);
      }
      CHECK(sum == doctest::Approx(1));
      CHECK(nothing == 0);
    }
}

TEST_CASE("attention kernel: the formula gives what flash attention gives, values and gradients") {
  const Tensor q = noise({2, 4, 6, 8}, 1), k = noise({2, 2, 9, 8}, 2), v = noise({2, 2, 9, 8}, 3);
  const std::vector<Index> lengths{4, 9};
  const auto compare = [&](const auto& mask) {
    const auto run = [&](const auto& kernel) {
      Tape tape;
      const Var a = tape.leaf(q), b = tape.leaf(k), c = tape.leaf(v);
      const Var y = kernel(a, b, c, mask, PlainScores{});
      tape.backward(y, noise(y.shape(), 4));
      return std::vector<Tensor>{y.value(), tape.grad(a), tape.grad(b), tape.grad(c)};
    };
    const auto flash = run(FlashAttention{}), plain = run(PlainAttention{});
    for (std::size_t i = 0; i < 4; ++i) CHECK(distance(flash[i], plain[i]) < 1e-12);
  };
  compare(AllKeys{});
  compare(Causal{});
  compare(SlidingWindow{2, 1, 1});
  compare(KeyLengths{lengths});
}

TEST_CASE("attention kernel: weights pass the gradient check") {
  const auto report = gradcheck(
      [](const std::vector<Var>& in) {
        return attention_weights(in[0], in[1], SlidingWindow{1, 0, 0});
      },
      {noise({1, 2, 3, 4}, 1), noise({1, 1, 4, 4}, 2)});
  CHECK_MESSAGE(report, concat(report));
}

TEST_CASE("attention kernel: errors") {
  CHECK(error_of([] {
          attention_weights(Tensor::zeros({1, 3, 2, 4}), Tensor::zeros({1, 2, 2, 4}));
        }).starts_with("attention_weights: needs q [batch, heads, queries, width] and k"));
}
