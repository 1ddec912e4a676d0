#include <cfm/nn/norm.hpp>

#include <cmath>
#include <vector>

#include <doctest/doctest.h>

#include "module_cases.hpp"

using namespace cfm;
using namespace cfm::test;

namespace {

double mean_of(const Tensor& t) {
  const Tensor dense = t.contiguous();
  double sum = 0;
  for (double v : dense.span<double>()) sum += v;
  return sum / static_cast<double>(t.size());
}

double variance_of(const Tensor& t) {
  const double mean = mean_of(t);
  const Tensor dense = t.contiguous();
  double sum = 0;
  for (double v : dense.span<double>()) sum += (v - mean) * (v - mean);
  return sum / static_cast<double>(t.size());
}

const Init in_double(Rng(1), DType::f64);

}  // namespace

TEST_CASE("layer norm: each row gets mean 0 and variance 1, over one or more dimensions") {
  const LayerNorm one(6, in_double), two(Shape{3, 6}, in_double);
  const Tensor x = noise({2, 3, 6}, 4);
  const Tensor y = one(x).value(), z = two(x).value();
  CHECK(z.shape() == x.shape());
  for (Index b = 0; b < 2; ++b) {
    CHECK(mean_of(z.select(0, b)) == doctest::Approx(0).epsilon(1e-9));
    CHECK(variance_of(z.select(0, b)) == doctest::Approx(1).epsilon(1e-4));
    for (Index r = 0; r < 3; ++r)
      CHECK(variance_of(y.select(0, b).select(0, r)) == doctest::Approx(1).epsilon(1e-4));
  }
  CHECK_THROWS_WITH_AS(two(noise({2, 6}, 1)), doctest::Contains("f64[2, 6], [3, 6]"), ShapeError);
  CHECK_THROWS_AS(two(noise({6}, 1)), ShapeError);
}

TEST_CASE("norms: gradients by input, weight and bias") {
  const auto check = [](const auto& model, const Tensor& x, bool training = false) {
    check_module(model, x, [](const auto& m, const Var& v) { return m(v); }, training);
  };
  check(LayerNorm(5, in_double), noise({3, 5}, 1));
  check(LayerNorm(Shape{2, 3}, in_double), noise({2, 2, 3}, 1));
  check(RmsNorm(5, in_double), noise({3, 5}, 2));
  check(GroupNorm(2, 4, in_double), noise({2, 4, 3}, 3));
  check(BatchNorm1d(3, in_double), noise({6, 3}, 4));
  check(BatchNorm1d(3, in_double), noise({6, 3}, 4), true);
}

TEST_CASE("rms norm: scaling the input changes nothing") {
  const RmsNorm norm(8, in_double, 0);
  const Tensor x = noise({3, 8}, 5);
  Tensor scaled = x.clone();
  for (double& v : scaled.span<double>()) v *= 16;
  const Tensor a = norm(x).value(), b = norm(scaled).value();
  for (std::size_t i = 0; i < 24; ++i)
    CHECK(a.span<double>()[i] == doctest::Approx(b.span<double>()[i]).epsilon(1e-12));
}

TEST_CASE("batch norm: statistics move on commit, not before, and evaluation uses them") {
  BatchNorm1d norm(2, in_double, {.momentum = 0.25});
  const Tensor x = noise({10, 2}, 6);
  {
    Tape tape({.training = true});
    const Tensor y = norm(tape.input(x)).value();
    CHECK(mean_of(y.select(1, 0)) == doctest::Approx(0).epsilon(1e-9));
    CHECK(norm.running_mean.value.span<double>()[0] == 0);
    tape.commit();
  }
  const double mean = mean_of(x.select(1, 1)), variance = variance_of(x.select(1, 1));
  CHECK(norm.running_mean.value.span<double>()[1] == doctest::Approx(0.25 * mean));
  CHECK(norm.running_var.value.span<double>()[1] ==
        doctest::Approx(0.75 + 0.25 * variance * 10 / 9));
  CHECK(norm.num_batches_tracked.value.item<std::int64_t>() == 1);
  Tape evaluation;  // not training: nothing is asked for
  const Tensor y = norm(evaluation.input(x)).value();
  evaluation.commit();
  CHECK(norm.num_batches_tracked.value.item<std::int64_t>() == 1);
  const Tensor z = norm(x).value();
  CHECK(y.span<double>()[3] == z.span<double>()[3]);
  CHECK(z.span<double>()[3] ==
        doctest::Approx((x.span<double>()[3] - 0.25 * mean) /
                        std::sqrt(0.75 + 0.25 * variance * 10 / 9 + 1e-5)));
}

TEST_CASE("group norm: channels must divide") {
  CHECK_THROWS_WITH_AS(GroupNorm(3, 4), doctest::Contains("channels a multiple of groups: 4, 3"),
                       Error);
}
