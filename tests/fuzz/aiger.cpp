// AIGER: whatever parses is written in both encodings and parsed again to the same graph.

#include <cfm/circuit/aiger.hpp>

#include "require.hpp"

using namespace cfm;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const Aig aig = parse_aiger(std::string_view(reinterpret_cast<const char*>(data), size));
    for (const AigerFormat format : {AigerFormat::ascii, AigerFormat::binary}) {
      const std::string bytes = format_aiger(aig, format);
      const Aig again = parse_aiger(bytes);
      require(again == aig);
      require(format_aiger(again, format) == bytes);
    }
  } catch (const FormatError&) {
  }
  return 0;
}
