// Verilog: whatever is logic is written and parsed again to the same logic; the second text is
// final.

#include <cfm/circuit/verilog.hpp>

#include <algorithm>

#include "require.hpp"

using namespace cfm;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Aig aig;
  try {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const Netlist netlist = parse_verilog(text, "verilog", {.max_flattened = 20000});
    for (std::uint32_t g = 0; g < netlist.gates(); ++g)
      for (const Netlist::Pin& pin : netlist.pins(g))
        require(pin.net == Netlist::open || pin.net < netlist.nets());
    aig = to_aig(netlist);
  } catch (const FormatError&) {
    return 0;
  }
  const std::string text = format_verilog(aig);
  const Aig again = to_aig(parse_verilog(text));
  require(again.inputs() == aig.inputs());
  require(again.latches() == aig.latches());
  require(std::ranges::equal(again.all_fanins(), aig.all_fanins()));
  require(std::ranges::equal(again.output_literals(), aig.output_literals()));
  require(format_verilog(again) == text);
  require(strash(aig) == aig);
  return 0;
}
