#pragma once
/// @file  The JSON netlists of Yosys.

#include <cfm/circuit/detail/yosys_json_reader.hpp>
#include <cfm/circuit/netlist_logic.hpp>
#include <cfm/io/file.hpp>

CFM_NAMESPACE_BEGIN

/// How the JSON of Yosys is read.
struct YosysJsonOptions {
  /// The module to read. If empty, the one marked as top, else the one that no other uses.
  std::string_view top = {};
  /// The most nets and gates that flattening a hierarchy may give.
  std::size_t max_flattened = 10'000'000;
};

/// Reads what `write_json` of Yosys writes as a netlist, its hierarchy flattened: gates, $lut with
/// its table, registers with their `init`; other cells, black boxes and cells on words keep their
/// names and pins ("A[0]", "A[1]", ..). Fields that are not known are skipped, models too.
/// Errors:  FormatError "name:line:column: ..." for what is not JSON or not a netlist, bits that
///          are no numbers of nets, pins of the wrong width, nets driven twice, inout ports,
///          modules that contain themselves, and hierarchies above the limit.
/// Cost:    linear in the flattened size. Memory is bounded by the file and max_flattened.
inline Netlist parse_yosys_json(std::string_view text, std::string_view name = "json",
                                const YosysJsonOptions& options = {}) {
  return detail::YosysJsonReader(text, name, options.max_flattened).read(options.top);
}
inline Netlist parse_yosys_json(std::span<const std::byte> bytes, std::string_view name = "json",
                                const YosysJsonOptions& options = {}) {
  return parse_yosys_json(as_text(bytes), name, options);
}

/// Reads a JSON netlist; to_aig() makes logic of it.   Errors:  as parse_yosys_json, and IoError.
inline Netlist read_yosys_json(const std::filesystem::path& path,
                               const YosysJsonOptions& options = {}) {
  return parse_yosys_json(read_file(path), path.string(), options);
}

CFM_NAMESPACE_END
