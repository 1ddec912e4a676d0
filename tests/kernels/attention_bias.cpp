#include <cfm/kernels/attention_bias.hpp>

#include <cfm/kernels/block_mask.hpp>

#include "support.hpp"

using namespace cfm;

namespace {

template <class T, class Mask>
Tensor bias_gradient(const Tensor& q, const Tensor& k, const Tensor& g, const Tensor& bias,
                     const Mask& mask, const AttentionOptions<T>& options = {}) {
  const AttentionResult r =
      flash_attention_result(q, k, k, mask, ScoreBias<T>{bias.view<T, 4>()},
                             static_cast<double>(options.scale), options.dropout);
  Tensor out = Tensor::full(bias.shape(), 7, bias.dtype());
  attention_bias_backward<T>({q.view<T, 4>(), k.view<T, 4>(), k.view<T, 4>(), r.out.view<T, 4>(),
                              r.logsumexp.view<T, 3>(), g.view<T, 4>()},
                             bias.view<T, 4>(), out.view<T, 4>(), mask, options);
  return out;
}

}  // namespace

TEST_CASE("attention bias: a broadcast bias gets the sum of the gradients of a full one") {
  const Tensor q = test::normals4<double>(2, 4, 110, 8, 1),
               k = test::normals4<double>(2, 2, 400, 8, 2),
               g = test::normals4<double>(2, 4, 110, 8, 3);
  const bool bits[] = {true, false, true, true, false, true, true};
  const BothMasks mask{Causal{},
                       BlockMask{View<const bool, 3>{bits, {1, 1, 7}, {7, 7, 1}}, 128, 64}};
  const AttentionOptions<double> options{.scale = 0.2, .dropout = {0.2, Rng(3)}};
  for (int which = 0; which < 16; ++which) {
    const Index all[] = {2, 4, 110, 400};
    Index e[4];
    for (int d = 0; d < 4; ++d) e[d] = (which >> d & 1) != 0 ? all[d] : 1;
    const Tensor bias = test::normals4<double>(e[0], e[1], e[2], e[3], 5);
    const Tensor full = bias.expand({2, 4, 110, 400}).contiguous();
    const Tensor want = bias_gradient<double>(q, k, g, full, mask, options);
    const Tensor got = bias_gradient<double>(q, k, g, bias, mask, options);
    Tensor sum = Tensor::zeros(bias.shape(), DType::f64);
    const View<double, 4> s = sum.view<double, 4>();
    const auto at = [&](int d, Index i) { return e[d] == 1 ? 0 : i; };
    for (Index b = 0; b < 2; ++b)
      for (Index h = 0; h < 4; ++h)
        for (Index i = 0; i < 110; ++i)
          for (Index j = 0; j < 400; ++j)
            s(at(0, b), at(1, h), at(2, i), at(3, j)) += want.view<double, 4>()(b, h, i, j);
    double worst = 0;
    for (std::size_t i = 0; i < static_cast<std::size_t>(sum.size()); ++i)
      worst = std::max(worst, std::abs(sum.span<double>()[i] - got.span<double>()[i]));
    CAPTURE(which);
    CHECK(worst < 1e-12);
  }
}

TEST_CASE("attention bias: the same bits for any threads; hidden scores and rows get zeros") {
  const Tensor q = test::normals4<float>(1, 2, 200, 8, 1),
               k = test::normals4<float>(1, 1, 190, 8, 2),
               g = test::normals4<float>(1, 2, 200, 8, 3),
               bias = test::normals4<float>(1, 1, 200, 190, 4);
  test::check_threads([&] {
    const Tensor d = bias_gradient<float>(q, k, g, bias, Causal{});
    for (Index i = 0; i < 200; ++i)
      for (Index j = std::max<Index>(0, i - 9); j < 190; ++j)
        CHECK(d.view<float, 4>()(0, 0, i, j) == 0.0f);
    return std::vector<float>(d.span<float>().begin(), d.span<float>().end());
  });
  const Tensor wrong = test::normals4<float>(1, 2, 200, 189, 4);
  CHECK_THROWS_AS(bias_gradient<float>(q, k, g, wrong, Causal{}), Error);
}
