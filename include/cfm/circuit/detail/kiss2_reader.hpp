#pragma once
/// @file  The parser of KISS2.

#include <optional>

#include <cfm/circuit/detail/name_table.hpp>
#include <cfm/circuit/detail/text_cursor.hpp>
#include <cfm/circuit/state_table.hpp>

CFM_NAMESPACE_BEGIN
namespace detail {

class Kiss2Reader {
 public:
  Kiss2Reader(std::string_view text, std::string_view name) : in_(text, name) {}

  StateTable read() {
    while (next_line()) {
      if (words_[0].text[0] == '.') {
        if (!directive()) break;
      } else {
        row();
      }
    }
    if (!inputs_ || !outputs_) in_.fail_at(0, "not KISS2: .i and .o are missing");
    if (table_.rows.empty()) in_.fail_at(in_.text().size(), "there are no rows");
    if (rows_ && *rows_ != table_.rows.size())
      in_.fail_at(rows_position_, ".p says ", *rows_, " rows, found ", table_.rows.size());
    if (!reset_.empty()) {
      const std::uint32_t state = states_.find(reset_);
      if (state == NameTable::none)
        in_.fail_at(reset_position_, "no row has the reset state ", quoted(reset_));
      table_.reset = state;
    }
    if (states_.size() == 0) in_.fail_at(0, "no row names a state");
    if (state_count_ && *state_count_ < states_.size())
      in_.fail_at(states_position_, ".s says ", *state_count_, " states, found ", states_.size());
    for (std::uint32_t s = 0; s < states_.size(); ++s) table_.states.emplace_back(states_[s]);
    return std::move(table_);
  }

 private:
  struct Word {
    std::string_view text;
    std::size_t position;
  };

  // The words of the next line that has any.
  bool next_line() {
    words_.clear();
    while (!in_.at_end()) {
      const char c = in_.peek();
      if (c == '\n') {
        in_.skip();
        if (!words_.empty()) return true;
      } else if (c == '#') {
        while (!in_.at_end() && in_.peek() != '\n') in_.skip();
      } else if (c == ' ' || c == '\t' || c == '\r') {
        in_.skip();
      } else {
        const std::size_t begin = in_.position();
        while (!in_.at_end() && static_cast<unsigned char>(in_.peek()) > ' ' && in_.peek() != '#')
          in_.skip();
        if (in_.position() == begin) in_.fail("unexpected ", in_.found());
        words_.push_back({in_.text().substr(begin, in_.position() - begin), begin});
      }
    }
    return !words_.empty();
  }

  std::size_t number() {
    if (words_.size() != 2)
      in_.fail_at(words_[0].position, quoted(words_[0].text), " takes one number");
    std::uint64_t value = 0;
    for (const char c : words_[1].text) {
      if (c < '0' || c > '9') in_.fail_at(words_[1].position, "expected a number");
      value = std::min<std::uint64_t>(10 * value + static_cast<unsigned>(c - '0'), 1u << 30);
    }
    return static_cast<std::size_t>(value);
  }

  // False at the end of the table.
  bool directive() {
    const std::string_view name = words_[0].text;
    const std::size_t position = words_[0].position;
    if (name == ".e" || name == ".end" || name == ".end_kiss") return false;
    if (name == ".start_kiss") return true;
    if (name == ".i" || name == ".o") {
      if (!table_.rows.empty()) in_.fail_at(position, quoted(name), " stands before the rows");
      const std::size_t n = number();
      if (n > in_.text().size()) in_.fail_at(position, quoted(name), " is more than the file has");
      (name == ".i" ? table_.inputs : table_.outputs) = n;
      (name == ".i" ? inputs_ : outputs_) = true;
    } else if (name == ".p") {
      rows_ = number();
      rows_position_ = position;
    } else if (name == ".s") {
      state_count_ = number();
      states_position_ = position;
    } else if (name == ".r") {
      if (words_.size() != 2) in_.fail_at(position, "'.r' takes one state");
      reset_ = words_[1].text;
      reset_position_ = words_[1].position;
    } else {
      in_.fail_at(position, "unknown directive ", quoted(name),
                  ", expected .i, .o, .p, .s, .r or .e");
    }
    return true;
  }

  std::string bits(const Word& word, std::size_t count, std::string_view what) const {
    if (word.text.size() != count)
      in_.fail_at(word.position, what, " of a row have ", count, " characters, found ",
                  word.text.size());
    for (std::size_t i = 0; i < count; ++i)
      if (const char c = word.text[i]; c != '0' && c != '1' && c != '-')
        in_.fail_at(word.position + i, "a row has characters 0, 1 or -");
    return std::string(word.text);
  }
  std::uint32_t state(const Word& word) {
    return word.text == "*" || word.text == "-" ? StateTable::any : states_.intern(word.text);
  }

  void row() {
    if (!inputs_ || !outputs_) in_.fail_at(words_[0].position, "a row before .i and .o");
    // Without inputs or outputs their column is not there.
    const std::size_t first = table_.inputs > 0 ? 1 : 0;
    const std::size_t wanted = first + 2 + (table_.outputs > 0 ? 1 : 0);
    if (words_.size() != wanted)
      in_.fail_at(words_[0].position, "a row is: inputs, state, next state, outputs; found ",
                  words_.size(), " words");
    StateTable::Row out;
    if (first == 1) out.inputs = bits(words_[0], table_.inputs, "the inputs");
    out.from = state(words_[first]);
    out.to = state(words_[first + 1]);
    if (table_.outputs > 0) out.outputs = bits(words_[first + 2], table_.outputs, "the outputs");
    table_.rows.push_back(std::move(out));
  }

  TextCursor in_;
  StateTable table_;
  NameTable states_;
  std::vector<Word> words_;
  bool inputs_ = false, outputs_ = false;
  std::optional<std::size_t> rows_, state_count_;
  std::size_t rows_position_ = 0, states_position_ = 0, reset_position_ = 0;
  std::string_view reset_;
};

}  // namespace detail
CFM_NAMESPACE_END
