#include <cfm/io/cursor.hpp>

#include <vector>

#include "../test.hpp"

using namespace cfm;

TEST_CASE("cursor: little-endian numbers, whatever the machine") {
  const std::string bytes("\x01\x02\x03\x04\x00\x00\x80\x3f\xff", 9);
  Cursor c(as_bytes(bytes), "file");
  CHECK(c.read<std::uint16_t>("a") == 0x0201);
  CHECK(c.read<std::uint16_t>("b") == 0x0403);
  CHECK(c.read<float>("c") == 1.0f);
  CHECK(c.read<std::int8_t>("d") == -1);
  CHECK(c.at_end());
}

TEST_CASE("cursor: a step beyond the end names file, offset, need and rest, and does not move") {
  Cursor c(as_bytes("abcdef"), "weights.bin", 100);
  CHECK(c.text(4, "head") == "abcd");
  CHECK_THROWS_WITH_AS(c.take(3, "the tail"),
                       "weights.bin:104: truncated: the tail needs 3 bytes, 2 are left",
                       FormatError);
  CHECK_THROWS_AS(c.take(UINT64_MAX, "all"), FormatError);
  CHECK(c.offset() == 104);
  CHECK(as_text(c.rest()) == "ef");
}

TEST_CASE("cursor: numbers written are numbers read") {
  std::vector<std::byte> out;
  detail::append_little(out, std::uint32_t{0xDEADBEEF});
  detail::append_little(out, std::uint64_t{1} << 63);
  Cursor c(out, "x");
  CHECK(c.read<std::uint32_t>("a") == 0xDEADBEEF);
  CHECK(c.read<std::uint64_t>("b") == std::uint64_t{1} << 63);
}
