#pragma once
/// @file  The expressions of Verilog, into nodes.

#include <cfm/circuit/detail/verilog_lexer.hpp>

CFM_NAMESPACE_BEGIN
namespace detail {

class VerilogExpressionParser {
 public:
  explicit VerilogExpressionParser(VerilogLexer& lexer) : lex_(lexer) {}

  // An expression; its nodes go to the end of the module's.
  VerilogExpression expression(VerilogModule& module) {
    module_ = &module;
    const auto begin = static_cast<std::uint32_t>(module.nodes.size());
    const std::uint32_t root = ternary();
    return {begin, root};
  }
  // What can be assigned to: a name, a part of it, or a concatenation.
  VerilogExpression target(VerilogModule& module) {
    module_ = &module;
    const auto begin = static_cast<std::uint32_t>(module.nodes.size());
    if (!lex_.is_name() && !lex_.is("{")) lex_.fail("expected a net, found ", lex_.found());
    const std::uint32_t root = primary();
    return {begin, root};
  }

 private:
  // Parentheses, operators in front and branches nest this deep; chains may have any length.
  static constexpr int max_depth = 256;

  struct Nesting {
    explicit Nesting(VerilogExpressionParser& owner) : parser(owner) { parser.enter(1); }
    ~Nesting() { --parser.depth_; }
    Nesting(const Nesting&) = delete;
    Nesting& operator=(const Nesting&) = delete;
    VerilogExpressionParser& parser;
  };
  void enter(int levels) {
    if (depth_ + levels > max_depth)
      lex_.fail("the expression nests more than ", max_depth, " levels");
    depth_ += levels;
  }

  std::uint32_t add(VerilogOp op, std::size_t position, std::uint32_t a, std::uint32_t b = 0,
                    std::uint32_t c = 0) {
    module_->nodes.push_back({op, a, b, c, position});
    return static_cast<std::uint32_t>(module_->nodes.size() - 1);
  }

  std::uint32_t ternary() {
    const Nesting nesting(*this);
    const std::size_t base = branches_.size();
    std::uint32_t value = binary();
    while (lex_.is("?")) {
      const std::size_t position = lex_.position();
      lex_.next();
      const std::uint32_t one = ternary();
      lex_.expect(":", "between the branches of '?'");
      branches_.push_back({value, one, position});
      value = binary();
    }
    while (branches_.size() > base) {  // the last one is the innermost
      const Branch branch = branches_.back();
      branches_.pop_back();
      value = add(VerilogOp::select, branch.position, branch.condition, branch.one, value);
    }
    return value;
  }

  struct Operator {
    std::string_view text;
    VerilogOp op;
    int precedence;
  };
  static const Operator* binary_operator(std::string_view text) {
    static constexpr Operator operators[] = {
        {"**", VerilogOp::power, 11},      {"*", VerilogOp::multiply, 10},
        {"/", VerilogOp::divide, 10},      {"%", VerilogOp::modulo, 10},
        {"+", VerilogOp::add, 9},          {"-", VerilogOp::subtract, 9},
        {"<<", VerilogOp::shift_left, 8},  {"<<<", VerilogOp::shift_left, 8},
        {">>", VerilogOp::shift_right, 8}, {">>>", VerilogOp::shift_right_signed, 8},
        {"<", VerilogOp::less, 7},         {"<=", VerilogOp::less_equal, 7},
        {">", VerilogOp::greater, 7},      {">=", VerilogOp::greater_equal, 7},
        {"==", VerilogOp::equal, 6},       {"===", VerilogOp::equal, 6},
        {"!=", VerilogOp::not_equal, 6},   {"!==", VerilogOp::not_equal, 6},
        {"&", VerilogOp::bit_and, 5},      {"^", VerilogOp::bit_xor, 4},
        {"~^", VerilogOp::bit_xnor, 4},    {"^~", VerilogOp::bit_xnor, 4},
        {"|", VerilogOp::bit_or, 3},       {"&&", VerilogOp::logic_and, 2},
        {"||", VerilogOp::logic_or, 1}};
    for (const Operator& o : operators)
      if (o.text == text) return &o;
    return nullptr;
  }

  // Operators wait until one comes that binds no tighter, so chains need no recursion.
  std::uint32_t binary() {
    const std::size_t base = pending_.size();
    std::uint32_t value = unary();
    while (true) {
      const Operator* o =
          lex_.kind() == VerilogLexer::Kind::symbol ? binary_operator(lex_.text()) : nullptr;
      const int precedence = o == nullptr ? 0 : o->precedence;
      while (pending_.size() > base && pending_.back().precedence >= precedence) {
        const Pending p = pending_.back();
        pending_.pop_back();
        value = add(p.op, p.position, p.left, value);
      }
      if (o == nullptr) return value;
      pending_.push_back({value, o->op, o->precedence, lex_.position()});
      lex_.next();
      value = unary();
    }
  }

  static bool unary_operator(std::string_view text, VerilogOp& op) {
    static constexpr std::pair<std::string_view, VerilogOp> operators[] = {
        {"~", VerilogOp::invert},      {"!", VerilogOp::logic_not},
        {"-", VerilogOp::minus},       {"+", VerilogOp::plus},
        {"&", VerilogOp::reduce_and},  {"|", VerilogOp::reduce_or},
        {"^", VerilogOp::reduce_xor},  {"~&", VerilogOp::reduce_nand},
        {"~|", VerilogOp::reduce_nor}, {"~^", VerilogOp::reduce_xnor},
        {"^~", VerilogOp::reduce_xnor}};
    for (const auto& [name, o] : operators) {
      if (name != text) continue;
      op = o;
      return true;
    }
    return false;
  }

  std::uint32_t unary() {
    const std::size_t base = prefix_.size();
    VerilogOp op;
    int levels = 0;
    while (lex_.kind() == VerilogLexer::Kind::symbol && unary_operator(lex_.text(), op)) {
      enter(1);
      ++levels;
      prefix_.push_back({op, lex_.position()});
      lex_.next();
    }
    std::uint32_t value = primary();
    for (; prefix_.size() > base; prefix_.pop_back())
      value = add(prefix_.back().op, prefix_.back().position, value);
    depth_ -= levels;
    return value;
  }

  std::uint32_t primary() {
    const std::size_t position = lex_.position();
    if (lex_.kind() == VerilogLexer::Kind::number) {
      module_->constants.push_back(lex_.number());
      lex_.next();
      return add(VerilogOp::constant, position,
                 static_cast<std::uint32_t>(module_->constants.size() - 1));
    }
    if (lex_.accept("(")) {
      const std::uint32_t value = ternary();
      lex_.expect(")", "after the expression");
      return value;
    }
    if (lex_.accept("{")) return concatenation(position);
    if (lex_.kind() == VerilogLexer::Kind::string) lex_.fail("strings have no place in a circuit");
    if (lex_.is("$signed") || lex_.is("$unsigned")) {
      const VerilogOp op = lex_.is("$signed") ? VerilogOp::to_signed : VerilogOp::to_unsigned;
      lex_.next();
      lex_.expect("(", "after a system function");
      const std::uint32_t value = ternary();
      lex_.expect(")", "after the operand");
      return add(op, position, value);
    }
    if (lex_.kind() == VerilogLexer::Kind::word && lex_.text()[0] == '$')
      lex_.fail("system function ", quoted(lex_.text()), " is not supported");
    return named(module_->symbol(lex_.expect_name("an expression"), position), position);
  }

  std::uint32_t named(std::uint32_t symbol, std::size_t position) {
    if (lex_.is(".")) lex_.fail("names inside other modules are not supported");
    if (lex_.is("(")) lex_.fail("functions are not supported; ", hint);
    if (!lex_.accept("[")) return add(VerilogOp::name, position, symbol);
    const std::uint32_t first = ternary();
    VerilogOp op = VerilogOp::bit;
    std::uint32_t second = 0;
    if (lex_.is(":") || lex_.is("+:") || lex_.is("-:")) {
      op = lex_.is(":")    ? VerilogOp::part
           : lex_.is("+:") ? VerilogOp::part_up
                           : VerilogOp::part_down;
      lex_.next();
      second = ternary();
    }
    lex_.expect("]", "after the index");
    if (lex_.is("[")) lex_.fail("memories and arrays of nets are not supported");
    return add(op, position, symbol, first, second);
  }

  // The items of { .. }; { count { .. } } repeats.
  std::uint32_t concatenation(std::size_t position) {
    const Nesting nesting(*this);
    const std::uint32_t first = ternary();
    if (lex_.is("{")) {
      const std::size_t inner = lex_.position();
      lex_.next();
      const std::uint32_t value = concatenation(inner);
      lex_.expect("}", "after the repeated bits");
      return add(VerilogOp::replicate, position, first, value);
    }
    const std::size_t base = roots_.size();
    roots_.push_back(first);
    while (lex_.accept(",")) roots_.push_back(ternary());
    lex_.expect("}", "or ',' in a concatenation");
    const auto begin = static_cast<std::uint32_t>(module_->items.size());
    const auto count = static_cast<std::uint32_t>(roots_.size() - base);
    module_->items.insert(module_->items.end(), roots_.begin() + static_cast<std::ptrdiff_t>(base),
                          roots_.end());
    roots_.resize(base);
    return add(VerilogOp::concat, position, begin, count);
  }

 public:
  static constexpr std::string_view hint =
      "make a netlist of it first, as with yosys -p 'synth; write_verilog -noattr'";

 private:
  struct Branch {
    std::uint32_t condition, one;
    std::size_t position;
  };
  struct Pending {
    std::uint32_t left;
    VerilogOp op;
    int precedence;
    std::size_t position;
  };
  struct Prefix {
    VerilogOp op;
    std::size_t position;
  };

  VerilogLexer& lex_;
  VerilogModule* module_ = nullptr;
  int depth_ = 0;
  std::vector<Branch> branches_;
  std::vector<Pending> pending_;
  std::vector<Prefix> prefix_;
  std::vector<std::uint32_t> roots_;
};

}  // namespace detail
CFM_NAMESPACE_END
