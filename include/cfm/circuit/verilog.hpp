#pragma once
/// @file  Structural Verilog.

#include <cfm/circuit/detail/verilog_elaborate.hpp>
#include <cfm/circuit/detail/verilog_parser.hpp>
#include <cfm/circuit/detail/verilog_writer.hpp>
#include <cfm/circuit/netlist_logic.hpp>
#include <cfm/io/file.hpp>

CFM_NAMESPACE_BEGIN

/// How Verilog is read.
struct VerilogOptions {
  /// The module to read. If empty, the one of the file that no other module uses.
  std::string_view top = {};
  /// Verilog modules that instances may name beside those of the file: a cell library. Its cells
  /// are flattened like modules.
  std::string_view library = {};
  /// The most nets and gates that flattening a hierarchy and its arithmetic may give.
  std::size_t max_flattened = 10'000'000;
};

/// Reads Verilog as a netlist, its hierarchy flattened: modules with ports of both styles, vectors,
/// parameters, gates (and nand or nor xor xnor not buf), instances of modules and of library cells,
/// assignments with all operators of IEEE 1364 on words, signed or not, and registers
/// (`always @(posedge c)` with `<=`, `if` and `else`). Instances of modules that are not there,
/// that are empty or that are made of transistors stay gates named after the module. Operators
/// become the gates of Yosys ("$_AND_", "$_DFF_P_"), with constants folded. Nets keep the names
/// nearest to the top. Comments, attributes, delays, specify blocks and `timescale are skipped.
/// Indices must be constants; division by zero gives bits of no meaning. Errors:  FormatError
/// "name:line:column: ..." for bad syntax, behavioural Verilog, macros, inout
///          ports, memories, modules that contain themselves, nets driven twice, what the limit
///          refuses, and nesting of more than 256 expressions or 100 statements.
/// Cost:    linear in the flattened size. Memory is bounded by the file and max_flattened.
/// Source:  IEEE Standard 1364-2005, Verilog Hardware Description Language.
inline Netlist parse_verilog(std::string_view text, std::string_view name = "verilog",
                             const VerilogOptions& options = {}) {
  std::vector<detail::VerilogModule> modules;
  detail::TextCursor file(text, name), library(options.library, "library");
  detail::VerilogParser(file, modules, false).parse();
  if (!options.library.empty()) detail::VerilogParser(library, modules, true).parse();
  return detail::VerilogElaborator(modules, file, options.max_flattened).elaborate(options.top);
}
inline Netlist parse_verilog(std::span<const std::byte> bytes, std::string_view name = "verilog",
                             const VerilogOptions& options = {}) {
  return parse_verilog(as_text(bytes), name, options);
}

/// Reads a Verilog file as a netlist; to_aig() makes logic of it.
/// Errors:  as parse_verilog, and IoError.
inline Netlist read_verilog(const std::filesystem::path& path, const VerilogOptions& options = {}) {
  return parse_verilog(read_file(path), path.string(), options);
}

/// The graph in structural Verilog: an assignment of two operands for each AND, registers with
/// their resets and a clock of their own. What has no name gets one; names that are no simple
/// identifiers are escaped, and names that occur twice get a number. The comment is not written.
/// Reading it with parse_verilog and to_aig gives the same graph if this one came from strash() and
/// its names needed no change.
/// Errors:  UnsupportedError for the sections of AIGER 1.9; Error if `module` is no name.
inline std::string format_verilog(const Aig& aig, std::string_view module = "top") {
  return detail::VerilogWriter(aig, module).write();
}

/// Writes a Verilog file, atomically.   Errors:  as format_verilog, and IoError.
inline void write_verilog(const Aig& aig, const std::filesystem::path& path,
                          std::string_view module = "top") {
  write_file_atomic(path, format_verilog(aig, module));
}

CFM_NAMESPACE_END
