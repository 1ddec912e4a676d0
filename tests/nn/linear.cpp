#include <cfm/nn/linear.hpp>

#include <cmath>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include <cfm/autograd/gradcheck.hpp>

using namespace cfm;

TEST_CASE("linear: the formula, for vectors, matrices and batches") {
  const Linear<> layer(3, 2, Rng(1));
  CHECK(layer.inputs() == 3);
  CHECK(layer.outputs() == 2);
  const Tensor w = layer.weight.decode(), b = layer.bias->value;
  for (const Shape& shape : {Shape{3}, Shape{4, 3}, Shape{2, 5, 3}, Shape{0, 3}}) {
    CAPTURE(concat(shape));
    Rng rng(2);
    Tensor x = Tensor::empty(shape);
    for (float& v : x.span<float>()) v = static_cast<float>(rng.normal());
    const Tensor y = layer(x).value();
    const Tensor flat = y.reshape({-1, 2}), rows = x.reshape({-1, 3});
    CHECK(y.rank() == x.rank());
    for (Index r = 0; r < flat.size(0); ++r)
      for (Index o = 0; o < 2; ++o) {
        double sum = b.span<float>()[static_cast<std::size_t>(o)];
        for (Index i = 0; i < 3; ++i)
          sum += static_cast<double>(rows.view<float, 2>()(r, i)) *
                 static_cast<double>(w.view<float, 2>()(o, i));
        CHECK(flat.view<float, 2>()(r, o) == doctest::Approx(sum).epsilon(1e-6));
      }
  }
  CHECK_THROWS_AS(layer(Tensor::zeros({4})), ShapeError);
}

TEST_CASE("linear: starts uniform in +-1 / sqrt(in), the same for the same seed") {
  const Linear<> a(100, 50, Rng(1)), b(100, 50, Rng(1)), c(100, 50, Rng(2));
  double square = 0;
  float largest = 0;
  for (float v : std::as_const(a.weight.value.value).span<float>()) {
    square += static_cast<double>(v) * static_cast<double>(v);
    largest = std::max(largest, std::abs(v));
  }
  CHECK(largest <= 0.1f);
  CHECK(largest > 0.0999f);
  CHECK(std::sqrt(square / 5000) == doctest::Approx(0.1 / std::sqrt(3.0)).epsilon(0.02));
  const auto first = [](const Linear<>& l) {
    return std::as_const(l.weight.value.value).span<float>()[17];
  };
  CHECK(first(a) == first(b));
  CHECK(first(a) != first(c));
  const Linear<> bare(3, 2, Rng(1), {.bias = false});
  CHECK(!bare.bias);
  CHECK(parameter_count(bare) == 6);
  // The seed decides, not the type: the same numbers in double.
  const Linear<> wide(100, 50, Init(Rng(1), DType::f64));
  CHECK(static_cast<float>(std::as_const(wide.weight.value.value).span<double>()[17]) == first(a));
}

TEST_CASE("linear: gradients, and none for what is frozen") {
  const Linear<> model(4, 3, Init(Rng(1), DType::f64));
  const auto f = [&](const std::vector<Var>& v) {
    Linear<> l = model;
    l.weight.value.value = v[1].value();
    l.bias->value = v[2].value();
    return l(v[0]);
  };
  Rng rng(5);
  Tensor x = Tensor::empty({5, 4}, DType::f64);
  for (double& e : x.span<double>()) e = rng.normal();
  const auto report = gradcheck(f, {x, model.weight.value.value, model.bias->value});
  CHECK_MESSAGE(report, concat(report));
  CHECK(report.elements == 20 + 12 + 3);

  Linear<> layer(4, 3, Rng(1));
  freeze(layer, NamePattern("bias"));
  Tape tape;
  const Var y = layer(tape.input(Tensor::ones({2, 4})));
  tape.backward(y, Tensor::ones({2, 3}));
  CHECK(tape.grad(layer.weight.value.value).defined());
  CHECK(!tape.grad(layer.bias->value).defined());
}

TEST_CASE("linear: one const layer serves many threads, with tapes and without") {
  const Linear<> layer(16, 8, Rng(3));
  const Tensor x = Tensor::full({4, 16}, 0.5);
  const Tensor want = layer(x).value();
  std::vector<int> good(8, 0);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < good.size(); ++t)
    threads.emplace_back([&, t] {
      for (int k = 0; k < 50; ++k) {
        Tape tape({.training = true});
        const Var y = t % 2 == 0 ? layer(x) : layer(tape.input(x));
        if (t % 2 == 1) tape.backward(y, Tensor::ones({4, 8}));
        const auto a = y.value().span<float>(), b = want.span<float>();
        good[t] += std::equal(a.begin(), a.end(), b.begin()) ? 1 : 0;
      }
    });
  for (std::thread& t : threads) t.join();
  CHECK(good == std::vector<int>(8, 50));
}
