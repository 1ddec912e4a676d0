#pragma once
/// @file  The parser of EQN.

#include <cfm/circuit/detail/name_table.hpp>
#include <cfm/circuit/detail/signals.hpp>
#include <cfm/circuit/detail/text_cursor.hpp>
#include <cfm/circuit/strash.hpp>

CFM_NAMESPACE_BEGIN
namespace detail {

// Expressions become postfix by precedence with a stack of operators: nothing recurses, parentheses
// may nest as deep as the file is long.
class EqnReader {
 public:
  EqnReader(std::string_view text, std::string_view name) : in_(text, name) {}

  Aig read() {
    for (in_.skip_blanks(); !in_.at_end(); in_.skip_blanks()) statement();
    if (!has_inputs_) in_.fail_at(0, "not EQN: there is no INORDER");
    for (const std::uint32_t signal : inputs_)
      signals_.set(signal, build_.add_input(std::string(names_[signal])));
    build_gates();
    for (const Output& output : outputs_)
      build_.add_output(driven_value(output), std::string(names_[output.signal]));
    return remove_dangling(build_.take());
  }

 private:
  // Of the postfix form: signals, constants and operators.
  struct Token {
    enum Kind : std::uint8_t { signal, constant, invert, both, either, open } kind;
    std::uint32_t value;
    std::size_t position;
  };
  struct Gate {
    std::uint32_t signal;
    std::size_t begin, end;         // tokens
    std::uint32_t operands, count;  // in reads_
    std::size_t position;
  };
  struct Output {
    std::uint32_t signal;
    std::size_t position;
  };

  std::string_view word(std::string_view what) { return in_.word("()*+!=;#", what); }

  std::uint32_t intern(std::string_view name) {
    const std::uint32_t signal = names_.intern(name);
    if (signal == signals_.size()) signals_.resize(signal + std::size_t{1});
    return signal;
  }

  void statement() {
    const std::size_t position = in_.position();
    const std::string_view name = word("a signal, INORDER or OUTORDER");
    in_.skip_blanks();
    in_.expect('=', "'='");
    if (name == "INORDER" || name == "OUTORDER") {
      has_inputs_ = has_inputs_ || name == "INORDER";
      for (in_.skip_blanks(); in_.peek() != ';'; in_.skip_blanks()) {
        const std::size_t at = in_.position();
        const std::uint32_t signal = intern(word("a signal or ';'"));
        if (name == "OUTORDER") {
          outputs_.push_back({signal, at});
        } else if (signals_.drive_by_source(signal)) {
          inputs_.push_back(signal);
        } else {
          in_.fail_at(at, quoted(names_[signal]), " is driven twice");
        }
      }
      in_.skip();
      return;
    }
    Gate gate{intern(name), tokens_.size(), 0, static_cast<std::uint32_t>(reads_.size()), 0,
              position};
    if (!signals_.drive(gate.signal, static_cast<std::uint32_t>(gates_.size())))
      in_.fail_at(position, quoted(name), " is driven twice");
    expression();
    gate.end = tokens_.size();
    gate.count = static_cast<std::uint32_t>(reads_.size()) - gate.operands;
    gates_.push_back(gate);
  }

  void pop_operator() {
    tokens_.push_back(operators_.back());
    operators_.pop_back();
  }
  // Moves the operators that bind at least as tightly to the postfix form.
  void pop_down_to(Token::Kind kind) {
    while (!operators_.empty() && operators_.back().kind <= kind) pop_operator();
  }

  // Up to and with the ';'. `!` binds tighter than `*`, that tighter than `+`.
  void expression() {
    operators_.clear();
    bool wants_operand = true;
    while (true) {
      in_.skip_blanks();
      const std::size_t position = in_.position();
      const char c = in_.peek();
      if (wants_operand && (c == '!' || c == '(')) {
        in_.skip();
        operators_.push_back({c == '!' ? Token::invert : Token::open, 0, position});
      } else if (wants_operand) {
        const std::string_view name = word("a signal, 0, 1, '!' or '('");
        if (name == "0" || name == "1") {
          tokens_.push_back({Token::constant, name == "1" ? 1u : 0u, position});
        } else {
          const std::uint32_t signal = intern(name);
          tokens_.push_back({Token::signal, signal, position});
          reads_.push_back(signal);
        }
        wants_operand = false;
      } else if (c == '*' || c == '+') {
        in_.skip();
        const auto kind = c == '*' ? Token::both : Token::either;
        pop_down_to(kind);
        operators_.push_back({kind, 0, position});
        wants_operand = true;
      } else if (c == ')') {
        pop_down_to(Token::either);
        if (operators_.empty()) in_.fail("')' without '('");
        operators_.pop_back();
        in_.skip();
      } else if (c == ';' && !in_.at_end()) {
        pop_down_to(Token::either);
        if (!operators_.empty()) in_.fail_at(operators_.back().position, "'(' without ')'");
        in_.skip();
        return;
      } else {
        in_.fail("expected '*', '+', ')' or ';', found ", in_.found());
      }
    }
  }

  void build_gates() {
    const auto operand = [&](std::uint32_t g, std::uint32_t k) {
      return k == gates_[g].count ? no_operand : signals_.gate(reads_[gates_[g].operands + k]);
    };
    const auto cyclic = for_gates_in_order(static_cast<std::uint32_t>(gates_.size()), operand,
                                           [&](std::uint32_t g) { build(gates_[g]); });
    if (cyclic)
      in_.fail_at(gates_[*cyclic].position, "combinational cycle through ",
                  quoted(names_[gates_[*cyclic].signal]));
  }

  void build(const Gate& gate) {
    stack_.clear();
    std::uint32_t lacks = Signals::none;
    for (std::size_t i = gate.begin; i < gate.end; ++i) {
      const Token& token = tokens_[i];
      if (token.kind == Token::signal) {
        stack_.push_back(signals_.value(token.value, lacks));
      } else if (token.kind == Token::constant) {
        stack_.push_back(Literal(0, token.value == 1));
      } else if (token.kind == Token::invert) {
        stack_.back() = !stack_.back();
      } else {
        const Literal b = stack_.back();
        stack_.pop_back();
        Literal& a = stack_.back();
        a = token.kind == Token::both ? build_.land(a, b) : build_.lor(a, b);
      }
    }
    signals_.set(gate.signal, stack_.back(), lacks);
  }

  Literal driven_value(const Output& output) const {
    std::uint32_t lacks = Signals::none;
    const Literal literal = signals_.value(output.signal, lacks);
    if (lacks == Signals::none) return literal;
    for (const Token& token : tokens_)  // the first place that reads it says where
      if (lacks != output.signal && token.kind == Token::signal && token.value == lacks)
        in_.fail_at(token.position, quoted(names_[lacks]), " is used here and driven nowhere");
    in_.fail_at(output.position, quoted(names_[lacks]), " is used here and driven nowhere");
  }

  TextCursor in_;
  NameTable names_;
  Signals signals_;
  bool has_inputs_ = false;
  std::vector<std::uint32_t> inputs_, reads_;
  std::vector<Output> outputs_;
  std::vector<Gate> gates_;
  std::vector<Token> tokens_, operators_;
  std::vector<Literal> stack_;
  Strash build_;
};

}  // namespace detail
CFM_NAMESPACE_END
