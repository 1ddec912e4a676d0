#pragma once
/// @file  Reading and writing a circuit in the format that its file name says.

#include <cfm/circuit/aiger.hpp>
#include <cfm/circuit/bench.hpp>
#include <cfm/circuit/blif.hpp>
#include <cfm/circuit/eqn.hpp>
#include <cfm/circuit/kiss2.hpp>
#include <cfm/circuit/verilog.hpp>
#include <cfm/circuit/yosys_json.hpp>
#include <cfm/io/gzip.hpp>

CFM_NAMESPACE_BEGIN

namespace detail {

inline bool has_extension(const std::filesystem::path& path, std::string_view extension) {
  return equal_ignoring_case(path.extension().string(), extension);
}

// A file unpacked, and the extension of what was in it.
class CircuitFile {
 public:
  explicit CircuitFile(const std::filesystem::path& path)
      : name_(path.string()), inner_(has_extension(path, ".gz") ? path.stem() : path.filename()) {}

  bool is(std::string_view extension) const { return has_extension(inner_, extension); }
  const std::string& name() const { return name_; }
  std::vector<std::byte> bytes() const { return gunzip_if_gzip(read_file(name_), name_); }

  template <class... Parts>
  [[noreturn]] void fail_extension(const Parts&... parts) const {
    throw_error<UnsupportedError>(name_, ": ", parts...);
  }

 private:
  std::string name_;
  std::filesystem::path inner_;
};

}  // namespace detail

/// Reads a netlist with its cells by its extension: .v (Verilog), .json (Yosys); upper case too.
/// A file that gzip wrote is unpacked; its name may end in .gz besides.
/// Errors:  UnsupportedError for another extension; FormatError and IoError of the readers.
inline Netlist read_netlist(const std::filesystem::path& path) {
  const detail::CircuitFile file(path);
  if (file.is(".v")) return parse_verilog(file.bytes(), file.name());
  if (file.is(".json")) return parse_yosys_json(file.bytes(), file.name());
  file.fail_extension("a netlist ends in .v or .json, and then perhaps .gz");
}

/// Reads a circuit by its extension: .aig and .aag (AIGER), .bench, .blif, .eqn, .json (Yosys),
/// .kiss2 (its states in binary), .v (Verilog); upper case too. A file that gzip wrote is unpacked;
/// its name may end in .gz besides.
/// Errors:  UnsupportedError for another extension; FormatError and IoError of the readers.
inline Aig read_circuit(const std::filesystem::path& path) {
  const detail::CircuitFile file(path);
  if (file.is(".aig") || file.is(".aag")) return parse_aiger(file.bytes(), file.name());
  if (file.is(".bench")) return parse_bench(file.bytes(), file.name());
  if (file.is(".blif")) return parse_blif(file.bytes(), file.name());
  if (file.is(".eqn")) return parse_eqn(file.bytes(), file.name());
  if (file.is(".kiss2")) return to_aig(parse_kiss2(file.bytes(), file.name()));
  if (file.is(".v") || file.is(".json")) return to_aig(read_netlist(path));
  file.fail_extension("a circuit file ends in .aig, .aag, .bench, .blif, .eqn, .json, .kiss2 or ",
                      ".v, and then perhaps .gz");
}

/// Writes a circuit by its extension, atomically: .aig, .aag, .bench, .blif, .v.
/// Errors:  UnsupportedError for another extension; as the writers.
inline void write_circuit(const Aig& aig, const std::filesystem::path& path) {
  if (detail::has_extension(path, ".aig")) return write_aiger(aig, path, AigerFormat::binary);
  if (detail::has_extension(path, ".aag")) return write_aiger(aig, path, AigerFormat::ascii);
  if (detail::has_extension(path, ".bench")) return write_bench(aig, path);
  if (detail::has_extension(path, ".blif")) return write_blif(aig, path);
  if (detail::has_extension(path, ".v")) return write_verilog(aig, path);
  throw_error<UnsupportedError>(path.string(),
                                ": a circuit is written to .aig, .aag, .bench, .blif or .v");
}

CFM_NAMESPACE_END
