#include <cfm/train/optimizer.hpp>

#include <cmath>
#include <cstring>
#include <vector>

#include <doctest/doctest.h>

#include <cfm/exec/thread_limit.hpp>
#include <cfm/train/adagrad.hpp>
#include <cfm/train/adam.hpp>
#include <cfm/train/rmsprop.hpp>
#include <cfm/train/sgd.hpp>

using namespace cfm;

namespace {

// Two parameters, one of them long enough for several chunks.
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

Tensor noise(const Shape& shape, Rng& rng, DType dtype = DType::f64) {
  Tensor out = Tensor::empty(shape, DType::f64);
  for (double& x : out.span<double>()) x = rng.normal();
  return out.to(dtype);
}

bool same_bits(const Tensor& x, const Tensor& y) {
  return x.shape() == y.shape() && x.dtype() == y.dtype() &&
         std::memcmp(x.bytes(), y.bytes(), static_cast<std::size_t>(x.size() * size_of(x.dtype()))) ==
             0;
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

}  // namespace

TEST_CASE("adamw: three steps known from elsewhere") {
  One m{{Tensor::of<double>({1, -2, 0.5})}};
  AdamW optimizer(m, {.learning_rate = 0.1, .weight_decay = 0.01});
  const auto go = [&](double t) {
    optimizer.step_gradients({Tensor::of<double>({0.1 * t, -0.2, 0.3 / t})});
  };
  const auto w = [&](std::size_t i) { return std::as_const(m.w.value).span<double>()[i]; };
  go(1);
  CHECK(w(0) == doctest::Approx(0.89900001).epsilon(1e-9));
  CHECK(w(1) == doctest::Approx(-1.898000005).epsilon(1e-9));
  CHECK(w(2) == doctest::Approx(0.399500003).epsilon(1e-9));
  go(2);
  go(3);
  CHECK(w(0) == doctest::Approx(0.704981113).epsilon(1e-9));
  CHECK(w(1) == doctest::Approx(-1.694305913).epsilon(1e-9));
  CHECK(w(2) == doctest::Approx(0.218260812).epsilon(1e-9));
}

TEST_CASE("optimizers: each rule against its formula, one element, by hand") {
  // Two steps with gradients 0.5 and -1 from p = 1, learning rate 0.1.
  const auto run = [](auto make) {
    One m{{Tensor::of<double>({1})}};
    auto optimizer = make(m);
    optimizer.step_gradients({Tensor::of<double>({0.5})});
    optimizer.step_gradients({Tensor::of<double>({-1})});
    return m.w.value.item<double>();
  };
  CHECK(run([](auto& m) { return Sgd(m, {.learning_rate = 0.1}); }) ==
        doctest::Approx(1 - 0.05 + 0.1));
  // m: 0.5, then 0.9 * 0.5 + 0.5 * -1 = -0.05
  CHECK(run([](auto& m) {
          return Sgd(m, {.learning_rate = 0.1, .momentum = 0.9, .dampening = 0.5});
        }) == doctest::Approx(1 - 0.05 + 0.005));
  // m: 0.5, -0.55; steps g + 0.9 m: 0.95, -1.495
  CHECK(run([](auto& m) {
          return Sgd(m, {.learning_rate = 0.1, .momentum = 0.9, .nesterov = true});
        }) == doctest::Approx(1 - 0.095 + 0.1495));
  CHECK(run([](auto& m) { return Adagrad(m, {.learning_rate = 0.1, .epsilon = 0}); }) ==
        doctest::Approx(1 - 0.1 + 0.1 / std::sqrt(1.25)));
  CHECK(run([](auto& m) {
          return RmsProp(m, {.learning_rate = 0.1, .alpha = 0.5, .epsilon = 0});
        }) == doctest::Approx(1 - 0.05 / std::sqrt(0.125) + 0.1 / std::sqrt(0.5625)));
  // Centred: v 0.125, 0.5625; mean 0.25, -0.375.
  CHECK(run([](auto& m) {
          return RmsProp(m, {.learning_rate = 0.1, .alpha = 0.5, .epsilon = 0, .centered = true});
        }) == doctest::Approx(1 - 0.05 / std::sqrt(0.0625) + 0.1 / std::sqrt(0.421875)));
  // Adam's first step is one learning rate against the sign.
  CHECK(run([](auto& m) { return Adam(m, {.learning_rate = 0.1, .beta2 = 0.9, .epsilon = 0}); }) ==
        doctest::Approx(1 - 0.1 + 0.1 * (0.055 / 0.19) / std::sqrt(0.1225 / 0.19)));
}

TEST_CASE("optimizers: a saved state goes on with the same bits") {
  check_resume<Sgd>({.learning_rate = 0.1, .momentum = 0.9, .weight_decay = 0.01});
  check_resume<Adam>({.weight_decay = 0.1});
  check_resume<AdamW>({.amsgrad = true});
  check_resume<RmsProp>({.momentum = 0.5, .centered = true});
  check_resume<Adagrad>({.learning_rate_decay = 0.1, .initial_sum = 0.5});
}

TEST_CASE("optimizers: the same bits for any number of threads") {
  std::vector<Tensor> results;
  for (int threads : {1, 2, 3, 8}) {
    ThreadLimit limit(threads);
    limit.run([&] {
      Pair m(DType::f32, 100'003);
      Adam optimizer(m, {}, {.clip_norm = 1.0});
      steps(optimizer, m, 0, 3);
      results.push_back(m.a.value);
    });
  }
  for (const Tensor& r : results) CHECK(same_bits(r, results[0]));
}

TEST_CASE("optimizers: accumulating equals one gradient, the mean or the sum") {
  for (bool mean : {true, false}) {
    Pair one, four;
    Adam whole(one), parts(four, {}, {.accumulate = 4, .mean = mean});
    for (int k = 0; k < 5; ++k) {
      Rng rng(static_cast<std::uint64_t>(k));
      Tensor sum_a = Tensor::zeros({5}, DType::f64);
      for (int i = 0; i < 4; ++i) {
        const Tensor g = noise({5}, rng);
        for (std::size_t j = 0; j < 5; ++j)
          sum_a.span<double>()[j] += g.span<double>()[j] / (mean ? 4 : 1);
        CHECK(parts.step_gradients({g, Tensor()}) == (i == 3));
        CHECK(parts.pending() == (i + 1) % 4);
      }
      whole.step_gradients({sum_a, Tensor()});
    }
    for (std::size_t j = 0; j < 5; ++j)
      CHECK(one.a.value.span<double>()[j] ==
            doctest::Approx(four.a.value.span<double>()[j]).epsilon(1e-12));
    CHECK(same_bits(four.b.value, Tensor::ones({2, 3}, DType::f64)));  // no gradient, no move
    CHECK(parts.updates() == 5);
  }
}

TEST_CASE("optimizers: groups, the first that fits wins") {
  Pair m;
  Sgd optimizer(m, {.learning_rate = 1, .weight_decay = 0.5},
                {.groups = {{.parameters = NamePattern("b"), .learning_rate = 0.1,
                             .weight_decay = 0.0},
                            {.parameters = EveryName{}, .weight_decay = 0.25}}});
  CHECK(optimizer.learning_rate("a") == 1);
  CHECK(optimizer.learning_rate("b") == 0.1);
  optimizer.scale_learning_rate(0.5);
  CHECK(optimizer.learning_rate("b") == 0.05);
  m.a.value.fill(1);
  optimizer.step_gradients({Tensor::zeros({5}, DType::f64), Tensor::zeros({2, 3}, DType::f64)});
  CHECK(m.a.value.span<double>()[0] == doctest::Approx(1 - 0.5 * 0.25));
  CHECK(m.b.value.span<double>()[0] == 1);
  CHECK_THROWS_WITH_AS(Sgd(m, {}, {.groups = {{.parameters = NamePattern("c*")}}}),
                       doctest::Contains("optimizer: group 0 accepts no parameter"), Error);
}

TEST_CASE("optimizers: clipping limits the common norm, or every element") {
  Pair m;
  const std::vector<Tensor> g{Tensor::full({5}, 3, DType::f64), Tensor::full({2, 3}, 4, DType::f64)};
  const double norm = std::sqrt(5 * 9 + 6 * 16.0);
  CHECK(gradient_norm(g) == doctest::Approx(norm));
  Sgd clipped(m, {.learning_rate = 1}, {.clip_norm = 0.5});
  clipped.step_gradients(g);
  CHECK(m.a.value.span<double>()[4] == doctest::Approx(-3 * 0.5 / norm).epsilon(1e-6));
  CHECK(m.b.value.span<double>()[0] == doctest::Approx(1 - 4 * 0.5 / norm).epsilon(1e-6));
  Pair n;
  Sgd limited(n, {.learning_rate = 1}, {.clip_value = 3.5});
  limited.step_gradients(g);
  CHECK(n.a.value.span<double>()[0] == -3);
  CHECK(n.b.value.span<double>()[0] == doctest::Approx(-2.5));
}

TEST_CASE("optimizers: a norm that is not finite stops before anything moves") {
  Pair m;
  Adam optimizer(m, {}, {.clip_norm = 1.0});
  Tensor bad = Tensor::zeros({5}, DType::f64);
  bad.span<double>()[2] = INFINITY;
  CHECK_THROWS_WITH_AS(optimizer.step_gradients({bad, Tensor::ones({2, 3}, DType::f64)}),
                       "optimizer: the norm of the gradients is inf", NumericError);
  CHECK(optimizer.updates() == 0);
  CHECK(same_bits(m.b.value, Tensor::ones({2, 3}, DType::f64)));
}

TEST_CASE("optimizers: read the tape, share with copies, leave frozen parameters, commit") {
  Pair m;
  Pair copy = m;  // shares
  const Pair before = clone(m);
  m.b.frozen = true;
  Tensor statistic = Tensor::zeros({1});
  Sgd optimizer(m, {.learning_rate = 1, .weight_decay = 0.5});
  Tape tape({.training = true});
  const Var x = tape.input(Tensor::zeros({1}, DType::f64));
  const Var a = bind(x, m.a), b = bind(x, m.b);
  CHECK(a.needs_grad());
  CHECK(!b.needs_grad());
  CHECK(!bind(Var(Tensor::zeros({1})), m.a).needs_grad());
  tape.write_on_commit(statistic, Tensor::ones({1}));
  tape.backward(a, Tensor::full({5}, 2, DType::f64));
  CHECK(optimizer.step(tape));
  CHECK(copy.a.value.span<double>()[3] == -2);
  CHECK(same_bits(copy.b.value, before.b.value));
  CHECK(before.a.value.span<double>()[3] == 0);
  CHECK(statistic.item<float>() == 1);
}

TEST_CASE("optimizers: a parameter that is listed twice moves once") {
  Tied m;
  Sgd optimizer(m, {.learning_rate = 1});
  CHECK(optimizer.names() == std::vector<std::string>{"w"});
  optimizer.step_gradients({Tensor::ones({1}, DType::f64)});
  CHECK(m.again.value.item<double>() == -1);
}

TEST_CASE("optimizers: what does not fit is named") {
  Pair m;
  Adam optimizer(m);
  CHECK_THROWS_WITH_AS(optimizer.step_gradients({Tensor::zeros({4}, DType::f64), Tensor()}),
                       doctest::Contains("the gradient of a has another shape: f64[4], f64[5]"),
                       ShapeError);
  CHECK_THROWS_AS(optimizer.step_gradients({Tensor::zeros({5}), Tensor()}), TypeError);
  CHECK_THROWS_AS(optimizer.step_gradients({}), Error);
  CHECK_THROWS_WITH_AS(Adam(m, {.beta1 = 1}), doctest::Contains("adam: beta1 and beta2"), Error);
  CHECK_THROWS_AS(Sgd(m, {.nesterov = true}), Error);
  Pair half(DType::f16);
  CHECK_THROWS_WITH_AS(Adam{half}, doctest::Contains("parameter a: needs f32 or f64, got f16"),
                       TypeError);

  steps(optimizer, m, 0, 2);
  NamedTensors state = optimizer.state();
  const auto expect = [&](NamedTensors changed, const char* text) {
    Pair fresh;
    Adam other(fresh);
    CHECK_THROWS_WITH_AS(other.set_state(changed), doctest::Contains(text), FormatError);
    CHECK(other.updates() == 0);
  };
  NamedTensors less = state;
  std::erase_if(less, [](const auto& t) { return t.first == "a.mean"; });
  expect(less, "\"a.mean\" is missing");
  NamedTensors more = state;
  more.emplace_back("c.mean", Tensor::zeros({1}));
  expect(more, "1 tensors belong to no parameter");
  NamedTensors other = state;
  for (auto& [name, t] : other)
    if (name == "b.mean_square") t = Tensor::zeros({6}, DType::f64);
  expect(other, "\"b.mean_square\" is f64[6], but the parameter is f64[2, 3]");
  expect({}, "\"updates\" is missing");
}
