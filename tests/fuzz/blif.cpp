// BLIF: whatever parses is written and parsed again to the same logic; the second text is final.

#include <cfm/circuit/blif.hpp>

#include <algorithm>

#include "require.hpp"

using namespace cfm;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Aig aig;
  try {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    aig = parse_blif(text, "blif", {.max_flattened = 50'000, .undriven_is_false = size % 2 == 0});
  } catch (const FormatError&) {
    return 0;
  }
  const std::string text = format_blif(aig);
  const Aig again = parse_blif(text);
  require(again.inputs() == aig.inputs());
  require(again.latches() == aig.latches());
  require(std::ranges::equal(again.all_fanins(), aig.all_fanins()));
  require(std::ranges::equal(again.output_literals(), aig.output_literals()));
  require(format_blif(again) == text);
  require(strash(aig) == aig);
  return 0;
}
