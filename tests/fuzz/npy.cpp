// .npy and .npz: whatever parses is written and parsed again to the same elements.

#include <cfm/io/npy.hpp>

#include "require.hpp"

using namespace cfm;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size);
  for (const NpyOptions& options : {NpyOptions{}, NpyOptions{.raw = DType::bf16}}) {
    try {
      const Tensor tensor = parse_npy(bytes, "npy", options);
      require_same(tensor, parse_npy(npy_bytes(tensor, options), "npy", options));
    } catch (const Error&) {
    }
  }
  try {
    for (const auto& [name, tensor] : parse_npz(bytes, "npz"))
      require_same(tensor, parse_npy(npy_bytes(tensor), name));
  } catch (const Error&) {
  }
  // Past the checksum, which a fuzzer does not guess.
  try {
    inflate(bytes, 4096);
  } catch (const Error&) {
  }
  return 0;
}
