#include <cfm/kernels/decode_attention.hpp>

#include <cfm/kernels/tree_mask.hpp>

#include "../reference/attention.hpp"
#include "support.hpp"

using namespace cfm;

namespace {

// The same keys and values in one piece of memory and in pages of any order.
template <class S>
struct Caches {
  Caches(Index heads, Index width, Index v_width, std::vector<Index> n, Index page = 16)
      : lengths(std::move(n)) {
    const Index batch = static_cast<Index>(lengths.size());
    const Index longest = *std::max_element(lengths.begin(), lengths.end());
    const Index each = (longest + page - 1) / page;
    k = test::normals4<float>(batch, heads, longest + 3, width, 2).to(dtype_of<S>);
    v = test::normals4<float>(batch, heads, longest + 3, v_width, 3).to(dtype_of<S>);
    pages_k = Tensor::full({batch * each + 1, heads, page, width}, 99, dtype_of<S>);
    pages_v = Tensor::full({batch * each + 1, heads, page, v_width}, 99, dtype_of<S>);
    table = Tensor::full({batch, std::max<Index>(1, each)}, -1, DType::i32);
    const View<std::int32_t, 2> t = table.view<std::int32_t, 2>();
    Index next = batch * each;
    for (Index i = 0; i < each; ++i)
      for (Index s = 0; s < batch; ++s)
        if (i * page < lengths[static_cast<std::size_t>(s)])
          t(s, i) = static_cast<std::int32_t>(next--);
    for (Index s = 0; s < batch; ++s)
      for (Index h = 0; h < heads; ++h)
        for (Index p = 0; p < lengths[static_cast<std::size_t>(s)]; ++p) {
          std::copy_n(flat().key(s, h, p), width, paged().key(s, h, p));
          std::copy_n(flat().value(s, h, p), v_width, paged().value(s, h, p));
        }
  }

  KvCacheView<S> flat() { return {k.view<S, 4>(), v.view<S, 4>(), lengths}; }
  PagedKvCacheView<S> paged() {
    return {pages_k.view<S, 4>(), pages_v.view<S, 4>(),
            std::as_const(table).view<std::int32_t, 2>(), lengths};
  }

  std::vector<Index> lengths;
  Tensor k, v, pages_k, pages_v, table;
};

template <class T, class Cache, class Mask, class Score = PlainScores>
AttentionResult decode(const Tensor& q, const Cache& cache, const Mask& mask,
                       const Score& score = {}) {
  AttentionResult r{
      Tensor::full({q.size(0), q.size(1), q.size(2), cache.v.extent[3]}, 7, q.dtype()),
      Tensor::full({q.size(0), q.size(1), q.size(2)}, 7, q.dtype())};
  decode_attention<T>(q.view<T, 4>(), cache, r.out.view<T, 4>(), mask, score,
                      {.logsumexp = r.logsumexp.view<T, 3>()});
  return r;
}

template <class T>
bool same(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() &&
         std::memcmp(a.address(), b.address(), static_cast<std::size_t>(a.size()) * sizeof(T)) == 0;
}

// Decoding equals the formula; pages equal one piece of memory bit by bit.
template <class T, class S, class Mask, class Score = PlainScores>
void check(Caches<S>& c, Index heads, Index queries, const Mask& mask, const Score& score = {}) {
  const Index batch = static_cast<Index>(c.lengths.size());
  const Tensor q = test::normals4<T>(batch, heads, queries, c.k.size(3), 1);
  const AttentionResult got = decode<T>(q, c.flat(), mask, score);
  const AttentionResult pages = decode<T>(q, c.paged(), mask, score);
  CHECK(same<T>(got.out, pages.out));
  CHECK(same<T>(got.logsumexp, pages.logsumexp));
  const double scale = 1 / std::sqrt(static_cast<double>(c.k.size(3)));
  double worst = 0;
  for (Index b = 0; b < batch; ++b) {
    const Index keys = c.lengths[static_cast<std::size_t>(b)];
    const auto part = [&](const Tensor& t) { return t.slice(0, b, b + 1); };
    const Tensor k = part(c.k).slice(2, 0, keys).to(dtype_of<T>),
                 v = part(c.v).slice(2, 0, keys).to(dtype_of<T>), one = part(q);
    const auto want = reference::attention<T>(
        one.view<T, 4>(), k.view<T, 4>(), v.view<T, 4>(), scale,
        [&](Index, Index h, Index i, Index j, double s) {
          const QueryPlace place{b, i, queries, keys, h};
          if (!shows(mask, place, j)) return -std::numeric_limits<double>::infinity();
          double value = s;
          isa_detail::apply_scores(score, ScoreRow<double>{&value, 1, j, h, place});
          return value;
        });
    const Tensor out = part(got.out).contiguous(), lse = part(got.logsumexp).contiguous();
    for (std::size_t i = 0; i < want.out.size(); ++i)
      worst = std::max(worst, std::abs(static_cast<double>(out.span<T>()[i]) - want.out[i]));
    for (std::size_t i = 0; i < want.logsumexp.size(); ++i) {
      const double x = static_cast<double>(lse.span<T>()[i]);
      if (x != want.logsumexp[i]) worst = std::max(worst, std::abs(x - want.logsumexp[i]) / 3);
    }
  }
  CHECK(worst < (sizeof(T) == 4 ? 4e-6 : 1e-13));
}

}  // namespace

TEST_CASE_TEMPLATE("decode attention: equals the formula for all sizes and masks", S, float, double,
                   bf16, f16) {
  using T = detail::AttentionReal<S>;
  const Index sizes[][5] = {
      {1, 1, 1, 1, 1}, {2, 4, 3, 20, 17}, {1, 8, 2, 64, 64}, {3, 3, 5, 9, 40}};
  for (const auto& z : sizes)
    for (const std::vector<Index>& lengths :
         {std::vector<Index>{5, 1}, {256, 257}, {700, 64}, {1000, 0}, {0, 0}}) {
      Caches<S> c(z[0], z[3], z[4], lengths);
      CAPTURE(lengths[0]);
      CAPTURE(z[3]);
      check<T>(c, z[1] * z[0], z[2], Causal{});
      check<T>(c, z[1] * z[0], z[2], AllKeys{});
      check<T>(c, z[1] * z[0], z[2], SlidingWindow{.left = 30, .sinks = 3});
    }
}

TEST_CASE("decode attention: trees, score policies, shorter lengths") {
  Caches<float> c(2, 24, 16, {530, 300, 9});
  const Index parents[] = {-1, 0, 0, 1, 2, 2, -1, 6};
  check<float>(c, 4, 8, TreeMask(parents));
  check<float>(c, 4, 8, BothMasks{TreeMask(parents), SlidingWindow{.left = 280, .sinks = 1}});
  check<float>(c, 4, 3, Causal{}, Alibi::for_heads(4));
  check<float>(c, 4, 1, Causal{}, SoftCap{0.7});
  check<float>(c, 4, 2, Causal{}, [](auto s, auto distance) { return s - distance * 0.25f; });
  const Index lengths[] = {4, 300, 2};
  check<float>(c, 2, 2, KeyLengths{lengths});
}

TEST_CASE_TEMPLATE("decode attention: the same bits alone, among others, for any threads", S, float,
                   bf16) {
  Caches<S> c(2, 33, 40, {900, 700});
  const Tensor q = test::normals4<float>(2, 8, 5, 33, 1);
  const SlidingWindow window{.left = 333, .sinks = 2};
  const Tensor all = decode<float>(q, c.paged(), Causal{}).out;
  const Tensor near = decode<float>(q, c.paged(), window).out;
  for (const Index i : {0, 2, 4})
    for (const Index h : {0, 3}) {  // a head of the first group alone; the last i + 1 - 5 keys go
      std::vector<Index> kept{900 - 4 + i, 700 - 4 + i};
      KvCacheView<S> shorter = c.flat();
      shorter.lengths = kept;
      shorter.k.extent[1] = shorter.v.extent[1] = 1;
      const Tensor one = q.slice(1, h, h + 1).slice(2, i, i + 1);
      const auto want = [&](const Tensor& t) {
        return t.slice(1, h, h + 1).slice(2, i, i + 1).contiguous();
      };
      CHECK(same<float>(decode<float>(one, shorter, Causal{}).out, want(all)));
      CHECK(same<float>(decode<float>(one, shorter, window).out, want(near)));
    }
  test::check_threads([&] {
    const Tensor out = decode<float>(q, c.flat(), Causal{}).out;
    return std::vector<float>(out.span<float>().begin(), out.span<float>().end());
  });
}

TEST_CASE("decode attention: follows flash attention token by token") {
  const Tensor q = test::normals4<float>(1, 4, 40, 16, 1),
               k = test::normals4<float>(1, 2, 40, 16, 2),
               v = test::normals4<float>(1, 2, 40, 8, 3);
  const Tensor want = flash_attention(q, k, v, Causal{});
  Tensor cache_k = Tensor::zeros({1, 2, 40, 16}), cache_v = Tensor::zeros({1, 2, 40, 8});
  std::vector<Index> lengths{0};
  const KvCacheView<float> cache{cache_k.view<float, 4>(), cache_v.view<float, 4>(), lengths};
  for (Index i = 0; i < 40; ++i) {
    lengths[0] += 1;
    kv_append<float>(cache, k.slice(2, i, i + 1).view<float, 4>(),
                     v.slice(2, i, i + 1).view<float, 4>());
    const Tensor got = decode<float>(q.slice(2, i, i + 1), cache, Causal{}).out;
    for (Index h = 0; h < 4; ++h)
      for (Index e = 0; e < 8; ++e)
        CHECK(std::abs(got.view<float, 4>()(0, h, 0, e) -
                       std::as_const(want).view<float, 4>()(0, h, i, e)) < 2e-6f);
  }
}

TEST_CASE("decode attention: huge scores, NaN, and what does not fit") {
  Caches<float> c(1, 8, 8, {600});
  Tensor q = test::normals4<float>(1, 1, 2, 8, 1, 1e4);
  for (float x : decode<float>(q, c.flat(), Causal{}).out.span<float>()) CHECK(std::isfinite(x));
  q.span<float>()[0] = std::numeric_limits<float>::quiet_NaN();
  const Tensor broken = decode<float>(q, c.flat(), Causal{}).out;
  CHECK(std::isnan(broken.span<float>()[0]));
  CHECK(std::isfinite(broken.span<float>()[8]));

  const auto run = [&](const Tensor& x, const KvCacheView<float>& cache) {
    decode<float>(x, cache, Causal{});
  };
  CHECK_THROWS_AS(run(test::normals4<float>(1, 1, 2, 7, 1), c.flat()), ShapeError);
  CHECK_THROWS_AS(run(test::normals4<float>(2, 1, 2, 8, 1), c.flat()), ShapeError);
  Caches<float> two(2, 8, 8, {6});
  CHECK_THROWS_WITH_AS(run(test::normals4<float>(1, 3, 2, 8, 1), two.flat()),
                       doctest::Contains("a multiple of the cache's heads"), ShapeError);
  two.lengths[0] = 10;
  CHECK_THROWS_WITH_AS(run(test::normals4<float>(1, 2, 2, 8, 1), two.flat()),
                       doctest::Contains("outside the cache"), Error);
  Tensor out = Tensor::empty({1, 1, 2, 7});
  CHECK_THROWS_AS(
      decode_attention<float>(std::as_const(q).view<float, 4>(), c.flat(), out.view<float, 4>()),
      ShapeError);
}
