#pragma once
/// @file  Reading and writing a circuit in the format that its file name says.

#include <cfm/circuit/aiger.hpp>
#include <cfm/circuit/bench.hpp>
#include <cfm/circuit/blif.hpp>

CFM_NAMESPACE_BEGIN

namespace detail {

[[noreturn]] inline void fail_extension(const std::filesystem::path& path) {
  throw_error<UnsupportedError>(path.string(), ": a circuit file ends in .aig, .aag, .bench or ",
                                ".blif");
}

inline bool has_extension(const std::filesystem::path& path, std::string_view extension) {
  return equal_ignoring_case(path.extension().string(), extension);
}

}  // namespace detail

/// Reads a circuit by its extension: .aig and .aag (AIGER), .bench, .blif; upper case too.
/// Errors:  UnsupportedError for another extension; FormatError and IoError of the readers.
inline Aig read_circuit(const std::filesystem::path& path) {
  if (detail::has_extension(path, ".aig") || detail::has_extension(path, ".aag"))
    return read_aiger(path);
  if (detail::has_extension(path, ".bench")) return read_bench(path);
  if (detail::has_extension(path, ".blif")) return read_blif(path);
  detail::fail_extension(path);
}

/// Writes a circuit by its extension, atomically.   Errors:  as read_circuit and the writers.
inline void write_circuit(const Aig& aig, const std::filesystem::path& path) {
  if (detail::has_extension(path, ".aig")) return write_aiger(aig, path, AigerFormat::binary);
  if (detail::has_extension(path, ".aag")) return write_aiger(aig, path, AigerFormat::ascii);
  if (detail::has_extension(path, ".bench")) return write_bench(aig, path);
  if (detail::has_extension(path, ".blif")) return write_blif(aig, path);
  detail::fail_extension(path);
}

CFM_NAMESPACE_END
