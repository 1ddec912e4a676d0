#include <cfm/autograd/ops_segment.hpp>

#include "check.hpp"

using namespace cfm;
using namespace cfm::test;

TEST_CASE("segment: gradients, with empty groups and keys in any order") {
  const Segments segments(Tensor::of<std::int64_t>({4, 0, 2, 0, 4, 4}), 6);
  for (const Shape& shape : {Shape{6}, Shape{6, 3}, Shape{6, 2, 2}})
    check_gradients(
        [&](const std::vector<Var>& v) {
          return std::vector<Var>{segment_sum(v[0], segments), segment_mean(v[0], segments),
                                  segment_max(v[0], segments), segment_min(v[0], segments),
                                  segment_softmax(v[0], segments)};
        },
        {spread(shape, 1)}, {.tolerance = 3e-6});
  check_gradients([&](const std::vector<Var>& v) { return segment_spread(v[0], segments); },
                  {random({6, 2}, 1)});
}

TEST_CASE("segment: no rows") {
  const Segments segments(Tensor::empty({0}, DType::i32), 3);
  const Tensor y = segment_sum(Var(Tensor::empty({0, 2})), segments).value();
  CHECK(y.shape() == Shape{3, 2});
  for (float v : y.span<float>()) CHECK(v == 0);
}

TEST_CASE("segment: softmax sums to 1 in every group") {
  const Tensor keys = Tensor::of<std::int32_t>({1, 1, 0, 1});
  const Segments segments(keys, 2);
  const Tensor x = Tensor::of<double>({1000, 1001, -5000, 999});
  const Tensor y = segment_sum(segment_softmax(Var(x), segments), segments).value();
  CHECK(y.span<double>()[0] == 1);
  CHECK(y.span<double>()[1] == doctest::Approx(1));
}

TEST_CASE("segment: wrong keys and rows are refused") {
  CHECK_THROWS_AS(Segments(Tensor::of<std::int32_t>({2}), 2), Error);
  CHECK_THROWS_AS(Segments(Tensor::of<std::int32_t>({-1}), 2), Error);
  CHECK_THROWS_AS(Segments(Tensor::of<float>({0}), 2), TypeError);
  const Segments segments(Tensor::of<std::int32_t>({0, 1}), 2);
  CHECK_THROWS_AS(segment_sum(Var(Tensor::zeros({3, 1})), segments), ShapeError);
  CHECK_THROWS_AS(segment_spread(Var(Tensor::zeros({3, 1})), segments), ShapeError);
}
