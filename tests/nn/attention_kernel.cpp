#include <cfm/nn/attention_kernel.hpp>

#include <doctest/doctest.h>

#include <cfm/kernels/tree_mask.hpp>

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
  const std::vector<Index> parents{-1, 0, 0, 1};
  compare(TreeMask(parents));
}

TEST_CASE("attention kernel: weights pass the gradient check") {
  const auto report = gradcheck(
      [](const std::vector<Var>& in) {
        return attention_weights(in[0], in[1], SlidingWindow{1, 0, 0});
      },
      {noise({1, 2, 3, 4}, 1), noise({1, 1, 4, 4}, 2)});
  CHECK_MESSAGE(report, concat(report));
}

TEST_CASE("attention kernel: dropout of weights in training, in both, gives the same on average") {
  const Tensor q = noise({1, 1, 40, 4}, 1, DType::f32), k = noise({1, 1, 40, 4}, 2, DType::f32);
  const Tensor v = noise({1, 1, 40, 4}, 3, DType::f32);
  const auto compare = [&](const auto& kernel) {
    const auto run = [&](bool training, std::uint64_t seed) {
      Tape tape({.training = training, .rng = Rng(seed)});
      return kernel(tape.input(q), k, v, AllKeys{}, PlainScores{}, {.dropout = 0.4}).value();
    };
    const Tensor still = flash_attention(q, k, v);
    CHECK(distance(run(false, 1), still) < 1e-5);
    CHECK(same_bits(run(true, 1), run(true, 1)));
    CHECK(distance(run(true, 1), still) > 1e-2);
    Tensor mean = Tensor::zeros(still.shape());
    for (std::uint64_t seed = 0; seed < 400; ++seed)
      mean = add(mean, mul(run(true, seed), 1.0 / 400));
    CHECK(distance(mean, still) < 0.15);
  };
  compare(FlashAttention{});
  compare(PlainAttention{});
}

TEST_CASE("attention kernel: errors") {
  CHECK(error_of([] {
          attention_weights(Tensor::zeros({1, 3, 2, 4}), Tensor::zeros({1, 2, 2, 4}));
        }).starts_with("attention_weights: needs q [batch, heads, queries, width] and k"));
}
