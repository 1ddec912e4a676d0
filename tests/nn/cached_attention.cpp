#include <cfm/nn/cached_attention.hpp>

#include <doctest/doctest.h>

#include <cfm/kernels/rearrange.hpp>

#include "../test.hpp"
#include "attention_cases.hpp"

using namespace cfm;
using namespace cfm::test;

namespace {

// Positions begin .. end of all sequences.
Tensor positions(const Tensor& x, Index begin, Index end) { return x.slice(2, begin, end); }

}  // namespace

TEST_CASE("cached attention: pieces of any sizes give what the whole sequence gives") {
  constexpr Index batch = 2, heads = 4, kv_heads = 2, n = 23, width = 8;
  const Tensor q = noise({batch, heads, n, width}, 1, DType::f32);
  const Tensor k = noise({batch, kv_heads, n, width}, 2, DType::f32);
  const Tensor v = noise({batch, kv_heads, n, width}, 3, DType::f32);
  const auto compare = [&](const auto& mask, const auto& score) {
    const Tensor whole = flash_attention(q, k, v, mask, score);
    Caches<float> cache(1, batch, kv_heads, 30, width);
    for (const auto& [begin, end] :
         {std::pair<Index, Index>{0, 7}, {7, 8}, {8, 9}, {9, 20}, {20, 23}}) {
      cache.grow(end - begin);
      const Tensor piece = cached_attention(positions(q, begin, end), positions(k, begin, end),
                                            positions(v, begin, end), cache.views[0], mask, score);
      CHECK(distance(piece, positions(whole, begin, end)) < 1e-5);
      if (end - begin > 8) CHECK(same_bits(piece, positions(whole, begin, end)));
    }
    CHECK(cache.keys[0].view<float, 4>()(1, 1, 23, 0) == 77);  // nothing beyond the lengths
  };
  compare(Causal{}, PlainScores{});
  compare(BothMasks{Causal{}, SlidingWindow{4, 0, 2}}, Alibi::for_heads(4));
  compare(Causal{}, [](auto s, auto d) { return s - d * d; });
}

TEST_CASE("cached attention: sequences of different lengths, and masks that know the batch") {
  constexpr Index kv_heads = 2, width = 4;
  const Tensor k = noise({2, kv_heads, 9, width}, 2), v = noise({2, kv_heads, 9, width}, 3);
  const Tensor q = noise({2, kv_heads, 1, width}, 1);
  Caches<double> cache(1, 2, kv_heads, 12, width);
  const Tensor tail_k = noise({2, kv_heads, 1, width}, 4),
               tail_v = noise({2, kv_heads, 1, width}, 5);
  cache.lengths = {9, 9};
  cache.views[0].lengths = cache.lengths;
  kv_append<double>(cache.views[0], std::as_const(k).view<double, 4>(),
                    std::as_const(v).view<double, 4>());
  cache.lengths = {5, 10};  // the first keeps four positions and gets a fifth
  const Tensor bias = noise({2, 2, 1, 10}, 6);
  const ScoreBias<double> score{bias.view<double, 4>()};
  const Tensor y = cached_attention(q, tail_k, tail_v, cache.views[0], Causal{}, score);
  for (Index s = 0; s < 2; ++s) {
    const Index old = s == 0 ? 4 : 9;
    const auto joined = [&](const Tensor& a, const Tensor& b) {
      return cat({a.slice(0, s, s + 1).slice(2, 0, old), b.slice(0, s, s + 1)}, 2);
    };
    const Tensor own = bias.slice(0, s, s + 1);
    const Tensor want = flash_attention(q.slice(0, s, s + 1), joined(k, tail_k), joined(v, tail_v),
                                        Causal{}, ScoreBias<double>{own.view<double, 4>()});
    CHECK(distance(y.slice(0, s, s + 1), want) < 1e-13);
  }
}

TEST_CASE("cached attention: pages, and a cache in half the memory") {
  constexpr Index n = 11, width = 4;
  const Tensor q = noise({2, 2, n, width}, 1, DType::f32),
               k = noise({2, 2, n, width}, 2, DType::f32);
  const Tensor v = noise({2, 2, n, width}, 3, DType::f32);
  Tensor keys = Tensor::zeros({8, 2, 3, width}), values = Tensor::zeros({8, 2, 3, width});
  const std::vector<std::int32_t> pages{6, 1, 4, 0, 7, 3, 5, 2};
  const std::vector<Index> lengths{n, n};
  const PagedKvCacheView<float> paged{keys.view<float, 4>(), values.view<float, 4>(),
                                      View<const std::int32_t, 2>{pages.data(), {2, 4}, {4, 1}},
                                      lengths};
  const Tensor want = flash_attention(q, k, v, Causal{});
  CHECK(same_bits(cached_attention(q, k, v, paged), want));
  const Tensor few = cached_attention(positions(q, 8, n), positions(k, 8, n), positions(v, 8, n),
                                      paged, SlidingWindow{5, 0, 0});
  CHECK(distance(few, positions(flash_attention(q, k, v, SlidingWindow{5, 0, 0}), 8, n)) < 1e-5);
  Caches<bf16> half(1, 2, 2, n, width);
  half.grow(n);
  const double error = distance(cached_attention(q, k, v, half.views[0]), want);
  CHECK(error > 0);
  CHECK(error < 0.05);
}

TEST_CASE("cached attention: errors") {
  const Tensor x = Tensor::zeros({1, 2, 3, 4});
  Caches<float> cache(1, 1, 2, 5, 4);
  CHECK(error_of([&] {
          cached_attention(x, x, x, cache.views[0]);
        }).starts_with("kv_append: lengths must count the new rows already"));
  cache.grow(6);
  CHECK(error_of([&] {
          cached_attention(x, x, x, cache.views[0]);
        }).starts_with("kv_append: a length outside the cache: 6, 5"));
  CHECK(error_of<ShapeError>([&] {
          cached_attention(x, x.slice(2, 0, 2), x, cache.views[0]);
        }).starts_with("cached_attention: wants [batch, heads, positions, width]"));
}

TEST_CASE("cached attention: operands that do not fit leave the cache alone") {
  Caches<float> cache(1, 2, 1, 30, 8);
  cache.grow(9);
  const Tensor before = cache.keys[0].clone();
  const Tensor k = noise({2, 1, 9, 8}, 2, DType::f32), v = noise({2, 1, 9, 8}, 3, DType::f32);
  for (const Index batch : {1, 3}) {
    const Tensor q = noise({batch, 1, 9, 8}, 1, DType::f32);
    CHECK_THROWS_AS(cached_attention(q, k, v, cache.views[0]), ShapeError);
  }
  CHECK_THROWS_AS(cached_attention(noise({2, 1, 9, 7}, 1, DType::f32), k, v, cache.views[0]),
                  ShapeError);
  CHECK(same_bits(before, cache.keys[0]));
}
