#pragma once
/// @file  Verilog modules into one netlist, without recursion over the hierarchy.

#include <cfm/circuit/detail/cell_function.hpp>
#include <cfm/circuit/detail/line_index.hpp>
#include <cfm/circuit/detail/verilog_hierarchy.hpp>
#include <cfm/circuit/detail/verilog_process.hpp>

CFM_NAMESPACE_BEGIN
namespace detail {

class VerilogElaborator {
 public:
  VerilogElaborator(const std::vector<VerilogModule>& modules, const TextCursor& text,
                    std::size_t limit)
      : modules_(modules),
        text_(text),
        lines_(text.text()),
        hierarchy_(modules, text),
        build_(limit, 4 * text.text().size()),
        evaluate_(build_),
        registers_(build_, evaluate_) {}

  Netlist elaborate(std::string_view top) {
    pending_.push_back({hierarchy_.top(top), 0, {}, {}});
    if (const VerilogModule& m = modules_[pending_[0].module]; m.is_opaque)
      m.source->fail_at(m.opaque_position, "module ", quoted(m.name),
                        " has no gates to read: it is empty or made of transistors");
    Netlist& out = build_.netlist();
    out.name = modules_[pending_[0].module].name;
    out.source = text_.name();
    for (std::size_t i = 0; i < pending_.size(); ++i) {
      const Pending work = std::move(pending_[i]);
      elaborate(work);
    }
    Net cyclic = Netlist::open;
    Netlist finished = build_.finish(cyclic);
    if (cyclic != Netlist::open)
      text_.fail_at(modules_[pending_[0].module].position, "net ",
                    detail::quoted(build_.netlist().net_name(cyclic)), " drives itself");
    return finished;
  }

 private:
  using Net = Netlist::Net;
  using Word = std::vector<Net>;
  using Kind = VerilogValue::Kind;

  struct Connection {  // of a port: what it is wired to, least significant first
    std::uint32_t port;
    Word nets;
    bool is_signed = false;
    std::size_t position = 0;
  };
  struct Override {
    std::uint32_t symbol;
    Word bits;
    bool is_signed;
  };
  struct Pending {
    std::uint32_t module, scope;
    std::vector<Connection> connections;
    std::vector<Override> parameters;
    std::uint32_t parent = 0;
  };

  void at(const VerilogModule& module, std::size_t position) {
    const Netlist::Place place =
        module.source == &text_ ? lines_.place(position) : Netlist::Place{};
    build_.set_source(*module.source, position, place);
  }

  void elaborate(const Pending& work) {
    const VerilogModule& m = modules_[work.module];
    at(m, m.position);
    build_.charge(1 + m.symbols.size());
    build_.set_scope(work.scope);
    std::vector<VerilogValue> values(m.symbols.size());
    evaluate_.enter(m, values, work.scope);
    set_parameters(m, work, values);
    for (const std::uint32_t wire : m.wires) declare(m, work.scope, wire, values);
    connect_ports(m, work, values);
    for (const auto& assign : m.assigns) {
      at(m, assign.position);
      const Word to = evaluate_.target(assign.target);
      connect(to, evaluate_.evaluate(assign.value, static_cast<std::uint32_t>(to.size())));
    }
    for (const auto& process : m.processes)
      registers_.add(m, process, [&](std::size_t position) { at(m, position); });
    for (const std::uint32_t wire : m.wires) {
      if (m.symbols[wire].start.is_empty()) continue;
      at(m, m.symbols[wire].position);
      const VerilogValue value = values[wire];
      registers_.set_start(value, evaluate_.evaluate(m.symbols[wire].start, value.width));
    }
    for (const auto& instance : m.instances) instantiate(m, work, instance);
  }

  void set_parameters(const VerilogModule& m, const Pending& work,
                      std::vector<VerilogValue>& values) {
    std::vector<const Override*> overrides(work.parameters.empty() ? 0 : m.symbols.size());
    for (const Override& o : work.parameters) overrides[o.symbol] = &o;
    for (const std::uint32_t parameter : m.parameters) {
      VerilogValue& value = values[parameter];
      const Override* given = overrides.empty() ? nullptr : overrides[parameter];
      at(m, m.symbols[parameter].position);
      if (given != nullptr) {
        value.bits = given->bits;
        value.is_signed = given->is_signed;
      } else {
        value.bits = evaluate_.evaluate(m.symbols[parameter].value, 0, &value.is_signed);
      }
      for (const Net bit : value.bits)
        if (bit >= Netlist::first_net)
          build_.fail("parameter ", quoted(m.names[parameter]), " must be a constant");
      value.kind = Kind::parameter;
      value.width = static_cast<std::uint32_t>(value.bits.size());
      value.left = static_cast<std::int64_t>(value.width) - 1;
    }
  }

  void declare(const VerilogModule& m, std::uint32_t scope, std::uint32_t wire,
               std::vector<VerilogValue>& values) {
    const auto& symbol = m.symbols[wire];
    at(m, symbol.position);
    VerilogValue value;
    if (!symbol.left.is_empty()) {
      value.left = evaluate_.integer(symbol.left, "the range of a net");
      value.right = evaluate_.integer(symbol.right, "the range of a net");
      const std::int64_t width =
          std::max(value.left, value.right) - std::min(value.left, value.right) + 1;
      if (width > max_verilog_width)
        build_.fail("net ", quoted(symbol.text), " is more than ", max_verilog_width,
                    " bits wide: [", value.left, ":", value.right, "]");
      value.width = static_cast<std::uint32_t>(width);
    }
    value.kind = Kind::net;
    value.is_signed = symbol.is_signed;
    build_.charge(value.width);
    const std::int64_t step = value.left >= value.right ? 1 : -1;
    for (std::uint32_t i = 0; i < value.width; ++i) {
      const Net net = symbol.left.is_empty()
                          ? build_.add_net(symbol.text, scope)
                          : build_.add_net(symbol.text, scope,
                                           static_cast<std::int32_t>(value.right + step * i));
      if (i == 0) value.first = net;
    }
    values[wire] = std::move(value);
  }

  void connect_ports(const VerilogModule& m, const Pending& work,
                     const std::vector<VerilogValue>& values) {
    if (work.scope == 0) {
      for (const std::uint32_t port : m.ports) {
        at(m, m.symbols[port].position);
        const VerilogValue& value = values[port];
        if (m.symbols[port].direction == VerilogPort::inout)
          build_.fail("inout ports are not supported: ", quoted(m.names[port]));
        for (Net net = value.first; net < value.first + value.width; ++net) {
          std::string name = build_.netlist().net_name(net);
          if (m.symbols[port].direction == VerilogPort::input) {
            if (!build_.drive(net)) build_.fail(detail::quoted(name), " is driven twice");
            build_.netlist().add_input(std::move(name), net);
          } else {
            build_.netlist().add_output(std::move(name), net);
          }
        }
      }
      return;
    }
    for (const Connection& c : work.connections) {
      const VerilogValue& value = values[c.port];
      const VerilogModule& parent = modules_[work.parent];
      at(parent, c.position);
      Word inner;
      for (Net net = value.first; net < value.first + value.width; ++net) inner.push_back(net);
      const auto direction = m.symbols[c.port].direction;
      if (direction == VerilogPort::inout)
        build_.fail("inout ports are not supported: ", quoted(m.names[c.port]));
      Word outer = c.nets;
      if (direction == VerilogPort::input) {
        outer.resize(inner.size(), c.is_signed && !outer.empty() ? outer.back() : Netlist::zero);
        connect(inner, outer);
      } else {
        inner.resize(std::min(inner.size(), outer.size()));
        outer.resize(inner.size());
        connect(outer, inner);
      }
    }
  }

  void connect(const Word& to, const Word& from) {
    for (std::size_t i = 0; i < to.size(); ++i) {
      if (to[i] == from[i])
        build_.fail("net ", detail::quoted(build_.netlist().net_name(to[i])), " drives itself");
      if (to[i] < Netlist::first_net || !build_.connect(to[i], from[i])) fail_twice(to[i]);
    }
  }
  [[noreturn]] void fail_twice(Net net) {
    if (net < Netlist::first_net) build_.fail("an output is connected to a constant");
    build_.fail(detail::quoted(build_.netlist().net_name(net)), " is driven twice");
  }

  void instantiate(const VerilogModule& m, const Pending& work,
                   const VerilogModule::Instance& instance) {
    at(m, instance.position);
    build_.charge(1 + instance.pin_count);
    for (std::uint32_t k = 0; k < instance.pin_count; ++k) {
      const VerilogExpression& e = m.bindings[instance.pins + k].value;
      if (e.is_empty()) continue;
      for (std::uint32_t n = e.begin; n <= e.root; ++n)
        if (m.nodes[n].op == VerilogOp::name) evaluate_.declare_implicitly(m.nodes[n].a);
    }
    if (instance.is_primitive) return primitive(m, instance);
    const std::uint32_t child = hierarchy_.find(instance.type);
    if (child == NameTable::none || modules_[child].is_opaque)
      return cell(m, instance, child == NameTable::none ? nullptr : &modules_[child]);
    Pending next{child, build_.netlist().add_scope(work.scope, instance.name), {}, {}, work.module};
    const VerilogModule& c = modules_[child];
    bind(m, instance.parameters, instance.parameter_count, c, c.parameters, "parameter",
         [&](std::uint32_t symbol, const VerilogModule::Binding& binding) {
           if (binding.value.is_empty()) return;
           Override o{symbol, {}, false};
           o.bits = evaluate_.evaluate(binding.value, 0, &o.is_signed);
           next.parameters.push_back(std::move(o));
         });
    bind(m, instance.pins, instance.pin_count, c, c.ports, "port",
         [&](std::uint32_t symbol, const VerilogModule::Binding& binding) {
           if (binding.value.is_empty()) return;
           Connection connection{symbol, {}, false, binding.position};
           if (c.symbols[symbol].direction == VerilogPort::output) {
             connection.nets = evaluate_.target(binding.value);
           } else {
             connection.nets = evaluate_.evaluate(binding.value, 0, &connection.is_signed);
           }
           next.connections.push_back(std::move(connection));
         });
    pending_.push_back(std::move(next));
  }

  // Calls f(symbol of the child, binding) for values by name or by position.
  template <class F>
  void bind(const VerilogModule& m, std::uint32_t first, std::uint32_t count,
            const VerilogModule& child, const std::vector<std::uint32_t>& symbols,
            std::string_view what, const F& f) {
    build_.charge(1 + child.symbols.size() / 64);
    seen_.assign(child.symbols.size(), false);
    for (std::uint32_t k = 0; k < count; ++k) {
      const auto& binding = m.bindings[first + k];
      at(m, binding.position);
      std::uint32_t symbol = 0;
      if (binding.name.empty()) {
        if (k >= symbols.size())
          build_.fail("module ", quoted(child.name), " has only ", symbols.size(), " ", what, "s");
        symbol = symbols[k];
      } else {
        symbol = child.names.find(binding.name);
        const bool fits =
            symbol != NameTable::none && (what == "port" ? child.symbols[symbol].is_port
                                                         : child.symbols[symbol].is_parameter &&
                                                               !child.symbols[symbol].is_local);
        if (!fits)
          build_.fail("module ", quoted(child.name), " has no ", what, " ", quoted(binding.name));
      }
      if (seen_[symbol]) build_.fail(what, " ", quoted(child.names[symbol]), " is given twice");
      seen_[symbol] = true;
      f(symbol, binding);
    }
  }

  // and, or, .. (out, in, ..); not and buf (out, .., in).
  void primitive(const VerilogModule& m, const VerilogModule::Instance& instance) {
    if (instance.by_name) build_.fail("a gate of Verilog has its pins by position");
    const std::uint32_t n = instance.pin_count;
    if (n < 2) build_.fail("gate ", quoted(instance.type), " needs an output and an input");
    const bool many_outputs = instance.type == "not" || instance.type == "buf";
    const std::uint32_t outputs = many_outputs ? n - 1 : 1;
    pins_.clear();
    for (std::uint32_t k = 0; k < n; ++k) {
      const auto& binding = m.bindings[instance.pins + k];
      at(m, binding.position);
      if (binding.value.is_empty()) build_.fail("a pin of a gate must be connected");
      const bool is_output = k < outputs;
      const Word nets =
          is_output ? evaluate_.target(binding.value) : evaluate_.evaluate(binding.value, 0);
      if (nets.size() != 1) build_.fail("a pin of a gate is 1 bit wide, this is ", nets.size());
      const std::string name =
          is_output ? (outputs == 1 ? "O" : concat("O", k)) : concat("I", k - outputs);
      add_pin(name, nets[0], is_output ? PinDirection::output : PinDirection::input);
    }
    at(m, instance.position);
    build_.add_gate(instance.type, instance.name, pins_);
    ++gates_;
  }

  // A cell of a library: what it is connected to, and what is known of its pins.
  void cell(const VerilogModule& m, const VerilogModule::Instance& instance,
            const VerilogModule* described) {
    const CellFunction& known = function_of(instance.type);
    pins_.clear();
    const auto pin = [&](std::string_view name, PinDirection direction,
                         const VerilogModule::Binding& binding) {
      at(m, binding.position);
      if (binding.value.is_empty()) return add_pin(name, Netlist::open, direction);
      const Word nets = direction == PinDirection::output ? evaluate_.target(binding.value)
                                                          : evaluate_.evaluate(binding.value, 0);
      build_.charge(nets.size());
      for (std::size_t i = 0; i < nets.size(); ++i)
        add_pin(nets.size() == 1 ? std::string(name) : concat(name, "[", i, "]"), nets[i],
                direction);
    };
    if (described != nullptr) {
      bind(m, instance.pins, instance.pin_count, *described, described->ports, "port",
           [&](std::uint32_t port, const VerilogModule::Binding& binding) {
             const auto& symbol = described->symbols[port];
             pin(symbol.text,
                 symbol.direction == VerilogPort::output  ? PinDirection::output
                 : symbol.direction == VerilogPort::input ? PinDirection::input
                                                          : PinDirection::unknown,
                 binding);
           });
    } else {
      for (std::uint32_t k = 0; k < instance.pin_count; ++k) {
        const auto& binding = m.bindings[instance.pins + k];
        // The register of the ISCAS-89 files, which some do not define: dff (clock, out, in).
        static constexpr std::string_view dff[] = {"CK", "Q", "D"};
        const bool is_dff = instance.type == "dff" && instance.pin_count == 3;
        if (instance.by_name || is_dff) {
          const std::string_view name = instance.by_name ? binding.name : dff[k];
          pin(name, pin_direction(known, name), binding);
        } else {
          pin(concat(k), PinDirection::unknown, binding);  // no name is known
        }
      }
    }
    at(m, instance.position);
    build_.add_gate(instance.type, instance.name, pins_);
    ++gates_;
  }

  void add_pin(std::string_view name, Net net, PinDirection direction) {
    if (net != Netlist::open && direction == PinDirection::output && !build_.drive(net))
      build_.fail(detail::quoted(build_.netlist().net_name(net)), " is driven twice");
    const std::uint32_t number = build_.netlist().intern(name);
    if (number >= last_gate_.size()) last_gate_.resize(number + std::size_t{1});
    if (last_gate_[number] == gates_ + 1) build_.fail("pin ", quoted(name), " is given twice");
    last_gate_[number] = gates_ + 1;
    pins_.push_back({number, net, direction});
  }

  const CellFunction& function_of(std::string_view type) {
    const std::size_t known = cell_names_.size();
    const std::uint32_t number = cell_names_.intern(type);
    if (number == known) cells_.push_back(cell_function(type));
    return cells_[number];
  }

  const std::vector<VerilogModule>& modules_;
  const TextCursor& text_;
  LineIndex lines_;
  VerilogHierarchy hierarchy_;
  NetlistBuilder build_;
  VerilogEvaluator evaluate_;
  std::vector<Pending> pending_;
  VerilogRegisters registers_;
  std::vector<bool> seen_;
  std::vector<Netlist::Pin> pins_;
  NameTable cell_names_;
  std::vector<CellFunction> cells_;
  std::size_t gates_ = 0;               // instances that became gates
  std::vector<std::size_t> last_gate_;  // by name of a pin: the number of the last that has it
};

}  // namespace detail
CFM_NAMESPACE_END
