#pragma once
/// @file  Functions of safetensors.hpp. Included by it alone.

#include <algorithm>
#include <array>
#include <functional>
#include <optional>

#include <cfm/io/detail/json_string.hpp>
#include <cfm/io/detail/safetensors_header.hpp>
#include <cfm/io/file.hpp>
#include <cfm/io/safetensors.hpp>
#include <cfm/io/tensor_bytes.hpp>

CFM_NAMESPACE_BEGIN

namespace detail {

// The shape, or why cfm has no such tensor.
inline std::optional<Shape> safetensors_shape(const SafetensorsEntry& entry, std::string& why) {
  if (!entry.type->dtype) {
    why = concat("cfm has no element type ", entry.type->name);
    return {};
  }
  if (entry.shape.size() > max_rank) {
    why = concat("rank is at most ", max_rank, ", got ", entry.shape.size());
    return {};
  }
  Extents extents;
  for (std::uint64_t extent : entry.shape)
    extents.push_back(static_cast<Index>(std::min(extent, std::uint64_t{1} << 62)));
  try {
    return Shape(extents);
  } catch (const ShapeError&) {  // [0, 2^62]: no bytes in the file, but no Shape either
    why = "the extents do not fit a tensor";
    return {};
  }
}

inline std::string safetensors_header(
    const std::vector<const std::pair<std::string, Tensor>*>& order,
    const SafetensorsMetadata& metadata) {
  std::string out = "{";
  const auto separate = [&] {
    if (out.size() > 1) out += ',';
  };
  if (!metadata.empty()) {
    out += concat("\"", safetensors_metadata_key, "\":");
    char before = '{';
    for (const auto& [key, value] : metadata) {
      out += std::exchange(before, ',');
      append_json_string(out, key);
      out += ':';
      append_json_string(out, value);
    }
    out += '}';
  }
  Index offset = 0;
  for (const auto* item : order) {
    const Tensor& tensor = item->second;
    const auto type = std::find_if(safetensors_types.begin(), safetensors_types.end(),
                                   [&](const auto& t) { return t.dtype == tensor.dtype(); });
    separate();
    append_json_string(out, item->first);
    out += concat(":{\"dtype\":\"", type->name, "\",\"shape\":[");
    for (int d = 0; d < tensor.rank(); ++d) out += concat(d > 0 ? "," : "", tensor.size(d));
    const Index end = offset + tensor.size() * size_of(tensor.dtype());
    out += concat("],\"data_offsets\":[", offset, ",", end, "]}");
    offset = end;
  }
  out += '}';
  out.append((8 - out.size() % 8) % 8, ' ');
  return out;
}

// Calls sink with the pieces of the file in order.
inline void emit_safetensors(std::span<const std::pair<std::string, Tensor>> tensors,
                             const SafetensorsMetadata& metadata,
                             const std::function<void(std::span<const std::byte>)>& sink) {
  std::vector<const std::pair<std::string, Tensor>*> order;
  for (const auto& item : tensors) order.push_back(&item);
  const auto type_index = [](DType dtype) {
    return std::find_if(safetensors_types.begin(), safetensors_types.end(),
                        [&](const auto& t) { return t.dtype == dtype; }) -
           safetensors_types.begin();
  };
  const auto by_name = [](const auto* a, const auto* b) { return a->first < b->first; };
  std::sort(order.begin(), order.end(), by_name);
  for (std::size_t i = 0; i < order.size(); ++i) {
    CFM_CHECK(order[i]->first != safetensors_metadata_key, "safetensors: this name is reserved",
              order[i]->first);
    CFM_CHECK(i == 0 || order[i - 1]->first != order[i]->first,
              "safetensors: two tensors have one name", order[i]->first);
  }
  std::stable_sort(order.begin(), order.end(), [&](const auto* a, const auto* b) {
    return type_index(a->second.dtype()) > type_index(b->second.dtype());
  });
  const std::string header = safetensors_header(order, metadata);
  CFM_CHECK(header.size() <= SafetensorsOptions{}.max_header,
            "safetensors: the header is longer than readers accept", header.size());
  std::array<std::byte, 8> length;
  store_little(length.data(), static_cast<std::uint64_t>(header.size()));
  sink(std::span<const std::byte>(length));
  sink(as_bytes(header));
  for (const auto* item : order) emit_little(item->second, sink);
}

template <class Pairs>
auto find_by_name(Pairs& pairs, std::string_view name) {
  const auto at = std::lower_bound(pairs.begin(), pairs.end(), name,
                                   [](const auto& pair, auto n) { return pair.first < n; });
  return at != pairs.end() && at->first == name ? &*at : nullptr;
}

}  // namespace detail

inline const Tensor* SafetensorsFile::find(std::string_view tensor_name) const {
  if (const auto* found = detail::find_by_name(tensors, tensor_name)) return &found->second;
  if (const auto* found = detail::find_by_name(unsupported, tensor_name))
    throw_error<UnsupportedError>(name, ": tensor \"", found->first, "\": ", found->second);
  return nullptr;
}

inline const Tensor& SafetensorsFile::at(std::string_view tensor_name) const {
  if (const Tensor* found = find(tensor_name)) return *found;
  throw_error<Error>(name, ": has no tensor \"", tensor_name, "\"; it has ", tensors.size());
}

inline SafetensorsFile parse_safetensors(const Storage& bytes, std::string name,
                                         const SafetensorsOptions& options) {
  Cursor cursor({bytes.data(), bytes.bytes()}, name);
  const auto length = cursor.read<std::uint64_t>("the length of the header");
  if (length > options.max_header)
    throw_error<FormatError>(name, ":0: the header is said to take ", length, " bytes, limit ",
                             options.max_header);
  const std::string_view text = cursor.text(length, "the header");
  if (const std::size_t valid = valid_utf8_prefix(text); valid != text.size())
    throw_error<FormatError>(name, ":", 8 + valid, ": the header is not UTF-8");
  if (!text.starts_with('{')) throw_error<FormatError>(name, ":8: the header must begin with {");
  detail::SafetensorsHeader header(text, name);
  const auto buffer = cursor.rest();
  detail::check_safetensors_layout(header.entries, buffer.size(), name);

  SafetensorsFile out;
  out.metadata = std::move(header.metadata);
  for (const auto& [tensor_name, entry] : header.entries) {
    std::string why;
    if (const auto shape = detail::safetensors_shape(entry, why)) {
      const auto part = buffer.subspan(entry.begin, entry.end - entry.begin);
      Tensor tensor = tensor_over_bytes(bytes, part, *entry.type->dtype, *shape);
      out.tensors.emplace_back(tensor_name, std::move(tensor));
    } else {
      out.unsupported.emplace_back(tensor_name, std::move(why));
    }
  }
  out.name = std::move(name);
  return out;
}

inline SafetensorsFile read_safetensors(const std::filesystem::path& path,
                                        const SafetensorsOptions& options) {
  return parse_safetensors(options.map ? map_storage(path) : read_storage(path), path.string(),
                           options);
}

inline void write_safetensors(const std::filesystem::path& path,
                              std::span<const std::pair<std::string, Tensor>> tensors,
                              const SafetensorsMetadata& metadata) {
  AtomicFile file(path);
  detail::emit_safetensors(tensors, metadata, [&](auto bytes) { file.write(bytes); });
  file.commit();
}

inline std::vector<std::byte> safetensors_bytes(
    std::span<const std::pair<std::string, Tensor>> tensors, const SafetensorsMetadata& metadata) {
  std::vector<std::byte> out;
  detail::emit_safetensors(tensors, metadata,
                           [&](auto bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); });
  return out;
}

CFM_NAMESPACE_END
