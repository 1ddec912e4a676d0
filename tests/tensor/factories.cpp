#include <cfm/tensor/factories.hpp>

#include <cmath>

#include <cfm/tensor/compare.hpp>

#include "../test.hpp"

using namespace cfm;

TEST_CASE("arange: counts, steps, both directions, types, edges of Index") {
  CHECK(all_equal(arange(4), Tensor::of<Index>({0, 1, 2, 3})));
  CHECK(all_equal(arange(2, 9, 3), Tensor::of<Index>({2, 5, 8})));
  CHECK(all_equal(arange(2, 8, 3), Tensor::of<Index>({2, 5})));
  CHECK(all_equal(arange(3, -4, -3), Tensor::of<Index>({3, 0, -3})));
  CHECK(all_equal(arange(0, 3, 1, DType::f32), Tensor::of<float>({0, 1, 2})));
  CHECK(arange(0).size() == 0);
  CHECK(arange(5, 2).size() == 0);
  CHECK(arange(2, 5, -1).size() == 0);
  CHECK(arange(INT64_MIN, INT64_MAX, INT64_MAX).size() == 3);
  CHECK(arange(INT64_MAX, INT64_MIN, INT64_MIN).size() == 2);
  CHECK(arange(INT64_MAX - 1, INT64_MAX).item<Index>() == INT64_MAX - 1);
  CHECK_THROWS_AS(arange(0, 3, 0), Error);
  CHECK_THROWS_AS(arange(INT64_MIN, INT64_MAX), ShapeError);
}

TEST_CASE("linspace: both ends are exact") {
  const Tensor t = linspace(0.1, 0.7, 7, DType::f64);
  CHECK(t.span<double>()[0] == 0.1);
  CHECK(t.span<double>()[6] == 0.7);
  CHECK(t.span<double>()[3] == doctest::Approx(0.4));
  CHECK(linspace(2, 3, 1).item<float>() == 2);
  CHECK(linspace(2, 3, 0).size() == 0);
  CHECK_THROWS_AS(linspace(0, 1, -1), ShapeError);
}

TEST_CASE("eye: ones where row is column") {
  for (const auto& [rows, cols] : {std::pair<Index, Index>{3, 3}, {2, 4}, {4, 2}, {0, 3}, {1, 1}}) {
    const Tensor t = eye(rows, cols, DType::i32);
    CHECK(t.shape() == Shape{rows, cols});
    for (Index i = 0; i < rows; ++i)
      for (Index j = 0; j < cols; ++j) CHECK((t.view<std::int32_t, 2>()(i, j) == (i == j ? 1 : 0)));
  }
  CHECK(eye(3).shape() == Shape{3, 3});
}

TEST_CASE("uniform and normal: element i belongs to position i, whatever the shape") {
  const Rng rng(5);
  const Tensor line = uniform({24}, rng, -1, 2), block = uniform({2, 3, 4}, rng, -1, 2);
  CHECK(all_equal(line.reshape({2, 3, 4}), block));
  Rng later = rng;
  later.seek(10);
  CHECK(all_equal(normal({14}, std::as_const(later)), normal({24}, rng).slice(0, 10, 24).clone()));
}

TEST_CASE("uniform and normal: a generator that may change moves on, a const one does not") {
  Rng rng(5);
  const Tensor a = uniform({7}, rng), b = uniform({5}, rng);
  CHECK(rng.position() == 12);
  const Tensor both = uniform({12}, Rng(5));
  CHECK(all_equal(a, both.slice(0, 0, 7).clone()));
  CHECK(all_equal(b, both.slice(0, 7, 12).clone()));
  normal({3}, rng);
  CHECK(rng.position() == 15);
  CHECK_FALSE(all_equal(uniform({5}, rng), b));
}

TEST_CASE("uniform: stays in its range in every type, and fills it") {
  for (DType dtype : {DType::f64, DType::f32}) {
    const Tensor t = uniform({20000}, Rng(2), 3, 4, dtype).to(DType::f64);
    double low = 9, high = 0, sum = 0;
    for (double v : t.span<double>()) {
      low = std::min(low, v);
      high = std::max(high, v);
      sum += v;
    }
    CHECK(low >= 3);
    CHECK(high < 4);
    CHECK(low < 3.001);
    CHECK(high > 3.999);
    CHECK(std::fabs(sum / 20000 - 3.5) < 5 * std::sqrt(1.0 / 12 / 20000));
  }
  const float next = std::nextafter(1.0f, 2.0f);  // two floats in range, one of them excluded
  const Tensor narrow = uniform({1000}, Rng(3), 1.0, double{next});
  for (float v : narrow.span<float>()) CHECK(v == 1.0f);
  CHECK(uniform({4}, Rng(1), 0, 1, DType::bf16).dtype() == DType::bf16);
  CHECK_THROWS_AS(uniform({2}, Rng(1), 1, 1), Error);
  CHECK_THROWS_AS(uniform({2}, Rng(1), 0, INFINITY), Error);
  CHECK_THROWS_AS(uniform({2}, Rng(1), 0, 1, DType::i32), TypeError);
}

TEST_CASE("normal: mean and deviation") {
  const Tensor t = normal({40000}, Rng(4), 2, 0.5, DType::f64);
  double sum = 0, squares = 0;
  for (double v : t.span<double>()) {
    sum += v - 2;
    squares += (v - 2) * (v - 2);
  }
  CHECK(std::fabs(sum / 40000) < 5 * 0.5 / 200);
  CHECK(std::fabs(squares / 40000 - 0.25) < 5 * 0.25 * std::sqrt(2.0 / 40000));
  CHECK(all_equal(normal({3}, Rng(1), 7, 0), Tensor::full({3}, 7)));
  CHECK_THROWS_AS(normal({2}, Rng(1), 0, -1), Error);
  CHECK_THROWS_AS(normal({2}, Rng(1), NAN), Error);
  CHECK_THROWS_AS(normal({2}, Rng(1), 0, 1, DType::boolean), TypeError);
}
