#include <cfm/circuit/verilog.hpp>

#include <set>

#include "shared_circuits.hpp"

using namespace cfm;
using namespace cfm::test;

namespace {

Aig verilog_logic(std::string_view text, const VerilogOptions& options = {}) {
  return to_aig(parse_verilog(text, "f.v", options));
}
std::string verilog_error(std::string_view text, const VerilogOptions& options = {}) {
  return error_of([&] { verilog_logic(text, options); });
}

// The truth table of an expression over single bits a, b, c: bit a + 2 b + 4 c.
unsigned table_of_expression(std::string_view expression) {
  const Aig aig = verilog_logic(
      concat("module m(input a, b, c, output y); assign y = ", expression, "; endmodule"));
  BitRows in(3, 1);
  in[0][0] = 0xAA;
  in[1][0] = 0xCC;
  in[2][0] = 0xF0;
  return static_cast<unsigned>(simulate(aig, in)[0][0] & 0xFF);
}

// What IEEE 1364 says that `a op b` is, assigned to something `width` wide.
struct WordCase {
  std::string_view op;
  unsigned wa, wb, wc;
  bool sa, sb;
};
std::int64_t sign_extended(std::uint64_t value, unsigned width, bool is_signed) {
  const bool negative = is_signed && (value >> (width - 1) & 1) != 0;
  return static_cast<std::int64_t>(negative ? value | ~std::uint64_t{0} << width : value);
}
std::uint64_t word_result(const WordCase& c, std::uint64_t a, std::uint64_t b) {
  const bool both = c.sa && c.sb;
  const std::string_view op = c.op;
  const auto cut = [](std::int64_t value, unsigned width) {
    return static_cast<std::uint64_t>(value) & ((std::uint64_t{1} << width) - 1);
  };
  const bool is_shift = op == "<<" || op == "<<<" || op == ">>" || op == ">>>" || op == "**";
  if (is_shift) {
    const unsigned w = std::max(c.wa, c.wc);
    const std::int64_t wide = sign_extended(a, c.wa, c.sa);
    if (op == "**") {
      std::uint64_t power = 1;
      for (std::uint64_t k = 0; k < b; ++k) power = power * static_cast<std::uint64_t>(wide);
      return cut(static_cast<std::int64_t>(power), c.wc);
    }
    const std::uint64_t bits = cut(wide, w);
    if (op == ">>>" && c.sa)
      return cut(sign_extended(bits, w, true) >> std::min<std::uint64_t>(b, 63), c.wc);
    if (b >= w) return 0;
    return cut(static_cast<std::int64_t>(op[0] == '<' ? bits << b : bits >> b), c.wc);
  }
  const std::int64_t x = sign_extended(a, c.wa, both), y = sign_extended(b, c.wb, both);
  const auto truth = [](bool value) { return std::uint64_t{value}; };
  if (op == "==") return truth(x == y);
  if (op == "!=") return truth(x != y);
  if (op == "<") return truth(x < y);
  if (op == "<=") return truth(x <= y);
  if (op == ">") return truth(x > y);
  if (op == ">=") return truth(x >= y);
  if (op == "&&") return truth(a != 0 && b != 0);
  if (op == "||") return truth(a != 0 || b != 0);
  if (op == "+") return cut(x + y, c.wc);
  if (op == "-") return cut(x - y, c.wc);
  if (op == "*") return cut(x * y, c.wc);
  if (op == "/") return cut(y == 0 ? 0 : x / y, c.wc);
  if (op == "%") return cut(y == 0 ? 0 : x % y, c.wc);
  if (op == "&") return cut(x & y, c.wc);
  if (op == "|") return cut(x | y, c.wc);
  if (op == "^") return cut(x ^ y, c.wc);
  return cut(~(x ^ y), c.wc);
}

void check_word(const WordCase& c) {
  const auto range = [](unsigned width, bool is_signed) {
    return concat(is_signed ? "signed " : "", "[", width - 1, ":0] ");
  };
  const std::string text =
      concat("module m(input ", range(c.wa, c.sa), "a, input ", range(c.wb, c.sb), "b, output ",
             range(c.wc, false), "y);\n  assign y = a ", c.op, " b;\nendmodule\n");
  CAPTURE(text);
  const Aig aig = verilog_logic(text);
  BitRows in = random_patterns(static_cast<Index>(aig.inputs()), 1, Rng(c.wa * 64 + c.wb));
  for (Index i = 0; i < in.rows(); ++i) {  // the corners too
    in.set(i, 0, false);
    in.set(i, 1, true);
  }
  const BitRows out = simulate(aig, in);
  const auto word = [](const BitRows& rows, Index first, unsigned width, Index pattern) {
    std::uint64_t value = 0;
    for (unsigned i = 0; i < width; ++i)
      value |= std::uint64_t{rows.get(first + static_cast<Index>(i), pattern)} << i;
    return value;
  };
  unsigned wrong = 0;
  for (Index p = 0; p < 64; ++p) {
    const std::uint64_t a = word(in, 0, c.wa, p), b = word(in, static_cast<Index>(c.wa), c.wb, p);
    if ((c.op == "/" || c.op == "%") && b == 0) continue;
    wrong += word(out, 0, c.wc, p) != word_result(c, a, b);
  }
  CHECK(wrong == 0);
}

}  // namespace

TEST_CASE("verilog: operators on bits, and how they bind") {
  CHECK(table_of_expression("a & b & c") == 0x80);
  CHECK(table_of_expression("a | b & c") == 0xEA);
  CHECK(table_of_expression("a ^ b ^ c") == 0x96);
  CHECK(table_of_expression("a ~^ b") == 0x99);
  CHECK(table_of_expression("~a | b") == 0xDD);
  CHECK(table_of_expression("!(a | b)") == 0x11);
  CHECK(table_of_expression("a ? b : c") == 0xD8);
  CHECK(table_of_expression("a ? b : b ? c : ~c") == 0xC9);
  CHECK(table_of_expression("(a == b) & c") == 0x90);
  CHECK(table_of_expression("a != b") == 0x66);
  CHECK(table_of_expression("^{a, b, c}") == 0x96);
  CHECK(table_of_expression("&{a, b, c}") == 0x80);
  CHECK(table_of_expression("~|{a, b, c}") == 0x01);
  CHECK(table_of_expression("a + b + c") == 0x96);
  CHECK(table_of_expression("a & 1'b1 | 1'h0") == 0xAA);
  CHECK(table_of_expression("&{2{a}}") == 0xAA);
  CHECK(table_of_expression("a&&b||c") == 0xF8);
  CHECK(table_of_expression("{a, b} > {b, c}") == 0x2A);
}

TEST_CASE("verilog: words take the width and the sign that the standard gives them") {
  Rng rng(3);
  const std::string_view ops[] = {"+", "-",  "*", "/",  "%",  "&",  "|",   "^",   "~^", "==", "!=",
                                  "<", "<=", ">", ">=", "<<", ">>", "<<<", ">>>", "&&", "||", "**"};
  for (const std::string_view op : ops) {
    for (int trial = 0; trial < 12; ++trial) {
      const auto width = [&] { return static_cast<unsigned>(1 + rng.below(8)); };
      WordCase c{op, width(), width(), static_cast<unsigned>(1 + rng.below(14)), false, false};
      c.sa = rng.below(2) == 1;
      c.sb = rng.below(2) == 1;
      if (op == "<<" || op == ">>" || op == "<<<" || op == ">>>" || op == "**") {
        c.sb = false;
        c.wb = std::min(c.wb, 5u);
      }
      check_word(c);
    }
  }
}

TEST_CASE("verilog: nested expressions are as wide as what they are assigned to") {
  const auto value = [](std::string_view expression, unsigned width) {
    const Aig aig =
        verilog_logic(concat("module m(output [", width - 1,
                             ":0] y); wire [3:0] a = 4'd15; wire signed [3:0] s = -4'sd3;"
                             " assign y = ",
                             expression, "; endmodule"));
    const BitRows out = simulate(aig, BitRows(0, 1));
    std::uint64_t word = 0;
    for (unsigned i = 0; i < width; ++i) word |= (out[static_cast<Index>(i)][0] & 1) << i;
    return word;
  };
  CHECK(value("(a + 1) >> 1", 8) == 8);
  CHECK(value("(a + 4'd1) >> 1", 4) == 0);  // the carry is lost at 4 bits
  CHECK(value("{a + 4'd1}", 8) == 0);       // operands of { } keep their own width
  CHECK(value("s", 8) == 0xFD);
  CHECK(value("s + 4'd0", 8) == 0x0D);  // one unsigned operand makes all unsigned
  CHECK(value("$signed(a)", 8) == 0xFF);
  CHECK(value("$unsigned(s)", 8) == 0x0D);
  CHECK(value("-a", 8) == 0xF1);
  CHECK(value("s >>> 1", 8) == 0xFE);
  CHECK(value("s >> 1", 4) == 0x6);
  CHECK(value("s < 0", 2) == 1);
  CHECK(value("a[2:1]", 8) == 3);
  CHECK(value("{2{a[1:0], 1'b0}}", 6) == 066);
  CHECK(value("8'hx5 & 8'h0f", 8) == 5);
  CHECK(value("'b1010", 8) == 10);
  CHECK(value("12'o7_7", 12) == 63);
  CHECK(value("a == 15 ? 8'd3 : 8'd4", 8) == 3);
}

TEST_CASE("verilog: ports of both styles, ranges in both directions, parts") {
  const Aig aig = verilog_logic(
      "module m(a, y, z);\n"
      "  input [0:3] a;  // rising: bit 3 is the lowest\n"
      "  output [3:0] y; output [1:0] z;\n"
      "  wire [7:4] t;\n"
      "  assign {t[7:6], t[5:4]} = a, y = t;\n"
      "  assign z = a[0 +: 2];\n"
      "endmodule\n");
  REQUIRE(aig.inputs() == 4);
  CHECK(aig.input_name(0) == "a[3]");
  CHECK(aig.output_name(0) == "y[0]");
  CHECK(aig.output_literals()[0] == Literal(aig.input_variable(0), false));
  CHECK(aig.output_literals()[3] == Literal(aig.input_variable(3), false));
  CHECK(aig.output_literals()[4] == Literal(aig.input_variable(2), false));  // z[0] = a[1]
  CHECK(aig.output_literals()[5] == Literal(aig.input_variable(3), false));
  const Aig ansi = verilog_logic(
      "module m #(parameter W = 2) (input wire [W-1:0] a, b, input c, output reg [W:0] y);\n"
      "  always @(posedge c) y <= a + b;\nendmodule");
  CHECK(ansi.inputs() == 4);  // the clock is none
  CHECK(ansi.latches().size() == 3);
  CHECK(ansi.latch_name(2) == "y[2]");
}

TEST_CASE("verilog: gates, escaped names, comments, attributes, directives") {
  const Netlist n = parse_verilog(
      "`timescale 1ns / 1ps\n"
      "/* a */ module \\top.1 (x, \\y[0] ); (* keep = \"yes\" *)\n"
      "input x; output \\y[0] ; supply1 vdd; // end\n"
      "nand #(1,2) g1(w, x, vdd), (v, w, x);\n"
      "not n1(p, q, v); xor (\\y[0] , p, q, x);\n"
      "endmodule\n");
  CHECK(n.name == "top.1");
  CHECK(n.gates() == 4);
  CHECK(n.gate_name(0) == "g1");
  CHECK(n.type(0) == "nand");
  CHECK(n.gate_name(1).empty());
  CHECK(n.pins(2).size() == 3);
  CHECK(n.name_of(n.pins(2)[1].name) == "O1");
  CHECK(n.outputs()[0].name == "y[0]");
  CHECK(n.gate(2).place == Netlist::Place{5, 5});
  const Aig aig = to_aig(n);  // v = !(!x & x) = 1, so y = x
  CHECK(aig.output_literals()[0] == Literal(aig.input_variable(0), false));
}

TEST_CASE("verilog: registers with conditions and with what they hold at first") {
  const Aig aig = verilog_logic(
      "module m(input c, r, e, d, output reg q, output p);\n"
      "  reg s = 1'b1, t;\n"
      "  initial t = 0;\n"
      "  always @(posedge c) begin\n"
      "    if (r) q <= 0; else if (e) begin q <= d; s <= q; end\n"
      "    t <= t;\n"
      "  end\n"
      "  assign p = s ^ t;\n"
      "endmodule\n");
  REQUIRE(aig.inputs() == 3);
  REQUIRE(aig.latches().size() == 3);
  CHECK(aig.latches()[0].reset == Reset::undefined);
  CHECK(aig.latches()[1].reset == Reset::one);
  CHECK(aig.latches()[2].reset == Reset::zero);
  const Aig same = parse_bench(
      "INPUT(r)\nINPUT(e)\nINPUT(d)\nOUTPUT(q)\nOUTPUT(p)\n"
      "q = DFF(qn)\nm1 = MUX(e, d, q)\nnr = NOT(r)\nqn = AND(nr, m1)\n"
      "s = DFF1(sn)\nnre = AND(nr, e)\nsn = MUX(nre, q, s)\nt = DFF0(t)\np = XOR(s, t)\n");
  CHECK(behave_alike(aig, same));
}

TEST_CASE("verilog: hierarchy is flattened, with parameters, and names keep their paths") {
  const std::string_view text =
      "module inv #(parameter W = 1, parameter [3:0] UNUSED = 4'hf) (input [W-1:0] a,"
      " output [W-1:0] y);\n"
      "  genericcell u(.A(a[0]), .Y());\n  assign y = ~a;\nendmodule\n"
      "module two(input [1:0] a, output [1:0] y);\n"
      "  wire [1:0] t;\n  inv #(.W(2)) i0(.a(a), .y(t));\n  inv #(2) i1(t, y);\nendmodule\n"
      "module top(input [1:0] a, output [1:0] y); two u(.y(y), .a({a[0], a[1]})); endmodule\n";
  const Netlist n = parse_verilog(text);
  CHECK(n.name == "top");
  CHECK(n.gates() == 6);
  CHECK(n.scopes() == 4);
  std::set<std::string> names;
  for (std::uint32_t g = 0; g < n.gates(); ++g) names.insert(n.gate_name(g));
  CHECK(names.contains("u/i0/u"));
  CHECK(names.contains("u/i1/u"));
  CHECK(parse_verilog(text, "f", {.top = "two"}).name == "two");
  const Aig aig = verilog_logic(
      text, {.library = "module genericcell(input A, output Y); assign Y = A; endmodule"});
  CHECK(aig.ands() == 0);
  CHECK(aig.output_literals()[0] == Literal(aig.input_variable(1), false));  // y[0] = a[1]
}

TEST_CASE("verilog: cells that the file does not describe stay, with their pins") {
  const Netlist n = parse_verilog(
      "module blank(input a, output y); endmodule\n"
      "module m(input a, b, output y, z);\n"
      "  NAND2_X1 \\adder_1/U4 (.A(a), .B(b), .Y(y));\n"
      "  ram u2 (.addr({a, b}), .q(), .one(1'b1));\n"
      "  blank u3(a, z);\n"
      "endmodule\n");
  REQUIRE(n.gates() == 3);
  CHECK(n.gate_name(0) == "adder_1/U4");
  CHECK(n.pins(0)[2].direction == PinDirection::output);
  CHECK(n.drivers()[n.outputs()[0].net] == 0);
  REQUIRE(n.pins(1).size() == 4);
  CHECK(n.name_of(n.pins(1)[0].name) == "addr[0]");
  CHECK(n.net_name(n.pins(1)[0].net) == "b");
  CHECK(n.pins(1)[2].net == Netlist::open);
  CHECK(n.pins(1)[3].net == Netlist::one);
  CHECK(n.drivers()[n.outputs()[1].net] == 2);
}

TEST_CASE("verilog: errors name the file, the place and the rule") {
  const auto error = [](std::string_view text, const VerilogOptions& options = {}) {
    return verilog_error(text, options);
  };
  CHECK(error("") == "f.v:1:1: not Verilog: there is no module");
  CHECK(error("<html>") == "f.v:1:1: expected 'module', found '<'");
  CHECK(error("module m(a);\nendmodule") ==
        "f.v:1:10: port 'a' is declared neither input nor output");
  CHECK(error("module m(output y);\nassign y = z;\nendmodule") == "f.v:2:12: 'z' is not declared");
  CHECK(error("module m(input a, output y);\nassign y = a;\nassign y = ~a;\nendmodule") ==
        "f.v:3:8: 'y' is driven twice");
  CHECK(error("module m(input a);\nassign a = 0;\nendmodule") == "f.v:2:8: 'a' is driven twice");
  CHECK(error("module m(output y); wire b;\nand g(y, b, b);\nendmodule") ==
        "f.v:2:5: 'b' is read and driven nowhere (undriven_is_false makes it false)");
  CHECK(error("module m(input a, output y);\nwire b;\nand g(y, a, b), h(b, a, y);\nendmodule") ==
        "f.v:3:5: combinational cycle through 'y'");
  CHECK(error("module m(output y); wire b;\nassign y = b;\nassign b = y;\nendmodule") ==
        "f.v:1:8: net 'y' drives itself");
  CHECK(error("module m(input [3:0] a, output y);\nassign y = a[4];\nendmodule") ==
        "f.v:2:12: index 4 is outside of 'a', which is [3:0]");
  CHECK(error("module m(input [3:0] a, output y);\nassign y = a[0:1];\nendmodule")
            .starts_with("f.v:2:12: the part is reversed"));
  CHECK(error("module m(input [3:0] a, input i, output y);\nassign y = a[i];\nendmodule") ==
        "f.v:2:14: an index must be a constant");
  CHECK(error("module m(input a, output y); n u(a, y); endmodule\n"
              "module n(input a, output y); m u(a, y); endmodule")
            .find("contains itself") != std::string::npos);
  CHECK(error("module m; endmodule module m; endmodule") ==
        "f.v:1:28: module 'm' is defined twice");
  CHECK(error("module a; endmodule module b; endmodule") ==
        "f.v:1:28: no module uses 'a', nor 'b': name one in VerilogOptions::top");
  CHECK(error("module m; wire a; n u(.b(a)); endmodule module n(input a); endmodule") ==
        "f.v:1:23: module 'n' has no port 'b'");
  CHECK(error("module m; endmodule", {.top = "x"}) == "f.v:1:1: there is no module 'x'");
  CHECK(error("module m(inout a); endmodule") == "f.v:1:16: inout ports are not supported: 'a'");
  CHECK(error("module m(input c, d, output reg q); always @(posedge c or negedge d) q <= d; "
              "endmodule")
            .starts_with("f.v:1:37: 'always' with two edges is an asynchronous set or reset"));
  CHECK(error("module m(input d, output reg q);\nalways @* q = d;\nendmodule")
            .starts_with("f.v:2:1: 'always' without a clock is behavioural; make a netlist"));
  CHECK(error("module m; generate endgenerate endmodule")
            .starts_with("f.v:1:11: 'generate' is behavioural Verilog"));
  CHECK(error("module m; /* endmodule") == "f.v:1:11: the comment that begins here does not end");
  CHECK(error("module m; wire [1 endmodule").starts_with("f.v:1:19: expected ':' in the range"));
  CHECK(error("module m(output y); assign y = 0'b1; endmodule") ==
        "f.v:1:32: the width of a constant is 1 to 1048576");
  CHECK(error("module m(output y); assign y = 1'b2; endmodule") ==
        "f.v:1:35: expected a digit, found '2'");
  CHECK(error("module m(input a, output y); foo u(.A(a), .Y(y)); endmodule")
            .starts_with("f.v:1:34: cell 'foo' ('u') is unknown"));
  CHECK(error("module m(input a, output y); wire n; nmos (n, a, y); endmodule")
            .starts_with("f.v:1:38: module 'm' has no gates to read"));
}

TEST_CASE("verilog: bombs end at the limit, deep nesting at its own, chains do not") {
  std::string bomb = "module m0(input a, output y); assign y = ~a; endmodule\n";
  for (int i = 1; i <= 40; ++i)
    bomb += concat("module m", i, "(input a, output y); wire t; m", i - 1, " u0(a, t); m", i - 1,
                   " u1(t, y); endmodule\n");
  CHECK(verilog_error(bomb, {.max_flattened = 100000})
            .find("more nets and gates than the limit of 100000") != std::string::npos);
  CHECK(verilog_error("module m(input [1023:0] a, b, output [1023:0] y); assign y = a * b; "
                      "endmodule",
                      {.max_flattened = 100000})
            .find("the limit of 100000") != std::string::npos);
  CHECK(verilog_error("module m(input [1048576:0] a); endmodule").find("1048576 bits wide") !=
        std::string::npos);
  CHECK(verilog_error("module m(output y); assign y = {1048576{2'b1}}; endmodule")
            .find("1048576 bits wide") != std::string::npos);
  const auto around = [](std::size_t n, std::string_view left, std::string_view right) {
    std::string text = "module m(input a, output y); assign y = ";
    for (std::size_t i = 0; i < n; ++i) text += left;
    text += 'a';
    for (std::size_t i = 0; i < n; ++i) text += right;
    return text + "; endmodule";
  };
  CHECK(verilog_error(around(100, "(", ")")) == "no error");
  CHECK(verilog_error(around(100000, "(", ")")).find("nests more than 256") != std::string::npos);
  CHECK(verilog_error(around(100000, "{", "}")).find("nests more than 256") != std::string::npos);
  CHECK(verilog_error(around(100000, "-", "")).find("nests more than 256") != std::string::npos);
  CHECK(verilog_error(around(100000, "a & ", "")) == "no error");
  CHECK(verilog_error(around(100000, "a ? a : ", "")) == "no error");
  std::string deep = "module m(input a, output y); wire w0 = a;\n";
  constexpr int levels = 50000;
  for (int i = 1; i <= levels; ++i)
    deep += concat("wire w", i, "; not (w", i, ", w", i - 1, ");\n");
  deep += concat("assign y = w", levels, "; endmodule\n");
  CHECK(runs_on_small_stack([&] { verilog_logic(deep); }));
}

TEST_CASE("verilog: what is written reads as the same graph, and writes as the same text") {
  for (std::uint64_t seed = 0; seed < 120; ++seed) {
    CAPTURE(seed);
    const Aig aig = random_aig(seed, seed % 2 == 0);
    const std::string text = format_verilog(aig);
    CAPTURE(text);
    const Aig again = verilog_logic(text);
    CHECK(again.inputs() == aig.inputs());
    CHECK(again.latches() == aig.latches());
    CHECK(std::ranges::equal(again.all_fanins(), aig.all_fanins()));
    CHECK(std::ranges::equal(again.output_literals(), aig.output_literals()));
    if (seed % 2 == 0) CHECK(again == aig);
    CHECK(format_verilog(again) == text);
  }
  Aig named;
  const Literal a = named.add_input("module"), q = named.add_latch(Reset::one, "a;b");
  named.add_output(a, "module");
  named.add_output(q, "clock");
  named.add_output(!q, "x y");
  named.set_next(0, a);
  const std::string text = format_verilog(named, "1st");
  CHECK(text.find("module \\1st  (") == 0);
  CHECK(text.find("\\a;b ") != std::string::npos);
  CHECK(format_verilog(verilog_logic(text), "1st") == text);
  Aig properties;
  properties.properties.bad.push_back(literal_false);
  CHECK_THROWS_AS(format_verilog(properties), UnsupportedError);
  CHECK_THROWS_AS(format_verilog(named, "a b"), Error);
}

TEST_CASE("verilog: every development file, against the same circuit in a sister format") {
  const auto data = data_dir("circuits");
  if (!data) return;
  // Behavioural Verilog, and cells that no file describes: refused with their names.
  const std::set<std::string> behavioural = {"adff",   "aldffe", "demux", "dffsr",
                                             "dlatch", "fsm",    "pmux"};
  std::size_t read = 0, logic = 0, compared = 0, total = 0;
  for (const auto& path : files_below(*data, ".v")) {
    CAPTURE(path.string());
    ++total;
    const std::string stem = path.stem().string();
    if (behavioural.contains(stem)) {
      const std::string text = error_of<FormatError>([&] { read_verilog(path); });
      CHECK(text.find("make a netlist of it first") != std::string::npos);
      continue;
    }
    const Netlist netlist = read_verilog(path);
    ++read;
    if (stem.find("part_con") != std::string::npos || stem.find("known_use") != std::string::npos) {
      CHECK(error_of<FormatError>([&] { to_aig(netlist); }).find("is unknown") !=
            std::string::npos);
      CHECK(netlist.gates() == 1);
      continue;
    }
    const Aig aig = to_aig(netlist);
    ++logic;
    const Aig again = verilog_logic(format_verilog(aig));
    const bool same_text = format_verilog(again) == format_verilog(aig);
    CHECK(same_text);
    std::string sister = stem;
    if (sister.back() == 'a' && sister[0] == 's') sister.pop_back();
    if (sister == "s9234") sister = "s9234.1";
    const auto folder = path.parent_path();
    for (const char* extension : {".aig", ".bench"}) {
      const auto other = folder / (sister + extension);
      if (folder.filename() == "ispras24" || !std::filesystem::exists(other)) continue;
      ++compared;
      const Aig same = read_circuit(other);
      CHECK(aig.ands() == strash(same).ands());
      CHECK(aig.latches().size() == same.latches().size());
      CHECK(aig.outputs() == same.outputs());
      CHECK(behave_alike(aig, same, [&](const std::string& name) -> std::vector<std::string> {
        // These files put an N before numbers, and split what is an input and an output.
        if (folder.filename() == "iscas85")
          return {concat("N", name), concat("N", name, "_I"), concat("N", name, "_O")};
        if (sister != "s953") return {name};
        std::string out = name;  // this file says II where the other says I
        for (std::size_t at = 0; (at = out.find('I', at)) != std::string::npos; at += 2)
          out.insert(at, 1, 'I');
        return {out};
      }));
    }
  }
  CHECK(total == 163);
  CHECK(read == 156);
  CHECK(logic == 149);
  CHECK(compared == 29);
}

TEST_CASE("verilog: malformed files get their verdicts") { check_verdicts("verilog", 11); }

TEST_CASE("verilog: every prefix of a file is read or refused") {
  check_prefixes(
      "module dff #(parameter W = 2) (input c, input [W-1:0] d, output reg [W-1:0] q);\n"
      "  always @(posedge c) begin if (d[0]) q <= d; else q <= {q[0], ~q[1]}; end\nendmodule\n"
      "module \\m.1 (c, a, y); input c; input [3:0] a; output signed [3:0] y; wire [1:0] t;\n"
      "  dff #(.W(2)) u(.c(c), .d(a[2:1]), .q(t)); /* x */\n"
      "  nand #1 g(y[0], t[0], a[3]);\n"
      "  assign y[3:1] = (t == 2'b1x) ? {3{a[0]}} : -3'sd1; // end\nendmodule\n",
      [](std::string_view text) { parse_verilog(text); });
}
