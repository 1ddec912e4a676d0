#pragma once
/// @file  Verilog text into modules: syntax only.

#include <cfm/circuit/detail/verilog_statement.hpp>

CFM_NAMESPACE_BEGIN
namespace detail {

class VerilogParser : VerilogStatementParser {
 public:
  VerilogParser(TextCursor& text, std::vector<VerilogModule>& modules, bool is_library)
      : VerilogStatementParser(text, modules), is_library_(is_library) {}

  void parse() {
    if (lex_.kind() == VerilogLexer::Kind::end) lex_.fail("not Verilog: there is no module");
    while (lex_.kind() != VerilogLexer::Kind::end) {
      if (!lex_.is("module") && !lex_.is("macromodule"))
        lex_.fail("expected 'module', found ", lex_.found());
      lex_.next();
      module();
    }
  }

 private:
  using Port = VerilogPort;

  void module() {
    modules_.emplace_back();
    m().source = &lex_.cursor();
    m().is_library = is_library_;
    m().position = lex_.position();
    m().name = lex_.expect_name("the name of the module");
    if (lex_.accept("#")) {
      lex_.expect("(", "before the parameters");
      if (!lex_.is(")")) header_parameters();
      lex_.expect(")", "after the parameters");
    }
    if (lex_.accept("(")) {
      if (!lex_.is(")")) ports();
      lex_.expect(")", "or ',' after a port");
    }
    lex_.expect(";", "after the head of the module");
    while (!lex_.accept("endmodule")) {
      if (lex_.kind() == VerilogLexer::Kind::end)
        lex_.fail("module ", quoted(m().name), " has no endmodule");
      item();
    }
    const bool empty = m().assigns.empty() && m().instances.empty() && m().processes.empty();
    for (const std::uint32_t port : m().ports)  // only its pins are known
      if (empty && m().symbols[port].direction == Port::output) m().is_opaque = true;
    if (empty && m().is_opaque && m().opaque_position == 0) m().opaque_position = m().position;
    for (const std::uint32_t port : m().ports)
      if (m().symbols[port].direction == Port::none)
        lex_.cursor().fail_at(m().symbols[port].position, "port ", quoted(m().names[port]),
                              " is declared neither input nor output");
  }

  void header_parameters() {
    do {
      lex_.accept("parameter");
      parameter_head();
      parameter_value(false);
    } while (lex_.accept(","));
  }

  static bool direction_of(const VerilogLexer& lex, Port& direction) {
    if (lex.is("input")) {
      direction = Port::input;
    } else if (lex.is("output")) {
      direction = Port::output;
    } else if (lex.is("inout")) {
      direction = Port::inout;
    } else {
      return false;
    }
    return true;
  }

  void ports() {
    Declaration d;
    do {
      if (direction_of(lex_, d.direction)) {
        lex_.next();
        declaration_type(d);
      }
      if (lex_.is(".")) lex_.fail("port expressions are not supported");
      const std::size_t position = lex_.position();
      const std::uint32_t port = m().symbol(lex_.expect_name("a port"), position);
      auto& symbol = m().symbols[port];
      if (symbol.is_port)
        lex_.cursor().fail_at(position, "port ", quoted(symbol.text), " is listed twice");
      symbol.is_port = true;
      m().ports.push_back(port);
      if (d.direction != Port::none) {
        declare(port, d);
        if (lex_.accept("=")) m().symbols[port].start = expressions_.expression(m());
      }
    } while (lex_.accept(","));
  }

  struct Declaration {
    Port direction = Port::none;
    bool is_signed = false, is_register = false;
    VerilogExpression left, right;
  };

  // [wire|reg] [signed] [range]
  void declaration_type(Declaration& d) {
    d.is_signed = d.is_register = false;
    d.left = d.right = {};
    if (lex_.is("wire") || lex_.is("tri") || lex_.is("reg") || lex_.is("logic")) {
      d.is_register = lex_.is("reg") || lex_.is("logic");
      lex_.next();
    }
    if (lex_.accept("signed")) d.is_signed = true;
    range(d.left, d.right);
  }

  void range(VerilogExpression& left, VerilogExpression& right) {
    if (!lex_.accept("[")) return;
    left = expressions_.expression(m());
    lex_.expect(":", "in the range");
    right = expressions_.expression(m());
    lex_.expect("]", "after the range");
    if (lex_.is("[")) lex_.fail("arrays of vectors are not supported");
  }

  void declare(std::uint32_t name, const Declaration& d) {
    auto& symbol = m().symbols[name];
    if (symbol.is_parameter) lex_.fail(quoted(symbol.text), " is a parameter already");
    if (!symbol.is_declared) m().wires.push_back(name);
    symbol.is_declared = true;
    symbol.is_signed = symbol.is_signed || d.is_signed;
    if (!d.left.is_empty()) {
      symbol.left = d.left;
      symbol.right = d.right;
    }
    if (d.direction == Port::none) return;
    if (symbol.direction != Port::none)
      lex_.fail("port ", quoted(symbol.text), " is declared twice");
    if (!symbol.is_port)
      lex_.fail(quoted(symbol.text), " is not in the list of ports of the module");
    symbol.direction = d.direction;
  }

  void item() {
    Declaration d;
    const std::size_t position = lex_.position();
    if (lex_.accept(";")) return;
    if (direction_of(lex_, d.direction)) {
      lex_.next();
      return declarations(d);
    }
    if (lex_.is("wire") || lex_.is("tri") || lex_.is("reg") || lex_.is("logic"))
      return declarations(d);
    if (lex_.is("supply0") || lex_.is("supply1")) return supplies();
    if (lex_.is("parameter") || lex_.is("localparam")) {
      const bool is_local = lex_.is("localparam");
      lex_.next();
      parameter_head();
      do {
        parameter_value(is_local);
      } while (lex_.accept(","));
      return lex_.expect(";", "after the parameters");
    }
    if (lex_.accept("assign")) return assignments();
    if (lex_.accept("always")) return process(position);
    if (lex_.accept("initial")) return initial();
    if (lex_.accept("specify")) {
      while (!lex_.is("endspecify") && lex_.kind() != VerilogLexer::Kind::end) lex_.next();
      return lex_.expect("endspecify", "after the timing of a cell");
    }
    if (lex_.kind() == VerilogLexer::Kind::word) {
      for (const std::string_view gate : {"and", "nand", "or", "nor", "xor", "xnor", "not", "buf"})
        if (lex_.text() == gate) return instances(true);
      for (const std::string_view word :
           {"trireg", "nmos",    "pmos",    "cmos",     "rnmos",    "rpmos",  "rcmos",    "tran",
            "rtran",  "tranif0", "tranif1", "rtranif0", "rtranif1", "pullup", "pulldown", "bufif0",
            "bufif1", "notif0",  "notif1",  "triand",   "trior",    "wand",   "wor"})
        if (lex_.text() == word) return transistor();
      for (const std::string_view word :
           {"generate", "genvar", "for", "if", "case", "task", "function", "integer", "real",
            "time", "realtime", "event", "defparam", "primitive", "begin", "always_comb",
            "always_ff", "always_latch"})
        if (lex_.text() == word)
          lex_.fail("'", word, "' is behavioural Verilog; ", VerilogExpressionParser::hint);
    }
    if (!lex_.is_name()) lex_.fail("expected a declaration or an instance, found ", lex_.found());
    instances(false);
  }

  void declarations(Declaration& d) {
    declaration_type(d);
    do {
      const std::size_t position = lex_.position();
      const std::uint32_t name = m().symbol(lex_.expect_name("a name"), position);
      declare(name, d);
      if (lex_.is("[")) lex_.fail("memories and arrays of nets are not supported");
      if (!lex_.accept("=")) continue;
      const VerilogExpression value = expressions_.expression(m());
      if (d.is_register) {
        m().symbols[name].start = value;
      } else {
        m().assigns.push_back({target_of(name, position), value, position});
      }
    } while (lex_.accept(","));
    lex_.expect(";", "or ',' in a declaration");
  }

  VerilogExpression target_of(std::uint32_t name, std::size_t position) {
    const auto node = static_cast<std::uint32_t>(m().nodes.size());
    m().nodes.push_back({VerilogOp::name, name, 0, 0, position});
    return {node, node};
  }

  void supplies() {
    const bool one = lex_.is("supply1");
    lex_.next();
    do {
      const std::size_t position = lex_.position();
      const std::uint32_t name = m().symbol(lex_.expect_name("a name"), position);
      declare(name, {});
      const auto node = static_cast<std::uint32_t>(m().nodes.size());
      m().nodes.push_back(
          {VerilogOp::constant, static_cast<std::uint32_t>(m().constants.size()), 0, 0, position});
      m().constants.push_back({one ? "1" : "0", 'b', 1, false});
      m().assigns.push_back({target_of(name, position), {node, node}, position});
    } while (lex_.accept(","));
    lex_.expect(";", "or ',' in a declaration");
  }

  // [signed|integer] [range], which say nothing that the value does not
  void parameter_head() {
    if (lex_.is("integer") || lex_.is("signed")) lex_.next();
    VerilogExpression left, right;
    range(left, right);
  }
  void parameter_value(bool is_local) {
    const std::size_t position = lex_.position();
    const std::uint32_t name = m().symbol(lex_.expect_name("a parameter"), position);
    lex_.expect("=", "after the name of a parameter");
    auto& symbol = m().symbols[name];
    if (symbol.is_parameter || symbol.is_declared)
      lex_.cursor().fail_at(position, quoted(symbol.text), " is declared twice");
    symbol.is_parameter = true;
    symbol.is_local = is_local;
    const bool is_text = lex_.kind() == VerilogLexer::Kind::string;
    if (is_text) {
      lex_.next();
      return;  // of use only to tools
    }
    const VerilogExpression value = expressions_.expression(m());
    m().symbols[name].value = value;
    m().parameters.push_back(name);
  }

  void assignments() {
    delay();
    do {
      const std::size_t position = lex_.position();
      const VerilogExpression target = expressions_.target(m());
      lex_.expect("=", "after what is assigned to");
      const VerilogExpression value = expressions_.expression(m());
      m().assigns.push_back({target, value, position});
    } while (lex_.accept(","));
    lex_.expect(";", "after the assignment");
  }

  void transistor() {
    if (!m().is_opaque) m().opaque_position = lex_.position();
    m().is_opaque = true;
    while (!lex_.is(";") && lex_.kind() != VerilogLexer::Kind::end) lex_.next();
    lex_.expect(";", "after the transistors");
  }

  void instances(bool is_primitive) {
    const std::string_view type = lex_.text();
    lex_.next();
    const auto first_parameter = static_cast<std::uint32_t>(m().bindings.size());
    if (is_primitive) {
      delay();
    } else if (lex_.accept("#")) {
      lex_.expect("(", "before the parameters of an instance");
      bool unused = false;
      bindings(unused);
    }
    const auto parameters = static_cast<std::uint32_t>(m().bindings.size() - first_parameter);
    do {
      VerilogModule::Instance instance{};
      instance.position = lex_.position();
      instance.type = type;
      instance.is_primitive = is_primitive;
      if (lex_.is_name()) {
        instance.name = lex_.text();
        lex_.next();
      } else if (!is_primitive) {
        lex_.fail("expected the name of an instance of ", quoted(type), ", found ", lex_.found());
      }
      if (lex_.is("[")) lex_.fail("arrays of instances are not supported");
      lex_.expect("(", "before the pins of an instance");
      instance.parameters = first_parameter;
      instance.parameter_count = parameters;
      instance.pins = static_cast<std::uint32_t>(m().bindings.size());
      bindings(instance.by_name);
      instance.pin_count = static_cast<std::uint32_t>(m().bindings.size() - instance.pins);
      m().instances.push_back(instance);
    } while (lex_.accept(","));
    lex_.expect(";", "after the instance");
  }

  // What follows a '(': values by name or by position, and the ')'.
  void bindings(bool& by_name) {
    by_name = lex_.is(".");
    if (lex_.accept(")")) return;
    do {
      VerilogModule::Binding binding{};
      binding.position = lex_.position();
      if (lex_.is(".") != by_name) lex_.fail("pins go either all by name or all by position");
      if (by_name) {
        lex_.next();
        binding.name = lex_.expect_name("a name after '.'");
        lex_.expect("(", "after the name");
        if (!lex_.is(")")) binding.value = value();
        lex_.expect(")", "after the value");
      } else if (!lex_.is(",") && !lex_.is(")")) {
        binding.value = value();
      }
      m().bindings.push_back(binding);
    } while (lex_.accept(","));
    lex_.expect(")", "or ',' in the list");
  }
  // Strings are parameters that only tools read.
  VerilogExpression value() {
    if (lex_.kind() != VerilogLexer::Kind::string) return expressions_.expression(m());
    lex_.next();
    return {};
  }

  bool is_library_;
};

}  // namespace detail
CFM_NAMESPACE_END
