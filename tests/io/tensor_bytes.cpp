#include <cfm/io/tensor_bytes.hpp>

#include "../test.hpp"

using namespace cfm;

namespace {

std::string emitted(const Tensor& t) {
  std::string out;
  emit_little(t, [&](std::span<const std::byte> part) { out += as_text(part); });
  return out;
}

}  // namespace

TEST_CASE("tensor bytes: emit and read back, also transposed and in the other order") {
  const Tensor t = Tensor::of<std::int32_t>({1, 2, 3, 4, 5, 6}).reshape({2, 3});
  const std::string bytes = emitted(t.transpose(0, 1));
  CHECK(bytes.size() == 24);
  const Tensor back = tensor_from_bytes(as_bytes(bytes), DType::i32, {3, 2});
  CHECK(back.view<std::int32_t, 2>()(0, 1) == 4);
  const std::string big("\x00\x00\x01\x00", 4);
  CHECK(tensor_from_bytes(as_bytes(big), DType::i32, {}, std::endian::big).item<std::int32_t>() ==
        256);
}

TEST_CASE("tensor bytes: shares aligned memory, copies the rest") {
  Storage whole = Storage::allocate(64);
  std::fill_n(whole.data(), 64, std::byte{0});
  const std::span<const std::byte> bytes(whole.data(), 64);
  const Tensor shared = tensor_over_bytes(whole, bytes.subspan(4, 8), DType::f32, {2});
  CHECK(shared.address() == whole.data() + 4);
  const Tensor copied = tensor_over_bytes(whole, bytes.subspan(3, 8), DType::f32, {2});
  CHECK(copied.address() != whole.data() + 3);
}

TEST_CASE("tensor bytes: any byte but 0 is true") {
  Storage whole = Storage::allocate(3);
  whole.data()[0] = std::byte{0};
  whole.data()[1] = std::byte{1};
  whole.data()[2] = std::byte{7};
  const Tensor t = tensor_over_bytes(whole, {whole.data(), 3}, DType::boolean, {3});
  CHECK(t.bytes()[0] == std::byte{0});
  CHECK(t.bytes()[2] == std::byte{1});
}

TEST_CASE("tensor bytes: the wrong number is an error") {
  CHECK_THROWS_AS(tensor_from_bytes(as_bytes("abc"), DType::f32, {1}), ShapeError);
}
