#pragma once
/// @file  What a cell computes, told from its name and the names of its pins.

#include <array>
#include <optional>

#include <cfm/circuit/netlist.hpp>

CFM_NAMESPACE_BEGIN
namespace detail {

enum class CellKind : std::uint8_t {
  unknown,
  constant,  // TIEHI, TIELO
  buffer,    // one input
  conjunction,
  disjunction,
  parity,
  mux,         // a, b, select
  or_of_ands,  // AO: groups of pins by their first letter
  and_of_ors,  // OA
  full_adder,
  half_adder,
  lut,
  flip_flop
};

// `inverted` applies to the output. `width` is the number of inputs that the name tells, 0 if none.
struct CellFunction {
  CellKind kind = CellKind::unknown;
  bool inverted = false;
  std::size_t width = 0;
  bool invert_second = false;  // of ANDNOT and ORNOT
  std::string_view options;    // of flip-flops: the letters of the name of Yosys
  std::string groups;          // of AO and OA: the sizes as digits, ascending
};

inline bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The base of a library name: "sky130_fd_sc_hd__nand2_1" and "NAND2_X1M_A9TH" give "NAND2".
inline std::string cell_base(std::string_view type) {
  if (const std::size_t at = type.rfind("__"); at != std::string_view::npos && at + 2 < type.size())
    type.remove_prefix(at + 2);
  type = type.substr(0, type.find('_'));
  std::string out(type);
  for (char& c : out)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return out;
}

// The function of a base name such as AOI21, NAND2XB, MXIT2, A21OI; nothing if it tells none.
inline std::optional<CellFunction> base_function(std::string_view base) {
  std::size_t letters = 0;
  while (letters < base.size() && base[letters] >= 'A' && base[letters] <= 'Z') ++letters;
  const std::string_view stem = base.substr(0, letters);
  const std::string_view rest = base.substr(letters);
  CellFunction out;
  std::size_t digits = 0;
  bool plain = true;  // digits, and the B and X that say which inputs are inverted
  for (const char c : rest) {
    if (is_digit(c)) {
      out.groups += c;
      out.width = out.width + static_cast<std::size_t>(c - '0');
      ++digits;
    } else if (c != 'B' && c != 'X') {
      plain = false;
    }
  }
  std::sort(out.groups.begin(), out.groups.end());
  struct Stem {
    std::string_view name;
    CellKind kind;
    bool inverted;
  };
  static constexpr Stem stems[] = {
      {"AND", CellKind::conjunction, false}, {"NAND", CellKind::conjunction, true},
      {"OR", CellKind::disjunction, false},  {"NOR", CellKind::disjunction, true},
      {"XOR", CellKind::parity, false},      {"XNOR", CellKind::parity, true},
      {"AO", CellKind::or_of_ands, false},   {"AOI", CellKind::or_of_ands, true},
      {"OA", CellKind::and_of_ors, false},   {"OAI", CellKind::and_of_ors, true},
      {"MX", CellKind::mux, false},          {"MXT", CellKind::mux, false},
      {"MUX", CellKind::mux, false},         {"MXI", CellKind::mux, true},
      {"MXIT", CellKind::mux, true},         {"MUXI", CellKind::mux, true}};
  for (const Stem& s : stems) {
    if (stem != s.name || digits == 0 || !plain) continue;
    const bool grouped = s.kind == CellKind::or_of_ands || s.kind == CellKind::and_of_ors;
    if (grouped ? digits < 2 : digits != 1) return std::nullopt;
    if (s.kind == CellKind::mux) {
      if (rest != "2") return std::nullopt;
      out.width = 3;
    }
    out.kind = s.kind;
    out.inverted = s.inverted;
    return out;
  }
  out.groups.clear();
  out.width = 1;
  if (stem == "INV" || stem == "NOT" || stem == "CLKINV")
    return CellFunction{CellKind::buffer, true, 1, false, {}, {}};
  if (stem == "BUF" || stem == "BUFH" || stem == "CLKBUF")
    return CellFunction{CellKind::buffer, false, 1, false, {}, {}};
  if (stem == "ADDF" || stem == "FA")
    return CellFunction{CellKind::full_adder, false, 3, false, {}, {}};
  if (stem == "ADDH" || stem == "HA")
    return CellFunction{CellKind::half_adder, false, 2, false, {}, {}};
  if (stem == "TIEHI" || stem == "LOGIC" || stem == "TIELO") {
    if (stem == "LOGIC" && rest != "0" && rest != "1") return std::nullopt;
    return CellFunction{CellKind::constant, stem == "TIEHI" || rest == "1", 0, false, {}, {}};
  }
  if (stem == "DFF" || stem == "DFFQ" || stem == "DFFQN" || stem == "DFXTP")
    return CellFunction{CellKind::flip_flop, false, 0, false, "P", {}};
  // A21OI, O211A: the groups stand between the letters.
  if (letters == 1 && (stem == "A" || stem == "O") && digits >= 2) {
    std::string_view tail = rest;
    while (!tail.empty() && is_digit(tail[0])) tail.remove_prefix(1);
    const std::string_view other = stem == "A" ? "O" : "A";
    if (tail != other && tail != concat(other, "I")) return std::nullopt;
    CellFunction grouped;
    grouped.kind = stem == "A" ? CellKind::or_of_ands : CellKind::and_of_ors;
    grouped.inverted = tail.size() == 2;
    for (const char c : rest)
      if (is_digit(c)) grouped.groups += c;
    std::sort(grouped.groups.begin(), grouped.groups.end());
    return grouped;
  }
  return std::nullopt;
}

// The gates of Yosys, "$_AND_" and so on.
inline std::optional<CellFunction> yosys_function(std::string_view type) {
  if (type == "$lut") return CellFunction{CellKind::lut, false, 0, false, {}, {}};
  if (type.size() < 4 || !type.starts_with("$_") || !type.ends_with("_")) return std::nullopt;
  const std::string_view name = type.substr(2, type.size() - 3);
  struct Entry {
    std::string_view name;
    CellFunction function;
  };
  static const std::array<Entry, 16> entries = {{
      {"BUF", {CellKind::buffer, false, 1, false, {}, {}}},
      {"NOT", {CellKind::buffer, true, 1, false, {}, {}}},
      {"AND", {CellKind::conjunction, false, 2, false, {}, {}}},
      {"NAND", {CellKind::conjunction, true, 2, false, {}, {}}},
      {"ANDNOT", {CellKind::conjunction, false, 2, true, {}, {}}},
      {"OR", {CellKind::disjunction, false, 2, false, {}, {}}},
      {"NOR", {CellKind::disjunction, true, 2, false, {}, {}}},
      {"ORNOT", {CellKind::disjunction, false, 2, true, {}, {}}},
      {"XOR", {CellKind::parity, false, 2, false, {}, {}}},
      {"XNOR", {CellKind::parity, true, 2, false, {}, {}}},
      {"MUX", {CellKind::mux, false, 3, false, {}, {}}},
      {"NMUX", {CellKind::mux, true, 3, false, {}, {}}},
      {"AOI3", {CellKind::or_of_ands, true, 3, false, {}, {}}},
      {"OAI3", {CellKind::and_of_ors, true, 3, false, {}, {}}},
      {"AOI4", {CellKind::or_of_ands, true, 4, false, {}, {}}},
      {"OAI4", {CellKind::and_of_ors, true, 4, false, {}, {}}},
  }};
  for (const Entry& entry : entries)
    if (entry.name == name) return entry.function;
  for (const std::string_view family : {"DFF_", "DFFE_", "SDFF_", "SDFFE_", "SDFFCE_", "FF"}) {
    if (!name.starts_with(family)) continue;
    const std::string_view options = name.substr(family == "FF" ? 2 : family.size());
    // An asynchronous set or reset is no function of an Aig.
    const std::size_t letters = family == "FF"      ? 0
                                : family == "DFF_"  ? 1
                                : family == "DFFE_" ? 2
                                : family == "SDFF_" ? 3
                                                    : 4;
    if (options.size() == letters)
      return CellFunction{CellKind::flip_flop, false, 0, false, name, {}};
  }
  return std::nullopt;
}

// Verilog's own gates; their pins are O, or O0 O1 .., and I0 I1 ..
inline std::optional<CellFunction> primitive_function(std::string_view type) {
  struct Entry {
    std::string_view name;
    CellKind kind;
    bool inverted;
  };
  static constexpr Entry entries[] = {
      {"and", CellKind::conjunction, false}, {"nand", CellKind::conjunction, true},
      {"or", CellKind::disjunction, false},  {"nor", CellKind::disjunction, true},
      {"xor", CellKind::parity, false},      {"xnor", CellKind::parity, true},
      {"not", CellKind::buffer, true},       {"buf", CellKind::buffer, false}};
  for (const Entry& entry : entries)
    if (entry.name == type) return CellFunction{entry.kind, entry.inverted, 0, false, {}, {}};
  return std::nullopt;
}

// The function of a cell; kind unknown if its name tells none.
inline CellFunction cell_function(std::string_view type) {
  if (type.starts_with('$')) return yosys_function(type).value_or(CellFunction());
  if (const auto f = primitive_function(type)) return *f;
  const std::string base = cell_base(type);
  if (auto f = base_function(base)) return *f;
  // "NAND2X1", "INVXL": the drive strength follows the name.
  const std::size_t x = base.rfind('X');
  if (x == std::string::npos || x == 0 || x + 1 == base.size()) return {};
  const std::string_view drive = std::string_view(base).substr(x + 1);
  if (drive != "L" && !std::all_of(drive.begin(), drive.end(), is_digit)) return {};
  return base_function(std::string_view(base).substr(0, x)).value_or(CellFunction());
}

inline bool is_any_of(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Whether a pin of a known cell is an output.
inline bool is_output_pin(const CellFunction& cell, std::string_view pin) {
  if (cell.kind == CellKind::flip_flop) return is_any_of(pin, {"Q", "QN", "QB", "Q_N", "q"});
  if (cell.kind == CellKind::full_adder || cell.kind == CellKind::half_adder)
    return is_any_of(pin, {"S", "SUM", "CO", "COUT"});
  if (!pin.empty() && pin[0] == 'O' && cell.width == 0)
    return std::all_of(pin.begin() + 1, pin.end(), is_digit) || pin == "OUT";
  return is_any_of(pin, {"Y", "Z", "ZN", "X", "O", "OUT", "HI", "LO"});
}

// The direction of a pin by the name of its cell.
inline PinDirection pin_direction(const CellFunction& cell, std::string_view pin) {
  if (cell.kind == CellKind::unknown) return PinDirection::unknown;
  return is_output_pin(cell, pin) ? PinDirection::output : PinDirection::input;
}

}  // namespace detail
CFM_NAMESPACE_END
