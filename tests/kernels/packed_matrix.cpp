#include <cfm/kernels/packed_matrix.hpp>

#include <cfm/tensor/compare.hpp>

#include "support.hpp"

using namespace cfm;
using test::normals;

TEST_CASE_TEMPLATE("packed matrix: unpacking gives the weights back, rounded to the stored type", S,
                   float, double, bf16, f16) {
  for (Index outputs : {0, 1, 7, 16, 33})
    for (Index inputs : {0, 1, 5, 70}) {
      const Tensor w = Tensor::from(normals<float>(outputs * inputs, 1), {outputs, inputs});
      const auto packed = PackedMatrix<S>::pack(w);
      CHECK(packed.outputs() == outputs);
      CHECK(packed.inputs() == inputs);
      CHECK(packed.panels() * packed.width >= outputs);
      CHECK(all_equal(packed.unpack(), w.to(dtype_of<S>)));
      const auto turned = PackedMatrix<S>::pack_columns(w.transpose(0, 1));
      CHECK(all_equal(turned.unpack(), w.to(dtype_of<S>)));
    }
}

TEST_CASE("packed matrix: panels hold their outputs side by side, padded with zeros") {
  const Tensor w = Tensor::from(normals<float>(18 * 3, 2), {18, 3});
  const auto v = w.view<float, 2>();
  const auto packed = PackedMatrix<float>::pack(w);
  REQUIRE(packed.panels() == 2);
  for (Index k = 0; k < 3; ++k) {
    for (Index c = 0; c < 16; ++c) CHECK(packed.data()[k * 16 + c] == v(c, k));
    for (Index c = 0; c < 16; ++c)
      CHECK(packed.data()[(3 + k) * 16 + c] == (c < 2 ? v(16 + c, k) : 0));
  }
}

TEST_CASE("packed matrix: weights in any floating type, no others") {
  const Tensor w = Tensor::from(normals<float>(12, 3), {3, 4});
  for (DType dtype : {DType::f64, DType::f32, DType::bf16, DType::f16})
    CHECK(all_equal(PackedMatrix<float>::pack(w.to(dtype)).unpack(), w.to(dtype).to(DType::f32)));
  CHECK_THROWS_WITH_AS(PackedMatrix<f16>::pack(w.to(DType::i32)),
                       doctest::Contains("packed matrix: needs f64, f32, bf16 or f16, got i32"),
                       TypeError);
  CHECK_THROWS_WITH_AS(PackedMatrix<f16>::pack(w.select(0, 0)),
                       doctest::Contains("packed matrix: needs weights [out, in]: f32[4]"),
                       ShapeError);
}
