#pragma once
/// @file  Safetensors in several files, with an index beside them.
/// Source:  github.com/huggingface/safetensors and the index files of transformers.

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <cfm/io/json.hpp>
#include <cfm/io/safetensors.hpp>

CFM_NAMESPACE_BEGIN

/// `model.safetensors.index.json`: which of several files holds which tensor.
struct SafetensorsIndex {
  std::string name;                                            ///< what errors call it: the path
  std::map<std::string, std::string, std::less<>> weight_map;  ///< tensor name to file name
  std::vector<std::string> files;                              ///< sorted, each once
};

/// Reads an index.
/// Errors:  IoError, FormatError; file names with a path in them are refused.
inline SafetensorsIndex read_safetensors_index(const std::filesystem::path& path) {
  const JsonDocument document = read_json(path);
  SafetensorsIndex out;
  out.name = path.string();
  std::set<std::string> files;
  const JsonRef map = document.root()["weight_map"];
  for (const auto& [tensor, value] : map.object()) {
    const JsonRef file = map.child(value);
    const std::string& text = file.string();
    if (text.empty() || text == "." || text == ".." ||
        text.find_first_of(std::string_view("/\\\0", 3)) != std::string::npos)
      file.fail("a file beside the index must stand here, got \"", text, "\"");
    out.weight_map.emplace(tensor, text);
    files.insert(text);
  }
  out.files.assign(files.begin(), files.end());
  return out;
}

/// Reads an index and all its files, which lie beside it, as if they were one.
/// Errors:  IoError; FormatError if a file lacks a tensor that the index promises or two files have
///          the same tensor.
inline SafetensorsFile read_safetensors_shards(const std::filesystem::path& index,
                                               const SafetensorsOptions& options = {}) {
  const SafetensorsIndex parts = read_safetensors_index(index);
  SafetensorsFile out;
  out.name = parts.name;
  std::map<std::string, std::string, std::less<>> owner;  // every tensor met: its file
  for (const std::string& file : parts.files) {
    SafetensorsFile part = read_safetensors(index.parent_path() / file, options);
    const auto claim = [&](const std::string& tensor) {
      const auto [at, is_new] = owner.emplace(tensor, file);
      if (!is_new)
        throw_error<FormatError>(out.name, ": tensor \"", tensor, "\" is in ", at->second,
                                 " and in ", file);
    };
    for (auto& item : part.tensors) {
      claim(item.first);
      out.tensors.push_back(std::move(item));
    }
    for (auto& item : part.unsupported) {
      claim(item.first);
      out.unsupported.push_back(std::move(item));
    }
    out.metadata.merge(part.metadata);
  }
  for (const auto& [tensor, file] : parts.weight_map) {
    const auto at = owner.find(tensor);
    if (at == owner.end() || at->second != file)
      throw_error<FormatError>(out.name, ": tensor \"", tensor, "\" is not in ", file);
  }
  const auto by_name = [](const auto& a, const auto& b) { return a.first < b.first; };
  std::sort(out.tensors.begin(), out.tensors.end(), by_name);
  std::sort(out.unsupported.begin(), out.unsupported.end(), by_name);
  return out;
}

CFM_NAMESPACE_END
