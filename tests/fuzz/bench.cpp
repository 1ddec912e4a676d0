// BENCH: whatever parses is written and parsed again to the same logic; the second text is final.

#include <cfm/circuit/bench.hpp>

#include <algorithm>

#include "require.hpp"

using namespace cfm;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Aig aig;
  try {
    aig = parse_bench(std::string_view(reinterpret_cast<const char*>(data), size));
  } catch (const FormatError&) {
    return 0;
  }
  const std::string text = format_bench(aig);
  const Aig again = parse_bench(text);
  require(again.inputs() == aig.inputs());
  require(again.latches() == aig.latches());
  require(std::ranges::equal(again.all_fanins(), aig.all_fanins()));
  require(std::ranges::equal(again.output_literals(), aig.output_literals()));
  require(format_bench(again) == text);
  require(strash(aig) == aig);
  return 0;
}
