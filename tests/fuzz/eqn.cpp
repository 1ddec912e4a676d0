// EQN: whatever parses is structurally hashed, with every AND read.

#include <cfm/circuit/eqn.hpp>

#include "require.hpp"

using namespace cfm;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const Aig aig = parse_eqn(std::string_view(reinterpret_cast<const char*>(data), size));
    require(strash(aig) == aig);
    require(aig.latches().empty());
  } catch (const FormatError&) {
  }
  return 0;
}
