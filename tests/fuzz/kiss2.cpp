// KISS2: whatever parses is written and parsed again to the same rows, and is a circuit.

#include <cfm/circuit/kiss2.hpp>

#include "require.hpp"

using namespace cfm;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  StateTable table;
  try {
    table = parse_kiss2(std::string_view(reinterpret_cast<const char*>(data), size));
  } catch (const FormatError&) {
    return 0;
  }
  const StateTable again = parse_kiss2(format_kiss2(table));
  require(again == table);
  const Aig aig = to_aig(table);
  require(aig.inputs() == table.inputs && aig.outputs() == table.outputs);
  require(strash(aig) == aig);
  if (table.states.size() <= 64)
    require(to_aig(table, StateEncoding::one_hot).latches().size() == table.states.size());
  return 0;
}
