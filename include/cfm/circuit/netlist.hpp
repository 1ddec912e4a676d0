#pragma once
/// @file  Netlists of named cells: what Verilog and Yosys JSON say, before it is logic.

#include <span>
#include <string>
#include <vector>

#include <cfm/circuit/aig.hpp>
#include <cfm/circuit/detail/name_pool.hpp>

CFM_NAMESPACE_BEGIN

/// Which way a pin of a gate goes; unknown for cells that neither the file nor cfm describes.
enum class PinDirection : std::uint8_t { input, output, unknown };

/// Gates with the names of their cells, pins and nets, hierarchy flattened: the circuit as a file
/// says it. Gates and nets keep the path of instances that they came from ("adder_1/U4"), so
/// labels by module can be read off the names. Cells need not be known; to_aig() needs them to be.
/// Nets are single bits. The first four are constants. Names are stored once, 32 bytes a gate, 12 a
/// pin and 8 a net.
class Netlist {
 public:
  using Net = std::uint32_t;

  static constexpr Net zero = 0, one = 1;            ///< constant nets
  static constexpr Net unknown = 2;                  ///< the constant x
  static constexpr Net floating = 3;                 ///< the constant z
  static constexpr Net first_net = 4;                ///< the first net that is no constant
  static constexpr Net open = 0xFFFFFFFF;            ///< the net of a pin that is not connected
  static constexpr std::uint32_t none = 0xFFFFFFFF;  ///< no gate

  /// A pin of a gate; its name is name(pin.name).
  struct Pin {
    std::uint32_t name;
    Net net = open;
    PinDirection direction = PinDirection::unknown;
    friend bool operator==(const Pin&, const Pin&) = default;
  };
  /// One bit of a port of the circuit.
  struct Port {
    std::string name;
    Net net;
    friend bool operator==(const Port&, const Port&) = default;
  };
  /// Where the file has the gate; 0 if there is no file.
  struct Place {
    std::uint32_t line = 0, column = 0;
    friend bool operator==(const Place&, const Place&) = default;
  };
  /// A gate without its pins. Names are numbers of intern().
  struct Gate {
    std::uint32_t scope = 0;  ///< the instance that it is in; 0 is the circuit itself
    std::uint32_t name = 0;
    std::uint32_t type = 0;          ///< the name of the cell
    std::uint32_t table = 0;         ///< the truth table of a "$lut", last row first, as 0 and 1
    Reset reset = Reset::undefined;  ///< what a register holds at first
    Place place = {};
    friend bool operator==(const Gate&, const Gate&) = default;
  };

  Netlist() {
    for (const std::string_view constant : {"1'b0", "1'b1", "1'bx", "1'bz"}) add_net(constant);
  }

  /// The name of the circuit, and of the file it came from.
  std::string name, source;

  /// A number for a name, the same for equal names; 0 is the empty name.
  std::uint32_t intern(std::string_view text) { return names_.intern(text); }
  /// The name that has a number.   Order:  valid until the next intern().
  std::string_view name_of(std::uint32_t number) const { return names_[number]; }
  /// The number of a name that was interned before, or `none`.
  std::uint32_t find_name(std::string_view text) const { return names_.find(text); }

  /// A new instance of a module inside another; gates and nets may be in it.
  std::uint32_t add_scope(std::uint32_t parent, std::string_view instance) {
    CFM_CHECK(parent < scopes_.size(), "netlist: no such scope", parent);
    scopes_.push_back({parent, intern(instance)});
    return static_cast<std::uint32_t>(scopes_.size() - 1);
  }
  std::size_t scopes() const { return scopes_.size(); }

  /// A new net; with `bit` it is called "name[bit]".
  Net add_net(std::string_view net_name, std::uint32_t scope = 0) {
    return add_net({scope, intern(net_name), 0, false});
  }
  Net add_net(std::string_view net_name, std::uint32_t scope, std::int32_t bit) {
    return add_net({scope, intern(net_name), bit, true});
  }

  /// A new gate.   Errors:  Error if a pin or the gate names what does not exist.
  std::uint32_t add_gate(const Gate& gate, std::span<const Pin> pins) {
    CFM_CHECK(gate.scope < scopes_.size(), "netlist: no such scope", gate.scope);
    CFM_CHECK(gate.name < names_.size() && gate.type < names_.size() && gate.table < names_.size(),
              "netlist: names come from intern()");
    for (const Pin& pin : pins) {
      CFM_CHECK(pin.name < names_.size(), "netlist: names come from intern()");
      CFM_CHECK(pin.net == open || pin.net < nets_.size(), "netlist: no such net", pin.net);
    }
    gates_.push_back(gate);
    pins_.insert(pins_.end(), pins.begin(), pins.end());
    pin_ends_.push_back(pins_.size());
    return static_cast<std::uint32_t>(gates_.size() - 1);
  }
  void set_reset(std::uint32_t gate, Reset reset) { gates_.at(gate).reset = reset; }

  void add_input(std::string port_name, Net net) { inputs_.push_back({std::move(port_name), net}); }
  void add_output(std::string port_name, Net net) {
    outputs_.push_back({std::move(port_name), net});
  }

  /// Input and output bits, in the order of the ports, each from the least significant bit up.
  const std::vector<Port>& inputs() const { return inputs_; }
  const std::vector<Port>& outputs() const { return outputs_; }
  std::size_t gates() const { return gates_.size(); }
  /// Nets, the constants included.
  std::size_t nets() const { return nets_.size(); }

  const Gate& gate(std::uint32_t g) const { return gates_[g]; }
  std::span<const Pin> pins(std::uint32_t g) const {
    const std::size_t begin = g == 0 ? 0 : pin_ends_[g - 1];
    return std::span(pins_).subspan(begin, pin_ends_[g] - begin);
  }
  std::string_view type(std::uint32_t g) const { return names_[gates_[g].type]; }
  /// The path of a gate: "instance/instance/name". Gates of expressions have an empty last name.
  std::string gate_name(std::uint32_t g) const { return path(gates_[g].scope, gates_[g].name); }
  /// The path of a net: "instance/name" or "instance/name[bit]"; "_17_" if it has no name.
  std::string net_name(Net net) const {
    const NetName& n = nets_.at(net);
    if (n.name == 0) return concat("_", net, "_");
    std::string out = path(n.scope, n.name);
    if (n.is_bit) out += concat("[", n.bit, "]");
    return out;
  }

  /// The gate that drives each net, or `none`: inputs, constants and what only unknown pins touch.
  std::vector<std::uint32_t> drivers() const {
    std::vector<std::uint32_t> out(nets_.size(), none);
    for (std::uint32_t g = 0; g < gates_.size(); ++g)
      for (const Pin& pin : pins(g))
        if (pin.direction == PinDirection::output && pin.net != open) out[pin.net] = g;
    return out;
  }

  /// Makes one net of all that have the same representative, and renumbers. It is named like the
  /// representative if that has a name and is in the same scope as the first of them, else like the
  /// first. `representative[n]` is a net that represents itself; constants do.
  void merge_nets(std::span<const Net> representative) {
    CFM_CHECK(representative.size() == nets_.size(), "merge_nets: one net for each",
              representative.size(), nets_.size());
    std::vector<Net> number(nets_.size(), open);
    std::vector<NetName> kept;
    for (Net n = 0; n < nets_.size(); ++n) {
      const Net r = representative[n];
      CFM_CHECK(r < nets_.size() && representative[r] == r && (n >= first_net || r == n),
                "merge_nets: not a representative", n, r);
      if (number[r] != open) continue;
      number[r] = static_cast<Net>(kept.size());
      kept.push_back(nets_[r].name != 0 && nets_[r].scope == nets_[n].scope ? nets_[r] : nets_[n]);
    }
    const auto renumber = [&](Net& net) {
      if (net != open) net = number[representative[net]];
    };
    for (Pin& pin : pins_) renumber(pin.net);
    for (Port& port : inputs_) renumber(port.net);
    for (Port& port : outputs_) renumber(port.net);
    nets_ = std::move(kept);
  }

  friend bool operator==(const Netlist&, const Netlist&) = default;

 private:
  struct Scope {
    std::uint32_t parent, name;
    friend bool operator==(const Scope&, const Scope&) = default;
  };
  struct NetName {
    std::uint32_t scope, name;
    std::int32_t bit;
    bool is_bit;
    friend bool operator==(const NetName&, const NetName&) = default;
  };

  Net add_net(const NetName& net) {
    CFM_CHECK(net.scope < scopes_.size(), "netlist: no such scope", net.scope);
    CFM_CHECK(nets_.size() < none - 1, "netlist: too many nets");
    nets_.push_back(net);
    return static_cast<Net>(nets_.size() - 1);
  }

  std::string path(std::uint32_t scope, std::uint32_t last) const {
    std::vector<std::uint32_t> parts;
    for (; scope != 0; scope = scopes_[scope].parent) parts.push_back(scopes_[scope].name);
    std::string out;
    for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
      out += names_[*part];
      out += '/';
    }
    return out += names_[last];
  }

  detail::NamePool names_;
  std::vector<Scope> scopes_ = {{0, 0}};
  std::vector<NetName> nets_;
  std::vector<Gate> gates_;
  std::vector<Pin> pins_;
  std::vector<std::size_t> pin_ends_;  // by gate
  std::vector<Port> inputs_, outputs_;
};

CFM_NAMESPACE_END
