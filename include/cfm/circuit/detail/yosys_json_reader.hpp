#pragma once
/// @file  The modules of Yosys' JSON into one netlist.

#include <cfm/circuit/detail/cell_function.hpp>
#include <cfm/circuit/detail/gate_order.hpp>
#include <cfm/circuit/detail/line_index.hpp>
#include <cfm/circuit/detail/netlist_builder.hpp>
#include <cfm/circuit/detail/yosys_json_module.hpp>

CFM_NAMESPACE_BEGIN
namespace detail {

class YosysJsonReader {
 public:
  YosysJsonReader(std::string_view text, std::string_view name, std::size_t limit)
      : parser_(text, name), text_(text, name), lines_(text), build_(limit, text.size()) {}

  Netlist read(std::string_view top) {
    parser_.parse();
    last_cell_.resize(parser_.names.size());
    for (std::uint32_t i = 0; i < parser_.modules.size(); ++i)
      if (!number_.try_emplace(parser_.modules[i].name, i).second)
        fail(parser_.modules[i].position, "module ", quoted(name(parser_.modules[i].name)),
             " is defined twice");
    check_depth();
    pending_.push_back({top_module(top), 0, 0, {}});
    build_.netlist().source = text_.name();
    build_.netlist().name = name(parser_.modules[pending_[0].module].name);
    for (std::size_t i = 0; i < pending_.size(); ++i) {
      const Pending work = std::move(pending_[i]);
      flatten(work);
    }
    Net cyclic = Netlist::open;
    Netlist out = build_.finish(cyclic);
    if (cyclic != Netlist::open) fail(0, "a net drives itself through the ports of modules");
    return out;
  }

 private:
  using Net = Netlist::Net;
  struct Pending {
    std::uint32_t module, scope, parent;
    std::vector<std::vector<Net>> ports;  // what each is wired to; empty if to nothing
  };

  std::string_view name(std::uint32_t number) const { return parser_.names[number]; }
  template <class... Parts>
  [[noreturn]] void fail(std::size_t position, const Parts&... parts) const {
    text_.fail_at(position, parts...);
  }

  // The module that a cell is an instance of, or none.
  std::uint32_t module_of(const YosysModule::Cell& cell) const {
    const auto found = number_.find(cell.type);
    if (found == number_.end() || parser_.modules[found->second].is_black_box) return not_a_gate;
    return found->second;
  }

  void check_depth() const {
    const auto used = [&](std::uint32_t m, std::uint32_t k) {
      const auto& cells = parser_.modules[m].cells;
      return k == cells.size() ? no_operand : module_of(cells[k]);
    };
    const auto n = static_cast<std::uint32_t>(parser_.modules.size());
    if (const auto cyclic = for_gates_in_order(n, used, [](std::uint32_t) {}))
      fail(parser_.modules[*cyclic].position, "module ",
           quoted(name(parser_.modules[*cyclic].name)), " contains itself");
  }

  // The module that is named, that which is marked, or the only one that no other uses.
  std::uint32_t top_module(std::string_view top) const {
    const auto& modules = parser_.modules;
    std::uint32_t found = not_a_gate;
    std::vector<bool> used(modules.size());
    for (const YosysModule& module : modules)
      for (const YosysModule::Cell& cell : module.cells)
        if (const std::uint32_t child = module_of(cell); child != not_a_gate) used[child] = true;
    for (std::uint32_t m = 0; m < modules.size(); ++m) {
      if (top.empty() ? modules[m].is_top : name(modules[m].name) == top) return m;
    }
    if (!top.empty()) fail(0, "there is no module ", quoted(top));
    for (std::uint32_t m = 0; m < modules.size(); ++m) {
      if (used[m] || modules[m].is_black_box) continue;
      if (found != not_a_gate)
        fail(modules[m].position, "no module uses ", quoted(name(modules[found].name)), ", nor ",
             quoted(name(modules[m].name)), ": name one in YosysJsonOptions::top");
      found = m;
    }
    if (found == not_a_gate) fail(0, "all modules are black boxes");
    return found;
  }

  void at(std::size_t position) { build_.set_source(text_, position, lines_.place(position)); }
  [[noreturn]] void fail_twice(Net net) {
    if (net < Netlist::first_net) build_.fail("an output is connected to a constant");
    build_.fail(detail::quoted(build_.netlist().net_name(net)), " is driven twice");
  }
  void drive(Net net) {
    if (net < Netlist::first_net || !build_.drive(net)) fail_twice(net);
  }

  void flatten(const Pending& work) {
    const YosysModule& m = parser_.modules[work.module];
    at(m.position);
    build_.charge(1 + m.nets.size());
    build_.set_scope(work.scope);
    const Net first = static_cast<Net>(build_.netlist().nets());
    for (const YosysModule::NetName& net : m.nets)
      net.is_bit ? build_.add_net(name(net.name), work.scope, net.bit)
                 : build_.add_net(name(net.name), work.scope);
    const auto net = [&](const YosysModule::Bits& bits, std::size_t i) {
      const std::uint32_t bit = m.bits[bits.first + i];
      return bit < Netlist::first_net ? bit : first + bit - Netlist::first_net;
    };
    connect_ports(m, work, net);
    for (const YosysModule::Cell& cell : m.cells) {
      at(cell.position);
      build_.charge(1 + cell.pins);
      if (const std::uint32_t child = module_of(cell); child != not_a_gate) {
        instantiate(m, work, cell, child, net);
      } else {
        gate(m, cell, net);
      }
    }
  }

  template <class NetOf>
  void connect_ports(const YosysModule& m, const Pending& work, const NetOf& net) {
    std::vector<bool> seen(work.scope == 0 ? parser_.names.size() : 0);
    for (std::size_t p = 0; p < m.ports.size(); ++p) {
      const YosysModule::Port& port = m.ports[p];
      at(port.position);
      if (work.scope == 0 && seen[port.name])
        build_.fail("port ", quoted(name(port.name)), " is listed twice");
      if (work.scope == 0) seen[port.name] = true;
      const bool is_input = port.direction == PinDirection::input;
      for (std::size_t i = 0; i < port.bits.count; ++i) {
        const Net inner = net(port.bits, i);
        if (work.scope == 0) {
          const auto place = static_cast<std::int64_t>(port.upto ? port.bits.count - 1 - i : i);
          std::string text(name(port.name));
          if (port.bits.count > 1) text += concat("[", port.offset + place, "]");
          if (is_input) drive(inner);
          is_input ? build_.netlist().add_input(std::move(text), inner)
                   : build_.netlist().add_output(std::move(text), inner);
        } else if (!work.ports[p].empty()) {
          const Net outer = work.ports[p][i];
          const Net to = is_input ? inner : outer, from = is_input ? outer : inner;
          if (to == from) build_.fail("a net drives itself through a port");
          if (to < Netlist::first_net || !build_.connect(to, from)) fail_twice(to);
        }
      }
    }
  }

  template <class NetOf>
  void instantiate(const YosysModule& m, const Pending& work, const YosysModule::Cell& cell,
                   std::uint32_t child, const NetOf& net) {
    const YosysModule& c = parser_.modules[child];
    std::unordered_map<std::uint32_t, std::size_t> place;
    for (std::size_t p = 0; p < c.ports.size(); ++p) place.emplace(c.ports[p].name, p);
    Pending next{child, build_.netlist().add_scope(work.scope, name(cell.name)), work.module, {}};
    next.ports.resize(c.ports.size());
    build_.charge(c.ports.size());
    for (std::size_t k = 0; k < cell.pins; ++k) {
      const YosysModule::Pin& pin = m.pins[cell.first_pin + k];
      at(pin.position);
      const auto found = place.find(pin.name);
      if (found == place.end())
        build_.fail("module ", quoted(name(cell.type)), " has no port ", quoted(name(pin.name)));
      const YosysModule::Port& port = c.ports[found->second];
      std::vector<Net>& nets = next.ports[found->second];
      if (!nets.empty()) build_.fail("port ", quoted(name(pin.name)), " is given twice");
      if (pin.bits.count == 0) continue;
      if (pin.bits.count != port.bits.count)
        build_.fail("port ", quoted(name(pin.name)), " has ", port.bits.count,
                    " bits, it is given ", pin.bits.count);
      build_.charge(pin.bits.count);
      for (std::size_t i = 0; i < pin.bits.count; ++i) nets.push_back(net(pin.bits, i));
    }
    pending_.push_back(std::move(next));
  }

  template <class NetOf>
  void gate(const YosysModule& m, const YosysModule::Cell& cell, const NetOf& net) {
    const std::string_view type = name(cell.type);
    const auto [entry, is_new] = cells_.try_emplace(cell.type);
    if (is_new) entry->second = cell_function(type);
    const CellFunction& known = entry->second;
    Netlist& out = build_.netlist();
    pins_.clear();
    for (std::size_t k = 0; k < cell.pins; ++k)
      last_cell_[m.pins[cell.first_pin + k].name] = nullptr;
    Reset start = Reset::undefined;
    for (std::size_t k = 0; k < cell.pins; ++k) {
      const YosysModule::Pin& pin = m.pins[cell.first_pin + k];
      const std::string_view pin_name = name(pin.name);
      at(pin.position);
      if (last_cell_[pin.name] == &cell) build_.fail("pin ", quoted(pin_name), " is given twice");
      last_cell_[pin.name] = &cell;
      const PinDirection direction =
          known.kind == CellKind::unknown ? pin.direction : pin_direction(known, pin_name);
      const bool is_word =
          known.kind == CellKind::unknown || (known.kind == CellKind::lut && pin_name == "A");
      if (!is_word && pin.bits.count > 1)
        build_.fail("pin ", quoted(pin_name), " of ", quoted(type), " has 1 bit, it is given ",
                    pin.bits.count);
      if (known.kind == CellKind::lut && pin_name == "A" && cell.width &&
          pin.bits.count != static_cast<std::uint64_t>(*cell.width))
        build_.fail("pin 'A' of '$lut' has ", *cell.width, " bits, it is given ", pin.bits.count);
      build_.charge(pin.bits.count);
      for (std::size_t i = 0; i < pin.bits.count; ++i) {
        const Net wire = net(pin.bits, i);
        if (direction == PinDirection::output) drive(wire);
        const std::uint32_t bit = m.bits[pin.bits.first + i];
        if (pin_name == "Q" && bit >= Netlist::first_net)
          start = m.nets[bit - Netlist::first_net].start;
        const bool is_scalar = pin.bits.count == 1 && known.kind != CellKind::lut;
        pins_.push_back({is_scalar || pin_name == "Y" ? out.intern(pin_name)
                                                      : out.intern(concat(pin_name, "[", i, "]")),
                         wire, direction});
      }
    }
    at(cell.position);
    const std::uint32_t gate =
        build_.add_gate(type, name(cell.name), pins_, out.intern(name(cell.table)));
    out.set_reset(gate, start);
  }

  YosysJsonParser parser_;
  TextCursor text_;
  LineIndex lines_;
  NetlistBuilder build_;
  std::unordered_map<std::uint32_t, std::uint32_t> number_;  // of a module, by name
  std::unordered_map<std::uint32_t, CellFunction> cells_;
  std::vector<Pending> pending_;
  std::vector<Netlist::Pin> pins_;
  std::vector<const YosysModule::Cell*> last_cell_;  // by name of a pin: which had it last
};

}  // namespace detail
CFM_NAMESPACE_END
