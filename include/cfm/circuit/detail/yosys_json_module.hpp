#pragma once
/// @file  The JSON of Yosys into modules: syntax only.

#include <charconv>
#include <optional>
#include <unordered_map>

#include <cfm/circuit/detail/name_pool.hpp>
#include <cfm/circuit/netlist.hpp>
#include <cfm/io/json_reader.hpp>

CFM_NAMESPACE_BEGIN
namespace detail {

// One module. Names are numbers of the parser's pool; a bit is a constant net, or first_net + the
// number of the net in the module.
struct YosysModule {
  struct Bits {
    std::size_t first = 0, count = 0;
  };
  struct Port {
    std::uint32_t name;
    PinDirection direction = PinDirection::unknown;
    Bits bits;
    std::int64_t offset = 0;  // the index of the least significant bit
    bool upto = false;        // indices fall from there
    std::size_t position = 0;
  };
  struct Pin {
    std::uint32_t name;
    PinDirection direction = PinDirection::unknown;
    Bits bits;
    std::size_t position = 0;
  };
  struct Cell {
    std::uint32_t name = 0, type = 0, table = 0;
    std::size_t first_pin = 0, pins = 0;
    std::optional<std::int64_t> width;  // of a $lut
    std::size_t position = 0;
  };
  struct NetName {
    std::uint32_t name = 0;
    std::int32_t bit = 0;
    bool is_bit = false, is_hidden = true;
    Reset start = Reset::undefined;
  };

  std::uint32_t name = 0;
  std::size_t position = 0;
  bool is_top = false, is_black_box = false;
  std::vector<Port> ports;
  std::vector<Cell> cells;
  std::vector<Pin> pins;
  std::vector<std::uint32_t> bits;
  std::vector<NetName> nets;
};

class YosysJsonParser {
 public:
  YosysJsonParser(std::string_view text, std::string_view name) : in_(text, name) {}

  NamePool names;
  std::vector<YosysModule> modules;

  void parse() {
    std::string key;
    bool any = false;
    in_.begin_object();
    while (in_.next_key(key)) {
      if (key != "modules") {
        in_.skip();
        continue;
      }
      if (any) in_.fail("'modules' occurs twice");
      any = true;
      in_.begin_object();
      while (in_.next_key(key)) module(key);
    }
    in_.finish();
    if (modules.empty()) in_.fail("not a netlist of Yosys: there are no modules");
  }

 private:
  using Bits = YosysModule::Bits;

  YosysModule& m() { return modules.back(); }

  void module(const std::string& module_name) {
    modules.emplace_back();
    m().name = names.intern(module_name);
    m().position = in_.offset();
    numbers_.clear();
    std::string key;
    in_.begin_object();
    while (in_.next_key(key)) {
      if (key == "attributes") {
        attributes();
      } else if (key == "ports") {
        in_.begin_object();
        while (in_.next_key(key)) port(key);
      } else if (key == "cells") {
        in_.begin_object();
        while (in_.next_key(key)) cell(key);
      } else if (key == "netnames") {
        in_.begin_object();
        while (in_.next_key(key)) net_name(key);
      } else {
        in_.skip();
      }
    }
    for (const YosysModule::Port& p : m().ports)  // names of ports before all others
      name_bits(p.bits, p.name, p.offset, p.upto, false);
  }

  void attributes() {
    std::string key;
    in_.begin_object();
    while (in_.next_key(key)) {
      const bool is_top = key == "top";
      const bool is_black_box = key == "blackbox" || key == "whitebox";
      if (!is_top && !is_black_box) {
        in_.skip();
        continue;
      }
      const std::string value = parameter(32);
      if (value.find('1') == std::string::npos) continue;
      (is_top ? m().is_top : m().is_black_box) = true;
    }
  }

  // A parameter as bits, most significant first: a string of them, or a number.
  std::string parameter(std::size_t width) {
    std::string out;
    if (in_.peek() == JsonKind::string) {
      in_.string(out);
      while (!out.empty() && out.back() == ' ') out.pop_back();
      return out;
    }
    const std::uint64_t value = natural("a parameter");
    for (std::size_t i = std::min<std::size_t>(width, 64); i-- > 0;)
      out += (value >> i & 1) != 0 ? '1' : '0';
    return out;
  }
  std::uint64_t natural(std::string_view what) {
    const JsonNumber number = in_.number();
    if (const auto* small = std::get_if<std::int64_t>(&number); small != nullptr && *small >= 0)
      return static_cast<std::uint64_t>(*small);
    if (const auto* large = std::get_if<std::uint64_t>(&number)) return *large;
    in_.fail(what, " is a whole number, not negative");
  }

  PinDirection direction() {
    std::string text;
    in_.string(text);
    if (text == "input") return PinDirection::input;
    if (text == "output") return PinDirection::output;
    if (text == "inout") return PinDirection::unknown;
    in_.fail("a direction is input, output or inout, got ", quoted_text(text));
  }
  static std::string quoted_text(std::string_view text) {
    return concat("'", text.substr(0, 60), "'");
  }

  Bits bits() {
    Bits out{m().bits.size(), 0};
    std::string text;
    in_.begin_array();
    while (in_.next_item()) {
      ++out.count;
      if (in_.peek() == JsonKind::string) {
        in_.string(text);
        const std::size_t constant = std::string_view("01xz").find(text);
        if (text.size() != 1 || constant == std::string_view::npos)
          in_.fail("a constant bit is 0, 1, x or z, got ", quoted_text(text));
        m().bits.push_back(static_cast<std::uint32_t>(constant));
        continue;
      }
      const std::uint64_t id = natural("a bit");
      if (id < 2 || id > INT32_MAX) in_.fail("numbers of bits are 2 to ", INT32_MAX, ", got ", id);
      const auto [entry, is_new] = numbers_.try_emplace(id, m().nets.size());
      if (is_new) m().nets.emplace_back();
      m().bits.push_back(static_cast<std::uint32_t>(Netlist::first_net + entry->second));
    }
    return out;
  }

  void port(const std::string& port_name) {
    YosysModule::Port out{
        names.intern(port_name), PinDirection::unknown, {}, 0, false, in_.offset()};
    bool has_direction = false, has_bits = false;
    std::string key;
    in_.begin_object();
    while (in_.next_key(key)) {
      if (key == "direction") {
        out.direction = direction();
        if (out.direction == PinDirection::unknown) in_.fail("inout ports are not supported");
        has_direction = true;
      } else if (key == "bits") {
        out.bits = bits();
        has_bits = true;
      } else if (key == "offset") {
        out.offset = offset();
      } else if (key == "upto") {
        out.upto = natural("upto") != 0;
      } else {
        in_.skip();
      }
    }
    if (!has_direction || !has_bits)
      in_.fail("port ", quoted_text(port_name), " needs a direction and bits");
    m().ports.push_back(out);
  }
  std::int64_t offset() {
    const JsonNumber number = in_.number();
    const auto* value = std::get_if<std::int64_t>(&number);
    if (value == nullptr || *value < INT32_MIN || *value > INT32_MAX)
      in_.fail("an offset fits 32 bits");
    return *value;
  }

  void cell(const std::string& cell_name) {
    YosysModule::Cell out;
    out.position = in_.offset();
    out.name = names.intern(cell_name);
    std::string key, table;
    std::optional<std::size_t> pins;
    directions_.clear();
    in_.begin_object();
    while (in_.next_key(key)) {
      if (key == "type") {
        in_.string(key);
        out.type = names.intern(key);
      } else if (key == "parameters") {
        in_.begin_object();
        while (in_.next_key(key)) {
          if (key == "LUT") {
            table = parameter(64);
          } else if (key == "WIDTH") {
            const std::string width = parameter(32);
            std::int64_t value = 0;
            for (const char c : width)
              value = std::min<std::int64_t>(2 * value + (c == '1'), 1 << 20);
            out.width = value;
          } else {
            in_.skip();
          }
        }
      } else if (key == "port_directions") {
        in_.begin_object();
        while (in_.next_key(key)) {
          const std::uint32_t pin = names.intern(key);
          directions_[pin] = direction();
        }
      } else if (key == "connections") {
        if (pins) in_.fail("'connections' occurs twice");
        out.first_pin = m().pins.size();
        in_.begin_object();
        while (in_.next_key(key)) {
          YosysModule::Pin pin{names.intern(key), PinDirection::unknown, {}, in_.offset()};
          pin.bits = bits();
          m().pins.push_back(pin);
        }
        pins = m().pins.size() - out.first_pin;
      } else {
        in_.skip();
      }
    }
    if (out.type == 0) in_.fail("cell ", quoted_text(cell_name), " has no type");
    out.pins = pins.value_or(0);
    for (std::size_t k = 0; k < out.pins; ++k) {
      YosysModule::Pin& pin = m().pins[out.first_pin + k];
      if (const auto known = directions_.find(pin.name); known != directions_.end())
        pin.direction = known->second;
    }
    // A number stands for as many rows as the inputs have; they are at the end of its 64 bits.
    if (!table.empty() && out.width && *out.width <= 6 && table.size() == 64)
      table.erase(0, 64 - (std::size_t{1} << *out.width));
    out.table = names.intern(table);
    m().cells.push_back(out);
  }

  void net_name(const std::string& text) {
    const std::uint32_t name = names.intern(text);
    Bits found;
    bool is_hidden = false, upto = false;
    std::int64_t first = 0;
    std::string key, start;
    in_.begin_object();
    while (in_.next_key(key)) {
      if (key == "bits") {
        found = bits();
      } else if (key == "hide_name") {
        is_hidden = natural("hide_name") != 0;
      } else if (key == "offset") {
        first = offset();
      } else if (key == "upto") {
        upto = natural("upto") != 0;
      } else if (key == "attributes") {
        in_.begin_object();
        while (in_.next_key(key)) {
          if (key == "init") {
            start = parameter(64);
          } else {
            in_.skip();
          }
        }
      } else {
        in_.skip();
      }
    }
    name_bits(found, name, first, upto, is_hidden);
    for (std::size_t i = 0; i < std::min(found.count, start.size()); ++i) {
      const std::uint32_t bit = m().bits[found.first + i];
      const char c = start[start.size() - 1 - i];
      if (bit >= Netlist::first_net && (c == '0' || c == '1'))
        m().nets[bit - Netlist::first_net].start = c == '1' ? Reset::one : Reset::zero;
    }
  }

  // Gives nets a name, unless they have one that was not made up.
  void name_bits(Bits found, std::uint32_t name, std::int64_t first, bool upto, bool is_hidden) {
    for (std::size_t i = 0; i < found.count; ++i) {
      const std::uint32_t bit = m().bits[found.first + i];
      if (bit < Netlist::first_net) continue;
      YosysModule::NetName& net = m().nets[bit - Netlist::first_net];
      if (net.name != 0 && (!net.is_hidden || is_hidden)) continue;
      const auto place = static_cast<std::int64_t>(upto ? found.count - 1 - i : i);
      net.name = name;
      net.is_bit = found.count > 1;
      net.bit = static_cast<std::int32_t>(first + place);
      net.is_hidden = is_hidden;
    }
  }

  JsonReader in_;
  struct Mix {  // numbers of files are not left to the identity
    std::size_t operator()(std::uint64_t id) const {
      id *= 0xBF58476D1CE4E5B9u;
      return static_cast<std::size_t>(id ^ id >> 32);
    }
  };

  std::unordered_map<std::uint64_t, std::size_t, Mix> numbers_;  // of the nets of the module
  std::unordered_map<std::uint32_t, PinDirection> directions_;
};

}  // namespace detail
CFM_NAMESPACE_END
