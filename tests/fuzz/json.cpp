// JSON: whatever parses is written and parsed again to the same tree; tree and reader agree.

#include <cfm/io/json.hpp>

#include "require.hpp"

using namespace cfm;

namespace {

bool reader_accepts(std::string_view text) {
  try {
    JsonReader reader(text);
    reader.skip();
    reader.finish();
    return true;
  } catch (const FormatError&) {
    return false;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const bool valid = reader_accepts(text);
  try {
    const JsonDocument document = parse_json(text);
    require(valid);
    const std::string compact = to_text(document.value);
    require(parse_json(compact).value == document.value);
    require(to_text(parse_json(compact).value) == compact);
    require(parse_json(to_text(document.value, {.indent = 2})).value == document.value);
  } catch (const FormatError&) {
  }
  try {
    parse_json(text, "json", {.unique_keys = false});
    require(valid);
  } catch (const FormatError&) {
    require(!valid);
  }
  return 0;
}
