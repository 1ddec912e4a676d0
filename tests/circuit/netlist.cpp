#include <cfm/circuit/netlist.hpp>

#include "../test.hpp"

using namespace cfm;

namespace {

// y = nand(a, b), in an instance u1 of the circuit.
Netlist one_gate() {
  Netlist n;
  n.name = "top";
  const auto a = n.add_net("a"), b = n.add_net("b", 0, 3);
  const std::uint32_t scope = n.add_scope(0, "u1");
  const auto y = n.add_net("y", scope), anonymous = n.add_net("");
  n.add_input("a", a);
  n.add_input("b[3]", b);
  n.add_output("y", y);
  Netlist::Gate gate;
  gate.scope = scope;
  gate.name = n.intern("g1");
  gate.type = n.intern("NAND2_X1");
  const Netlist::Pin pins[] = {{n.intern("A"), a, PinDirection::input},
                               {n.intern("B"), b, PinDirection::input},
                               {n.intern("Y"), y, PinDirection::output},
                               {n.intern("T"), Netlist::open, PinDirection::unknown}};
  n.add_gate(gate, pins);
  CHECK(n.net_name(anonymous) == concat("_", anonymous, "_"));
  return n;
}

}  // namespace

TEST_CASE("netlist: names are paths of instances, pins and nets are what was given") {
  const Netlist n = one_gate();
  CHECK(n.gates() == 1);
  CHECK(n.gate_name(0) == "u1/g1");
  CHECK(n.type(0) == "NAND2_X1");
  CHECK(n.pins(0).size() == 4);
  CHECK(n.name_of(n.pins(0)[1].name) == "B");
  CHECK(n.net_name(n.pins(0)[1].net) == "b[3]");
  CHECK(n.net_name(n.pins(0)[2].net) == "u1/y");
  CHECK(n.net_name(Netlist::one) == "1'b1");
  CHECK(n.find_name("A") == n.pins(0)[0].name);
  CHECK(n.find_name("nowhere") == Netlist::none);
  CHECK(n.drivers()[n.outputs()[0].net] == 0);
  CHECK(n.drivers()[n.inputs()[0].net] == Netlist::none);
  CHECK(n == one_gate());
}

TEST_CASE("netlist: what does not exist is refused") {
  Netlist n = one_gate();
  Netlist::Gate gate;
  gate.scope = 5;
  CHECK(test::error_of([&] { n.add_gate(gate, {}); }).find("netlist: no such scope") == 0);
  gate.scope = 0;
  const Netlist::Pin pins[] = {{0, 99, PinDirection::input}};
  CHECK(test::error_of([&] { n.add_gate(gate, pins); }).find("netlist: no such net") == 0);
  CHECK_THROWS_AS(n.add_net("x", 7), Error);
  CHECK_THROWS_AS(n.add_scope(7, "x"), Error);
}

TEST_CASE("netlist: merged nets keep the name nearest to the top") {
  Netlist n = one_gate();
  std::vector<Netlist::Net> same(n.nets());
  for (Netlist::Net k = 0; k < same.size(); ++k) same[k] = k;
  const auto y = n.outputs()[0].net;
  const auto port = n.add_net("result");
  same.push_back(y);  // what drives "result" is u1/y
  n.add_output("again", port);
  // A net of the top that was made before, and so stands nearer to it.
  Netlist first;
  const auto top = first.add_net("top_name");
  const auto inner = first.add_net("inner", first.add_scope(0, "u"));
  first.add_output("o", inner);
  const Netlist::Net wired[] = {0, 1, 2, 3, inner, inner};
  first.merge_nets(wired);
  CHECK(first.nets() == 5);
  CHECK(first.net_name(first.outputs()[0].net) == "top_name");
  CHECK(top == first.outputs()[0].net);
  const std::size_t before = n.nets();
  n.merge_nets(same);
  CHECK(n.nets() == before - 1);
  CHECK(n.outputs()[0].net == n.outputs()[1].net);
  CHECK(n.drivers()[n.outputs()[1].net] == 0);
  same.pop_back();
  same.back() = 0;  // not what represents itself under the new numbers
  same[0] = 1;
  CHECK_THROWS_AS(n.merge_nets(same), Error);
}
