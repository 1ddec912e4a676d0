// JSON of Yosys: whatever parses is a netlist whose numbers exist, and logic or refused as such.

#include <cfm/circuit/yosys_json.hpp>

#include "require.hpp"

using namespace cfm;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const Netlist netlist = parse_yosys_json(text, "json", {.max_flattened = 20000});
    for (std::uint32_t g = 0; g < netlist.gates(); ++g) {
      require(netlist.gate(g).scope < netlist.scopes());
      for (const Netlist::Pin& pin : netlist.pins(g)) require(pin.net < netlist.nets());
    }
    const Aig aig = to_aig(netlist, {.keep_clocks = true});
    require(aig.inputs() == netlist.inputs().size());
    require(aig.outputs() == netlist.outputs().size());
    require(strash(aig) == aig);
  } catch (const FormatError&) {
  }
  return 0;
}
