#include <cfm/kernels/linear_attention.hpp>

#include <cfm/exec/thread_limit.hpp>
#include <cfm/kernels/elementwise.hpp>
#include <cfm/kernels/matmul.hpp>
#include <cfm/kernels/rearrange.hpp>
#include <cfm/tensor/compare.hpp>
#include <cfm/tensor/factories.hpp>

#include "../test.hpp"

using namespace cfm;

namespace {

struct LinearInputs {
  Tensor q, k, v;
  LinearAttentionOptions options;

  LinearInputs(Index steps, bool decay, bool beta, bool state, Index decay_width = 4) {
    auto next = [seed = std::uint64_t{0}](const Shape& shape, double low) mutable {
      return uniform(shape, Rng(++seed), low, low + 1, DType::f64);
    };
    q = next({2, 6, steps, 4}, -0.5);
    k = next({2, 3, steps, 4}, -0.5);
    v = next({2, 3, steps, 5}, -0.5);
    if (decay) options.decay = next({2, 3, steps, decay_width}, -1);
    if (beta) options.beta = next({2, 3, steps}, 0);
    if (state) options.state = next({2, 3, 4, 5}, -0.5);
  }

  LinearAttentionResult operator()() const { return linear_attention(q, k, v, options); }

  LinearInputs part(Index begin, Index end, const Tensor& state) const {
    const auto cut = [&](const Tensor& t) {
      return t.defined() ? t.slice(2, begin, end) : Tensor();
    };
    LinearInputs out = *this;
    out.q = cut(q);
    out.k = cut(k);
    out.v = cut(v);
    out.options.decay = cut(options.decay);
    out.options.beta = cut(options.beta);
    out.options.state = state;
    return out;
  }
};

// The recurrence written with matrix products, one step after the other.
LinearAttentionResult by_products(const LinearInputs& in, double scale) {
  Tensor s = in.options.state.defined() ? in.options.state.clone()
                                        : Tensor::zeros({2, 3, 4, 5}, DType::f64);
  Tensor out = Tensor::empty({2, 6, in.q.size(2), 5}, DType::f64);
  for (Index t = 0; t < in.q.size(2); ++t) {
    const Tensor k = in.k.select(2, t).unsqueeze(3);  // [2, 3, 4, 1]
    Tensor v = in.v.select(2, t).unsqueeze(2);        // [2, 3, 1, 5]
    if (in.options.decay.defined()) s = mul(s, exp(in.options.decay.select(2, t).unsqueeze(3)));
    if (in.options.beta.defined())
      v = mul(sub(v, matmul(k.transpose(2, 3), s)),
              in.options.beta.select(2, t).unsqueeze(2).unsqueeze(3));
    s = add(s, matmul(k, v));
    const Tensor both = s.unsqueeze(2).expand({2, 3, 2, 4, 5}).reshape({2, 6, 4, 5});
    const Tensor y = mul(matmul(in.q.select(2, t).unsqueeze(2), both), scale);
    out.select(2, t).copy_from(y.squeeze(2));
  }
  return {out, s};
}

}  // namespace

TEST_CASE("linear_attention: the recurrence, with every choice of its parts") {
  for (int parts = 0; parts < 8; ++parts)
    for (Index steps : {0, 1, 5})
      for (Index decay_width : {1, 4}) {
        const LinearInputs in(steps, (parts & 1) != 0, (parts & 2) != 0, (parts & 4) != 0,
                              decay_width);
        const auto got = in(), want = by_products(in, 0.5);  // 1 / sqrt(4)
        CHECK(allclose(got.out, want.out, {.relative = 1e-12, .absolute = 1e-12}));
        CHECK(allclose(got.state, want.state, {.relative = 1e-12, .absolute = 1e-12}));
      }
}

TEST_CASE("linear_attention: without decay and beta it is masked products of queries and keys") {
  const LinearInputs in(6, false, false, false);
  const Tensor keys = in.k.unsqueeze(2).expand({2, 3, 2, 6, 4}).reshape({2, 6, 6, 4});
  const Tensor values = in.v.unsqueeze(2).expand({2, 3, 2, 6, 5}).reshape({2, 6, 6, 5});
  const Tensor scores = keep_triangle(matmul(in.q, keys.transpose(2, 3)), Triangle::lower, 0);
  CHECK(allclose(in().out, mul(matmul(scores, values), 0.5), {.relative = 1e-11}));
}

TEST_CASE("linear_attention: pieces, threads and scales") {
  LinearInputs in(7, true, true, true);
  const auto whole = in();
  const auto first = in.part(0, 3, in.options.state)();
  const auto second = in.part(3, 7, first.state)();
  CHECK(all_equal(first.out, whole.out.slice(2, 0, 3)));
  CHECK(all_equal(second.out, whole.out.slice(2, 3, 7)));
  CHECK(all_equal(second.state, whole.state));
  for (int threads : {1, 2, 3, 8}) {
    const ThreadLimit limit(threads);
    CHECK(all_equal(in().out, whole.out));
  }
  in.options.scale = 2;
  CHECK(allclose(in().out, mul(whole.out, 4)));
}

TEST_CASE("linear_attention: what it refuses") {
  const LinearInputs in(3, true, true, true);
  const auto refuses = [&](auto&& change) {
    LinearInputs bad = in;
    change(bad);
    CHECK_THROWS_AS(bad(), Error);
  };
  refuses([](LinearInputs& i) { i.q = i.q.slice(1, 0, 4); });
  refuses([](LinearInputs& i) { i.v = i.v.slice(2, 0, 2); });
  refuses([](LinearInputs& i) { i.k = i.k.to(DType::f32); });
  refuses([](LinearInputs& i) { i.options.decay = i.options.decay.slice(3, 0, 2); });
  refuses([](LinearInputs& i) { i.options.beta = i.options.beta.unsqueeze(3); });
  refuses([](LinearInputs& i) { i.options.state = i.options.state.transpose(2, 3); });
}
