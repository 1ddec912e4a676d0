#include <cfm/kernels/reverse_sequence.hpp>

#include <cfm/tensor/compare.hpp>
#include <cfm/tensor/factories.hpp>

#include "../test.hpp"

using namespace cfm;

TEST_CASE("reverse_sequence: twice gives the input, whatever the order of dimensions") {
  const Tensor x = uniform({3, 5, 2}, Rng(1)), lengths = Tensor::of<std::int64_t>({5, 0, 3});
  const Tensor y = reverse_sequence(x, lengths, 0, 1);
  CHECK(all_equal(reverse_sequence(y, lengths, 0, 1), x));
  CHECK(all_equal(y.select(0, 0).select(0, 4), x.select(0, 0).select(0, 0)));
  CHECK(all_equal(y.select(0, 1), x.select(0, 1)));
  CHECK(all_equal(y.select(0, 2).slice(0, 3, 5), x.select(0, 2).slice(0, 3, 5)));
  CHECK(all_equal(y.select(0, 2).select(0, 1), x.select(0, 2).select(0, 1)));
  CHECK(all_equal(y.select(0, 2).select(0, 0), x.select(0, 2).select(0, 2)));
  const Tensor turned = reverse_sequence(x.transpose(0, 1), lengths.to(DType::i32), 1, 0);
  CHECK(all_equal(turned, y.transpose(0, 1)));
  CHECK(all_equal(reverse_sequence(x.permute({2, 0, 1}), lengths, 1, -1), y.permute({2, 0, 1})));
}

TEST_CASE("reverse_sequence: what it refuses") {
  const Tensor x = Tensor::ones({2, 3});
  CHECK_THROWS_AS(reverse_sequence(x, Tensor::of<std::int64_t>({4, 1})), Error);
  CHECK_THROWS_AS(reverse_sequence(x, Tensor::of<std::int64_t>({-1, 1})), Error);
  CHECK_THROWS_AS(reverse_sequence(x, Tensor::of<std::int64_t>({1})), ShapeError);
  CHECK_THROWS_AS(reverse_sequence(x, Tensor::ones({2})), TypeError);
  CHECK_THROWS_AS(reverse_sequence(x, Tensor::of<std::int64_t>({1, 1}), 1, 1), ShapeError);
}
