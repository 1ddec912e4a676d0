#include <cfm/kernels/attention_backward.hpp>

#include <cfm/tensor/compare.hpp>

#include "support.hpp"

using namespace cfm;

namespace {

template <class T, class Mask>
std::vector<Tensor> gradients(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& dout,
                              const Mask& mask) {
  const AttentionResult r = flash_attention_result(q, k, v, mask);
  Tensor dq = Tensor::full(q.shape(), 7, q.dtype()), dk = Tensor::full(k.shape(), 7, q.dtype()),
         dv = Tensor::full(v.shape(), 7, q.dtype());
  flash_attention_backward<T>(
      {q.view<T, 4>(), k.view<T, 4>(), v.view<T, 4>(), r.out.view<T, 4>(),
       r.logsumexp.view<cfm::detail::AttentionReal<T>, 3>(), dout.view<T, 4>()},
      dq.view<T, 4>(), dk.view<T, 4>(), dv.view<T, 4>(), mask);
  return {dq, dk, dv};
}

}  // namespace

TEST_CASE("attention backward: single precision follows double, whose gradients are checked") {
  const Index sizes[][7] = {{1, 1, 1, 5, 7, 3, 2},
                            {2, 4, 2, 100, 130, 24, 40},
                            {1, 2, 1, 200, 800, 64, 64},
                            {1, 1, 1, 1, 1, 1, 1}};
  for (const auto& z : sizes) {
    const Tensor q = test::normals4<double>(z[0], z[1], z[3], z[5], 1),
                 k = test::normals4<double>(z[0], z[2], z[4], z[5], 2),
                 v = test::normals4<double>(z[0], z[2], z[4], z[6], 3),
                 g = test::normals4<double>(z[0], z[1], z[3], z[6], 4);
    const auto want = gradients<double>(q, k, v, g, Causal{});
    const auto f32 = [](const Tensor& t) { return t.to(DType::f32); };
    const auto got = gradients<float>(f32(q), f32(k), f32(v), f32(g), Causal{});
    for (std::size_t i = 0; i < 3; ++i) {
      double worst = 0, size = 0;
      for (Index e = 0; e < want[i].size(); ++e) {
        const double w = want[i].data<double>()[e];
        worst = std::max(worst, std::abs(static_cast<double>(got[i].data<float>()[e]) - w));
        size = std::max(size, std::abs(w));
      }
      CHECK(worst <= 3e-6 * std::max(1.0, size));
    }
  }
}

TEST_CASE("attention backward: 16-bit tensors get the rounded gradients of their values") {
  const auto check = [](DType dtype, auto type, double bound) {
    using S = decltype(type);
    const auto rounded = [&](Index heads, Index rows, Index width, unsigned seed) {
      return test::normals4<float>(1, heads, rows, width, seed).to(dtype);
    };
    const Tensor q = rounded(4, 120, 20, 1), k = rounded(2, 410, 20, 2), v = rounded(2, 410, 35, 3),
                 g = rounded(4, 120, 35, 4);
    const auto wide = [](const Tensor& t) { return t.to(DType::f32); };
    const auto want = gradients<float>(wide(q), wide(k), wide(v), wide(g), Causal{});
    const auto got = gradients<S>(q, k, v, g, Causal{});
    for (std::size_t i = 0; i < 3; ++i) {
      REQUIRE(got[i].dtype() == dtype);
      double worst = 0, size = 0;
      const Tensor x = wide(got[i]), y = want[i];
      for (Index e = 0; e < x.size(); ++e) {
        const double w = y.data<float>()[e];
        worst = std::max(worst, std::abs(static_cast<double>(x.data<float>()[e]) - w));
        size = std::max(size, std::abs(w));
      }
      CHECK(worst > 0);
      CHECK(worst <= bound * size);  // the result that the pass reads is rounded too
    }
  };
  check(DType::bf16, bf16{}, 0x1p-7);
  check(DType::f16, f16{}, 0x1p-10);
}

TEST_CASE("attention backward: the same bits for any number of threads and any strides") {
  const Tensor q = test::normals4<float>(2, 2, 110, 16, 1),
               k = test::normals4<float>(2, 2, 110, 16, 2),
               g = test::normals4<float>(2, 2, 110, 16, 3);
  const auto flat = [](const std::vector<Tensor>& tensors) {
    std::vector<float> out;
    for (const Tensor& t : tensors)
      out.insert(out.end(), t.span<float>().begin(), t.span<float>().end());
    return out;
  };
  test::check_threads([&] { return flat(gradients<float>(q, k, k, g, Causal{})); });
  const auto other_order = [](const Tensor& t) {
    return t.transpose(1, 2).contiguous().transpose(1, 2);
  };
  const Tensor t = other_order(k);
  CHECK(flat(gradients<float>(other_order(q), t, t, other_order(g), Causal{})) ==
        flat(gradients<float>(q, k, k, g, Causal{})));
}

TEST_CASE("attention backward: what nobody sees gets zeros, what does not fit is reported") {
  const Tensor q = test::normals4<float>(1, 1, 6, 8, 1), k = test::normals4<float>(1, 1, 3, 8, 2),
               g = test::normals4<float>(1, 1, 6, 8, 3);
  const auto few = gradients<float>(q, k, k, g, Causal{});
  for (std::size_t i = 0; i < 3 * 8; ++i) CHECK(few[0].span<float>()[i] == 0.0f);
  const Index none[] = {1};
  const auto padded = gradients<float>(q, k, k, g, KeyLengths{none});
  for (std::size_t i = 8; i < 3 * 8; ++i) CHECK(padded[1].span<float>()[i] == 0.0f);
  Tensor wrong = Tensor::empty({1, 1, 5, 8});
  const AttentionResult r = flash_attention_result(q, k, k);
  Tensor fits = Tensor::empty({1, 1, 6, 8}), key = Tensor::empty({1, 1, 3, 8});
  const Tensor narrow = Tensor::empty({1, 1, 5});
  const AttentionSaved<float> short_logsumexp{q.view<float, 4>(),      k.view<float, 4>(),
                                              k.view<float, 4>(),      r.out.view<float, 4>(),
                                              narrow.view<float, 3>(), g.view<float, 4>()};
  CHECK_THROWS_WITH_AS(flash_attention_backward<float>(short_logsumexp, fits.view<float, 4>(),
                                                       key.view<float, 4>(), key.view<float, 4>()),
                       doctest::Contains("do not fit"), ShapeError);
  CHECK_THROWS_AS(flash_attention_backward<float>(
                      {q.view<float, 4>(), k.view<float, 4>(), k.view<float, 4>(),
                       r.out.view<float, 4>(), r.logsumexp.view<float, 3>(), g.view<float, 4>()},
                      wrong.view<float, 4>(), wrong.view<float, 4>(), wrong.view<float, 4>()),
                  ShapeError);
}

TEST_CASE("attention backward: rope is turned while rows are read, as if it had been before") {
  const Index sizes[][4] = {{5, 7, 8, 3}, {130, 400, 24, 40}, {1, 1, 2, 1}};
  for (const auto& z : sizes)
    for (const RopeLayout layout : {RopeLayout::half_split, RopeLayout::interleaved}) {
      const Tensor q = test::normals4<double>(2, 4, z[0], z[2], 1),
                   k = test::normals4<double>(2, 2, z[1], z[2], 2),
                   v = test::normals4<double>(2, 2, z[1], z[3], 3),
                   g = test::normals4<double>(2, 4, z[0], z[3], 4);
      Rope rope{.width = z[2] > 8 ? 10 : 0, .layout = layout, .first = 3, .magnitude = 1.1};
      Rope late = rope;  // the last query stands where the last key does
      late.first += z[1] - z[0];
      const Tensor turned_q = cfm::rope(q, late), turned_k = cfm::rope(k, rope);
      const AttentionResult want = flash_attention_result(turned_q, turned_k, v, Causal{});
      const AttentionResult got =
          flash_attention_result(q, k, v, Causal{}, PlainScores{}, 0, {}, rope);
      CHECK(allclose(got.out, want.out, {.relative = 0, .absolute = 1e-13}));
      auto d = gradients<double>(turned_q, turned_k, v, g, Causal{});
      d[0] = rope_backward(d[0], late);
      d[1] = rope_backward(d[1], rope);
      const Tensor* const shapes[] = {&q, &k, &v};
      std::vector<Tensor> back;
      for (const Tensor* t : shapes) back.push_back(Tensor::full(t->shape(), 7, DType::f64));
      const Tensor &out = got.out, &lse = got.logsumexp;
      flash_attention_backward<double>(
          {q.view<double, 4>(), k.view<double, 4>(), v.view<double, 4>(), out.view<double, 4>(),
           lse.view<double, 3>(), g.view<double, 4>()},
          back[0].view<double, 4>(), back[1].view<double, 4>(), back[2].view<double, 4>(), Causal{},
          PlainScores{}, {.rope = rope});
      for (std::size_t i = 0; i < 3; ++i)
        CHECK(allclose(back[i], d[i], {.relative = 0, .absolute = 1e-11}));
    }
  const Tensor q = test::normals4<float>(1, 1, 5, 4, 1), k = test::normals4<float>(1, 1, 3, 4, 2);
  CHECK_THROWS_WITH_AS(flash_attention_result(q, k, k, AllKeys{}, PlainScores{}, 0, {}, Rope{}),
                       doctest::Contains("no more queries than keys"), Error);
}
