// safetensors: whatever parses is written and parsed again to the same tensors and metadata.

#include <cfm/io/safetensors.hpp>

#include "../io/torch_writer.hpp"
#include "require.hpp"

using namespace cfm;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size);
  try {
    const SafetensorsFile file = parse_safetensors(test::to_storage(bytes), "safetensors");
    const auto written = safetensors_bytes(file.tensors, file.metadata);
    const SafetensorsFile again = parse_safetensors(test::to_storage(written), "written");
    require(again.metadata == file.metadata && again.tensors.size() == file.tensors.size());
    require(safetensors_bytes(again.tensors, again.metadata) == written);
    for (const auto& [name, tensor] : file.tensors) {
      require_same(tensor, again.at(name));
    }
  } catch (const FormatError&) {
  }
  return 0;
}
