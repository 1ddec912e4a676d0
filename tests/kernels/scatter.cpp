#include <cfm/kernels/scatter.hpp>

#include <cmath>

#include <cfm/kernels/take_along.hpp>
#include <cfm/tensor/compare.hpp>
#include <cfm/tensor/factories.hpp>
#include <cfm/tensor/join.hpp>

#include "../test.hpp"

using namespace cfm;

TEST_CASE("scatter_along: what is put down is picked up again, along every dimension") {
  const Tensor x = uniform({3, 4, 5}, Rng(1));
  for (int dim = 0; dim < 3; ++dim) {
    Extents extents = x.shape();
    extents[dim] = 2;
    Tensor index = Tensor::zeros(Shape(extents), DType::i64);
    index.slice(dim, 1, 2).fill(static_cast<double>(x.size(dim) - 1));
    const Tensor source = uniform(Shape(extents), Rng(2));
    const Tensor out = scatter_along(x, dim, index, source);
    CHECK(all_equal(take_along(out, dim, index), source));
    CHECK(all_equal(out.slice(dim, 1, x.size(dim) - 1), x.slice(dim, 1, x.size(dim) - 1)));
    CHECK(all_equal(scatter_along(x, dim, index.to(DType::i32), source), out));
    CHECK(all_equal(
        scatter_along(x.transpose(0, 2), 2 - dim, index.transpose(0, 2), source.transpose(0, 2)),
        out.transpose(0, 2)));
  }
}

TEST_CASE("scatter_along: every reduction, in order, for every type that has it") {
  const Tensor index = Tensor::of<std::int64_t>({1, 1, 0, 1});
  const Tensor source = Tensor::of<double>({4, 5, 6, 2});
  const auto check = [&](DType dtype, ScatterReduction how, double a, double b) {
    const Tensor x = Tensor::of<double>({3, 3, 9}).to(dtype);
    const Tensor out = scatter_along(x, 0, index, source.to(dtype), how).to(DType::f64);
    CHECK(out.data<double>()[0] == a);
    CHECK(out.data<double>()[1] == b);
    CHECK(out.data<double>()[2] == 9);
  };
  for (DType dtype : {DType::f32, DType::f64, DType::i8, DType::i16, DType::i32, DType::i64,
                      DType::u8, DType::u16, DType::u32, DType::u64}) {
    check(dtype, ScatterReduction::replace, 6, 2);
    check(dtype, ScatterReduction::add, 9, 14);
    check(dtype, ScatterReduction::mul, 18, 120);
    check(dtype, ScatterReduction::min, 3, 2);
    check(dtype, ScatterReduction::max, 6, 5);
  }
  check(DType::bf16, ScatterReduction::replace, 6, 2);
  const Tensor one = Tensor::scalar(2.0f), place = Tensor::scalar<std::int64_t>(0);
  CHECK(scatter_along(one, 0, place, one, ScatterReduction::add).item<float>() == 4);
  CHECK_THROWS_AS(scatter_along(one, 0, Tensor::scalar<std::int64_t>(1), one), Error);
  const Tensor nan = scatter_along(Tensor::ones({1}), 0, Tensor::zeros({1}, DType::i64),
                                   Tensor::full({1}, std::nan("")), ScatterReduction::min);
  CHECK(std::isnan(nan.item<float>()));
}

TEST_CASE("gather_nd: rows of positions name slices, and batches keep to themselves") {
  const Tensor x = arange(24).reshape({2, 3, 4});
  const Tensor slices = gather_nd(x, Tensor::of<std::int64_t>({1, 2, 0, 1}).reshape({2, 2}));
  CHECK(all_equal(slices, stack({x.select(0, 1).select(0, 2), x.select(0, 0).select(0, 1)})));
  const Tensor elements =
      gather_nd(x, Tensor::of<std::int32_t>({1, 2, 3, 0, 0, 1}).reshape({1, 2, 3}));
  CHECK(elements.shape() == Shape{1, 2});
  CHECK(elements.data<std::int64_t>()[0] == 23);
  CHECK(elements.data<std::int64_t>()[1] == 1);
  const Tensor batched = gather_nd(x, Tensor::of<std::int64_t>({2, 0}).reshape({2, 1}), 1);
  CHECK(all_equal(batched, stack({x.select(0, 0).select(0, 2), x.select(0, 1).select(0, 0)})));
  CHECK(all_equal(gather_nd(x.transpose(0, 2), Tensor::of<std::int64_t>({3}).reshape({1, 1})),
                  x.transpose(0, 2).slice(0, 3, 4)));
  CHECK(gather_nd(x, Tensor::zeros({0, 2}, DType::i64)).shape() == Shape{0, 4});
  CHECK(all_equal(gather_nd(x, Tensor::zeros({2, 0}, DType::i64)), stack({x, x})));
}

TEST_CASE("scatter_nd: puts back what gather_nd took, and reduces in order") {
  const Tensor x = uniform({4, 3, 2}, Rng(3));
  const Tensor index = Tensor::of<std::int64_t>({3, 0, 0, 2}).reshape({2, 2});
  const Tensor source = uniform({2, 2}, Rng(4));
  const Tensor out = scatter_nd(x, index, source);
  CHECK(all_equal(gather_nd(out, index), source));
  CHECK(all_equal(scatter_nd(out, index, gather_nd(x, index)), x));
  const Tensor same = Tensor::zeros({2, 1}, DType::i64);  // both rows name x[0]
  const Tensor two = uniform({2, 3, 2}, Rng(5));
  CHECK(allclose(
      scatter_nd(x, same, two, ScatterReduction::add).select(0, 0),
      scatter_nd(scatter_nd(x, same.slice(0, 0, 1), two.slice(0, 0, 1), ScatterReduction::add),
                 same.slice(0, 1, 2), two.slice(0, 1, 2), ScatterReduction::add)
          .select(0, 0)));
  CHECK(all_equal(scatter_nd(x, same, two).select(0, 0), two.select(0, 1)));
}

TEST_CASE("scatter: what it refuses") {
  const Tensor x = Tensor::ones({2, 3}), index = Tensor::zeros({2, 3}, DType::i64);
  CHECK_THROWS_AS(scatter_along(x, 0, index, Tensor::ones({2, 2})), ShapeError);
  CHECK_THROWS_AS(scatter_along(x, 0, index, Tensor::ones({2, 3}, DType::f64)), TypeError);
  CHECK_THROWS_AS(scatter_along(x, 0, x, x), TypeError);
  CHECK(test::error_of([&] {
          scatter_along(x, 1, Tensor::full({2, 3}, 3, DType::i64), x);
        }) == "scatter_along: position 3 is outside an extent of 3");
  CHECK_THROWS_AS(scatter_along(x, 1, Tensor::full({2, 3}, -1, DType::i64), x), Error);
  const Tensor half = x.to(DType::f16);
  CHECK_THROWS_AS(scatter_along(half, 0, index, half, ScatterReduction::add), TypeError);
  CHECK_THROWS_AS(gather_nd(x, Tensor::zeros({1, 3}, DType::i64)), ShapeError);
  CHECK_THROWS_AS(gather_nd(x, Tensor::scalar<std::int64_t>(0)), ShapeError);
  CHECK_THROWS_AS(gather_nd(x, Tensor::full({1, 1}, 2, DType::i64)), Error);
  CHECK_THROWS_AS(gather_nd(x, Tensor::zeros({3, 1}, DType::i64), 1), ShapeError);
  CHECK_THROWS_AS(scatter_nd(x, Tensor::zeros({1, 1}, DType::i64), Tensor::ones({3})), ShapeError);
}
