#pragma once
/// @file  The statements of Verilog that make registers.

#include <cfm/circuit/detail/verilog_expression.hpp>

CFM_NAMESPACE_BEGIN
namespace detail {

// What the parser of modules has in common with that of statements.
class VerilogStatementParser {
 protected:
  using Step = VerilogModule::Step;

  VerilogStatementParser(TextCursor& text, std::vector<VerilogModule>& modules)
      : lex_(text), expressions_(lex_), modules_(modules) {}

  VerilogModule& m() { return modules_.back(); }

  // #3, #(1, 2): without meaning here.
  void delay() {
    if (!lex_.accept("#")) return;
    if (lex_.accept("(")) {
      while (!lex_.is(")") && lex_.kind() != VerilogLexer::Kind::end) lex_.next();
      return lex_.expect(")", "after the delay");
    }
    lex_.next();
  }

  // always @(posedge clock) statement
  void process(std::size_t position) {
    const auto refuse = [&](std::string_view what) {
      lex_.cursor().fail_at(position, what, "; ", VerilogExpressionParser::hint);
    };
    VerilogModule::Process p{};
    p.position = position;
    if (!lex_.accept("@") || !lex_.accept("(")) refuse("'always' without a clock is behavioural");
    p.falling = lex_.is("negedge");
    if (!p.falling && !lex_.is("posedge"))
      refuse("'always' is behavioural unless one edge clocks it");
    lex_.next();
    p.clock = expressions_.expression(m());
    if (lex_.is(",") || lex_.is("or"))
      refuse("'always' with two edges is an asynchronous set or reset, which is not supported");
    lex_.expect(")", "after the clock");
    p.statements = static_cast<std::uint32_t>(m().statements.size());
    statement(0);
    p.count = static_cast<std::uint32_t>(m().statements.size() - p.statements);
    m().processes.push_back(p);
  }

  void statement(int depth) {
    if (depth > 100) lex_.fail("statements nest more than 100 levels");
    const std::size_t position = lex_.position();
    if (lex_.accept(";")) return;
    if (lex_.accept("begin")) {
      if (lex_.accept(":")) lex_.expect_name("the name of the block");
      while (!lex_.accept("end")) {
        if (lex_.kind() == VerilogLexer::Kind::end) lex_.fail("'begin' has no 'end'");
        statement(depth + 1);
      }
      return;
    }
    if (lex_.accept("if")) {
      lex_.expect("(", "after 'if'");
      const VerilogExpression condition = expressions_.expression(m());
      lex_.expect(")", "after the condition");
      m().statements.push_back({Step::begin_if, condition, {}, position});
      statement(depth + 1);
      if (lex_.accept("else")) {
        m().statements.push_back({Step::begin_else, {}, {}, position});
        statement(depth + 1);
      }
      m().statements.push_back({Step::end_if, {}, {}, position});
      return;
    }
    if (!lex_.is("{") && (!lex_.is_name() || lex_.text().starts_with('$') || lex_.is("for") ||
                          lex_.is("case") || lex_.is("casez") || lex_.is("while")))
      lex_.fail("expected an assignment, 'if' or 'begin', found ", lex_.found(), "; ",
                VerilogExpressionParser::hint);
    const VerilogExpression target = expressions_.target(m());
    lex_.expect("<=", "in a clocked assignment");
    delay();
    const VerilogExpression value = expressions_.expression(m());
    lex_.expect(";", "after the assignment");
    m().statements.push_back({Step::assign, target, value, position});
  }

  // initial q = 1'b0;  or such between begin and end
  void initial() {
    const bool block = lex_.accept("begin");
    do {
      if (block && lex_.accept("end")) return;
      const std::size_t position = lex_.position();
      if (!lex_.is_name() || lex_.text()[0] == '$')
        lex_.fail("'initial' may only set registers to constants; ", VerilogExpressionParser::hint);
      const std::uint32_t name = m().symbol(lex_.expect_name("a register"), position);
      if (!lex_.is("=") && !lex_.is("<=")) lex_.fail("'initial' may only set whole registers");
      lex_.next();
      const VerilogExpression value = expressions_.expression(m());
      m().symbols[name].start = value;
      lex_.expect(";", "after the assignment");
    } while (block);
  }

  VerilogLexer lex_;
  VerilogExpressionParser expressions_;
  std::vector<VerilogModule>& modules_;
};

}  // namespace detail
CFM_NAMESPACE_END
