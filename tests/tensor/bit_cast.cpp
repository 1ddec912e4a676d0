#include <cfm/tensor/bit_cast.hpp>

#include <bit>

#include "../test.hpp"

using namespace cfm;

TEST_CASE("bit_cast: bits stay, the type changes, the memory is shared") {
  Tensor x = Tensor::of<float>({1.0f, -0.0f, 3.5f});
  Tensor bits = bit_cast(x, DType::u32);
  CHECK(bits.dtype() == DType::u32);
  CHECK(std::as_const(bits).data<std::uint32_t>()[0] == std::bit_cast<std::uint32_t>(1.0f));
  CHECK(std::as_const(bits).data<std::uint32_t>()[1] == 0x80000000u);
  bits.data<std::uint32_t>()[2] = std::bit_cast<std::uint32_t>(-2.0f);
  CHECK(std::as_const(x).data<float>()[2] == -2.0f);
  CHECK(bit_cast(Tensor::of<std::int8_t>({-1}), DType::u8).item<std::uint8_t>() == 255);
  CHECK(bit_cast(Tensor::of<bool>({true}), DType::u8).item<std::uint8_t>() == 1);
}

TEST_CASE("bit_cast: keeps strides and offsets, and goes back") {
  const Tensor x = Tensor::of<std::int64_t>({0, 1, 2, 3, 4, 5}).reshape({2, 3});
  const Tensor part = x.transpose(0, 1).slice(0, 1, 3);
  const Tensor there = bit_cast(part, DType::f64);
  CHECK(there.shape() == Shape{2, 2});
  CHECK(there.strides() == part.strides());
  const Tensor back = bit_cast(there, DType::i64).contiguous();
  CHECK(back.span<std::int64_t>()[0] == 1);
  CHECK(back.span<std::int64_t>()[3] == 5);
}

TEST_CASE("bit_cast: sizes must agree, and bytes are no bools") {
  CHECK_THROWS_AS(bit_cast(Tensor::ones({2}), DType::i64), TypeError);
  CHECK_THROWS_AS(bit_cast(Tensor::ones({2}, DType::u8), DType::boolean), TypeError);
  CHECK(test::error_of([] {
          bit_cast(Tensor::ones({2}), DType::f16);
        }).starts_with("bit_cast: needs element types of one size: f32, f16"));
}
