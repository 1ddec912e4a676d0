// gzip: whatever unpacks stays below its limit; below that of its own size nothing changes.

#include <cfm/io/gzip.hpp>

#include "require.hpp"

using namespace cfm;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size);
  try {
    const std::vector<std::byte> out = gunzip(bytes, "gzip", {.max_bytes = 1 << 20});
    require(is_gzip(bytes));
    require(out.size() <= 1 << 20);
    require(gunzip(bytes, "gzip", {.max_bytes = out.size()}) == out);
  } catch (const FormatError&) {
  }
  return 0;
}
