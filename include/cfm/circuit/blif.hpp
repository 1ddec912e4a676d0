#pragma once
/// @file  BLIF, the Berkeley logic interchange format, with the usual extensions.

#include <cfm/circuit/detail/blif_reader.hpp>
#include <cfm/circuit/detail/blif_writer.hpp>
#include <cfm/io/file.hpp>

CFM_NAMESPACE_BEGIN

/// How BLIF is read.
struct BlifOptions {
  /// Models in BLIF that .gate and .subckt may name beside those of the file: a cell library.
  std::string_view library = {};
  /// The most signals and functions that flattening a hierarchy may give.
  std::size_t max_flattened = 10'000'000;
  /// Takes signals that nothing drives as false, as ABC does, where they would be an error.
  bool undriven_is_false = false;
};

/// Reads BLIF through structural hashing, so the ANDs are those of ABC's `strash`: .names, .latch,
/// .subckt and .gate (flattened into the first model), .conn and .barbuf; .exdc, timing and
/// attributes are skipped. Covers of three or more inputs and several rows are factored. Inputs,
/// latches and outputs keep their order and names; a latch inside instance k is `uk/name`. Resets 2
/// and 3, and none, are undefined. Clocks are not part of an Aig: all latches step together, and
/// level-sensitive ones count as edge-triggered.
/// Errors:  FormatError "name:line:column: ..." for bad syntax, unknown or recursive models, black
///          boxes, a hierarchy above the limit, signals driven twice or not at all, and cycles
///          without a latch.
/// Cost:    linear in the flattened size; a cover may take the square of its rows, up to a bound.
/// Source:  "Berkeley Logic Interchange Format (BLIF)", University of California, 1992.
inline Aig parse_blif(std::string_view text, std::string_view name = "blif",
                      const BlifOptions& options = {}) {
  return detail::BlifReader(text, name, options.library, options.max_flattened,
                            options.undriven_is_false)
      .read();
}
inline Aig parse_blif(std::span<const std::byte> bytes, std::string_view name = "blif",
                      const BlifOptions& options = {}) {
  return parse_blif(as_text(bytes), name, options);
}

/// Reads a BLIF file.   Errors:  as parse_blif, and IoError.
inline Aig read_blif(const std::filesystem::path& path, const BlifOptions& options = {}) {
  return parse_blif(read_file(path), path.string(), options);
}

/// The graph in BLIF: a .names of two inputs for each AND. What has no name gets one, characters
/// that BLIF lacks become '_', and names that occur twice get a number. The comment is not written.
/// Reading it gives the same graph if this one came from strash() and its names needed no change.
/// Errors:  UnsupportedError for the sections of AIGER 1.9; Error if `model` is no name.
inline std::string format_blif(const Aig& aig, std::string_view model = "top") {
  return detail::BlifWriter(aig, model).write();
}

/// Writes a BLIF file, atomically.   Errors:  as format_blif, and IoError.
inline void write_blif(const Aig& aig, const std::filesystem::path& path,
                       std::string_view model = "top") {
  write_file_atomic(path, format_blif(aig, model));
}

CFM_NAMESPACE_END
