#include <cfm/kernels/attention.hpp>

#include <bit>

#include <cfm/kernels/block_mask.hpp>
#include <cfm/kernels/tree_mask.hpp>

#include "../reference/attention.hpp"
#include "support.hpp"

using namespace cfm;

namespace {

using Visible = std::function<double(Index, Index, Index, Index, double)>;

// sin(a k + b), the generator of the published golden values.
Tensor sines(const Shape& shape, double a, double b) {
  Tensor out = Tensor::empty(shape, DType::f64);
  double k = 0;
  for (double& x : out.span<double>()) x = std::sin(a * k++ + b);
  return out;
}

struct Sizes {
  Index batch, heads, kv_heads, queries, keys, width, v_width;
};

// Ours against the formula: values and logsumexp.
template <class T, class Mask, class Score>
void check(const Sizes& z, const Mask& mask, const Score& policy, const Visible& formula) {
  const Tensor q = test::normals4<T>(z.batch, z.heads, z.queries, z.width, 1);
  const Tensor k = test::normals4<T>(z.batch, z.kv_heads, z.keys, z.width, 2);
  const Tensor v = test::normals4<T>(z.batch, z.kv_heads, z.keys, z.v_width, 3);
  const double scale = 1 / std::sqrt(static_cast<double>(z.width));
  const auto want = reference::attention<T>(
      q.view<T, 4>(), k.view<T, 4>(), v.view<T, 4>(), scale,
      [&](Index b, Index h, Index i, Index j, double s) {
        const bool seen = shows(mask, QueryPlace{b, i, z.queries, z.keys, h}, j);
        return seen ? formula(b, h, i, j, s) : -std::numeric_limits<double>::infinity();
      });
  Tensor out = Tensor::full({z.batch, z.heads, z.queries, z.v_width}, 7, dtype_of<T>);
  Tensor lse = Tensor::full({z.batch, z.heads, z.queries}, 7, dtype_of<T>);
  flash_attention(q.view<T, 4>(), k.view<T, 4>(), v.view<T, 4>(), out.view<T, 4>(), mask, policy,
                  AttentionOptions<T>{.logsumexp = lse.view<T, 3>()});
  const double bound = sizeof(T) == 4 ? 4e-6 : 1e-14;
  double worst = 0, worst_lse = 0;
  for (Index i = 0; i < out.size(); ++i)
    worst = std::max(worst, std::abs(static_cast<double>(std::as_const(out).data<T>()[i]) -
                                     want.out[static_cast<std::size_t>(i)]));
  for (Index i = 0; i < lse.size(); ++i) {
    const double got = static_cast<double>(std::as_const(lse).data<T>()[i]);
    const double wanted = want.logsumexp[static_cast<std::size_t>(i)];
    if (got != wanted) worst_lse = std::max(worst_lse, std::abs(got - wanted));
  }
  CAPTURE(z.queries);
  CAPTURE(z.keys);
  CAPTURE(z.width);
  CHECK(worst < bound);
  CHECK(worst_lse < 3 * bound);
}

const Visible unchanged = [](Index, Index, Index, Index, double s) { return s; };

const Sizes sweep[] = {{1, 1, 1, 1, 1, 1, 1},       {1, 1, 1, 7, 5, 3, 2},
                       {2, 3, 3, 6, 16, 16, 16},    {1, 2, 1, 13, 40, 20, 24},
                       {1, 4, 2, 97, 70, 8, 9},     {1, 1, 1, 5, 390, 33, 17},
                       {1, 2, 2, 100, 801, 64, 64}, {2, 6, 2, 1, 385, 32, 48}};

}  // namespace

TEST_CASE_TEMPLATE("attention: every mask equals the formula", T, float, double) {
  const Index lengths[] = {30, 3};
  for (const Sizes& z : sweep) {
    check<T>(z, AllKeys{}, PlainScores{}, unchanged);
    check<T>(z, Causal{}, PlainScores{}, unchanged);
    check<T>(z, SlidingWindow{.left = 4, .right = 2}, PlainScores{}, unchanged);
    check<T>(z, SlidingWindow{.left = 9, .sinks = 3}, PlainScores{}, unchanged);
    check<T>(z, KeyLengths{lengths}, PlainScores{}, unchanged);
    check<T>(z, BothMasks{Causal{}, KeyLengths{lengths}}, PlainScores{}, unchanged);
  }
}

TEST_CASE_TEMPLATE("attention: every score policy equals the formula", T, float, double) {
  for (const Sizes& z : sweep) {
    const Alibi alibi = Alibi::for_heads(z.heads);
    const auto position = [&](Index i, Index j) {
      return static_cast<double>(i + z.keys - z.queries - j);
    };
    check<T>(z, Causal{}, alibi, [&](Index, Index h, Index i, Index j, double s) {
      return s - alibi.slopes[static_cast<std::size_t>(h)] * std::abs(position(i, j));
    });
    check<T>(z, AllKeys{}, SoftCap{0.7},
             [](Index, Index, Index, Index, double s) { return 0.7 * std::tanh(s / 0.7); });
    const Tensor bias = test::normals4<T>(1, z.heads, z.queries, z.keys, 5);
    const View<const T, 4> b = bias.view<T, 4>();
    check<T>(z, AllKeys{}, ScoreBias<T>{b}, [&](Index, Index h, Index i, Index j, double s) {
      return s + static_cast<double>(b(0, h, i, j));
    });
    check<T>(
        z, Causal{}, [](auto s, auto distance) { return s - distance * 0.25f; },
        [&](Index, Index, Index i, Index j, double s) { return s - 0.25 * position(i, j); });
  }
}

TEST_CASE_TEMPLATE("attention: trees and layouts of blocks equal the formula", T, float, double) {
  Rng rng(4);
  for (const Sizes& z : sweep) {
    const Index nodes = std::min<Index>(z.keys, 70);
    std::vector<Index> parents;
    for (Index i = 0; i < z.batch * nodes; ++i)
      parents.push_back(static_cast<Index>(rng.below(static_cast<std::uint64_t>(i % nodes) + 1)) -
                        1);
    const TreeMask tree(parents, z.batch);
    check<T>(z, tree, PlainScores{}, unchanged);
    check<T>(z, BothMasks{SlidingWindow{.left = 40, .sinks = 2}, tree}, PlainScores{}, unchanged);
    for (const Index block : {32, 96, 256}) {
      const Index rows = (z.queries + 9) / 10, columns = (z.keys + block - 1) / block;
      Tensor bits = Tensor::empty({z.heads, rows, columns}, DType::boolean);
      for (bool& bit : bits.span<bool>()) bit = rng.below(3) == 0;
      const BlockMask layout{std::as_const(bits).view<bool, 3>(), 10, block};
      check<T>(z, layout, PlainScores{}, unchanged);
      check<T>(z, BothMasks{layout, BothMasks{tree, Causal{}}}, PlainScores{}, unchanged);
      check<T>(z, BothMasks{Causal{}, layout}, SoftCap{0.7},
               [](Index, Index, Index, Index, double s) { return 0.7 * std::tanh(s / 0.7); });
    }
  }
  struct Odd {
    KeyRange operator()(const QueryPlace& q) const { return {0, q.keys, 0}; }
    Index block() const { return 20; }
    bool hides(const QueryPlace&, Index) const { return false; }
  };
  const Tensor x = test::normals4<T>(1, 1, 3, 4, 1);
  CHECK_THROWS_WITH_AS(flash_attention(x, x, x, Odd{}), doctest::Contains("multiples of 32 keys"),
                       Error);
}

TEST_CASE("attention: a query among others that see other blocks gives the same bits") {
  const Tensor q = test::normals4<float>(1, 1, 40, 24, 1),
               k = test::normals4<float>(1, 1, 700, 24, 2);
  Rng rng(4);
  Tensor bits = Tensor::empty({1, 40, 22}, DType::boolean);
  for (bool& bit : bits.span<bool>()) bit = rng.below(3) == 0;
  const auto layout = [](const Tensor& b) { return BlockMask{b.view<bool, 3>(), 1, 32}; };
  const Tensor all = flash_attention(q, k, k, layout(bits));
  for (Index i = 0; i < 40; ++i) {
    const Tensor one = flash_attention(q.slice(2, i, i + 1), k, k, layout(bits.slice(1, i, i + 1)));
    const Tensor want = all.slice(2, i, i + 1).contiguous();
    CHECK(
        std::equal(one.span<float>().begin(), one.span<float>().end(), want.span<float>().begin()));
  }
}

TEST_CASE_TEMPLATE("attention: half precision is that of its inputs and output alone", S, bf16,
                   f16) {
  for (const Sizes& z : sweep) {
    const auto half = [](const Tensor& t) { return t.to(dtype_of<S>); };
    const Tensor q = half(test::normals4<float>(z.batch, z.heads, z.queries, z.width, 1)),
                 k = half(test::normals4<float>(z.batch, z.kv_heads, z.keys, z.width, 2)),
                 v = half(test::normals4<float>(z.batch, z.kv_heads, z.keys, z.v_width, 3));
    const auto wide = [](const Tensor& t) { return t.to(DType::f32); };
    const AttentionResult got = flash_attention_result(q, k, v, Causal{}, SoftCap{3});
    const AttentionResult want =
        flash_attention_result(wide(q), wide(k), wide(v), Causal{}, SoftCap{3});
    const Tensor rounded = half(want.out);
    CHECK(got.out.dtype() == dtype_of<S>);
    CHECK(std::memcmp(got.out.address(), rounded.address(),
                      static_cast<std::size_t>(rounded.size()) * 2) == 0);
    CHECK(std::equal(got.logsumexp.span<float>().begin(), got.logsumexp.span<float>().end(),
                     want.logsumexp.span<float>().begin()));
  }
}

TEST_CASE("attention: packed sequences equal their own attention") {
  const Index offsets[] = {0, 5, 5, 30, 41};
  const Tensor q = test::normals4<float>(1, 2, 41, 16, 1),
               k = test::normals4<float>(1, 2, 41, 16, 2),
               v = test::normals4<float>(1, 2, 41, 16, 3);
  const Tensor all = flash_attention(q, k, v, PackedSequences{offsets});
  for (int s = 0; s < 4; ++s) {
    const auto part = [&](const Tensor& t) { return t.slice(2, offsets[s], offsets[s + 1]); };
    if (offsets[s] == offsets[s + 1]) continue;
    const Tensor alone = flash_attention(part(q), part(k), part(v));
    const Tensor among = part(all).contiguous();
    const auto a = alone.span<float>(), b = among.span<float>();
    for (std::size_t i = 0; i < a.size(); ++i) CHECK(a[i] == doctest::Approx(b[i]).epsilon(1e-5));
  }
  const Tensor outside = test::normals4<float>(1, 2, 42, 16, 1);
  CHECK_THROWS_WITH_AS(flash_attention(outside, outside, outside, PackedSequences{offsets}),
                       doctest::Contains("lies in none"), Error);
}

TEST_CASE("attention: the published golden values") {
  const Tensor q = sines({1, 1, 3, 2}, 0.9, 0.1), k = sines({1, 1, 3, 2}, 0.6, 0.5),
               v = sines({1, 1, 3, 2}, 1.1, 0.2);
  const auto run = [&](const auto& mask, const std::vector<double>& out,
                       const std::vector<double>& lse) {
    Tensor o = Tensor::empty({1, 1, 3, 2}, DType::f64), l = Tensor::empty({1, 1, 3}, DType::f64);
    flash_attention(q.view<double, 4>(), k.view<double, 4>(), v.view<double, 4>(),
                    o.view<double, 4>(), mask, PlainScores{},
                    AttentionOptions<double>{.logsumexp = l.view<double, 3>()});
    for (std::size_t i = 0; i < out.size(); ++i)
      CHECK(std::abs(o.span<double>()[i] - out[i]) < 1e-8);
    for (std::size_t i = 0; i < lse.size(); ++i)
      CHECK(std::abs(l.span<double>()[i] - lse[i]) < 1e-8);
  };
  run(AllKeys{}, {0.154653094, 0.153462031, 0.162749994, 0.04563107, -0.393995906, -0.176310285},
      {1.448053441, 1.62904992, 0.70553862});
  run(Causal{}, {0.198669331, 0.963558185, 0.47352586, 0.205882057},
      {0.564121181, 1.391029787, 0.70553862});
  const std::vector<double> eight = Alibi::for_heads(8).slopes,
                            twelve = Alibi::for_heads(12).slopes;
  for (std::size_t h = 0; h < 8; ++h) {
    CHECK(eight[h] == std::exp2(-static_cast<double>(h + 1)));
    CHECK(twelve[h] == eight[h]);
  }
  const double rest[] = {0.707106781, 0.353553391, 0.176776695, 0.088388348};
  for (std::size_t h = 0; h < 4; ++h) CHECK(std::abs(twelve[8 + h] - rest[h]) < 1e-9);
}

TEST_CASE_TEMPLATE("attention: a query gives the same bits alone and among others, at any strides",
                   T, float, double) {
  const Tensor q = test::normals4<T>(2, 4, 131, 24, 1), k = test::normals4<T>(2, 2, 500, 24, 2),
               v = test::normals4<T>(2, 2, 500, 40, 3);
  const Tensor all = flash_attention(q, k, v, SlidingWindow{.left = 420, .sinks = 2});
  for (Index i : {0, 5, 96, 130}) {
    // Alone the query stands at the last key, so later keys go.
    const Index keys = 500 - 130 + i;
    const Tensor one = flash_attention(q.slice(2, i, i + 1), k.slice(2, 0, keys),
                                       v.slice(2, 0, keys), SlidingWindow{.left = 420, .sinks = 2});
    const Tensor want = all.slice(2, i, i + 1).contiguous();
    CHECK(std::equal(one.span<T>().begin(), one.span<T>().end(), want.span<T>().begin()));
  }
  const auto other_order = [](const Tensor& t) {
    return t.transpose(1, 2).contiguous().transpose(1, 2);
  };
  const Tensor strided = flash_attention(other_order(q), other_order(k), other_order(v),
                                         SlidingWindow{.left = 420, .sinks = 2});
  CHECK(std::equal(strided.span<T>().begin(), strided.span<T>().end(), all.span<T>().begin()));
}

TEST_CASE("attention: the same bits for any number of threads") {
  const Tensor q = test::normals4<float>(1, 4, 200, 32, 1),
               k = test::normals4<float>(1, 1, 300, 32, 2);
  test::check_threads([&] {
    const Tensor out = flash_attention(q, k, k, Causal{});
    return std::vector<float>(out.span<float>().begin(), out.span<float>().end());
  });
}

TEST_CASE("attention: queries that see nothing give zeros, whatever the others see") {
  const Tensor q = test::normals4<float>(1, 1, 9, 8, 1), k = test::normals4<float>(1, 1, 4, 8, 2);
  const Tensor out = flash_attention(q, k, k, Causal{});  // 9 queries, 4 keys: five see none
  for (Index i = 0; i < 5; ++i)
    for (Index e = 0; e < 8; ++e) CHECK(out.view<float, 4>()(0, 0, i, e) == 0.0f);
  CHECK(out.view<float, 4>()(0, 0, 5, 0) == k.view<float, 4>()(0, 0, 0, 0));
  const Tensor none = flash_attention(q, k.slice(2, 0, 0), k.slice(2, 0, 0));
  for (float x : none.span<float>()) CHECK(x == 0.0f);
  CHECK(flash_attention(q.slice(2, 0, 0), k, k).size() == 0);
}

TEST_CASE(
    "attention: large scores do not overflow, a constant moves the logsumexp alone, NaN stays") {
  const Tensor q = test::normals4<float>(1, 1, 20, 16, 1, 100),
               k = test::normals4<float>(1, 1, 50, 16, 2, 100);
  const Tensor v = test::normals4<float>(1, 1, 50, 16, 3);
  const Tensor sharp = flash_attention(q, k, v);
  for (float x : sharp.span<float>()) CHECK(std::isfinite(x));

  const Tensor small = test::normals4<float>(1, 1, 20, 16, 1);
  Tensor lse[2] = {Tensor::empty({1, 1, 20}), Tensor::empty({1, 1, 20})};
  Tensor out[2] = {Tensor::empty({1, 1, 20, 16}), Tensor::empty({1, 1, 20, 16})};
  for (int shifted = 0; shifted < 2; ++shifted) {
    const Tensor bias = Tensor::full({1, 1, 1, 1}, shifted == 1 ? 8.0 : 0.0);
    flash_attention(small.view<float, 4>(), v.view<float, 4>(), v.view<float, 4>(),
                    out[shifted].view<float, 4>(), AllKeys{},
                    ScoreBias<float>{bias.view<float, 4>()},
                    AttentionOptions<float>{.logsumexp = lse[shifted].view<float, 3>()});
  }
  for (Index i = 0; i < 20; ++i)
    CHECK(lse[1].span<float>()[static_cast<std::size_t>(i)] ==
          doctest::Approx(lse[0].span<float>()[static_cast<std::size_t>(i)] + 8));
  for (std::size_t i = 0; i < 320; ++i)
    CHECK(out[1].span<float>()[i] == doctest::Approx(out[0].span<float>()[i]).epsilon(1e-4));

  Tensor broken = small.clone();
  broken.span<float>()[0] = std::numeric_limits<float>::quiet_NaN();
  const Tensor got = flash_attention(broken, v, v);
  CHECK(std::isnan(got.span<float>()[0]));
  CHECK(std::isfinite(got.span<float>()[16]));
}

TEST_CASE("attention: rows of huge scores weigh their keys as the formula does") {
  // Alone, or with every visible key at the same huge bias, a key keeps its weight.
  for (float k : {1.0f, 3 * 0x1p30f, 5 * 0x1p31f, -1e30f, 3e38f, -3.4e38f}) {
    const Tensor one = Tensor::full({1, 1, 1, 1}, 1.0), key = Tensor::full({1, 1, 1, 1}, k);
    const AttentionResult r = flash_attention_result(one, key, one);
    CHECK(r.out.item<float>() == 1.0f);
    CHECK(r.logsumexp.item<float>() == k);
  }
  const Tensor x = test::normals4<float>(1, 1, 30, 8, 1);
  const Tensor bias = Tensor::full({1, 1, 1, 1}, -1e30);
  const Tensor out = flash_attention(x, x, x, AllKeys{}, ScoreBias<float>{bias.view<float, 4>()});
  double mean = 0;
  for (Index i = 0; i < 30; ++i) mean += static_cast<double>(x.view<float, 4>()(0, 0, i, 0)) / 30;
  CHECK(out.view<float, 4>()(0, 0, 7, 0) == doctest::Approx(mean).epsilon(1e-5));
}

TEST_CASE("attention: NaN of any bits stays NaN, values may be one row for all keys") {
  const Tensor q = test::normals4<float>(1, 1, 7, 4, 1), v = test::normals4<float>(1, 1, 9, 16, 2);
  for (const std::uint32_t bits : {0x7FFFFFFFu, 0xFFFFFFFFu, 0x7F800001u}) {
    Tensor k = test::normals4<float>(1, 1, 9, 4, 3);
    k.view<float, 4>()(0, 0, 4, 0) = std::bit_cast<float>(bits);
    const Tensor out = flash_attention(q, k, v);
    for (float x : out.span<float>()) CHECK(std::isnan(x));
  }
  const Tensor k = test::normals4<float>(1, 1, 9, 4, 3);
  const Tensor row = v.slice(2, 0, 1), same = flash_attention(q, k, row.expand({1, 1, 9, 16}));
  for (Index i = 0; i < 7; ++i)
    CHECK(same.view<float, 4>()(0, 0, i, 3) ==
          doctest::Approx(static_cast<double>(row.view<float, 4>()(0, 0, 0, 3))).epsilon(1e-5));
}

TEST_CASE("attention: what does not fit is reported") {
  const Tensor q = test::normals4<float>(1, 4, 5, 8, 1), k = test::normals4<float>(1, 3, 6, 8, 2),
               narrow = test::normals4<float>(1, 4, 6, 7, 2);
  CHECK_THROWS_WITH_AS(flash_attention(q, k, k), doctest::Contains("a multiple of those of keys"),
                       ShapeError);
  CHECK_THROWS_WITH_AS(flash_attention(q, narrow, narrow), doctest::Contains("do not fit"),
                       ShapeError);
  CHECK_THROWS_AS(flash_attention(q, q, q.to(DType::f64)), TypeError);
  CHECK_THROWS_AS(flash_attention(q.to(DType::i32), q.to(DType::i32), q.to(DType::i32)), TypeError);
  CHECK_THROWS_AS(flash_attention(q, q, q.squeeze(0)), ShapeError);
  CHECK_THROWS_WITH_AS(flash_attention(q, q, q, AllKeys{}, Alibi::for_heads(2)),
                       doctest::Contains("one slope a head"), Error);
  const Tensor bias = Tensor::zeros({1, 4, 5, 4});
  CHECK_THROWS_WITH_AS(flash_attention(q, q, q, AllKeys{}, ScoreBias<float>{bias.view<float, 4>()}),
                       doctest::Contains("score bias"), Error);
  const AttentionResult no_values = flash_attention_result(q, q, q.slice(3, 0, 0));
  CHECK(std::isfinite(no_values.logsumexp.span<float>()[0]));
}
