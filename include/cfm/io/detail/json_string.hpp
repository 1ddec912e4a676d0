#pragma once
/// @file  Strings as JSON writes them.

#include <string>
#include <string_view>

#include <cfm/core/error.hpp>
#include <cfm/io/utf8.hpp>

CFM_NAMESPACE_BEGIN

namespace detail {

inline void append_json_string(std::string& out, std::string_view text) {
  CFM_CHECK(is_utf8(text), "json: strings are UTF-8, byte that is not at", valid_utf8_prefix(text));
  constexpr std::string_view digits = "0123456789abcdef";
  constexpr std::string_view plain = "\b\t\n\f\r\"\\", letters = "btnfr\"\\";
  out += '"';
  for (char c : text) {
    const std::size_t at = plain.find(c);
    if (at != std::string_view::npos) {
      out += '\\';
      out += letters[at];
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += "\\u00";
      out += digits[static_cast<std::size_t>(c) >> 4];
      out += digits[static_cast<std::size_t>(c) & 15];
    } else {
      out += c;
    }
  }
  out += '"';
}

}  // namespace detail

CFM_NAMESPACE_END
