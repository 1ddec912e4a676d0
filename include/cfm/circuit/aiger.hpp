#pragma once
/// @file  The AIGER formats: ASCII (.aag) and binary (.aig), versions 1.0 and 1.9.

#include <cfm/circuit/detail/aiger_reader.hpp>
#include <cfm/circuit/detail/aiger_writer.hpp>
#include <cfm/io/file.hpp>

CFM_NAMESPACE_BEGIN

/// The two encodings of AIGER.
enum class AigerFormat : std::uint8_t { ascii, binary };

/// Reads an AIGER text or binary; the header says which. Inputs, latches (with resets), outputs,
/// the sections of version 1.9, symbols and the comment are kept. A binary file keeps its numbers;
/// the variables of an ASCII file are renumbered, and its ANDs are ordered if they are not.
/// `name` is what errors call the source. A binary file may have 2^18 inputs, or as many as it has
/// bytes; an ASCII file may number its variables up to 2^22, or to its bytes.
/// Errors:  FormatError "name:line:column: ..."; "name:offset: ..." within binary ANDs.
/// Cost:    linear; memory is bounded by the number of bytes.
/// Source:  A. Biere, "The AIGER And-Inverter Graph (AIG) Format", 2007; A. Biere, K. Heljanko,
///          S. Wieringa, "AIGER 1.9 and beyond", 2011.
inline Aig parse_aiger(std::string_view bytes, std::string_view name = "aiger") {
  return detail::AigerReader(bytes, name).read();
}
inline Aig parse_aiger(std::span<const std::byte> bytes, std::string_view name = "aiger") {
  return parse_aiger(as_text(bytes), name);
}

/// Reads an AIGER file, ASCII or binary.   Errors:  as parse_aiger, and IoError.
inline Aig read_aiger(const std::filesystem::path& path) {
  return parse_aiger(read_file(path), path.string());
}

/// The graph in AIGER. Everything an Aig holds is written; counts of version 1.9 only if needed.
/// Errors:  Error if a name holds a line end or a property names a variable that does not exist.
inline std::string format_aiger(const Aig& aig, AigerFormat format) {
  return detail::AigerWriter(aig, format == AigerFormat::binary).write();
}

/// Writes an AIGER file, atomically.   Errors:  as format_aiger, and IoError.
inline void write_aiger(const Aig& aig, const std::filesystem::path& path, AigerFormat format) {
  write_file_atomic(path, format_aiger(aig, format));
}

/// Writes an AIGER file: ASCII if the name ends in .aag, binary otherwise.
inline void write_aiger(const Aig& aig, const std::filesystem::path& path) {
  write_aiger(aig, path, path.extension() == ".aag" ? AigerFormat::ascii : AigerFormat::binary);
}

CFM_NAMESPACE_END
