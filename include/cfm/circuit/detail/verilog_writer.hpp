#pragma once
/// @file  The writer of Verilog.

#include <cfm/circuit/detail/net_names.hpp>

CFM_NAMESPACE_BEGIN
namespace detail {

class VerilogWriter {
 public:
  VerilogWriter(const Aig& aig, std::string_view module)
      : aig_(aig), module_(module), names_(aig, allowed) {}

  std::string write() {
    refuse_properties(aig_, "Verilog");
    CFM_CHECK(!module_.empty() && std::all_of(module_.begin(), module_.end(), allowed),
              "format_verilog: a name has no blanks", module_);
    std::vector<std::string> inputs, outputs, registers, wires;
    if (!aig_.latches().empty()) {
      clock_ = names_.claim("clock");
      inputs.push_back(clock_);
    }
    for (std::size_t i = 0; i < aig_.inputs(); ++i)
      inputs.push_back(names_.variable(aig_.input_variable(i)));
    // A port is listed once: further outputs of one net get names of their own.
    std::unordered_map<std::string, std::size_t> ports;
    for (const std::string& name : inputs) ports.emplace(name, 0);
    for (std::size_t i = 0; i < aig_.outputs(); ++i) {
      const std::string& name = names_.output(i);
      const bool is_own = ports.emplace(name, i).second;
      port_.push_back(is_own ? name : names_.claim(name));
      copied_.push_back(!is_own);
      outputs.push_back(port_.back());
    }
    const auto is_output = [&](const std::string& name) { return ports.contains(name); };
    for (std::size_t i = 0; i < aig_.latches().size(); ++i) {
      const std::string& name = names_.variable(aig_.latch_variable(i));
      registers.push_back(name);
    }
    for (std::uint32_t v = aig_.first_and(); v < aig_.variables(); ++v)
      if (!is_output(names_.variable(v))) wires.push_back(names_.variable(v));

    out_ = concat("module ", identifier(module_), " (");
    std::vector<std::string> all = inputs;
    all.insert(all.end(), outputs.begin(), outputs.end());
    std::size_t column = 100;
    for (const std::string& name : all) item(name, column, &name == &all.back());
    out_ += all.empty() ? ");\n" : "\n);\n";
    declare("input", inputs);
    declare("output", outputs);
    for (std::size_t i = 0; i < registers.size(); ++i) {
      const Reset reset = aig_.latches()[i].reset;
      out_ += "  reg ";
      out_ += identifier(registers[i]);
      if (reset != Reset::undefined) out_ += reset == Reset::one ? " = 1'b1" : " = 1'b0";
      out_ += ";\n";
    }
    declare("wire", wires);
    write_logic();
    out_ += "endmodule\n";
    return std::move(out_);
  }

 private:
  static bool allowed(char c) {
    const auto code = static_cast<unsigned char>(c);
    return code > ' ' && code != 127;
  }

  static bool is_simple(std::string_view name) {
    const auto letter = [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    };
    if (!letter(name[0])) return false;
    for (const char c : name)
      if (!letter(c) && !(c >= '0' && c <= '9') && c != '$') return false;
    return !is_keyword(name);
  }
  static bool is_keyword(std::string_view name) {
    static constexpr std::string_view keywords[] = {"always",
                                                    "and",
                                                    "assign",
                                                    "automatic",
                                                    "begin",
                                                    "buf",
                                                    "bufif0",
                                                    "bufif1",
                                                    "case",
                                                    "casex",
                                                    "casez",
                                                    "cell",
                                                    "cmos",
                                                    "config",
                                                    "deassign",
                                                    "default",
                                                    "defparam",
                                                    "design",
                                                    "disable",
                                                    "edge",
                                                    "else",
                                                    "end",
                                                    "endcase",
                                                    "endconfig",
                                                    "endfunction",
                                                    "endgenerate",
                                                    "endmodule",
                                                    "endprimitive",
                                                    "endspecify",
                                                    "endtable",
                                                    "endtask",
                                                    "event",
                                                    "for",
                                                    "force",
                                                    "forever",
                                                    "fork",
                                                    "function",
                                                    "generate",
                                                    "genvar",
                                                    "highz0",
                                                    "highz1",
                                                    "if",
                                                    "ifnone",
                                                    "incdir",
                                                    "include",
                                                    "initial",
                                                    "inout",
                                                    "input",
                                                    "instance",
                                                    "integer",
                                                    "join",
                                                    "large",
                                                    "liblist",
                                                    "library",
                                                    "localparam",
                                                    "logic",
                                                    "macromodule",
                                                    "medium",
                                                    "module",
                                                    "nand",
                                                    "negedge",
                                                    "nmos",
                                                    "nor",
                                                    "noshowcancelled",
                                                    "not",
                                                    "notif0",
                                                    "notif1",
                                                    "or",
                                                    "output",
                                                    "parameter",
                                                    "pmos",
                                                    "posedge",
                                                    "primitive",
                                                    "pull0",
                                                    "pull1",
                                                    "pulldown",
                                                    "pullup",
                                                    "pulsestyle_ondetect",
                                                    "pulsestyle_onevent",
                                                    "rcmos",
                                                    "real",
                                                    "realtime",
                                                    "reg",
                                                    "release",
                                                    "repeat",
                                                    "rnmos",
                                                    "rpmos",
                                                    "rtran",
                                                    "rtranif0",
                                                    "rtranif1",
                                                    "scalared",
                                                    "showcancelled",
                                                    "signed",
                                                    "small",
                                                    "specify",
                                                    "specparam",
                                                    "strong0",
                                                    "strong1",
                                                    "supply0",
                                                    "supply1",
                                                    "table",
                                                    "task",
                                                    "time",
                                                    "tran",
                                                    "tranif0",
                                                    "tranif1",
                                                    "tri",
                                                    "tri0",
                                                    "tri1",
                                                    "triand",
                                                    "trior",
                                                    "trireg",
                                                    "unsigned",
                                                    "use",
                                                    "uwire",
                                                    "vectored",
                                                    "wait",
                                                    "wand",
                                                    "weak0",
                                                    "weak1",
                                                    "while",
                                                    "wire",
                                                    "wor",
                                                    "xnor",
                                                    "xor"};
    return std::binary_search(std::begin(keywords), std::end(keywords), name);
  }
  static std::string identifier(std::string_view name) {
    return is_simple(name) ? std::string(name) : concat("\\", name, " ");
  }

  // An element of a list, with a line break where it is due.
  void item(const std::string& name, std::size_t& column, bool is_last) {
    const std::string text = identifier(name);
    if (column + text.size() > 96) {
      out_ += "\n ";
      column = 1;
    }
    out_ += ' ';
    out_ += text;
    if (!is_last) out_ += ',';
    column += text.size() + 2;
  }

  void declare(std::string_view kind, const std::vector<std::string>& names) {
    if (names.empty()) return;
    out_ += concat("  ", kind);
    std::size_t column = kind.size() + 2;
    for (const std::string& name : names) item(name, column, &name == &names.back());
    out_ += ";\n";
  }

  std::string operand(Literal literal) const {
    if (literal.variable() == 0) return literal.inverted() ? "1'b1" : "1'b0";
    const std::string name = identifier(names_.variable(literal.variable()));
    return literal.inverted() ? concat("~", name) : name;
  }

  void assign(const std::string& name, Literal literal) {
    out_ += concat("  assign ", identifier(name), " = ", operand(literal), ";\n");
  }

  void write_logic() {
    for (std::uint32_t v = aig_.first_and(); v < aig_.variables(); ++v) {
      const auto [a, b] = aig_.fanins(v);
      out_ += "  assign ";
      out_ += identifier(names_.variable(v));
      out_ += " = ";
      out_ += operand(a);
      out_ += " & ";
      out_ += operand(b);
      out_ += ";\n";
    }
    for (std::size_t i = 0; i < aig_.outputs(); ++i)
      if (copied_[i] || !names_.is_driven(i)) assign(port_[i], aig_.output_literals()[i]);
    if (aig_.latches().empty()) return;
    out_ += concat("  always @(posedge ", identifier(clock_), ") begin\n");
    for (std::size_t i = 0; i < aig_.latches().size(); ++i)
      out_ += concat("    ", identifier(names_.variable(aig_.latch_variable(i))),
                     " <= ", operand(aig_.latches()[i].next), ";\n");
    out_ += "  end\n";
  }

  const Aig& aig_;
  std::string_view module_;
  NetNames names_;
  std::string clock_, out_;
  std::vector<std::string> port_;  // by output
  std::vector<bool> copied_;       // by output: another port has its net already
};

}  // namespace detail
CFM_NAMESPACE_END
