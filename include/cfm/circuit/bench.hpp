#pragma once
/// @file  The BENCH format of the ISCAS benchmarks.

#include <cfm/circuit/detail/bench_reader.hpp>
#include <cfm/circuit/detail/bench_writer.hpp>
#include <cfm/io/file.hpp>

CFM_NAMESPACE_BEGIN

/// Two dialects of BENCH differ in what DFF means.
struct BenchOptions {
  /// The reset of a plain DFF. ABC: undefined, beside DFF0 and DFF1. Other tools mean zero.
  Reset plain_dff = Reset::undefined;
};

/// Reads BENCH through structural hashing, so the ANDs are those of ABC's `strash`: AND OR NAND NOR
/// XOR XNOR/NXOR of any number of signals, NOT/INV, BUF/BUFF, MUX(select, one, zero), DFF DFF0
/// DFF1, `LUT 0xHEX (..)` of up to 16 signals, gnd, vdd; case of keywords does not matter. Inputs,
/// latches and outputs keep their order and names; gates may come in any order.
/// Errors:  FormatError "name:line:column: ..." for bad syntax, unknown gates, wrong numbers of
///          signals, signals driven twice or not at all, and cycles without a DFF.
/// Cost:    linear; memory is bounded by the number of characters.
/// Source:  F. Brglez, D. Bryan, K. Kozminski, "Combinational profiles of sequential benchmark
///          circuits", ISCAS 1989.
inline Aig parse_bench(std::string_view text, std::string_view name = "bench",
                       const BenchOptions& options = {}) {
  return detail::BenchReader(text, name, options.plain_dff).read();
}
inline Aig parse_bench(std::span<const std::byte> bytes, std::string_view name = "bench",
                       const BenchOptions& options = {}) {
  return parse_bench(as_text(bytes), name, options);
}

/// Reads a BENCH file.   Errors:  as parse_bench, and IoError.
inline Aig read_bench(const std::filesystem::path& path, const BenchOptions& options = {}) {
  return parse_bench(read_file(path), path.string(), options);
}

/// The graph in BENCH, with AND, NOT, BUFF and DFF. What has no name gets one, characters that
/// BENCH lacks become '_', and names that occur twice get a number. The comment is not written.
/// Reading it gives the same graph if this one came from strash() and its names needed no change.
/// Errors:  UnsupportedError for the sections of AIGER 1.9, and for an undefined reset if
///          options.plain_dff is not undefined.
inline std::string format_bench(const Aig& aig, const BenchOptions& options = {}) {
  return detail::BenchWriter(aig, options.plain_dff).write();
}

/// Writes a BENCH file, atomically.   Errors:  as format_bench, and IoError.
inline void write_bench(const Aig& aig, const std::filesystem::path& path,
                        const BenchOptions& options = {}) {
  write_file_atomic(path, format_bench(aig, options));
}

CFM_NAMESPACE_END
