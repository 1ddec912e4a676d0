#pragma once
/// @file  JSON text, value by value, without a tree.

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <cfm/core/error.hpp>
#include <cfm/io/utf8.hpp>

CFM_NAMESPACE_BEGIN

/// What a JSON value is.
enum class JsonKind : std::uint8_t { null, boolean, number, string, array, object };

/// "a string", "an object" ...
constexpr std::string_view name(JsonKind kind) {
  constexpr std::string_view names[] = {"null",     "a boolean", "a number",
                                        "a string", "an array",  "an object"};
  return names[static_cast<std::size_t>(kind)];
}
inline void append_text(std::string& out, JsonKind kind) { out += name(kind); }

/// A JSON number: exact if it is an integer that fits 64 bits, else the nearest double.
/// Nonnegative integers are uint64 only where int64 is too small.
using JsonNumber = std::variant<std::int64_t, std::uint64_t, double>;

/// The deepest nesting of arrays and objects that cfm reads and writes.
inline constexpr int max_json_depth = 128;

/// Reads JSON text (RFC 8259) strictly, front to back: the caller asks for what it expects. No
/// tree is built, so memory does not grow with the text. Duplicate keys are the caller's to find.
///
///     reader.begin_object();
///     while (reader.next_key(key)) { if (key == "shape") ... else reader.skip(); }
///     reader.finish();
///
/// Errors:  FormatError "name:line:column: ..."; the column counts bytes from 1.
class JsonReader {
 public:
  /// Neither string is copied; both must outlive the reader.
  explicit JsonReader(std::string_view text, std::string_view name = "json",
                      int max_depth = max_json_depth)
      : text_(text), name_(name), max_depth_(static_cast<std::size_t>(max_depth)) {}

  /// For text inside a binary file: errors say "name:offset: ..." from now on, where `base` is the
  /// offset of the text in that file.
  void report_offsets(std::uint64_t base) {
    offsets_ = true;
    base_ = base;
  }

  /// What the next value is; does not move.
  JsonKind peek() {
    skip_space();
    switch (look()) {
      case '{': return JsonKind::object;
      case '[': return JsonKind::array;
      case '"': return JsonKind::string;
      case 't':
      case 'f': return JsonKind::boolean;
      case 'n': return JsonKind::null;
      default: break;
    }
    if (look() == '-' || is_digit(look())) return JsonKind::number;
    if (at_end()) fail("the text ends where a value must stand");
    fail("a value must stand here, got ", describe(look()));
  }

  void null() {
    expect(JsonKind::null);
    word("null");
  }
  bool boolean() {
    expect(JsonKind::boolean);
    const bool value = look() == 't';
    word(value ? "true" : "false");
    return value;
  }
  JsonNumber number();
  /// The characters of a string, escapes resolved; valid UTF-8.
  void string(std::string& out);
  std::string string() {
    std::string out;
    string(out);
    return out;
  }

  void begin_object() { open(JsonKind::object); }
  /// Reads the next key and its colon, or the closing brace: then false.
  bool next_key(std::string& key) {
    if (!next('}')) return false;
    skip_space();
    if (look() != '"') fail("a key in quotes must stand here");
    string(key);
    skip_space();
    if (look() != ':') fail("a colon must follow the key");
    ++at_;
    return true;
  }
  void begin_array() { open(JsonKind::array); }
  /// True if another item follows; reads the closing bracket otherwise.
  bool next_item() { return next(']'); }

  /// Reads the next value, whatever it is, and forgets it. Still checked, but not for duplicate
  /// keys.
  void skip();

  /// Only blanks may be left.
  void finish() {
    skip_space();
    if (!at_end()) fail("nothing may follow the value, got ", describe(look()));
  }

  /// Offset of the next byte in the text.
  std::size_t offset() const { return at_; }
  std::string_view name() const { return name_; }

  /// Throws FormatError at the current place.
  template <class... Parts>
  [[noreturn]] void fail(const Parts&... parts) const {
    fail_with({detail::TextPart(parts)...});
  }

 private:
  [[noreturn]] __attribute__((noinline, cold)) void fail_with(
      std::initializer_list<detail::TextPart> parts) const {
    const std::string text = detail::join_text(parts);
    if (offsets_) throw_error<FormatError>(name_, ":", base_ + at_, ": ", text);
    const std::string_view before = text_.substr(0, at_);
    const auto line = 1 + std::count(before.begin(), before.end(), '\n');
    const std::size_t begin = before.rfind('\n') + 1;  // 0 if there is none
    throw_error<FormatError>(name_, ":", line, ":", at_ - begin + 1, ": ", text);
  }

  static constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
  bool at_end() const { return at_ >= text_.size(); }
  char look() const { return at_end() ? '\0' : text_[at_]; }

  static std::string describe(char c) {
    if (c > ' ' && c < 0x7F) return concat("'", c, "'");
    return concat("byte ", static_cast<int>(static_cast<unsigned char>(c)));
  }

  void skip_space() {
    while (!at_end() &&
           (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\r' || text_[at_] == '\t'))
      ++at_;
  }

  void expect(JsonKind wanted) {
    const JsonKind got = peek();
    if (got != wanted) fail("wanted ", wanted, ", got ", got);
  }

  void word(std::string_view wanted) {
    if (text_.substr(at_, wanted.size()) != wanted) fail("wanted ", wanted);
    at_ += wanted.size();
  }

  void open(JsonKind kind) {
    expect(kind);
    if (open_.size() >= max_depth_)
      fail("arrays and objects are nested more than ", max_depth_, " deep");
    open_.push_back(kind == JsonKind::object ? Open::object : Open::array);
    first_ = true;
    ++at_;
  }

  // Between the members of the innermost container: true if one follows.
  bool next(char closing) {
    skip_space();
    if (look() == closing && !at_end()) {
      ++at_;
      open_.pop_back();
      first_ = false;
      return false;
    }
    if (!first_) {
      if (look() != ',')
        fail(at_end() ? "the text ends inside " : "a comma or the end must follow in ",
             closing == '}' ? "an object" : "an array");
      ++at_;
    }
    first_ = false;
    return true;
  }

  void digits() {
    if (!is_digit(look())) fail("a digit must stand here");
    while (is_digit(look())) ++at_;
  }
  std::uint32_t hex4();
  void escape(std::string& out);

  enum class Open : std::uint8_t { array, object };

  std::string_view text_;
  std::string_view name_;
  std::size_t max_depth_;
  std::size_t at_ = 0;
  std::vector<Open> open_;
  bool offsets_ = false;
  std::uint64_t base_ = 0;
  bool first_ = false;  // of the innermost container, nothing was read yet
};

namespace detail {

// from_chars reports overflow and underflow alike. A number that is too small is zero; this tells
// which it was, from the place of the first digit that counts and the exponent.
inline bool is_tiny_number(std::string_view number) {
  const std::size_t e = number.find_first_of("eE");
  const std::string_view mantissa = number.substr(0, e);
  const std::size_t first = mantissa.find_first_of("123456789");
  if (first == std::string_view::npos) return true;
  if (e == std::string_view::npos) return first > mantissa.find('.');
  std::string_view digits = number.substr(e + 1);
  const bool negative = digits[0] == '-';
  if (digits[0] == '-' || digits[0] == '+') digits.remove_prefix(1);
  std::int64_t exponent = 0;
  for (char c : digits) exponent = std::min<std::int64_t>(exponent * 10 + (c - '0'), 1 << 30);
  const std::size_t point = std::min(mantissa.find('.'), mantissa.size());
  return static_cast<std::int64_t>(point) - static_cast<std::int64_t>(first) +
             (negative ? -exponent : exponent) <
         0;
}

}  // namespace detail

inline JsonNumber JsonReader::number() {
  expect(JsonKind::number);
  const std::size_t begin = at_;
  if (look() == '-') ++at_;
  if (look() == '0')
    ++at_;
  else
    digits();
  if (is_digit(look())) fail("a number may not begin with zeros");
  bool integer = true;
  if (look() == '.') {
    integer = false;
    ++at_;
    digits();
  }
  if (look() == 'e' || look() == 'E') {
    integer = false;
    ++at_;
    if (look() == '+' || look() == '-') ++at_;
    digits();
  }
  const std::string_view text = text_.substr(begin, at_ - begin);
  const char* const end = text.data() + text.size();
  if (integer && text != "-0") {  // -0 keeps its sign as a double
    std::int64_t small = 0;
    if (std::from_chars(text.data(), end, small).ec == std::errc{}) return small;
    std::uint64_t large = 0;
    if (text[0] != '-' && std::from_chars(text.data(), end, large).ec == std::errc{}) return large;
  }
  double value = 0;
  if (std::from_chars(text.data(), end, value).ec == std::errc{}) return value;
  if (detail::is_tiny_number(text)) return text[0] == '-' ? -0.0 : 0.0;
  at_ = begin;
  fail("the number does not fit a double");
}

inline std::uint32_t JsonReader::hex4() {
  std::uint32_t value = 0;
  for (int i = 0; i < 4; ++i, ++at_) {
    const char c = look();
    const char lower = static_cast<char>(c | 0x20);
    if (is_digit(c))
      value = value * 16 + static_cast<std::uint32_t>(c - '0');
    else if (lower >= 'a' && lower <= 'f')
      value = value * 16 + static_cast<std::uint32_t>(lower - 'a' + 10);
    else
      fail("\\u needs four hexadecimal digits");
  }
  return value;
}

inline void JsonReader::escape(std::string& out) {
  const char c = look();
  ++at_;
  switch (c) {
    case '"':
    case '\\':
    case '/': out += c; return;
    case 'b': out += '\b'; return;
    case 'f': out += '\f'; return;
    case 'n': out += '\n'; return;
    case 'r': out += '\r'; return;
    case 't': out += '\t'; return;
    case 'u': break;
    default: --at_; fail("unknown escape \\", describe(c));
  }
  std::uint32_t code = hex4();
  if (code >= 0xDC00 && code < 0xE000) fail("a low surrogate without its high surrogate");
  if (code >= 0xD800 && code < 0xDC00) {
    if (text_.substr(at_, 2) != "\\u") fail("a high surrogate without its low surrogate");
    at_ += 2;
    const std::uint32_t low = hex4();
    if (low < 0xDC00 || low >= 0xE000) fail("a high surrogate without its low surrogate");
    code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
  }
  append_utf8(out, code);
}

inline void JsonReader::string(std::string& out) {
  expect(JsonKind::string);
  ++at_;
  out.clear();
  while (true) {
    std::size_t end = at_;  // a run without anything special
    while (end < text_.size() && text_[end] != '"' && text_[end] != '\\' &&
           static_cast<unsigned char>(text_[end]) >= 0x20)
      ++end;
    const std::string_view run = text_.substr(at_, end - at_);
    if (const std::size_t valid = valid_utf8_prefix(run); valid != run.size()) {
      at_ += valid;
      fail("not UTF-8: ", describe(look()));
    }
    out += run;
    at_ = end;
    if (at_end()) fail("the text ends inside a string");
    const char c = look();
    if (c == '"') break;
    if (c != '\\') fail("control characters in strings must be escaped, got ", describe(c));
    ++at_;
    if (at_end()) fail("the text ends inside a string");
    escape(out);
  }
  ++at_;
}

inline void JsonReader::skip() {
  const std::size_t depth = open_.size();
  std::string unused;
  do {
    switch (peek()) {
      case JsonKind::null: null(); break;
      case JsonKind::boolean: boolean(); break;
      case JsonKind::number: number(); break;
      case JsonKind::string: string(unused); break;
      case JsonKind::array: begin_array(); break;
      case JsonKind::object: begin_object(); break;
    }
    while (open_.size() > depth &&
           !(open_.back() == Open::object ? next_key(unused) : next_item())) {
    }
  } while (open_.size() > depth);
}

CFM_NAMESPACE_END
