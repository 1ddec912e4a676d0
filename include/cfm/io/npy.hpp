#pragma once
/// @file  NumPy's .npy and .npz files.
/// Source:  numpy/lib/_format_impl.py, format versions 1.0, 2.0 and 3.0.

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <cfm/tensor/tensor.hpp>

CFM_NAMESPACE_BEGIN

/// How to read and write .npy.
struct NpyOptions {
  /// NumPy has no code for bf16 and the 8-bit floats: such arrays have items without a type, |V2
  /// and |V1. This says what they are; without it they are refused, in both directions.
  std::optional<DType> raw = {};
  std::size_t max_header = 10'000;  ///< bytes of the header; NumPy's own limit
};

/// Reads one array. Either byte order, and either order of dimensions: the tensor is row-major.
/// Errors:  IoError; FormatError "file:offset: ..."; UnsupportedError for element types that cfm
///          does not have (complex, text, dates, records, objects: nothing is ever unpickled).
Tensor read_npy(const std::filesystem::path& path, const NpyOptions& options = {});

/// The same for bytes in memory. `name` is what errors call them.
Tensor parse_npy(std::span<const std::byte> bytes, const std::string& name,
                 const NpyOptions& options = {});

/// Writes one array, version 1.0, little-endian, row-major. Atomic: see AtomicFile.
/// Errors:  IoError; TypeError for bf16 and 8-bit floats unless options.raw names them.
void write_npy(const std::filesystem::path& path, const Tensor& tensor,
               const NpyOptions& options = {});

/// The bytes that write_npy would write.
std::vector<std::byte> npy_bytes(const Tensor& tensor, const NpyOptions& options = {});

/// Reads the arrays of an archive, stored or deflated, in the archive's order. Entries that do not
/// end in .npy are left out.
/// Errors:  those of read_npy and ZipArchive.
std::vector<std::pair<std::string, Tensor>> read_npz(const std::filesystem::path& path,
                                                     const NpyOptions& options = {});

/// The same for bytes in memory.
std::vector<std::pair<std::string, Tensor>> parse_npz(std::span<const std::byte> bytes,
                                                      const std::string& name,
                                                      const NpyOptions& options = {});

/// Writes an archive of arrays without compression, as numpy.savez does. Atomic, deterministic.
void write_npz(const std::filesystem::path& path,
               std::span<const std::pair<std::string, Tensor>> arrays,
               const NpyOptions& options = {});

CFM_NAMESPACE_END

#include <cfm/io/npy-inl.hpp>
