#include <cfm/circuit/netlist_logic.hpp>

#include <cfm/circuit/verilog.hpp>

#include <cstdio>
#include <cstdlib>
#include <set>

#include "shared_circuits.hpp"

using namespace cfm;
using namespace cfm::test;

namespace {

// The truth table of one output of a cell: bit sum(input k << k) over the pins in this order.
std::uint64_t table_of_cell(std::string_view type, const std::vector<std::string>& inputs,
                            std::string_view output, std::string_view table = {}) {
  Netlist n;
  std::vector<Netlist::Pin> pins;
  for (const std::string& pin : inputs) {
    const Netlist::Net net = n.add_net(pin);
    n.add_input(pin, net);
    pins.push_back({n.intern(pin), net, PinDirection::input});
  }
  const Netlist::Net y = n.add_net("result");
  pins.insert(pins.begin(), {n.intern(output), y, PinDirection::output});
  n.add_output("result", y);
  Netlist::Gate gate;
  gate.type = n.intern(type);
  gate.name = n.intern("u");
  gate.table = n.intern(table);
  n.add_gate(gate, pins);
  const Aig aig = to_aig(n);
  BitRows in(static_cast<Index>(inputs.size()), 1);
  const std::uint64_t columns[] = {0xAAAAAAAAAAAAAAAA, 0xCCCCCCCCCCCCCCCC, 0xF0F0F0F0F0F0F0F0,
                                   0xFF00FF00FF00FF00, 0xFFFF0000FFFF0000};
  for (std::size_t i = 0; i < inputs.size(); ++i) in[static_cast<Index>(i)][0] = columns[i];
  const std::uint64_t rows = std::uint64_t{1} << inputs.size();
  const std::uint64_t mask = (std::uint64_t{1} << rows) - 1;
  return simulate(aig, in.rows() == 0 ? BitRows(0, 1) : in)[0][0] & mask;
}

std::string error_of_cell(std::string_view type, const std::vector<std::string>& inputs,
                          std::string_view output) {
  return error_of([&] { table_of_cell(type, inputs, output); });
}

}  // namespace

TEST_CASE("netlist_logic: library cells by the conventions of their names") {
  const std::vector<std::string> ab = {"A", "B"}, abc = {"A", "B", "C"};
  CHECK(table_of_cell("INV_X0P5B_A9TH", {"A"}, "Y") == 0x1);
  CHECK(table_of_cell("BUFH_X16M_A9TH", {"A"}, "Y") == 0x2);
  CHECK(table_of_cell("NAND2_X1M_A9TH", ab, "Y") == 0x7);
  CHECK(table_of_cell("NAND2XB_X1M_A9TH", {"A", "BN"}, "Y") == 0xD);  // !(A & !BN)
  CHECK(table_of_cell("NOR2B_X1M_A9TH", {"AN", "B"}, "Y") == 0x2);    // !(!AN | B)
  CHECK(table_of_cell("NAND4XXXB_X1M", {"A", "B", "C", "DN"}, "Y") == 0xFF7F);
  CHECK(table_of_cell("OR3_X1M", abc, "Y") == 0xFE);
  CHECK(table_of_cell("XOR3_X1M", abc, "Y") == 0x96);
  CHECK(table_of_cell("XNOR3_X1M", abc, "Y") == 0x69);
  CHECK(table_of_cell("AO21_X1M", {"A0", "A1", "B0"}, "Y") == 0xF8);
  CHECK(table_of_cell("AOI21_X1M", {"A0", "A1", "B0"}, "Y") == 0x07);
  CHECK(table_of_cell("AO21B_X1M", {"A0", "A1", "B0N"}, "Y") == 0x8F);
  CHECK(table_of_cell("AO1B2_X1M", {"A0N", "B0", "B1"}, "Y") == 0xD5);
  CHECK(table_of_cell("OAI21_X1M", {"A0", "A1", "B0"}, "Y") == 0x1F);
  CHECK(table_of_cell("OAI2XB1_X1M", {"A0", "A1N", "B0"}, "Y") == 0x4F);
  CHECK(table_of_cell("OA22_X1M", {"A0", "A1", "B0", "B1"}, "Y") == 0xEEE0);
  CHECK(table_of_cell("AOI32_X1M", {"A0", "A1", "A2", "B0", "B1"}, "Y") == 0x007F7F7F);
  CHECK(table_of_cell("MX2_X1M", {"A", "B", "S0"}, "Y") == 0xCA);  // S0 ? B : A
  CHECK(table_of_cell("MXIT2_X1M", {"A", "B", "S0"}, "Y") == 0x35);
  CHECK(table_of_cell("ADDF_X1M", {"A", "B", "CI"}, "S") == 0x96);
  CHECK(table_of_cell("ADDF_X1M", {"A", "B", "CI"}, "CO") == 0xE8);
  CHECK(table_of_cell("ADDH_X1M", ab, "CO") == 0x8);
  CHECK(table_of_cell("TIEHI_X1M", {}, "Y") == 0x1);
  // Other libraries.
  CHECK(table_of_cell("NAND2_X1", {"A1", "A2"}, "ZN") == 0x7);
  CHECK(table_of_cell("AOI21_X1", {"A", "B1", "B2"}, "ZN") == 0x15);
  CHECK(table_of_cell("MUX2_X1", {"A", "B", "S"}, "Z") == 0xCA);
  CHECK(table_of_cell("FA_X1", {"A", "B", "CI"}, "CO") == 0xE8);
  CHECK(table_of_cell("LOGIC1_X1", {}, "Z") == 0x1);
  CHECK(table_of_cell("NAND2X1", ab, "Y") == 0x7);
  CHECK(table_of_cell("INVXL", {"A"}, "Y") == 0x1);
  CHECK(table_of_cell("sky130_fd_sc_hd__nand2_1", ab, "Y") == 0x7);
  CHECK(table_of_cell("sky130_fd_sc_hd__a21oi_1", {"A1", "A2", "B1"}, "Y") == 0x07);
  CHECK(table_of_cell("sky130_fd_sc_hd__o211a_1", {"A1", "A2", "B1", "C1"}, "X") == 0xE000);
}

TEST_CASE("netlist_logic: the gates of Yosys") {
  const std::vector<std::string> ab = {"A", "B"}, abc = {"A", "B", "C"};
  CHECK(table_of_cell("$_NOT_", {"A"}, "Y") == 0x1);
  CHECK(table_of_cell("$_ANDNOT_", ab, "Y") == 0x2);
  CHECK(table_of_cell("$_ORNOT_", ab, "Y") == 0xB);
  CHECK(table_of_cell("$_XNOR_", ab, "Y") == 0x9);
  CHECK(table_of_cell("$_MUX_", {"A", "B", "S"}, "Y") == 0xCA);
  CHECK(table_of_cell("$_NMUX_", {"A", "B", "S"}, "Y") == 0x35);
  CHECK(table_of_cell("$_AOI3_", abc, "Y") == 0x07);
  CHECK(table_of_cell("$_OAI3_", abc, "Y") == 0x1F);
  CHECK(table_of_cell("$_AOI4_", {"A", "B", "C", "D"}, "Y") == 0x0777);
  CHECK(table_of_cell("$_OAI4_", {"A", "B", "C", "D"}, "Y") == 0x111F);
  CHECK(table_of_cell("$lut", {"A[0]", "A[1]", "A[2]"}, "Y", "10010110") == 0x96);
  CHECK(table_of_cell("$lut", {"A[0]", "A[1]"}, "Y", "10") == 0x2);
}

TEST_CASE("netlist_logic: registers of Yosys, against what they say") {
  const auto next = [](std::string_view type, std::string_view pins) {
    const std::string text = concat("module m(input c, d, e, r, output q); \\", type,
                                    "  u (.C(c), .D(d), .Q(q)", pins, "); endmodule");
    return to_aig(parse_verilog(text, "f.v"), {.keep_clocks = true});
  };
  const auto behaves = [&](std::string_view type, std::string_view pins, std::string_view logic) {
    const Aig same = parse_bench(
        concat("INPUT(c)\nINPUT(d)\nINPUT(e)\nINPUT(r)\nOUTPUT(q)\nq = DFF(n)\nne = NOT(e)\n"
               "nr = NOT(r)\n",
               logic));
    return behave_alike(next(type, pins), same);
  };
  CHECK(behaves("$_DFF_P_", "", "n = BUF(d)\n"));
  CHECK(behaves("$_DFFE_PP_", ", .E(e)", "n = MUX(e, d, q)\n"));
  CHECK(behaves("$_DFFE_NN_", ", .E(e)", "n = MUX(e, q, d)\n"));
  CHECK(behaves("$_SDFF_PP0_", ", .R(r)", "n = AND(d, nr)\n"));
  CHECK(behaves("$_SDFF_PN1_", ", .R(r)", "n = OR(d, nr)\n"));
  CHECK(behaves("$_SDFFE_PP0P_", ", .R(r), .E(e)", "m = MUX(e, d, q)\nn = AND(m, nr)\n"));
  CHECK(behaves("$_SDFFCE_PP0P_", ", .R(r), .E(e)", "m = AND(d, nr)\nn = MUX(e, m, q)\n"));
  CHECK(behaves("DFF_X1", "", "n = BUF(d)\n"));
  CHECK(error_of([&] { next("$_DFF_PP0_", ", .R(r)"); }).find("is unknown") != std::string::npos);
  CHECK(error_of([&] { next("DFF_X1", ", .RN(r)"); }).find("pin 'RN' of the register") !=
        std::string::npos);
  const Aig inverse = to_aig(
      parse_verilog("module m(input c, d, output n); DFF_X1 u (.CK(c), .D(d), .QN(n)); endmodule"));
  CHECK(inverse.output_literals()[0].inverted());
  CHECK(inverse.inputs() == 1);
}

TEST_CASE("netlist_logic: pins that do not fit are refused") {
  CHECK(error_of_cell("NAND3_X1", {"A", "B"}, "Y") ==
        "netlist: cell 'NAND3_X1' ('u') takes 3 inputs, found 2");
  CHECK(error_of_cell("AOI22_X1", {"A0", "A1", "B0"}, "Y") ==
        "netlist: cell 'AOI22_X1' ('u') takes 4 inputs, found 3");
  CHECK(error_of_cell("AOI22_X1", {"A0", "A1", "A2", "B0"}, "Y") ==
        "netlist: cell 'AOI22_X1' ('u'): the pins do not fit the name of the cell");
  CHECK(error_of_cell("sky130_fd_sc_hd__a21oi_1", {"A1", "B1"}, "Y").find("do not fit") !=
        std::string::npos);
  CHECK(error_of_cell("$_AND_", {"A"}, "Y").find("takes 2 inputs, found 1") != std::string::npos);
  CHECK(error_of_cell("$_AOI4_", {"A", "B", "C"}, "Y").find("takes 4 inputs") != std::string::npos);
  for (const char* type : {"FOO", "NAND", "AOI2", "MX4", "X1", "$_TBUF_", "$add", "_", "$__"})
    CHECK(error_of_cell(type, {"A", "B"}, "Y").find("is unknown") != std::string::npos);
}

TEST_CASE("netlist_logic: undriven nets, constants x, clocks that are read") {
  const Netlist n = parse_verilog(
      "module m(input c, d, output q, y, z); wire u; DFF_X1 r (.CK(c), .D(d), .Q(q));"
      " assign y = u; and (z, d, 1'bx); endmodule");
  CHECK(error_of([&] { to_aig(n); }).find("'u' is read and driven nowhere") != std::string::npos);
  const Aig aig = to_aig(n, {.undriven_is_false = true});
  CHECK(aig.inputs() == 1);
  CHECK(aig.output_literals()[1] == literal_false);
  CHECK(aig.output_literals()[2] == literal_false);
  CHECK(to_aig(n, {.undriven_is_false = true, .keep_clocks = true}).inputs() == 2);
  const Netlist read = parse_verilog(
      "module m(input c, d, output q, y); DFF_X1 r (.CK(c), .D(d), .Q(q)); assign y = c;"
      " endmodule");
  CHECK(to_aig(read).inputs() == 2);
  CHECK(cell_pin_direction("ADDF_X1M", "CO") == PinDirection::output);
  CHECK(cell_pin_direction("ADDF_X1M", "CI") == PinDirection::input);
  CHECK(cell_pin_direction("ram", "CI") == PinDirection::unknown);
}

TEST_CASE("netlist_logic: the labelled netlists of GNN-RE, counted and checked as arithmetic") {
  const auto data = data_dir("gnn_re");
  if (!data) return;
  const auto folder =
      std::filesystem::temp_directory_path() / concat("cfm_gnn_re_", static_cast<long>(getpid()));
  std::filesystem::create_directories(folder);
  const std::string unpack = concat("tar -xJf '", (*data / "gnn_re.tar.xz").string(), "' -C '",
                                    folder.string(), "' 2>/dev/null");
  if (std::system(unpack.c_str()) != 0) {
    MESSAGE("skipped: no tar with xz here");
    std::filesystem::remove_all(folder);
    return;
  }
  std::map<std::string, std::size_t> by_split, by_label;
  std::set<std::string> bases;
  std::size_t files = 0;
  for (const auto& path : files_below(folder / "gnn_re" / "netlists", ".v")) {
    CAPTURE(path.string());
    ++files;
    const Netlist n = read_verilog(path);
    const std::string stem = path.stem().string();
    by_split[stem.substr(0, stem.find('_'))] += n.gates();
    for (std::uint32_t g = 0; g < n.gates(); ++g) {
      const std::string name = n.gate_name(g);
      const std::size_t slash = name.find('/');
      ++by_label[slash == std::string::npos ? "control" : name.substr(0, name.find('_'))];
      const std::string_view type = n.type(g);
      bases.emplace(type.substr(0, type.find('_')));
    }
    if (n.gates() > 3000) continue;
    const Aig aig = to_aig(n);
    // What the RTL of the same name computes, from the width and the kind in the file name.
    const std::vector<std::string> parts = split(stem, '_');
    std::string kind;
    std::size_t width = 0;
    for (std::size_t i = 3; i < parts.size() && width == 0; ++i) {
      if (parts[i].find_first_not_of("0123456789") == std::string::npos)
        width = std::stoul(parts[i]);
      else
        kind += parts[i];
    }
    const std::string w = concat("[0:", width - 1, "]"), v = concat("[0:", 2 * width - 1, "]");
    const std::string sum = concat("{", width, "'d0, (a + b)}");
    const std::string ports = concat("input ", w, " a, b, ");
    std::string rtl;
    if (kind.empty() && width > 1)  // of one bit there is no carry
      rtl = concat(ports, "input operation, output ", v,
                   " Result); assign Result = operation ? a * b : ", sum);
    if (kind == "comp")
      rtl = concat(ports, "output ", v, " Result); assign Result = a > b ? a * b : ", sum);
    if (kind == "sub")
      rtl = concat(ports, "input [0:1] operation, output ", v,
                   " Result); assign Result = operation == 0 ? ", sum,
                   " : operation == 1 ? a - b : operation == 2 ? b - a : a * b");
    if (kind == "mix")
      rtl = concat("input ", w, " a, b, c, d, output ", v, " Result); wire ", w,
                   " s = a + b, t = c + d; ", "assign Result = s * t");
    if (kind == "combine")
      rtl = concat(ports, "output ", v, " Result_mul, output ", w,
                   " Result_add); assign Result_mul = a * b, Result_add = a + b");
    if (rtl.empty()) continue;
    CAPTURE(rtl);
    CHECK(behave_alike(aig, to_aig(parse_verilog(concat("module m(", rtl, "; endmodule")))));
    by_split["compared"] += 1;
  }
  std::filesystem::remove_all(folder);
  CHECK(files == 37);
  CHECK(by_split["Train"] == 96251);
  CHECK(by_split["Validate"] == 1938);
  CHECK(by_split["Test"] == 6538);
  CHECK(by_label["multiplier"] == 91067);
  CHECK(by_label["adder"] == 6770);
  CHECK(by_label["subtractor"] == 3786);
  CHECK(by_label["comparator"] == 959);
  CHECK(by_label["control"] == 2145);
  CHECK(bases.size() == 51);
  CHECK(by_split["compared"] > 15);
}
