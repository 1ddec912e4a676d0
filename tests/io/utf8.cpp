#include <cfm/io/utf8.hpp>

#include "../test.hpp"

using namespace cfm;

TEST_CASE("utf8: every code point round trips, surrogates do not pass") {
  for (std::uint32_t code = 0; code < 0x110000; code += code < 0x1000 ? 1 : 61) {
    std::string text;
    append_utf8(text, code);
    const bool surrogate = code >= 0xD800 && code < 0xE000;
    if (is_utf8(text) == surrogate) FAIL_CHECK("code point " << code);
  }
}

TEST_CASE("utf8: broken forms are found where they begin") {
  CHECK(valid_utf8_prefix("abc") == 3);
  CHECK(valid_utf8_prefix("ab\xC0\x80") == 2);          // overlong
  CHECK(valid_utf8_prefix("\xE0\x80\x80") == 0);        // overlong
  CHECK(valid_utf8_prefix("\xF4\x90\x80\x80") == 0);    // above U+10FFFF
  CHECK(valid_utf8_prefix("x\xE2\x82") == 1);           // truncated
  CHECK(valid_utf8_prefix("\x80") == 0);                // continuation alone
  CHECK(valid_utf8_prefix("\xE2\x82\xAC!") == 4);
}
