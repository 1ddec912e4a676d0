#include <cfm/models/distance_loss.hpp>

#include <cfm/autograd/gradcheck.hpp>

#include "../test.hpp"
#include "encoder_cases.hpp"

using namespace cfm;

TEST_CASE("zero_normalise: mean 0, unbiased deviation 1") {
  const Tensor y = zero_normalise(Tensor::of<double>({1, 2, 3, 6})).value();
  const double d = std::sqrt((4.0 + 1 + 0 + 9) / 3);
  test::check_rows(y, {-2 / d, -1 / d, 0, 3 / d}, 1e-12);
  CHECK(test::error_of<ShapeError>([] { zero_normalise(Tensor::of<double>({1})); })
            .starts_with("zero_normalise: needs two elements or more"));
}

TEST_CASE("cosine_similarity: of vectors by hand, and 0 for a zero vector") {
  const Tensor a = Tensor::of<double>({3, 4, 1, 0, 0, 0}).reshape({3, 2}),
               b = Tensor::of<double>({4, 3, 0, 2, 1, 1}).reshape({3, 2});
  test::check_rows(cosine_similarity(a, b).value(), {24.0 / 25, 0, 0}, 1e-12);
}

TEST_CASE("distance_loss: 0 where distances are those of the states up to scale, and gradients") {
  const Tensor states = Tensor::of<double>({1, 0, 0, 1, -1, 0, 1, 1}).reshape({4, 2});
  const Tensor pairs = Tensor::of<std::int64_t>({0, 0, 0, 1, 2, 3}).reshape({2, 3});
  const double c = 1 - std::sqrt(0.5);
  const Tensor same = Tensor::of<double>({0.1 * 1 + 0.2, 0.1 * 2 + 0.2, 0.1 * c + 0.2});
  CHECK(std::abs(distance_loss(states, pairs, same).item<double>()) < 1e-12);
  const Tensor other = Tensor::of<double>({0.9, 0.1, 0.4});
  CHECK(distance_loss(states, pairs, other).item<double>() > 0.5);
  const GradcheckReport report = gradcheck(
      [&](const std::vector<Var>& in) { return distance_loss(in[0], pairs, other); },
      {test::normal_tensor({4, 2}, 3, DType::f64)});
  CAPTURE(concat(report));
  CHECK(report.passed);
}

TEST_CASE_TEMPLATE("distance_loss: what does not spread has no order, and breaks nothing", T, float,
                   double) {
  const Tensor pairs = Tensor::of<std::int64_t>({0, 0, 0, 1, 2, 3}).reshape({2, 3});
  const Tensor states = Tensor::of<T>({1, 0, T(.3), 1, -1, T(.2), 1, 1}).reshape({4, 2});
  const auto slopes = [&](const Tensor& x, const Tensor& distance) {
    Tape tape;
    const Var leaf = tape.leaf(x);
    tape.backward(distance_loss(leaf, pairs, distance));
    return tape.grad(leaf);
  };
  // The mean of three times 0.1 is not 0.1.
  const Tensor level = Tensor::of<T>({T(.1), T(.1), T(.1)});
  CHECK(distance_loss(states, pairs, level).item<T>() == 0);
  test::check_rows(slopes(states, level), std::vector<double>(8, 0.0), 0);
  // Collapsed states: rounding alone tells their directions apart, and no gradient explodes.
  const Tensor distance = Tensor::of<T>({T(.9), T(.1), T(.4)});
  Tensor collapsed = Tensor::empty({4, 2}, dtype_of<T>);
  const auto rows = collapsed.view<T, 2>();
  const T lengths[] = {T(.3), T(.7), T(1.1), T(1.9)};
  for (Index r = 0; r < 4; ++r)
    for (Index c = 0; c < 2; ++c) rows(r, c) = lengths[r] * (c == 0 ? T(.6) : T(.77));
  for (const Tensor& x : {collapsed, Tensor::full({4, 2}, 0.3, dtype_of<T>)}) {
    CHECK(std::isfinite(distance_loss(x, pairs, distance).item<T>()));
    const Tensor grad = slopes(x, distance);
    for (const T g : std::as_const(grad).span<T>()) CHECK(std::abs(g) < 10);
  }
  test::check_rows(zero_normalise(level).value().to(DType::f64), {0, 0, 0}, 1e-7);
}

TEST_CASE("distance_loss: what does not fit is reported, equal distances or not") {
  const Tensor a = Tensor::full({3, 2}, 1.0, DType::f32);
  for (const Tensor& distance :
       {Tensor::of<float>({.5f, .5f}), Tensor::of<float>({.5f, .5f, .5f, .5f}),
        Tensor::empty({0}, DType::f32)})
    CHECK(test::error_of<ShapeError>([&] { distance_loss(Var(a), Var(a), distance); })
              .starts_with("distance_loss: needs a distance for each of two pairs or more"));
  const Tensor one = Tensor::full({1, 2}, 1.0, DType::f32), label = Tensor::of<float>({.5f});
  CHECK(test::error_of<ShapeError>([&] { distance_loss(Var(one), Var(one), label); })
            .starts_with("distance_loss: needs a distance for each of two pairs or more"));
}

TEST_CASE("distance_order_accuracy: 1, 0, ties, and pairs that are too near to count") {
  const Tensor distance = Tensor::of<double>({0, 0.1, 0.12, 0.9, 1});
  const Tensor same = Tensor::of<double>({-5, -1, 0, 1, 7});
  CHECK(distance_order_accuracy(same, distance) == 1);
  CHECK(distance_order_accuracy((-1.0 * Var(same)).value(), distance) == 0);
  CHECK(distance_order_accuracy(Tensor::zeros({5}, DType::f64), distance) == 0.5);
  // Only 0.1 and 0.12 are in the wrong order: it shows without a gap and not with one.
  const Tensor swapped = Tensor::of<float>({-5, 0, -1, 1, 7});
  CHECK(distance_order_accuracy(swapped, distance) == 1);
  const double all = distance_order_accuracy(swapped, distance, {.samples = 100000, .gap = 0});
  CHECK(std::abs(all - 0.9) < 0.01);  // one of ten pairs of pairs
  CHECK(distance_order_accuracy(same, distance, {.gap = 2}) == 0);
  CHECK(test::error_of<ShapeError>([&] {
          distance_order_accuracy(same, Tensor::zeros({4}));
        }).starts_with("distance_order_accuracy: needs one embedded distance"));
  CHECK(test::error_of([&] { distance_order_accuracy(same, distance, {.samples = 0}); })
            .starts_with("distance_order_accuracy: at least one sample"));
}
