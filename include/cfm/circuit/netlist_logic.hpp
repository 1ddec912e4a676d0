#pragma once
/// @file  From a netlist of cells to an Aig.

#include <cfm/circuit/detail/netlist_logic.hpp>

CFM_NAMESPACE_BEGIN

/// How a netlist becomes an Aig.
struct NetlistOptions {
  /// Takes nets that nothing drives as false, where they would be an error.
  bool undriven_is_false = false;
  /// Keeps inputs that do nothing but clock registers, as inputs that nothing reads.
  bool keep_clocks = false;
};

/// The logic of a netlist, structurally hashed. Known are Verilog's gates, the gates of Yosys
/// ("$_AND_", "$lut", "$_DFF_P_" with enables and synchronous resets), and library cells by the
/// conventions of their names: NAND2, NOR2XB, AOI21, OA22, XNOR3, MX2, MXIT2, ADDF, HA, INV, BUF,
/// DFF and so on, with any suffix of drive strength; the name of a pin that ends in N inverts it.
/// Inputs and outputs keep their order and names, latches are named after the net they drive.
/// Constants x and z become false. All registers step together, whatever clocks them.
/// Errors:  FormatError "source:line:column: ..." for unknown cells, nets driven twice or not at
///          all, pins that do not fit, asynchronous resets, and cycles without a register.
/// Cost:    linear; nothing recurses.
inline Aig to_aig(const Netlist& netlist, const NetlistOptions& options = {}) {
  return detail::NetlistLogic(netlist, options.undriven_is_false, options.keep_clocks).build();
}

/// What is known of a cell by its name: the direction of a pin, unknown if the cell is.
inline PinDirection cell_pin_direction(std::string_view cell, std::string_view pin) {
  return detail::pin_direction(detail::cell_function(cell), pin);
}

CFM_NAMESPACE_END
