#include <cfm/circuit/yosys_json.hpp>

#include "shared_circuits.hpp"

using namespace cfm;
using namespace cfm::test;

namespace {

std::string json_error(std::string_view text, const YosysJsonOptions& options = {}) {
  return error_of([&] { to_aig(parse_yosys_json(text, "f.json", options)); });
}

// A module m with inputs a (bits 2 3), output y (bit 4) and these cells.
std::string with_cells(std::string_view cells) {
  return concat(
      R"({"creator":"x","modules":{"m":{"ports":{"a":{"direction":"input","bits":[2,3]},)",
      R"("y":{"direction":"output","bits":[4]}},"cells":{)", cells,
      R"(},"netnames":{"w":{"hide_name":0,"bits":[9]}}}}})");
}

}  // namespace

TEST_CASE("yosys_json: cells, names, constants and truth tables") {
  const Netlist n = parse_yosys_json(with_cells(
      R"("c1":{"hide_name":0,"type":"$lut","parameters":{"WIDTH":"010 ","LUT":"0110"},)"
      R"("port_directions":{"A":"input","Y":"output"},"connections":{"A":[2,3],"Y":[9]}},)"
      R"("c2":{"type":"$_OR_","connections":{"B":["0"],"A":[9],"Y":[4]}},)"
      R"("c3":{"type":"ram","port_directions":{"q":"output","d":"input"},)"
      R"("connections":{"d":[2,"x"],"q":[11]}})"));
  REQUIRE(n.gates() == 3);
  CHECK(n.name == "m");
  CHECK(n.source == "json");
  CHECK(n.gate_name(0) == "c1");
  CHECK(n.type(2) == "ram");
  CHECK(n.pins(2)[2].direction == PinDirection::output);
  CHECK(n.name_of(n.pins(2)[1].name) == "d[1]");
  CHECK(n.pins(2)[1].net == Netlist::unknown);
  CHECK(n.net_name(n.pins(0)[2].net) == "w");
  CHECK(n.inputs()[1].name == "a[1]");
  CHECK(n.outputs()[0].name == "y");
  CHECK(error_of([&] { to_aig(n); }).find("cell 'ram' ('c3') is unknown") != std::string::npos);
  for (const char* lut : {"\"0110\"", "6"}) {
    const Aig aig = to_aig(parse_yosys_json(
        with_cells(concat(R"("c":{"parameters":{"LUT":)", lut,
                          R"(,"WIDTH":2},"connections":{"Y":[4],"A":[2,3]},"type":"$lut"})"))));
    const Aig parity = parse_bench("INPUT(a[0])\nINPUT(a[1])\nOUTPUT(y)\ny = XOR(a[0], a[1])\n");
    CHECK(behave_alike(aig, parity));
  }
}

TEST_CASE("yosys_json: registers with init, hierarchy, the marked top, ports from an offset") {
  const std::string_view text =
      R"({"modules":{
        "flop":{"ports":{"c":{"direction":"input","bits":[5]},"d":{"direction":"input","bits":[2]},
          "q":{"direction":"output","bits":[7]}},
          "cells":{"r":{"type":"$_DFF_P_","connections":{"C":[5],"D":[2],"Q":[7]}}},
          "netnames":{"q":{"bits":[7],"attributes":{"init":"1"}}}},
        "box":{"attributes":{"blackbox":1},"ports":{"z":{"direction":"output","bits":[2]}},
          "cells":{"r":{"type":"nowhere","connections":{}}}},
        "top":{"attributes":{"top":"00000000000000000000000000000001"},
          "ports":{"clk":{"direction":"input","bits":[2]},
          "x":{"direction":"input","bits":[3,4],"offset":4,"upto":1},
          "y":{"direction":"output","bits":[10,11,10,"1"]}},
          "cells":{"u0":{"type":"flop","connections":{"c":[2],"d":[3],"q":[10]}},
                   "u1":{"type":"flop","connections":{"c":[2],"d":[10],"q":[11]}}}},
        "other":{"cells":{"u":{"type":"top","connections":{}}}}},
       "models":{"ignored":[1,2]}})";
  const Netlist n = parse_yosys_json(text);
  CHECK(n.name == "top");
  CHECK(n.gates() == 2);
  CHECK(n.gate_name(1) == "u1/r");
  const Aig aig = to_aig(n);
  REQUIRE(aig.inputs() == 2);
  CHECK(aig.input_name(0) == "x[5]");
  CHECK(aig.input_name(1) == "x[4]");
  REQUIRE(aig.latches().size() == 2);
  CHECK(aig.latches()[0].reset == Reset::one);
  CHECK(aig.latch_name(0) == "y[0]");
  CHECK(aig.latches()[1].next == Literal(aig.latch_variable(0), false));
  CHECK(aig.outputs() == 4);
  CHECK(aig.output_literals()[3] == literal_true);
  CHECK(parse_yosys_json(text, "f", {.top = "flop"}).gates() == 1);
}

TEST_CASE("yosys_json: errors name the file, the place and the rule") {
  CHECK(json_error("").find("f.json:1:1: the text ends") == 0);
  CHECK(json_error("{}") == "f.json:1:3: not a netlist of Yosys: there are no modules");
  CHECK(json_error(R"({"modules":{"m":{},"m":{}}})").find("module 'm' is defined twice") !=
        std::string::npos);
  CHECK(json_error(R"({"modules":{"m":{},"n":{}}})").find("no module uses 'm', nor 'n'") !=
        std::string::npos);
  CHECK(json_error(R"({"modules":{"m":{"cells":{"u":{"type":"m","connections":{}}}}}})")
            .find("module 'm' contains itself") != std::string::npos);
  CHECK(json_error(with_cells(R"("c":{"type":"$_NOT_","connections":{"A":[2,3],"Y":[4]}})"))
            .find("pin 'A' of '$_NOT_' has 1 bit, it is given 2") != std::string::npos);
  CHECK(json_error(with_cells(R"("c":{"type":"$_NOT_","connections":{"A":[2],"A":[3],"Y":[4]}})"))
            .find("pin 'A' is given twice") != std::string::npos);
  CHECK(json_error(with_cells(R"("c":{"type":"$_NOT_","connections":{"A":[2],"Y":[3]}})"))
            .find("'a[1]' is driven twice") != std::string::npos);
  CHECK(json_error(with_cells(R"("c":{"type":"$_NOT_","connections":{"A":[2],"Y":["0"]}})"))
            .find("connected to a constant") != std::string::npos);
  CHECK(json_error(with_cells(R"("c":{"connections":{}})")).find("cell 'c' has no type") !=
        std::string::npos);
  CHECK(json_error(with_cells("")).find("'y' is read and driven nowhere") != std::string::npos);
  CHECK(json_error(with_cells(R"("c":{"type":"$lut","parameters":{"WIDTH":3},"connections":)"
                              R"({"A":[2],"Y":[4]}})"))
            .find("has 3 bits, it is given 1") != std::string::npos);
  for (const char* bits :
       {"[1]", "[-2]", "[2.5]", "[1099511627776]", "[\"q\"]", "[\"\"]", "[null]"})
    CHECK(json_error(concat(R"({"modules":{"m":{"ports":{"a":{"direction":"input","bits":)", bits,
                            "}}}}}"))
              .starts_with("f.json:1:"));
  CHECK(json_error(R"({"modules":{"m":{"ports":{"a":{"direction":"inout","bits":[2]}}}}})")
            .find("inout ports are not supported") != std::string::npos);
  CHECK(json_error(R"({"modules":{"m":{}}})", {.top = "x"}) ==
        "f.json:1:1: there is no module 'x'");
}

TEST_CASE("yosys_json: a hierarchy that multiplies ends at the limit") {
  std::string text = R"({"modules":{"m0":{"cells":{"g":{"type":"x","connections":{"a":[2]}}}})";
  for (int i = 1; i <= 40; ++i)
    text += concat(R"(,"m)", i, R"(":{"cells":{"a":{"type":"m)", i - 1,
                   R"(","connections":{}},"b":{"type":"m)", i - 1, R"(","connections":{}}}})");
  text += "}}";
  CHECK(json_error(text, {.max_flattened = 100000}).find("the limit of 100000") !=
        std::string::npos);
}

TEST_CASE("yosys_json: every prefix of a file is read or refused") {
  check_prefixes(with_cells(R"("c":{"type":"$_NOT_","connections":{"A":[2],"Y":[4]}})"),
                 [](std::string_view text) { parse_yosys_json(text); });
}

TEST_CASE("yosys_json: malformed files get their verdicts") { check_verdicts("yosys_json", 7); }
