#pragma once
/// @file  The words of Verilog.

#include <cfm/circuit/detail/verilog_module.hpp>

CFM_NAMESPACE_BEGIN
namespace detail {

class VerilogLexer {
 public:
  enum class Kind : std::uint8_t { end, word, name, number, string, symbol };

  explicit VerilogLexer(TextCursor& text) : in_(text) { next(); }

  // The current token. Keywords are words that were not escaped; a symbol's text is its characters.
  Kind kind() const { return kind_; }
  std::string_view text() const { return text_; }
  std::size_t position() const { return position_; }
  const VerilogConstant& number() const { return number_; }
  TextCursor& cursor() const { return in_; }

  bool is(std::string_view symbol_or_keyword) const {
    return (kind_ == Kind::symbol || kind_ == Kind::word) && text_ == symbol_or_keyword;
  }
  bool is_name() const { return kind_ == Kind::name || kind_ == Kind::word; }

  void next() {
    skip_blanks();
    position_ = in_.position();
    if (in_.at_end()) return set(Kind::end);
    const char c = in_.peek();
    if (is_letter(c) || c == '$') {
      in_.skip();
      while (is_letter(in_.peek()) || is_decimal(in_.peek()) || in_.peek() == '$') in_.skip();
      return set(Kind::word);
    }
    if (c == '\\') return escaped();
    if (is_decimal(c) || c == '\'') return constant();
    if (c == '"') return string();
    static constexpr std::string_view symbols[] = {"<<<", ">>>", "===", "!==", "<<", ">>", "<=",
                                                   ">=",  "==",  "!=",  "&&",  "||", "**", "~&",
                                                   "~|",  "~^",  "^~",  "+:",  "-:"};
    const std::string_view rest = in_.text().substr(position_);
    std::size_t size = 1;
    for (const std::string_view symbol : symbols) {
      if (!rest.starts_with(symbol)) continue;
      size = symbol.size();
      break;
    }
    static constexpr std::string_view single = "()[]{},;:.#=@?+-*/%&|^~!<>";
    if (size == 1 && single.find(c) == std::string_view::npos) in_.fail("unexpected ", in_.found());
    in_.seek(position_ + size);
    set(Kind::symbol);
  }

  bool accept(std::string_view symbol_or_keyword) {
    if (!is(symbol_or_keyword)) return false;
    next();
    return true;
  }
  void expect(std::string_view symbol, std::string_view where) {
    if (!accept(symbol)) fail("expected '", symbol, "' ", where, ", found ", found());
  }
  std::string_view expect_name(std::string_view what) {
    if (!is_name()) fail("expected ", what, ", found ", found());
    const std::string_view out = text_;
    next();
    return out;
  }

  std::string found() const { return kind_ == Kind::end ? "the end of the file" : quoted(text_); }
  template <class... Parts>
  [[noreturn]] void fail(const Parts&... parts) const {
    in_.fail_at(position_, parts...);
  }

 private:
  static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  }
  static bool is_decimal(char c) { return c >= '0' && c <= '9'; }
  static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
  }

  void set(Kind kind) {
    kind_ = kind;
    text_ = in_.text().substr(position_, in_.position() - position_);
  }

  // Blanks, comments, attributes and the directives that change nothing.
  void skip_blanks() {
    while (!in_.at_end()) {
      const std::string_view rest = in_.text().substr(in_.position(), 3);
      if (is_blank(rest[0])) {
        in_.skip();
      } else if (rest.starts_with("//")) {
        skip_line();
      } else if (rest.starts_with("/*")) {
        skip_to("*/", "the comment");
      } else if (rest.starts_with("(*") && rest != "(*)") {
        skip_to("*)", "the attribute");
      } else if (rest[0] == '`') {
        directive();
      } else {
        return;
      }
    }
  }
  void skip_line() {
    const std::size_t end = in_.text().find('\n', in_.position());
    in_.seek(end == std::string_view::npos ? in_.text().size() : end);
  }
  void skip_to(std::string_view end, std::string_view what) {
    const std::size_t at = in_.text().find(end, in_.position() + 2);
    if (at == std::string_view::npos) in_.fail(what, " that begins here does not end");
    in_.seek(at + 2);
  }
  void directive() {
    const std::size_t begin = in_.position();
    in_.skip();
    while (is_letter(in_.peek())) in_.skip();
    const std::string_view name = in_.text().substr(begin, in_.position() - begin);
    static constexpr std::string_view harmless[] = {
        "`timescale", "`celldefine", "`endcelldefine", "`default_nettype", "`resetall", "`line"};
    for (const std::string_view known : harmless)
      if (name == known) return skip_line();
    in_.fail_at(begin, "the directive ", quoted(name), " is not supported; preprocess the file");
  }

  void escaped() {
    in_.skip();
    const std::size_t begin = in_.position();
    while (!in_.at_end() && !is_blank(in_.peek())) {
      if (static_cast<unsigned char>(in_.peek()) < ' ') in_.fail("unexpected ", in_.found());
      in_.skip();
    }
    if (in_.position() == begin) in_.fail("a backslash begins a name, and none follows");
    kind_ = Kind::name;
    text_ = in_.text().substr(begin, in_.position() - begin);
  }

  void string() {
    in_.skip();
    while (!in_.at_end() && in_.peek() != '"' && in_.peek() != '\n') {
      if (in_.peek() == '\\' && in_.left() > 1) in_.skip();
      in_.skip();
    }
    if (in_.peek() != '"') in_.fail_at(position_, "the string that begins here does not end");
    in_.skip();
    set(Kind::string);
  }

  // 12, 4'b10x1, 'h1F, 8'sd3
  void constant() {
    number_ = {};
    number_.is_signed = true;
    if (is_decimal(in_.peek())) {
      number_.digits = digits('d');
      const std::size_t end = in_.position();
      while (is_blank(in_.peek()) && !in_.at_end()) in_.skip();
      if (in_.peek() != '\'') {
        in_.seek(end);
        return set(Kind::number);
      }
      std::uint64_t width = 0;
      for (const char c : number_.digits)
        if (c != '_')
          width = std::min<std::uint64_t>(10 * width + static_cast<unsigned>(c - '0'), UINT32_MAX);
      if (width == 0 || width > max_verilog_width)
        in_.fail_at(position_, "the width of a constant is 1 to ", max_verilog_width);
      number_.width = static_cast<std::uint32_t>(width);
    }
    in_.skip();  // the apostrophe
    number_.is_signed = in_.peek() == 's' || in_.peek() == 'S';
    if (number_.is_signed) in_.skip();
    const char base = static_cast<char>(in_.peek() | 0x20);
    if (base != 'b' && base != 'o' && base != 'd' && base != 'h')
      in_.fail("expected a base (b, o, d or h), found ", in_.found());
    number_.base = base;
    in_.skip();
    while (is_blank(in_.peek()) && !in_.at_end()) in_.skip();
    number_.digits = digits(base);
    set(Kind::number);
  }

  std::string_view digits(char base) {
    const std::size_t begin = in_.position();
    bool any = false;
    for (; !in_.at_end(); in_.skip()) {
      const char c = in_.peek();
      const char lower = static_cast<char>(c | 0x20);
      if (c == '_') continue;
      const bool unknown = lower == 'x' || lower == 'z' || c == '?';
      const bool fits = base == 'b'   ? (c == '0' || c == '1' || unknown)
                        : base == 'o' ? ((c >= '0' && c <= '7') || unknown)
                        : base == 'h' ? (is_decimal(c) || (lower >= 'a' && lower <= 'f') || unknown)
                                      : is_decimal(c);
      if (!fits) break;
      any = true;
    }
    if (!any) in_.fail_at(begin, "expected a digit, found ", in_.found());
    return in_.text().substr(begin, in_.position() - begin);
  }

  TextCursor& in_;
  Kind kind_ = Kind::end;
  std::string_view text_;
  std::size_t position_ = 0;
  VerilogConstant number_;
};

}  // namespace detail
CFM_NAMESPACE_END
