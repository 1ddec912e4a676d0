#include <cfm/nn/recurrent.hpp>

#include <cmath>
#include <vector>

#include <doctest/doctest.h>

#include <cfm/autograd/gradcheck.hpp>
#include <cfm/nn/embedding.hpp>

using namespace cfm;

namespace {

Tensor noise(const Shape& shape, std::uint64_t seed, DType dtype = DType::f64) {
  Rng rng(seed);
  Tensor out = Tensor::empty(shape, DType::f64);
  for (double& v : out.span<double>()) v = rng.normal();
  return out.to(dtype);
}

// Checks the gradients of f(module, x) by x and by every parameter.
template <class M, class F>
void check_module(const M& model, const Tensor& x, const F& f) {
  std::vector<Tensor> inputs{x};
  for_each_parameter(model, [&](std::string_view, const Parameter& p) {
    inputs.push_back(p.value);
  });
  const auto report = gradcheck(
      [&](const std::vector<Var>& v) {
        M copy = model;
        std::size_t next = 1;
        for_each_parameter(copy, [&](std::string_view, Parameter& p) {
          p.value = v[next++].value();
        });
        return f(copy, v[0]);
      },
      inputs);
  CHECK_MESSAGE(report, concat(report));
}

}  // namespace

TEST_CASE("recurrent cells: gradients by input, state and every weight") {
  const Init init(Rng(3), DType::f64);
  const Tensor h = noise({2, 3}, 8), c = noise({2, 3}, 9);
  check_module(GruCell<>(4, 3, init), noise({2, 4}, 1),
               [&](const auto& cell, const Var& x) { return cell(x, h); });
  check_module(GruCell<>(3, 3, init), h,  // the state twice: as input and as state
               [&](const auto& cell, const Var& x) { return cell(x, x); });
  check_module(LstmCell<>(4, 3, init), noise({2, 4}, 1), [&](const auto& cell, const Var& x) {
    const auto [hidden, memory] = cell(x, {h, c});
    return std::vector<Var>{hidden, memory};
  });
  check_module(RnnCell<>(4, 3, init, {.bias = false}), noise({2, 4}, 1),
               [&](const auto& cell, const Var& x) { return cell(x, h); });
}

TEST_CASE("gru cell: closed update gate keeps the state, open one forgets it") {
  GruCell<> cell(2, 3, Rng(1));
  const Tensor h = noise({4, 3}, 2, DType::f32), x = noise({4, 2}, 3, DType::f32);
  const auto set_update_bias = [&](float value) {
    for (std::size_t i = 3; i < 6; ++i) cell.weights.input.bias->value.span<float>()[i] = value;
  };
  set_update_bias(60);
  const Tensor kept = cell(x, h).value();
  for (std::size_t i = 0; i < 12; ++i)
    CHECK(kept.span<float>()[i] == doctest::Approx(h.span<float>()[i]));
  set_update_bias(-60);
  const Tensor fresh = cell(x, h).value();
  for (float v : fresh.span<float>()) CHECK(std::abs(v) <= 1);
}

TEST_CASE("recurrent: two runs joined by their state equal one") {
  const Gru gru(3, 4, Rng(5), {.layers = 2});
  const Tensor x = noise({6, 2, 3}, 7, DType::f32);
  const auto whole = gru(x);
  const auto first = gru(x.slice(0, 0, 2));
  const auto second = gru(x.slice(0, 2, 6), first.last);
  CHECK(whole.output.shape() == Shape{6, 2, 4});
  CHECK(whole.last[0].shape() == Shape{2, 2, 4});
  const auto a = whole.output.value().slice(0, 2, 6).contiguous();
  const auto b = second.output.value();
  for (std::size_t i = 0; i < static_cast<std::size_t>(a.size()); ++i)
    CHECK(a.span<float>()[i] == b.span<float>()[i]);
}

TEST_CASE("recurrent: the backward direction is the forward one on the reversed sequence") {
  Lstm both(3, 2, Rng(5), {.bidirectional = true}), one(3, 2, Rng(6));
  one.cells[0] = both.cells[1];
  const Tensor x = noise({5, 1, 3}, 7, DType::f32);
  Tensor reversed = Tensor::empty_like(x);
  for (Index t = 0; t < 5; ++t) reversed.select(0, t).copy_from(x.select(0, 4 - t));
  const Tensor y = both(x).output.value(), z = one(reversed).output.value();
  CHECK(y.shape() == Shape{5, 1, 4});
  for (Index t = 0; t < 5; ++t)
    for (Index k = 0; k < 2; ++k)
      CHECK(y.view<float, 3>()(t, 0, 2 + k) == z.view<float, 3>()(4 - t, 0, k));
}

TEST_CASE("recurrent: gradients through layers, directions and time") {
  const RecurrentOptions options{.layers = 2, .bidirectional = true};
  check_module(Gru(2, 2, Init(Rng(1), DType::f64), options), noise({3, 1, 2}, 2),
               [](const auto& m, const Var& x) {
                 const auto out = m(x);
                 return std::vector<Var>{out.output, out.last[0]};
               });
}

TEST_CASE("recurrent: names and shapes as in PyTorch's files") {
  const Gru gru(3, 4, Rng(5), {.layers = 2, .bidirectional = true});
  std::vector<std::string> names;
  for_each_parameter(gru, [&](std::string_view n, const Parameter& p) {
    names.push_back(concat(n, " ", p.value.shape()));
  });
  CHECK(names.size() == 16);
  CHECK(names[0] == "weight_ih_l0 [12, 3]");
  CHECK(names[5] == "weight_hh_l0_reverse [12, 4]");
  CHECK(names[8] == "weight_ih_l1 [12, 8]");
  CHECK(names[15] == "bias_hh_l1_reverse [12]");
  CHECK_THROWS_AS(gru(Tensor::zeros({3, 3})), ShapeError);
  CHECK_THROWS_AS(Gru(3, 4, Rng(5), {.layers = 0}), Error);
}

TEST_CASE("embedding: looks up rows, adds gradients of equal numbers") {
  const Embedding table(5, 2, Init(Rng(1), DType::f64));
  const Tensor ids = Tensor::from<std::int64_t>({3, 0, 3, 3}, {2, 2});
  Tape tape;
  const Var y = table(tape.input(ids));
  CHECK(y.shape() == Shape{2, 2, 2});
  CHECK(y.value().view<double, 3>()(0, 1, 1) ==
        std::as_const(table.weight.value).view<double, 2>()(0, 1));
  tape.backward(y, Tensor::ones({2, 2, 2}, DType::f64));
  const Tensor g = tape.grad(table.weight.value);
  CHECK(g.view<double, 2>()(3, 0) == 3);
  CHECK(g.view<double, 2>()(0, 0) == 1);
  CHECK(g.view<double, 2>()(1, 1) == 0);
  CHECK_THROWS_AS(table(Tensor::of<std::int64_t>({5})), Error);
}
