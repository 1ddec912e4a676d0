#pragma once
/// @file  The logic of a netlist of known cells.

#include <unordered_map>

#include <cfm/circuit/detail/cell_function.hpp>
#include <cfm/circuit/detail/signals.hpp>
#include <cfm/circuit/detail/text_cursor.hpp>
#include <cfm/circuit/strash.hpp>

CFM_NAMESPACE_BEGIN
namespace detail {

class NetlistLogic {
 public:
  NetlistLogic(const Netlist& netlist, bool undriven_is_false, bool keep_clocks)
      : netlist_(netlist), undriven_is_false_(undriven_is_false), keep_clocks_(keep_clocks) {}

  Aig build() {
    signals_.resize(netlist_.nets());
    for (Net n = 0; n < Netlist::first_net; ++n) signals_.drive_by_source(n);
    signals_.set(Netlist::one, literal_true);
    for (const Netlist::Port& port : netlist_.inputs())
      if (!signals_.drive_by_source(port.net)) fail_twice(port.net, Netlist::none);
    for (std::uint32_t g = 0; g < netlist_.gates(); ++g) prepare(g);
    build_sources();
    build_gates();
    for (const Netlist::Port& port : netlist_.outputs())
      build_.add_output(driven_value(port.net), port.name);
    for (std::size_t i = 0; i < registers_.size(); ++i) build_.set_next(i, next_state(i));
    return remove_dangling(build_.take());
  }

 private:
  using Net = Netlist::Net;
  struct Input {
    std::string_view pin;
    Net net;
  };

  template <class... Parts>
  [[noreturn]] void fail(std::uint32_t g, const Parts&... parts) const {
    std::string where = netlist_.source.empty() ? "netlist" : netlist_.source;
    if (g != Netlist::none && netlist_.gate(g).place.line != 0)
      where += concat(":", netlist_.gate(g).place.line, ":", netlist_.gate(g).place.column);
    throw_error<FormatError>(where, ": ", parts...);
  }
  [[noreturn]] void fail_twice(Net net, std::uint32_t g) const {
    fail(g, detail::quoted(netlist_.net_name(net)), " is driven twice");
  }
  std::string cell_text(std::uint32_t g) const {
    return concat("cell ", quoted(netlist_.type(g)), " (", detail::quoted(netlist_.gate_name(g)),
                  ")");
  }

  const CellFunction& function(std::uint32_t g) const { return functions_[function_of_[g]]; }

  void prepare(std::uint32_t g) {
    const auto [known, is_new] = by_type_.try_emplace(netlist_.gate(g).type, functions_.size());
    if (is_new) functions_.push_back(cell_function(netlist_.type(g)));
    function_of_.push_back(static_cast<std::uint32_t>(known->second));
    const CellFunction& cell = function(g);
    if (cell.kind == CellKind::unknown)
      fail(g, cell_text(g), " is unknown: give it as a module in VerilogOptions::library, or map ",
           "the circuit to gates");
    const bool is_register = cell.kind == CellKind::flip_flop;
    bool drives = false;
    for (const Netlist::Pin& pin : netlist_.pins(g)) {
      if (!is_output_pin(cell, netlist_.name_of(pin.name))) continue;
      drives = true;
      if (pin.net == Netlist::open) continue;
      if (!(is_register ? signals_.drive_by_source(pin.net) : signals_.drive(pin.net, g)))
        fail_twice(pin.net, g);
    }
    if (!drives && cell.kind != CellKind::constant && netlist_.pins(g).empty())
      fail(g, cell_text(g), " has no pins");
    if (is_register) registers_.push_back(g);
  }

  static bool is_clock(std::string_view pin) {
    return is_any_of(pin, {"C", "CK", "CLK", "CP", "CLKN", "CKN"});
  }

  // Inputs that do nothing but clock registers are no inputs of an Aig, where all step together.
  std::vector<bool> clock_nets() const {
    std::vector<bool> clock(netlist_.nets()), other(netlist_.nets());
    for (std::uint32_t g = 0; g < netlist_.gates(); ++g) {
      const bool is_register = function(g).kind == CellKind::flip_flop;
      for (const Netlist::Pin& pin : netlist_.pins(g))
        if (pin.net != Netlist::open)
          (is_register && is_clock(netlist_.name_of(pin.name)) ? clock : other)[pin.net] = true;
    }
    for (const Netlist::Port& port : netlist_.outputs()) other[port.net] = true;
    for (std::size_t n = 0; n < clock.size(); ++n) clock[n] = clock[n] && !other[n];
    return clock;
  }

  void build_sources() {
    const std::vector<bool> clock = clock_nets();
    for (const Netlist::Port& port : netlist_.inputs())
      if (keep_clocks_ || !clock[port.net]) signals_.set(port.net, build_.add_input(port.name));
    for (const std::uint32_t g : registers_) {
      const Netlist::Pin *q = nullptr, *inverse = nullptr;
      for (const Netlist::Pin& pin : netlist_.pins(g)) {
        const std::string_view name = netlist_.name_of(pin.name);
        if (name == "Q" || name == "q") {
          q = &pin;
        } else if (is_any_of(name, {"QN", "QB", "Q_N"})) {
          inverse = &pin;
        } else if (!is_clock(name) && !is_any_of(name, {"D", "d"}) &&
                   !(netlist_.type(g).starts_with('$') && is_any_of(name, {"E", "R"}))) {
          fail(g, "pin ", detail::quoted(name), " of the register ", cell_text(g),
               " is not supported: registers of an Aig have no asynchronous set or reset");
        }
      }
      const Netlist::Pin* named = q != nullptr && q->net != Netlist::open ? q : inverse;
      const bool has_name = named != nullptr && named->net != Netlist::open;
      const Literal latch = build_.add_latch(
          netlist_.gate(g).reset, has_name ? netlist_.net_name(named->net) : std::string());
      if (q != nullptr && q->net != Netlist::open) signals_.set(q->net, latch);
      if (inverse != nullptr && inverse->net != Netlist::open) signals_.set(inverse->net, !latch);
      latches_.push_back(latch);
    }
  }

  void build_gates() {
    const auto operand = [&](std::uint32_t g, std::uint32_t k) {
      const auto pins = netlist_.pins(g);
      if (k == pins.size() || function(g).kind == CellKind::flip_flop) return no_operand;
      if (pins[k].net == Netlist::open) return not_a_gate;
      if (is_output_pin(function(g), netlist_.name_of(pins[k].name))) return not_a_gate;
      return signals_.gate(pins[k].net);
    };
    const auto n = static_cast<std::uint32_t>(netlist_.gates());
    const auto cyclic = for_gates_in_order(n, operand, [&](std::uint32_t g) { build_gate(g); });
    if (!cyclic) return;
    for (const Netlist::Pin& pin : netlist_.pins(*cyclic))
      if (pin.net != Netlist::open && is_output_pin(function(*cyclic), netlist_.name_of(pin.name)))
        fail(*cyclic, "combinational cycle through ", detail::quoted(netlist_.net_name(pin.net)));
    fail(*cyclic, "combinational cycle");
  }

  void build_gate(std::uint32_t g) {
    const CellFunction& cell = function(g);
    if (cell.kind == CellKind::flip_flop) return;
    inputs_.clear();
    literals_.clear();
    for (const Netlist::Pin& pin : netlist_.pins(g)) {
      const std::string_view name = netlist_.name_of(pin.name);
      if (is_output_pin(cell, name)) continue;
      if (pin.net == Netlist::open)
        fail(g, "input ", detail::quoted(name), " of ", cell_text(g), " is not connected");
      inputs_.push_back({name, pin.net});
    }
    // Inputs in the order of their names, A before B before S: files list pins in any order.
    if (netlist_.type(g) != "$lut" && cell.width + cell.groups.size() > 0)
      std::stable_sort(inputs_.begin(), inputs_.end(),
                       [](const Input& a, const Input& b) { return a.pin < b.pin; });
    if (cell.width != 0 && inputs_.size() != cell.width)
      fail(g, cell_text(g), " takes ", cell.width, " inputs, found ", inputs_.size());
    std::uint32_t lacks = Signals::none;
    const bool library = cell.width + cell.groups.size() > 0 && netlist_.type(g)[0] != '$';
    for (const Input& input : inputs_) {
      const bool inverted = library && cell.kind != CellKind::mux && input.pin.size() > 1 &&
                            input.pin.back() == 'N' && cell.kind >= CellKind::conjunction &&
                            cell.kind <= CellKind::and_of_ors;
      literals_.push_back(signals_.value(input.net, lacks) ^ inverted);
    }
    const Literal carry = cell.kind == CellKind::full_adder
                              ? build_.majority(literals_[0], literals_[1], literals_[2])
                          : cell.kind == CellKind::half_adder
                              ? build_.land(literals_[0], literals_[1])
                              : literal_false;
    const Literal value = evaluate(g, cell) ^ cell.inverted;
    for (const Netlist::Pin& pin : netlist_.pins(g)) {
      const std::string_view name = netlist_.name_of(pin.name);
      if (pin.net == Netlist::open || !is_output_pin(cell, name)) continue;
      const bool is_carry =
          (cell.kind == CellKind::full_adder || cell.kind == CellKind::half_adder) &&
          name[0] == 'C';
      signals_.set(pin.net, is_carry ? carry : value, lacks);
    }
  }

  // The function without the inversion of its output.
  Literal evaluate(std::uint32_t g, const CellFunction& cell) {
    std::span<Literal> in(literals_);
    if (cell.invert_second) in[1] = !in[1];
    if (in.empty() && cell.kind != CellKind::constant && cell.kind != CellKind::lut)
      fail(g, cell_text(g), " has no inputs");
    switch (cell.kind) {
      case CellKind::constant: return literal_false;
      case CellKind::buffer:
        if (in.size() != 1) fail(g, cell_text(g), " takes 1 input, found ", in.size());
        return in[0];
      case CellKind::conjunction: return build_.land(in);
      case CellKind::disjunction: return build_.lor(in);
      case CellKind::parity:
        // Of two, in the form whose inversion is that of ABC.
        return cell.inverted && in.size() == 2 ? !build_.lxnor(in[0], in[1]) : build_.lxor(in);
      case CellKind::full_adder:
      case CellKind::half_adder: return build_.lxor(in);
      case CellKind::mux:
        if (in.size() != 3) fail(g, cell_text(g), " takes 3 inputs, found ", in.size());
        return build_.mux(in[2], in[1], in[0]);
      case CellKind::or_of_ands:
      case CellKind::and_of_ors: return groups(g, cell);
      case CellKind::lut: return look_up(g, in);
      default: return literal_false;
    }
  }

  // AO and OA: pins with the same first letter are a group; A B and C D of Yosys' gates are.
  Literal groups(std::uint32_t g, const CellFunction& cell) {
    const bool or_of_ands = cell.kind == CellKind::or_of_ands;
    const bool yosys = cell.groups.empty();
    Literal out = or_of_ands ? literal_false : literal_true;
    std::string sizes;
    for (std::size_t begin = 0, end = 0; begin < inputs_.size(); begin = end) {
      while (end < inputs_.size() &&
             (yosys ? end / 2 == begin / 2 : inputs_[end].pin[0] == inputs_[begin].pin[0]))
        ++end;
      const auto group = std::span<const Literal>(literals_).subspan(begin, end - begin);
      sizes += end - begin < 10 ? static_cast<char>('0' + (end - begin)) : '?';
      out = or_of_ands ? build_.lor(out, build_.land(group)) : build_.land(out, build_.lor(group));
    }
    std::sort(sizes.begin(), sizes.end());
    if (!yosys && sizes != cell.groups)
      fail(g, cell_text(g), ": the pins do not fit the name of the cell");
    return out;
  }

  // Halves the table input by input, the first input least significant.
  Literal look_up(std::uint32_t g, std::span<const Literal> in) {
    const std::string_view table = netlist_.name_of(netlist_.gate(g).table);
    if (in.size() > 16) fail(g, cell_text(g), " takes at most 16 inputs, found ", in.size());
    const std::size_t rows = std::size_t{1} << in.size();
    if (table.size() > rows) fail(g, cell_text(g), " has more than ", rows, " rows");
    std::vector<Literal> row;
    for (std::size_t i = table.size(); i-- > 0;) row.push_back(Literal(0, table[i] == '1'));
    if (row.empty()) return literal_false;
    for (const Literal input : in) {
      const std::size_t half = (row.size() + 1) / 2;
      for (std::size_t j = 0; j < half; ++j)
        row[j] =
            build_.mux(input, 2 * j + 1 < row.size() ? row[2 * j + 1] : literal_false, row[2 * j]);
      row.resize(half);
    }
    return row[0];
  }

  Literal next_state(std::size_t i) {
    const std::uint32_t g = registers_[i];
    const auto pin = [&](std::string_view upper, std::string_view lower) {
      for (const Netlist::Pin& p : netlist_.pins(g))
        if (const std::string_view name = netlist_.name_of(p.name);
            (name == upper || name == lower) && p.net != Netlist::open)
          return driven_value(p.net, g);
      fail(g, "pin ", quoted(upper), " of ", cell_text(g), " is not connected");
    };
    const Literal data = pin("D", "d");
    const std::string_view options = function(g).options;
    const std::size_t letters = options.find('_') + 1;  // 0 if there are none
    const auto active = [&](std::string_view name, std::size_t letter) {
      return pin(name, name) ^ (options[letters + letter] == 'N');
    };
    const auto reset_to = [&](Literal otherwise) {
      return build_.mux(active("R", 1), Literal(0, options[letters + 2] == '1'), otherwise);
    };
    if (options.starts_with("DFFE_")) return build_.mux(active("E", 1), data, latches_[i]);
    if (options.starts_with("SDFF_")) return reset_to(data);
    if (options.starts_with("SDFFE_"))
      return reset_to(build_.mux(active("E", 3), data, latches_[i]));
    if (options.starts_with("SDFFCE_"))
      return build_.mux(active("E", 3), reset_to(data), latches_[i]);
    return data;
  }

  // The literal of a net that an output or a register reads.
  Literal driven_value(Net net, std::uint32_t reader = Netlist::none) const {
    std::uint32_t lacks = Signals::none;
    const Literal literal = signals_.value(net, lacks);
    if (lacks == Signals::none || undriven_is_false_) return literal;
    for (std::uint32_t g = 0; g < netlist_.gates() && reader == Netlist::none; ++g)
      for (const Netlist::Pin& pin : netlist_.pins(g))
        if (pin.net == lacks) {  // the first gate that reads it says where
          reader = g;
          break;
        }
    fail(reader, detail::quoted(netlist_.net_name(lacks)),
         " is read and driven nowhere (undriven_is_false makes it false)");
  }

  const Netlist& netlist_;
  bool undriven_is_false_, keep_clocks_;
  std::unordered_map<std::uint32_t, std::size_t> by_type_;
  std::vector<CellFunction> functions_;
  std::vector<std::uint32_t> function_of_;  // by gate
  std::vector<std::uint32_t> registers_;
  std::vector<Literal> latches_;
  std::vector<Input> inputs_;
  std::vector<Literal> literals_;
  Signals signals_;
  Strash build_;
};

}  // namespace detail
CFM_NAMESPACE_END
