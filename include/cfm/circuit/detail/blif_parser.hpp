#pragma once
/// @file  BLIF text into models: syntax only.

#include <cfm/circuit/aig.hpp>
#include <cfm/circuit/detail/name_table.hpp>
#include <cfm/circuit/detail/text_cursor.hpp>

CFM_NAMESPACE_BEGIN
namespace detail {

// One .model. Signals are numbers of its own name table.
struct BlifModel {
  struct Function {  // .names: `rows` products over `count` signals
    std::uint32_t signal, operands, count, rows;
    std::size_t cells;  // rows * count characters 0, 1 or -
    bool value;         // false: the rows say where it is 0
    std::size_t position;
  };
  struct Register {
    std::uint32_t signal, next;
    Reset reset;
    std::size_t position;
  };
  struct Binding {
    std::string_view formal;
    std::uint32_t actual;
    std::size_t position;
  };
  struct Use {  // .subckt or .gate
    std::string_view model;
    std::uint32_t bindings, count;
    std::size_t position;
    bool is_gate;
  };

  std::string_view name;
  std::size_t position = 0;
  const TextCursor* source = nullptr;
  bool is_black_box = false;
  NameTable signals;
  std::vector<std::uint32_t> inputs, outputs;
  std::vector<Function> functions;
  std::vector<Register> registers;
  std::vector<Use> uses;
  std::vector<std::uint32_t> operands;
  std::vector<Binding> bindings;
  std::string cells;
};

// Reads the models of one text.
class BlifParser {
 public:
  BlifParser(TextCursor& text, std::vector<BlifModel>& models) : in_(text), models_(models) {}

  void parse() {
    while (next_line()) {
      const std::size_t position = token_position_;
      if (token_[0] == '.') {
        in_function_ = false;
        directive(token_, position);
      } else {
        row();
      }
      if (next_token()) in_.fail_at(token_position_, "expected a line end, found ", quoted(token_));
    }
    if (!any_model_) in_.fail_at(0, "not BLIF: there is no .model");
  }

 private:
  static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

  // The line end behind a backslash, as a position, or npos.
  std::size_t continuation() const {
    const std::string_view text = in_.text();
    std::size_t i = in_.position() + 1;
    while (i < text.size() && is_blank(text[i])) ++i;
    return i < text.size() && text[i] == '\n' ? i + 1 : std::string_view::npos;
  }

  // Skips to the next token of the logical line. False at its end.
  bool skip_to_token() {
    while (!in_.at_end()) {
      const char c = in_.peek();
      if (is_blank(c)) {
        in_.skip();
      } else if (c == '#') {
        while (!in_.at_end() && in_.peek() != '\n') in_.skip();
      } else if (c == '\\' && continuation() != std::string_view::npos) {
        in_.seek(continuation());
      } else {
        return c != '\n';
      }
    }
    return false;
  }

  bool next_token() {
    if (!skip_to_token()) return false;
    token_position_ = in_.position();
    while (!in_.at_end()) {
      const char c = in_.peek();
      if (is_blank(c) || c == '\n' || c == '#') break;
      if (c == '\\' && continuation() != std::string_view::npos) break;
      if (static_cast<unsigned char>(c) < ' ') in_.fail("unexpected ", in_.found());
      in_.skip();
    }
    token_ = in_.text().substr(token_position_, in_.position() - token_position_);
    return true;
  }

  // Goes to the first token of the next line that has one.
  bool next_line() {
    while (!in_.at_end()) {
      if (next_token()) return true;
      if (!in_.at_end()) in_.skip();  // the line end
    }
    return false;
  }

  std::string_view need(std::string_view what) {
    if (!next_token()) in_.fail("expected ", what, ", found the end of the line");
    return token_;
  }
  void skip_line() {
    while (next_token()) {
    }
  }

  BlifModel& open_model(std::string_view name, std::size_t position) {
    models_.emplace_back();
    models_.back().name = name;
    models_.back().position = position;
    models_.back().source = &in_;
    any_model_ = in_model_ = true;
    return models_.back();
  }
  // What stands before any .model belongs to a model without a name.
  BlifModel& model(std::size_t position) {
    if (in_model_) return models_.back();
    if (any_model_) in_.fail_at(position, "expected .model");
    return open_model({}, position);
  }

  void directive(std::string_view name, std::size_t position) {
    if (name == ".model") {
      std::string_view model_name;
      if (next_token()) model_name = token_;
      open_model(model_name, position);
    } else if (name == ".names") {
      function(position);
    } else if (name == ".inputs" || name == ".outputs") {
      BlifModel& m = model(position);
      auto& ports = name == ".inputs" ? m.inputs : m.outputs;
      while (next_token()) ports.push_back(m.signals.intern(token_));
    } else if (name == ".latch") {
      latch(position);
    } else if (name == ".subckt" || name == ".gate") {
      use(name == ".gate", position);
    } else if (name == ".conn" || name == ".barbuf") {
      connection(position);
    } else if (name == ".end") {
      model(position);
      in_model_ = false;
    } else if (name == ".blackbox") {
      model(position).is_black_box = true;
    } else if (name == ".exdc") {
      skip_dont_cares();
    } else if (is_ignored(name)) {
      skip_line();
    } else {
      refuse(name, position);
    }
  }

  // Timing, attributes and the like: nothing that changes the function.
  static bool is_ignored(std::string_view name) {
    static constexpr std::string_view ignored[] = {".attr",
                                                   ".param",
                                                   ".cname",
                                                   ".area",
                                                   ".delay",
                                                   ".wire_load_slope",
                                                   ".wire",
                                                   ".input_arrival",
                                                   ".default_input_arrival",
                                                   ".output_required",
                                                   ".default_output_required",
                                                   ".input_drive",
                                                   ".default_input_drive",
                                                   ".max_input_load",
                                                   ".default_max_input_load",
                                                   ".output_load",
                                                   ".default_output_load",
                                                   ".clock",
                                                   ".clock_event",
                                                   ".cycle",
                                                   ".latch_order",
                                                   ".no_merge"};
    return std::find(std::begin(ignored), std::end(ignored), name) != std::end(ignored);
  }

  [[noreturn]] void refuse(std::string_view name, std::size_t position) const {
    if (name == ".search")
      in_.fail_at(position, ".search is refused: reading a file opens no other file");
    if (name == ".mlatch")
      in_.fail_at(position, ".mlatch needs the latches of a library; unmap the circuit first");
    if (name == ".start_kiss")
      in_.fail_at(position, ".start_kiss: state tables are not supported; encode them first");
    in_.fail_at(position, "unknown directive ", quoted(name));
  }

  void skip_dont_cares() {
    skip_line();
    while (next_line()) {
      if (token_ == ".end") {
        in_model_ = false;
        return;
      }
      skip_line();
    }
  }

  void function(std::size_t position) {
    BlifModel& m = model(position);
    const auto first = static_cast<std::uint32_t>(m.operands.size());
    while (next_token()) m.operands.push_back(m.signals.intern(token_));
    if (m.operands.size() == first) in_.fail_at(position, ".names needs the signal that it drives");
    const std::uint32_t signal = m.operands.back();
    m.operands.pop_back();
    const auto count = static_cast<std::uint32_t>(m.operands.size() - first);
    m.functions.push_back({signal, first, count, 0, m.cells.size(), true, position});
    in_function_ = true;
  }

  void row() {
    if (!in_function_) in_.fail_at(token_position_, "a row of a cover without .names before it");
    BlifModel& m = models_.back();
    BlifModel::Function& f = m.functions.back();
    if (f.count > 0) {
      if (token_.size() != f.count)
        in_.fail_at(token_position_, "this row needs ", f.count, " characters 0, 1 or -, found ",
                    token_.size());
      for (std::size_t i = 0; i < token_.size(); ++i)
        if (token_[i] != '0' && token_[i] != '1' && token_[i] != '-')
          in_.fail_at(token_position_ + i, "a row has characters 0, 1 or -");
      m.cells += token_;
      need("the value of the row");
    }
    if (token_ != "0" && token_ != "1")
      in_.fail_at(token_position_, "the value of a row is 0 or 1, found ", quoted(token_));
    const bool value = token_ == "1";
    if (f.rows > 0 && value != f.value)
      in_.fail_at(token_position_, "all rows of a cover have the same value");
    f.value = value;
    ++f.rows;
  }

  void connection(std::size_t position) {
    BlifModel& m = model(position);
    const auto first = static_cast<std::uint32_t>(m.operands.size());
    m.operands.push_back(m.signals.intern(need("the signal to copy")));
    const std::uint32_t signal = m.signals.intern(need("the signal to drive"));
    m.functions.push_back({signal, first, 1, 1, m.cells.size(), true, position});
    m.cells += '1';
  }

  // .latch next signal [type control] [reset]
  void latch(std::size_t position) {
    BlifModel& m = model(position);
    const std::uint32_t next = m.signals.intern(need("the next state of the latch"));
    const std::uint32_t signal = m.signals.intern(need("the latch"));
    Reset reset = Reset::undefined;
    bool more = next_token();
    static constexpr std::string_view types[] = {"fe", "re", "ah", "al", "as"};
    if (more && std::find(std::begin(types), std::end(types), token_) != std::end(types)) {
      need("the clock of the latch, or NIL");  // one clock drives all: it has no place in an AIG
      more = next_token();
    }
    if (more) {
      if (token_.size() != 1 || token_[0] < '0' || token_[0] > '3')
        in_.fail_at(token_position_, "expected a latch type (fe re ah al as) or a reset (0 to 3), ",
                    "found ", quoted(token_));
      reset = token_[0] == '0' ? Reset::zero : token_[0] == '1' ? Reset::one : Reset::undefined;
    }
    m.registers.push_back({signal, next, reset, position});
  }

  void use(bool is_gate, std::size_t position) {
    BlifModel& m = model(position);
    const std::string_view name = need("a model");
    const auto first = static_cast<std::uint32_t>(m.bindings.size());
    while (next_token()) {
      const std::size_t equals = token_.find('=');
      if (equals == 0 || equals == std::string_view::npos || equals + 1 == token_.size())
        in_.fail_at(token_position_, "expected pin=signal, found ", quoted(token_));
      m.bindings.push_back(
          {token_.substr(0, equals), m.signals.intern(token_.substr(equals + 1)), token_position_});
    }
    const auto count = static_cast<std::uint32_t>(m.bindings.size() - first);
    m.uses.push_back({name, first, count, position, is_gate});
  }

  TextCursor& in_;
  std::vector<BlifModel>& models_;
  std::string_view token_;
  std::size_t token_position_ = 0;
  bool in_model_ = false, any_model_ = false, in_function_ = false;
};

}  // namespace detail
CFM_NAMESPACE_END
