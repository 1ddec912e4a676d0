#pragma once
/// @file  Reading a text from front to back, with line and column for errors.

#include <algorithm>
#include <string_view>

#include <cfm/core/error.hpp>

CFM_NAMESPACE_BEGIN
namespace detail {

// Lines are not counted on the way: an error counts them up to its place.
class TextCursor {
 public:
  // `name` is what errors call the text, and must outlive the cursor.
  TextCursor(std::string_view text, std::string_view name) : text_(text), name_(name) {}

  std::string_view text() const { return text_; }
  std::string_view name() const { return name_; }
  std::size_t position() const { return at_; }
  void seek(std::size_t position) { at_ = position; }
  std::size_t left() const { return text_.size() - at_; }
  bool at_end() const { return at_ == text_.size(); }

  // The next character; NUL at the end, which no reader gives a meaning.
  char peek() const { return at_end() ? '\0' : text_[at_]; }
  void skip() { ++at_; }

  bool accept(char c) {
    if (at_end() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void expect(char c, std::string_view what) {
    if (!accept(c)) fail("expected ", what, ", found ", found());
  }

  // Past blanks, ends of lines, and comments from # to the end of their line.
  void skip_blanks() {
    for (; !at_end(); skip()) {
      const char c = peek();
      if (c == '#') {
        while (!at_end() && peek() != '\n') skip();
        if (at_end()) return;
      } else if (c != ' ' && c != '\t' && c != '\n' && c != '\r') {
        return;
      }
    }
  }

  // The next word behind blanks: no blanks, no control characters, none of `special`.
  std::string_view word(std::string_view special, std::string_view what) {
    skip_blanks();
    const std::size_t begin = at_;
    for (; !at_end(); skip()) {
      const auto code = static_cast<unsigned char>(peek());
      if (code <= ' ' || code == 127 || special.find(peek()) != std::string_view::npos) break;
    }
    if (at_ == begin) fail("expected ", what, ", found ", found());
    return text_.substr(begin, at_ - begin);
  }

  // A decimal number of at most `largest`.
  std::uint64_t number(std::uint64_t largest, std::string_view what) {
    const std::size_t begin = at_;
    std::uint64_t value = 0;
    for (; at_ < text_.size(); ++at_) {
      const unsigned digit = static_cast<unsigned char>(text_[at_]) - unsigned{'0'};
      if (digit > 9) break;
      if (value > (UINT64_MAX - digit) / 10 || (value = 10 * value + digit) > largest)
        fail_at(begin, what, " is at most ", largest);
    }
    if (at_ == begin) fail("expected ", what, ", found ", found());
    return value;
  }

  // The rest of the line, without its end. Errors at the end of the text.
  std::string_view line(std::string_view what) {
    const std::size_t end = text_.find('\n', at_);
    if (end == std::string_view::npos) fail_at(text_.size(), "expected a line end after ", what);
    const std::string_view out = text_.substr(at_, end - at_);
    at_ = end + 1;
    return out;
  }

  // The next character as it is shown in errors.
  std::string found() const {
    if (at_end()) return "the end of the file";
    const char c = text_[at_];
    if (c == '\n') return "a line end";
    if (c == '\r') return "a carriage return";
    if (c >= ' ' && c <= '~') return concat("'", c, "'");
    return concat("byte ", static_cast<unsigned>(static_cast<unsigned char>(c)));
  }

  template <class... Parts>
  [[noreturn]] void fail_at(std::size_t position, const Parts&... parts) const {
    fail_with(position, {TextPart(parts)...});
  }
  template <class... Parts>
  [[noreturn]] void fail(const Parts&... parts) const {
    fail_at(at_, parts...);
  }

 private:
  [[noreturn]] __attribute__((noinline, cold)) void fail_with(
      std::size_t position, std::initializer_list<TextPart> parts) const {
    const std::string_view before = text_.substr(0, position);
    const auto line = 1 + std::count(before.begin(), before.end(), '\n');
    const std::size_t start = before.rfind('\n') + 1;  // 0 if there is none
    throw_error<FormatError>(name_, ":", line, ":", position - start + 1, ": ", join_text(parts));
  }

  std::string_view text_, name_;
  std::size_t at_ = 0;
};

// A name as it is shown in errors: quoted, and cut if it is long.
inline std::string quoted(std::string_view name) {
  std::string out = "'";
  for (const char c : name.substr(0, 60)) out += c >= ' ' && c <= '~' ? c : '?';
  return out + (name.size() > 60 ? "..'" : "'");
}

}  // namespace detail
CFM_NAMESPACE_END
