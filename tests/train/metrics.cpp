#include <cfm/train/metrics.hpp>

#include <doctest/doctest.h>

#include <cfm/core/rng.hpp>

using namespace cfm;

TEST_CASE("argmax_rows: the first of equal columns, NaN last") {
  const float nan = std::nanf("");
  const Tensor x = Tensor::from<float>({1, 3, 3, nan, 2, 1, nan, nan, nan}, {3, 3});
  const Tensor best = argmax_rows(x);
  CHECK(best.span<std::int64_t>()[0] == 1);
  CHECK(best.span<std::int64_t>()[1] == 1);
  CHECK(best.span<std::int64_t>()[2] == 2);
  CHECK(argmax_rows(x.transpose(0, 1)).span<std::int64_t>()[0] == 0);
  CHECK_THROWS_AS(argmax_rows(Tensor::zeros({3, 0})), ShapeError);
}

TEST_CASE("confusion matrix: figures of a case done by hand") {
  ConfusionMatrix m(4);  // class 3 never occurs
  const Tensor labels = Tensor::of<std::int64_t>({0, 0, 0, 1, 1, 2, -100});
  const Tensor guesses = Tensor::of<std::int32_t>({0, 0, 1, 1, 2, 2, 0});
  m.add(guesses, labels.to(DType::i32));
  CHECK(m.total() == 6);
  CHECK(m.count(0, 1) == 1);
  CHECK(m.accuracy() == doctest::Approx(4.0 / 6));
  CHECK(m.recall(0) == doctest::Approx(2.0 / 3));
  CHECK(m.precision(0) == 1);
  CHECK(m.f1(1) == doctest::Approx(0.5));
  CHECK(m.macro_f1() == doctest::Approx((0.8 + 0.5 + 2.0 / 3) / 3));
  CHECK(std::isnan(m.recall(3)));
  CHECK_THROWS_WITH_AS(m.add(Tensor::of<std::int64_t>({0, 4}), Tensor::of<std::int64_t>({0, 0})),
                       doctest::Contains("a class is out of range: 0, 4, 4"), Error);
  CHECK(m.total() == 6);
  CHECK(std::isnan(ConfusionMatrix(2).accuracy()));
}

TEST_CASE("confusion matrix: batches add up") {
  Rng rng(3);
  Tensor logits = Tensor::empty({50, 5}), labels = Tensor::empty({50}, DType::i64);
  for (float& v : logits.span<float>()) v = static_cast<float>(rng.normal());
  for (std::int64_t& v : labels.span<std::int64_t>()) v = static_cast<std::int64_t>(rng.below(5));
  ConfusionMatrix whole(5), parts(5);
  whole.add(logits, labels);
  for (Index i = 0; i < 50; i += 7)
    parts.add(logits.slice(0, i, i + 7), labels.slice(0, i, i + 7));
  for (Index a = 0; a < 5; ++a)
    for (Index b = 0; b < 5; ++b) CHECK(whole.count(a, b) == parts.count(a, b));
  CHECK(accuracy(logits, labels) == whole.accuracy());
}

TEST_CASE("regression metrics: cases done by hand, and their laws") {
  const Tensor p = Tensor::of<double>({2, 4, 6}), t = Tensor::of<float>({1, 2, 0});
  CHECK(mean_absolute_error(p, t) == 3);
  CHECK(root_mean_square_error(p, t) == doctest::Approx(std::sqrt(41.0 / 3)));
  CHECK(mean_absolute_percentage_error(p, t) == 1);  // the truth of 0 is left out
  CHECK(r_squared(t, t) == 1);
  CHECK(r_squared(Tensor::full({3}, 1), t) == doctest::Approx(0));
  CHECK(std::isnan(pearson(p, Tensor::full({3}, 1))));
  CHECK_THROWS_WITH_AS(r_squared(p, Tensor::zeros({4})),
                       doctest::Contains("r_squared: shapes differ: f64[3], f32[4]"), ShapeError);

  Rng rng(5);
  Tensor a = Tensor::empty({100}, DType::f64), b = a.clone(), c = a.clone();
  for (std::size_t i = 0; i < 100; ++i) {
    a.span<double>()[i] = rng.normal();
    b.span<double>()[i] = a.span<double>()[i] + rng.normal();
    c.span<double>()[i] = 3 - 2 * b.span<double>()[i];  // R does not see scale and shift
  }
  CHECK(pearson(a, b) == doctest::Approx(-pearson(a, c)));
  CHECK(pearson(a, b) == doctest::Approx(pearson(b, a)));
  CHECK(pearson(b, c) == doctest::Approx(-1));
}
