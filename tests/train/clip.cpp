#include <cfm/train/clip.hpp>

#include <cmath>
#include <vector>

#include <doctest/doctest.h>

#include <cfm/train/sgd.hpp>

#include "optimizer_cases.hpp"

using namespace cfm;
using namespace cfm::test;

namespace {

// A tape on which both parameters have these gradients.
void fill(Tape& tape, const Pair& m, double a, double b) {
  const Var x = tape.leaf(m.a.value), y = tape.leaf(m.b.value);
  const auto to = [&](const Var& v, double g) { return Tensor::full(v.shape(), g, DType::f64); };
  const Var root = record({&x, &y}, Tensor::scalar(0.0),
                          [=, slots = std::array{x.slot(), y.slot()}, ga = to(x, a),
                           gb = to(y, b)](Gradients& gradients, const Tensor&) {
                            gradients.add(slots[0], ga);
                            gradients.add(slots[1], gb);
                          });
  tape.backward(root);
}

double first(const Tensor& t) { return t.span<double>()[0]; }

}  // namespace

TEST_CASE("clip: the common norm is limited, smaller ones are left alone") {
  const Pair m;
  const double norm = std::sqrt(5 * 9 + 6 * 16.0);
  Tape small, large;
  fill(small, m, 3, 4);
  CHECK(clip_grad_norm(small, m, 100) == doctest::Approx(norm));
  CHECK(first(small.grad(m.a.value)) == 3);
  fill(large, m, 3, 4);
  CHECK(clip_grad_norm(large, m, 0.5) == doctest::Approx(norm));
  CHECK(first(large.grad(m.a.value)) == doctest::Approx(3 * 0.5 / norm).epsilon(1e-6));
  CHECK(first(large.grad(m.b.value)) == doctest::Approx(4 * 0.5 / norm).epsilon(1e-6));
  CHECK(clip_grad_norm(large, m, 1) == doctest::Approx(0.5).epsilon(1e-6));
}

TEST_CASE("clip: a norm that is not finite is returned, the gradients stay") {
  const Pair m;
  Tape tape;
  fill(tape, m, INFINITY, 4);
  CHECK(std::isinf(clip_grad_norm(tape, m, 1)));
  CHECK(first(tape.grad(m.b.value)) == 4);
}

TEST_CASE("clip: every element is limited on both sides") {
  const Pair m;
  Tape tape;
  fill(tape, m, -3, 4);
  clip_grad_value(tape, m, 3.5);
  CHECK(first(tape.grad(m.a.value)) == -3);
  CHECK(first(tape.grad(m.b.value)) == 3.5);
}

TEST_CASE("clip: as an option of an optimizer it limits the common norm, or every element") {
  Pair m;
  const std::vector<Tensor> g{Tensor::full({5}, 3, DType::f64),
                              Tensor::full({2, 3}, 4, DType::f64)};
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
