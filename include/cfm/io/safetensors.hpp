#pragma once
/// @file  The safetensors format: named tensors in one file.
/// Source:  github.com/huggingface/safetensors, README and its reference reader.

#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <cfm/tensor/tensor.hpp>

CFM_NAMESPACE_BEGIN

/// Tensors with their names, as files hold them.
using NamedTensors = std::vector<std::pair<std::string, Tensor>>;

/// The string-to-string entries of a safetensors header, by key.
using SafetensorsMetadata = std::map<std::string, std::string, std::less<>>;

/// How to read safetensors files.
struct SafetensorsOptions {
  bool map = false;                      ///< map the file instead of reading it: see MappedFile
  std::size_t max_header = 100'000'000;  ///< bytes of the header; the limit of the reference
};

/// What a safetensors file holds.
struct SafetensorsFile {
  std::string name;              ///< what errors call it: the path
  NamedTensors tensors;          ///< sorted by name
  SafetensorsMetadata metadata;  ///< empty if the file has none

  /// Tensors that are valid but that cfm cannot hold, sorted by name, each with the reason: element
  /// types F4, F6_E2M3, F6_E3M2, F8_E8M0 and C64, rank above 8.
  std::vector<std::pair<std::string, std::string>> unsupported;

  /// The tensor of this name, or null.
  /// Errors:  UnsupportedError if the file has it and cfm cannot hold it.
  const Tensor* find(std::string_view tensor_name) const;

  /// The tensor of this name.
  /// Errors:  Error if the file has none; UnsupportedError if cfm cannot hold it.
  const Tensor& at(std::string_view tensor_name) const;
};

/// Reads a file whole and checks all of it before the first tensor is made; the tensors share its
/// memory (a copy is made of those that other writers left unaligned).
/// Errors:  IoError; FormatError "file:offset: ..." for whatever the reference refuses, and for
///          duplicate keys, a header that does not begin with {, and rank above 64.
/// Cost:    linear; beside the file, memory of a few times the header.
SafetensorsFile read_safetensors(const std::filesystem::path& path,
                                 const SafetensorsOptions& options = {});

/// The same for bytes in memory, which the tensors share.
SafetensorsFile parse_safetensors(const Storage& bytes, std::string name,
                                  const SafetensorsOptions& options = {});

/// Writes tensors as the reference does: by element type (the widest first), then by name, header
/// padded to a multiple of 8 bytes. The same tensors give the same bytes. Atomic: see AtomicFile.
/// Errors:  Error for a name that occurs twice, is not UTF-8 or is "__metadata__"; IoError.
void write_safetensors(const std::filesystem::path& path,
                       std::span<const std::pair<std::string, Tensor>> tensors,
                       const SafetensorsMetadata& metadata = {});

/// The bytes that write_safetensors would write.
std::vector<std::byte> safetensors_bytes(std::span<const std::pair<std::string, Tensor>> tensors,
                                         const SafetensorsMetadata& metadata = {});

CFM_NAMESPACE_END

#include <cfm/io/safetensors-inl.hpp>
