#include <cfm/kernels/attention_dropout.hpp>

#include <cfm/kernels/attention.hpp>

#include "support.hpp"

using namespace cfm;

namespace {

// The rule as it is documented.
bool dropped(const AttentionDropout& o, const QueryPlace& q, Index heads, Index key) {
  const auto row = static_cast<std::uint64_t>((q.batch * heads + q.head) * q.queries + q.query);
  const auto bits = o.rng.bits_at((row << 29) + static_cast<std::uint64_t>(key / 8));
  const std::uint32_t half = bits[static_cast<std::size_t>(key % 8 / 2)] >> (key % 2 * 16) & 0xFFFF;
  return static_cast<double>(half) < o.probability * 0x1p16;
}

}  // namespace

TEST_CASE_TEMPLATE("attention dropout: follows the generator at any place and length", T, float,
                   double) {
  const AttentionDropout o{0.3, Rng(7, 9).split(3)};
  Index kept = 0, all = 0;
  for (const Index first : {0, 5, 64, 383})
    for (const Index n : {1, 7, 31, 32, 33, 200, 1500}) {
      const QueryPlace place{2, 11, 40, 2000, 1};
      std::vector<T> w(static_cast<std::size_t>(n), T{2});
      isa_detail::drop_weights(o, place, 4, first, n, w.data());
      for (Index i = 0; i < n; ++i) {
        const bool gone = dropped(o, place, 4, first + i);
        CHECK(w[static_cast<std::size_t>(i)] == (gone ? T{0} : static_cast<T>(1 / 0.7) * T{2}));
        kept += gone ? 0 : 1;
        ++all;
      }
    }
  CHECK(static_cast<double>(kept) / static_cast<double>(all) == doctest::Approx(0.7).epsilon(0.08));
}

TEST_CASE_TEMPLATE("attention dropout: equals the formula, the logsumexp is that of all weights", T,
                   float, double) {
  const Tensor q = test::normals4<T>(2, 4, 13, 8, 1), k = test::normals4<T>(2, 2, 500, 8, 2),
               v = test::normals4<T>(2, 2, 500, 6, 3);
  const AttentionDropout o{0.25, Rng(5)};
  const AttentionResult r = flash_attention_result(q, k, v, Causal{}, PlainScores{}, 0, o);
  const AttentionResult full = flash_attention_result(q, k, v, Causal{});
  CHECK(std::equal(r.logsumexp.span<T>().begin(), r.logsumexp.span<T>().end(),
                   full.logsumexp.span<T>().begin()));
  double worst = 0;
  for (Index b = 0; b < 2; ++b)
    for (Index h = 0; h < 4; ++h)
      for (Index i = 0; i < 13; ++i) {
        std::vector<double> want(6);
        for (Index j = 0; j <= i + 487; ++j) {
          double s = 0;
          for (Index e = 0; e < 8; ++e)
            s += static_cast<double>(q.view<T, 4>()(b, h, i, e)) *
                 static_cast<double>(k.view<T, 4>()(b, h / 2, j, e));
          const double w = std::exp(s / std::sqrt(8.0) -
                                    static_cast<double>(full.logsumexp.view<T, 3>()(b, h, i)));
          if (dropped(o, {b, i, 13, 500, h}, 4, j)) continue;
          for (Index e = 0; e < 6; ++e)
            want[static_cast<std::size_t>(e)] +=
                w / 0.75 * static_cast<double>(v.view<T, 4>()(b, h / 2, j, e));
        }
        for (Index e = 0; e < 6; ++e)
          worst = std::max(worst, std::abs(static_cast<double>(r.out.view<T, 4>()(b, h, i, e)) -
                                           want[static_cast<std::size_t>(e)]));
      }
  CHECK(worst < (sizeof(T) == 4 ? 4e-6 : 1e-13));
}

TEST_CASE("attention dropout: the same bits for any threads; everything and nothing may go") {
  const Tensor x = test::normals4<float>(1, 2, 200, 16, 1);
  const auto run = [&](double p) {
    const Tensor out =
        flash_attention_result(x, x, x, AllKeys{}, PlainScores{}, 0, {p, Rng(1)}).out;
    return std::vector<float>(out.span<float>().begin(), out.span<float>().end());
  };
  test::check_threads([&] { return run(0.5); });
  for (float y : run(1)) CHECK(y == 0.0f);
  const Tensor plain = flash_attention(x, x, x);
  CHECK(std::equal(plain.span<float>().begin(), plain.span<float>().end(), run(0).begin()));
  CHECK_THROWS_WITH_AS(run(-0.1), doctest::Contains("must be in [0, 1]"), Error);
  CHECK_THROWS_AS(run(std::numeric_limits<double>::quiet_NaN()), Error);
}
