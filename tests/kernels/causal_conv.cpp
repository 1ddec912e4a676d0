#include <cfm/kernels/causal_conv.hpp>

#include <cfm/tensor/compare.hpp>
#include <cfm/tensor/factories.hpp>
#include <cfm/tensor/join.hpp>

#include "../test.hpp"

using namespace cfm;

namespace {

Tensor conv_input(const Shape& shape, std::uint64_t seed) {
  return uniform(shape, Rng(seed), -1, 1, DType::f64);
}

// By the definition, one output at a time.
double conv_at(const Tensor& x, const Tensor& w, const Tensor& state, Index b, Index c, Index t) {
  double out = 0;
  const Index taps = w.size(1);
  for (Index k = 0; k < taps; ++k) {
    const Index at = t - taps + 1 + k;
    const double value = at >= 0           ? x.view<double, 3>()(b, c, at)
                         : state.defined() ? state.view<double, 3>()(b, c, at + taps - 1)
                                           : 0;
    out += w.view<double, 2>()(c, k) * value;
  }
  return out;
}

}  // namespace

TEST_CASE("causal_conv: the definition, with and without bias and state") {
  for (Index taps : {1, 2, 4, 7})
    for (Index steps : {0, 1, 3, 9})
      for (bool continued : {false, true}) {
        const Tensor x = conv_input({2, 3, steps}, 1), w = conv_input({3, taps}, 2);
        const Tensor bias = conv_input({3}, 3);
        const Tensor state = continued ? conv_input({2, 3, taps - 1}, 4) : Tensor();
        const auto plain = causal_conv(x, w, {}, state), shifted = causal_conv(x, w, bias, state);
        CHECK(plain.state.shape() == Shape{2, 3, taps - 1});
        for (Index b = 0; b < 2; ++b)
          for (Index c = 0; c < 3; ++c)
            for (Index t = 0; t < steps; ++t) {
              const double want = conv_at(x, w, state, b, c, t);
              CHECK(std::as_const(plain.out).view<double, 3>()(b, c, t) ==
                    doctest::Approx(want).epsilon(1e-13));
              CHECK(std::as_const(shifted.out).view<double, 3>()(b, c, t) ==
                    doctest::Approx(want + bias.data<double>()[c]).epsilon(1e-12));
            }
      }
}

TEST_CASE("causal_conv: a sequence in pieces gives the same bits as at once") {
  const Tensor x = uniform({2, 3, 20}, Rng(1)), w = uniform({3, 5}, Rng(2));
  const auto whole = causal_conv(x, w);
  for (Index cut : {1, 3, 10, 19}) {
    const auto first = causal_conv(x.slice(2, 0, cut), w);
    const auto second = causal_conv(x.slice(2, cut, 20), w, {}, first.state);
    CHECK(all_equal(cat({first.out, second.out}, 2), whole.out));
    CHECK(all_equal(second.state, whole.state));
  }
}

TEST_CASE("causal_conv: what it refuses") {
  const Tensor x = Tensor::ones({1, 2, 3}), w = Tensor::ones({2, 4});
  CHECK_THROWS_AS(causal_conv(x, Tensor::ones({3, 4})), ShapeError);
  CHECK_THROWS_AS(causal_conv(x, Tensor::ones({2, 0})), ShapeError);
  CHECK_THROWS_AS(causal_conv(x, w, Tensor::ones({3})), ShapeError);
  CHECK_THROWS_AS(causal_conv(x, w, {}, Tensor::ones({1, 2, 4})), ShapeError);
  CHECK_THROWS_AS(causal_conv(x, w.to(DType::f64)), TypeError);
  CHECK_THROWS_AS(causal_conv(x.to(DType::i32), w.to(DType::i32)), TypeError);
}
