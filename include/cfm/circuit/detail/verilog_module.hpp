#pragma once
/// @file  Verilog modules as they are parsed, before they are flattened.

#include <string_view>
#include <vector>

#include <cfm/circuit/detail/name_table.hpp>
#include <cfm/circuit/detail/text_cursor.hpp>

CFM_NAMESPACE_BEGIN
namespace detail {

enum class VerilogOp : std::uint8_t {
  constant,   // a: number of the constant
  name,       // a: symbol
  bit,        // a: symbol, b: index
  part,       // a: symbol, b: left, c: right
  part_up,    // a: symbol, b: first, c: width        [b +: c]
  part_down,  // a: symbol, b: last, c: width         [b -: c]
  concat,     // a: first in items, b: count
  replicate,  // a: count, b: value
  select,     // a: condition, b: one, c: zero        ?:
  to_signed,  // a
  to_unsigned,
  plus,
  minus,
  invert,
  logic_not,
  reduce_and,
  reduce_or,
  reduce_xor,
  reduce_nand,
  reduce_nor,
  reduce_xnor,
  add,  // from here on a, b
  subtract,
  multiply,
  divide,
  modulo,
  power,
  shift_left,
  shift_right,
  shift_right_signed,
  less,
  less_equal,
  greater,
  greater_equal,
  equal,
  not_equal,
  bit_and,
  bit_or,
  bit_xor,
  bit_xnor,
  logic_and,
  logic_or
};

// Operands stand before what reads them, so that a loop over the nodes replaces recursion.
struct VerilogNode {
  VerilogOp op;
  std::uint32_t a = 0, b = 0, c = 0;
  std::size_t position = 0;
};

// The nodes [begin, root] of a module.
struct VerilogExpression {
  static constexpr std::uint32_t none = 0xFFFFFFFF;
  std::uint32_t begin = 0, root = none;
  bool is_empty() const { return root == none; }
};

// Widths beyond this are refused.
inline constexpr std::uint32_t max_verilog_width = 1u << 20;

// A literal number. Digits stay text: a few characters may stand for a million bits.
struct VerilogConstant {
  std::string_view digits;
  char base = 'd';  // b o d h
  std::uint32_t width = 32;
  bool is_signed = false;
};

enum class VerilogPort : std::uint8_t { none, input, output, inout };

struct VerilogModule {
  struct Symbol {  // what is known of a name before the module is elaborated
    std::string_view text;
    bool is_declared = false, is_parameter = false, is_local = false, is_signed = false;
    bool is_port = false;
    VerilogPort direction = VerilogPort::none;
    VerilogExpression left, right;  // of the range
    VerilogExpression value;        // of a parameter
    VerilogExpression start;        // what a register holds at first
    std::size_t position = 0;
  };
  struct Assign {
    VerilogExpression target, value;
    std::size_t position;
  };
  struct Binding {  // a pin or a parameter of an instance; without a name by position
    std::string_view name;
    VerilogExpression value;
    std::size_t position;
  };
  struct Instance {
    std::string_view type, name;
    std::uint32_t parameters, parameter_count, pins, pin_count;
    bool is_primitive, by_name;
    std::size_t position;
  };
  enum class Step : std::uint8_t { assign, begin_if, begin_else, end_if };
  struct Statement {
    Step step;
    VerilogExpression a, b;  // target and value, or the condition
    std::size_t position;
  };
  struct Process {  // always @(posedge clock)
    VerilogExpression clock;
    bool falling;
    std::uint32_t statements, count;
    std::size_t position;
  };

  std::string_view name;
  std::size_t position = 0;
  const TextCursor* source = nullptr;
  bool is_library = false;
  bool is_opaque = false;  // a black box, or made of transistors: its instances stay cells
  std::size_t opaque_position = 0;
  NameTable names;
  std::vector<Symbol> symbols;  // by number of the name
  std::vector<std::uint32_t> ports, parameters;
  std::vector<std::uint32_t> wires;  // declared names in order
  std::vector<VerilogNode> nodes;
  std::vector<std::uint32_t> items;  // of concatenations
  std::vector<VerilogConstant> constants;
  std::vector<Assign> assigns;
  std::vector<Instance> instances;
  std::vector<Binding> bindings;
  std::vector<Statement> statements;
  std::vector<Process> processes;

  std::uint32_t symbol(std::string_view text, std::size_t at) {
    const std::uint32_t number = names.intern(text);
    if (number == symbols.size()) {
      symbols.emplace_back();
      symbols.back().text = text;
      symbols.back().position = at;
    }
    return number;
  }
};

}  // namespace detail
CFM_NAMESPACE_END
