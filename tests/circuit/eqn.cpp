#include <cfm/circuit/eqn.hpp>

#include "shared_circuits.hpp"

using namespace cfm;
using namespace cfm::test;

namespace {

unsigned table_of_equation(std::string_view expression) {
  const Aig aig = parse_eqn(concat("INORDER = a b c;\nOUTORDER = y;\ny = ", expression, ";\n"));
  BitRows in(3, 1);
  in[0][0] = 0xAA;
  in[1][0] = 0xCC;
  in[2][0] = 0xF0;
  return static_cast<unsigned>(simulate(aig, in)[0][0] & 0xFF);
}

std::string eqn_error(std::string_view text) {
  return error_of([&] { parse_eqn(text, "f.eqn"); });
}

}  // namespace

TEST_CASE("eqn: not binds before and, and before or") {
  CHECK(table_of_equation("a * b * c") == 0x80);
  CHECK(table_of_equation("a + b * c") == 0xEA);
  CHECK(table_of_equation("(a + b) * c") == 0xE0);
  CHECK(table_of_equation("!a * b") == 0x44);
  CHECK(table_of_equation("!(a * b)") == 0x77);
  CHECK(table_of_equation("!!a") == 0xAA);
  CHECK(table_of_equation("!a + !b * !(c + a)") == 0x55);
  CHECK(table_of_equation("a*!b+!a*b") == 0x66);
  CHECK(table_of_equation("0 + a * 1") == 0xAA);
  CHECK(table_of_equation("1") == 0xFF);
}

TEST_CASE("eqn: comments, lines, any order of equations, names kept") {
  const Aig aig = parse_eqn(
      "# made by hand\nINORDER = x[0]\n x[1];\nOUTORDER = f g; # two\n"
      "f = t; g = x[0] *\n  t;\nt = !x[1] + x[0];\nunread = nowhere;\n");
  CHECK(aig.input_name(1) == "x[1]");
  CHECK(aig.output_name(1) == "g");
  CHECK(aig.ands() == 2);  // x0 & (x0 | !x1) stays as it is written
}

TEST_CASE("eqn: errors name the file, the place and the rule") {
  CHECK(eqn_error("") == "f.eqn:1:1: not EQN: there is no INORDER");
  CHECK(eqn_error("<html>") == "f.eqn:1:7: expected '=', found the end of the file");
  CHECK(eqn_error("INORDER = a;\nOUTORDER = f;\nf = a * ;\n") ==
        "f.eqn:3:9: expected a signal, 0, 1, '!' or '(', found ';'");
  CHECK(eqn_error("INORDER = a;\nOUTORDER = f;\nf = (a;\n") == "f.eqn:3:5: '(' without ')'");
  CHECK(eqn_error("INORDER = a;\nOUTORDER = f;\nf = a);\n") == "f.eqn:3:6: ')' without '('");
  CHECK(eqn_error("INORDER = a;\nOUTORDER = f;\nf = a a;\n") ==
        "f.eqn:3:7: expected '*', '+', ')' or ';', found 'a'");
  CHECK(eqn_error("INORDER = a;\nOUTORDER = f;\nf = a * b;\n") ==
        "f.eqn:3:9: 'b' is used here and driven nowhere");
  CHECK(eqn_error("INORDER = a;\nOUTORDER = f;\n") ==
        "f.eqn:2:12: 'f' is used here and driven nowhere");
  CHECK(eqn_error("INORDER = a a;\n") == "f.eqn:1:13: 'a' is driven twice");
  CHECK(eqn_error("INORDER = a;\na = a;\n") == "f.eqn:2:1: 'a' is driven twice");
  CHECK(eqn_error("INORDER = a;\nf = g;\ng = f;\n").find("combinational cycle through") !=
        std::string::npos);
  CHECK(eqn_error("INORDER = a;\nf = a").find("found the end of the file") != std::string::npos);
  CHECK(eqn_error("INORDER = a").find("expected a signal or ';'") != std::string::npos);
}

TEST_CASE("eqn: any depth of parentheses, any length of chains, on a small stack") {
  const std::size_t n = 200000;
  const std::string deep = concat("INORDER = a b;\nOUTORDER = f;\nf = ", std::string(n, '('), "a",
                                  std::string(n, ')'), " * b;\n");
  CHECK(runs_on_small_stack([&] { CHECK(parse_eqn(deep).ands() == 1); }));
  const std::string inverted =
      concat("INORDER = a;\nOUTORDER = f;\nf = ", std::string(n + 1, '!'), "a;\n");
  CHECK(runs_on_small_stack([&] { CHECK(parse_eqn(inverted).output_literals()[0].inverted()); }));
  std::string chain = "INORDER = x0;\nOUTORDER = f;\n";
  for (int i = 1; i <= 50000; ++i) chain += concat("x", i, " = !x", i - 1, ";\n");
  chain += "f = x50000;\n";
  CHECK(runs_on_small_stack([&] { parse_eqn(chain); }));
}

TEST_CASE("eqn: every prefix of a file is read or refused") {
  check_prefixes("INORDER = a b;\nOUTORDER = f;\nf = !(a + b * 1) * g; # x\ng = a;\n",
                 [](std::string_view text) { parse_eqn(text); });
}
