#pragma once
/// @file  What the tests of the optimizers share.

#include <cstring>
#include <vector>

#include <doctest/doctest.h>

#include <cfm/train/optimizer.hpp>

namespace cfm::test {

// Two parameters, one of them as long as wanted.
struct Pair {
  Parameter a, b;
  explicit Pair(DType dtype = DType::f64, Index n = 5)
      : a{Tensor::zeros({n}, dtype)}, b{Tensor::ones({2, 3}, dtype)} {}
  static void visit(auto& self, auto&& v) {
    v("a", self.a);
    v("b", self.b);
  }
};

struct One {
  Parameter w;
  static void visit(auto& self, auto&& v) { v("w", self.w); }
};

struct Tied {
  Parameter w{Tensor::zeros({1}, DType::f64)}, again = w;
  static void visit(auto& self, auto&& v) {
    v("w", self.w);
    v("again", self.again);
  }
};

inline Tensor noise(const Shape& shape, Rng& rng, DType dtype = DType::f64) {
  Tensor out = Tensor::empty(shape, DType::f64);
  for (double& x : out.span<double>()) x = rng.normal();
  return out.to(dtype);
}

inline bool same_bits(const Tensor& x, const Tensor& y) {
  return x.shape() == y.shape() && x.dtype() == y.dtype() &&
         std::memcmp(x.bytes(), y.bytes(),
                     static_cast<std::size_t>(x.size() * size_of(x.dtype()))) == 0;
}

template <class O>
void steps(O& optimizer, const Pair& m, Index from, Index to) {
  for (Index k = from; k < to; ++k) {
    Rng rng = Rng(11).split(static_cast<std::uint64_t>(k));
    optimizer.scale_learning_rate(1.0 / (1.0 + static_cast<double>(k)));
    optimizer.step_gradients({noise(m.a.value.shape(), rng, m.a.value.dtype()),
                              k % 3 == 0 ? Tensor()
                                         : noise(m.b.value.shape(), rng, m.b.value.dtype())});
  }
}

// State saved at any step and given to a new optimizer of a cloned model: the same bits after.
template <class O>
void check_resume(const typename O::Options& options) {
  for (Index accumulate : {1, 3}) {
    const StepOptions how{.accumulate = accumulate, .clip_norm = 2.0};
    Pair whole(DType::f32);
    O straight(whole, options, how);
    steps(straight, whole, 0, 20);
    for (Index cut = 0; cut < 20; ++cut) {
      CAPTURE(cut);
      CAPTURE(accumulate);
      Pair first(DType::f32);
      O before(first, options, how);
      steps(before, first, 0, cut);
      Pair second = clone(first);
      O after(second, options, how);
      after.set_state(before.state());
      steps(after, second, cut, 20);
      CHECK(same_bits(whole.a.value, second.a.value));
      CHECK(same_bits(whole.b.value, second.b.value));
      CHECK(after.updates() == straight.updates());
    }
  }
}

// One parameter p = 1 after two updates with the gradients 0.5 and -1.
template <class O>
double after_two_updates(const typename O::Options& options) {
  One m{{Tensor::of<double>({1})}};
  O optimizer(m, options);
  optimizer.step_gradients({Tensor::of<double>({0.5})});
  optimizer.step_gradients({Tensor::of<double>({-1})});
  return m.w.value.item<double>();
}

}  // namespace cfm::test
