#include <cfm/kernels/unique.hpp>

#include <cmath>

#include <cfm/tensor/compare.hpp>
#include <cfm/tensor/factories.hpp>

#include "../test.hpp"

using namespace cfm;

namespace {

// What every result has to obey, whatever the input.
void check_unique(const Tensor& x, std::optional<int> dim) {
  const UniqueResult found = unique(x, dim);
  const Tensor flat = x.reshape({-1});
  const Tensor all = dim ? x : flat;
  const int at = dim.value_or(0);
  const Tensor back = gather_rows(found.values.transpose(0, at), found.inverse.reshape({-1}));
  CHECK(all_equal(back, all.transpose(0, at)));
  CHECK(all_equal(gather_rows(all.transpose(0, at), found.first), found.values.transpose(0, at)));
  Index total = 0;
  for (Index i = 0; i < found.counts.size(); ++i) {
    total += found.counts.data<std::int64_t>()[i];
    Index first = 0;
    while (found.inverse.data<std::int64_t>()[first] != i) ++first;
    CHECK(first == found.first.data<std::int64_t>()[i]);
  }
  CHECK(total == all.size(at));
}

}  // namespace

TEST_CASE("unique: elements and slices of every type") {
  Rng rng(3);
  for (DType dtype : {DType::f32, DType::f64, DType::f16, DType::i8, DType::i64, DType::u64,
                      DType::u8, DType::boolean}) {
    const Tensor x = uniform({4, 6, 2}, rng, 0, 3).to(DType::i64).to(dtype);
    check_unique(x, std::nullopt);
    for (int dim = 0; dim < 3; ++dim) {
      check_unique(x, dim);
      check_unique(x.transpose(0, 2), dim);
    }
  }
}

TEST_CASE("unique: ascending, with NaN as one value at the end") {
  const float nan = std::nanf("");
  const Tensor x = Tensor::of<float>({2, nan, -1, 2, nan, 0});
  const UniqueResult found = unique(x);
  const float want[] = {-1, 0, 2};
  CHECK(found.values.size() == 4);
  for (std::size_t i = 0; i < 3; ++i) CHECK(found.values.span<float>()[i] == want[i]);
  CHECK(std::isnan(found.values.span<float>()[3]));
  CHECK(found.counts.span<std::int64_t>()[3] == 2);
  CHECK(found.first.span<std::int64_t>()[3] == 1);
}

TEST_CASE("unique: large integers that a double would mix up") {
  const std::int64_t big = std::int64_t{1} << 60;
  CHECK(unique(Tensor::of<std::int64_t>({big, big + 1, big})).values.size() == 2);
  const std::uint64_t top = ~std::uint64_t{0};
  CHECK(unique(Tensor::of<std::uint64_t>({top, top - 1, 1})).values.data<std::uint64_t>()[2] ==
        top);
}

TEST_CASE("unique: no elements, slices without elements, rank 0") {
  CHECK(unique(Tensor::zeros({0})).values.shape() == Shape{0});
  CHECK(unique(Tensor::zeros({0, 3}), 0).values.shape() == Shape{0, 3});
  CHECK(unique(Tensor::zeros({2, 0}), 0).values.shape() == Shape{1, 0});
  CHECK(unique(Tensor::scalar(3.0)).values.shape() == Shape{1});
  CHECK_THROWS_AS(unique(Tensor::zeros({2}), 1), ShapeError);
}
