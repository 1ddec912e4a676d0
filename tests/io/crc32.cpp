#include <cfm/io/crc32.hpp>

#include <string>

#include "../test.hpp"

using namespace cfm;

TEST_CASE("crc32: the check value of the polynomial, and the empty string") {
  CHECK(crc32(as_bytes("123456789")) == 0xCBF43926u);
  CHECK(crc32({}) == 0);
}

TEST_CASE("crc32: pieces give the value of the whole, at every cut") {
  std::string text;
  for (int i = 0; i < 100; ++i) text += static_cast<char>(i * 37);
  const std::uint32_t whole = crc32(as_bytes(text));
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    const std::string_view view = text;
    CHECK(crc32(as_bytes(view.substr(cut)), crc32(as_bytes(view.substr(0, cut)))) == whole);
  }
}
