#include <cfm/nn/fused_linear.hpp>

#include <string>

#include <doctest/doctest.h>

#include <cfm/autograd/gradcheck.hpp>
#include <cfm/nn/mlp.hpp>

#include "../test.hpp"
#include "attention_cases.hpp"

using namespace cfm;
using namespace cfm::test;

namespace {

constexpr Activation every_activation[] = {
    Activation::none,    Activation::relu,      Activation::leaky_relu, Activation::elu,
    Activation::gelu,    Activation::gelu_tanh, Activation::silu,       Activation::softplus,
    Activation::sigmoid, Activation::tanh};

}  // namespace

TEST_CASE("fused linear: the bits of a linear layer and an activation behind it") {
  for (const Activation a : every_activation)
    for (const Shape& shape : {Shape{5}, Shape{1, 5}, Shape{17, 400}, Shape{2, 3, 7}, Shape{0, 4}})
      for (const Index out : {1, 19, 70})
        for (const bool biased : {false, true}) {
          CAPTURE(concat(a, " ", shape, " ", out, " ", biased));
          const Tensor x = noise(shape, 1, DType::f32);
          const Tensor w = noise({out, x.size(-1)}, 2, DType::f32);
          const Var b = biased ? Var(noise({out}, 3, DType::f32)) : Var();
          const Var plain = biased ? linear(x, w, b) : linear(x, w);
          const Tensor want = activate(plain, a).value();
          CHECK(same_bits(linear(x, w, b, a).value(), want));
          Tape tape;
          const Var taped = linear(tape.leaf(x), tape.input(w), b, a);
          CHECK(same_bits(taped.value(), want));
        }
}

TEST_CASE("fused linear: gradients") {
  for (const Activation a : every_activation) {
    const auto f = [a](const std::vector<Var>& v) { return linear(v[0], v[1], v[2], a); };
    const std::vector<Tensor> inputs{noise({2, 3, 4}, 4), noise({5, 4}, 5), noise({5}, 6)};
    const auto report = gradcheck(f, inputs);
    CHECK_MESSAGE(report, concat(a, ": ", report));
    CHECK(report.elements == 24 + 20 + 5);
    // Those of the two operations, for single inputs too.
    for (std::size_t own = 0; own < 3; ++own) {
      Tape one, two;
      std::vector<Var> v, u;
      for (std::size_t i = 0; i < 3; ++i) {
        v.push_back(i == own ? one.leaf(inputs[i]) : one.input(inputs[i]));
        u.push_back(i == own ? two.leaf(inputs[i]) : two.input(inputs[i]));
      }
      const Var y = linear(v[0], v[1], v[2], a), want = activate(linear(u[0], u[1], u[2]), a);
      one.backward(y, noise({2, 3, 5}, 7));
      two.backward(want, noise({2, 3, 5}, 7));
      CHECK(distance(one.grad(v[own]), two.grad(u[own])) < 1e-14);
    }
  }
}

TEST_CASE("fused linear: what does not fit") {
  const Tensor x = Tensor::zeros({2, 3}), w = Tensor::zeros({4, 3});
  const auto message = [&](const Var& in, const Var& weight, const Var& bias) {
    return error_of([&] { (void)linear(in, weight, bias, Activation::gelu); });
  };
  CHECK(message(Tensor::zeros({2, 5}), w, Var()).find("x [.., in]") != std::string::npos);
  CHECK(message(x, Tensor::zeros({4}), Var()).find("weight [out, in]") != std::string::npos);
  CHECK(message(x, w, Tensor::zeros({3})).find("bias [out]") != std::string::npos);
  CHECK(message(x, w, Tensor::zeros({4}, DType::f64)).find("differ in type") != std::string::npos);
  CHECK(message(x, Tensor::zeros({4, 3}, DType::f64), Var()).find("differ in type") !=
        std::string::npos);
}

TEST_CASE("fused linear: an mlp is its parts, wherever its norms are") {
  for (const Norm norm : {Norm::none, Norm::layer})
    for (const bool after : {false, true}) {
      const Mlp<> model({.in = 6,
                         .hidden = 9,
                         .out = 4,
                         .layers = 3,
                         .activation = Activation::gelu,
                         .last_activation = Activation::sigmoid,
                         .norm = norm,
                         .norm_after_activation = after},
                        Rng(1));
      const Tensor x = noise({5, 6}, 2, DType::f32);
      Var h = x;
      for (Index l = 0; l < 2; ++l) {
        h = model.linear(l)(h);
        const auto normed = [&](const Var& v) { return norm == Norm::none ? v : LayerNorm(9)(v); };
        h = after ? normed(gelu(h)) : gelu(normed(h));
      }
      CHECK(same_bits(model(x).value(), sigmoid(model.linear(2)(h)).value()));
    }
}
