#pragma once
/// @file  Functions of safetensors.hpp. Included by it alone.

#include <algorithm>
#include <array>
#include <numeric>
#include <optional>
#include <set>

#include <cfm/core/checked.hpp>
#include <cfm/io/file.hpp>
#include <cfm/io/json.hpp>
#include <cfm/io/safetensors.hpp>
#include <cfm/io/tensor_bytes.hpp>

CFM_NAMESPACE_BEGIN

namespace detail {

struct SafetensorsType {
  std::string_view name;
  std::uint8_t bits;
  std::optional<DType> dtype;
};

// In the order of the reference, by which its writer sorts.
inline constexpr std::array<SafetensorsType, 22> safetensors_types{{
    {"BOOL", 8, DType::boolean}, {"F4", 4, {}}, {"F6_E2M3", 6, {}}, {"F6_E3M2", 6, {}},
    {"U8", 8, DType::u8}, {"I8", 8, DType::i8}, {"F8_E5M2", 8, DType::f8_e5m2},
    {"F8_E4M3", 8, DType::f8_e4m3fn}, {"F8_E8M0", 8, {}}, {"F8_E4M3FNUZ", 8, DType::f8_e4m3fnuz},
    {"F8_E5M2FNUZ", 8, DType::f8_e5m2fnuz}, {"I16", 16, DType::i16}, {"U16", 16, DType::u16},
    {"F16", 16, DType::f16}, {"BF16", 16, DType::bf16}, {"I32", 32, DType::i32},
    {"U32", 32, DType::u32}, {"F32", 32, DType::f32}, {"C64", 64, {}}, {"F64", 64, DType::f64},
    {"I64", 64, DType::i64}, {"U64", 64, DType::u64},
}};

inline constexpr std::string_view safetensors_metadata_key = "__metadata__";
inline constexpr std::size_t safetensors_max_rank = 64;  // to check; tensors hold max_rank

struct SafetensorsEntry {
  std::string name;
  const SafetensorsType* type = nullptr;
  std::vector<std::uint64_t> shape;
  std::uint64_t begin = 0, end = 0;
  std::uint64_t place = 0;  // in the file, for errors
};

// Reads the JSON header.
class SafetensorsHeader {
 public:
  SafetensorsHeader(std::string_view text, std::string_view file)
      : file_(file), label_(concat(file, ": header")), reader_(text, label_) {
    reader_.begin_object();
    std::string key;
    while (reader_.next_key(key)) {
      if (key == safetensors_metadata_key) read_metadata();
      else read_entry(std::move(key));
    }
    reader_.finish();
    check_names();
  }

  std::vector<SafetensorsEntry> entries;
  SafetensorsMetadata metadata;

 private:
  void read_metadata() {
    if (has_metadata_) reader_.fail("__metadata__ stands there twice");
    has_metadata_ = true;
    if (reader_.peek() == JsonKind::null) return reader_.null();
    std::string key;
    reader_.begin_object();
    while (reader_.next_key(key)) {
      const bool is_new = metadata.emplace(key, reader_.string()).second;
      if (!is_new) reader_.fail("__metadata__ has the key \"", key, "\" twice");
    }
  }

  void read_entry(std::string name) {
    SafetensorsEntry entry;
    entry.place = 8 + reader_.offset();
    bool has_shape = false, has_offsets = false;
    const auto once = [&](bool seen, std::string_view field) {
      if (seen) reader_.fail("tensor \"", name, "\" has ", field, " twice");
    };
    std::string key;
    reader_.begin_object();
    while (reader_.next_key(key)) {
      if (key == "dtype") {
        once(entry.type != nullptr, "dtype");
        entry.type = read_type(name);
      } else if (key == "shape") {
        once(has_shape, "shape");
        has_shape = true;
        entry.shape = read_numbers(safetensors_max_rank);
      } else if (key == "data_offsets") {
        once(has_offsets, "data_offsets");
        has_offsets = true;
        const auto range = read_numbers(2);
        if (range.size() != 2) reader_.fail("data_offsets are two numbers");
        entry.begin = range[0];
        entry.end = range[1];
      } else {
        reader_.skip();  // as the reference does
      }
    }
    for (const auto& [seen, field] : {std::pair{entry.type != nullptr, "dtype"},
                                      std::pair{has_shape, "shape"},
                                      std::pair{has_offsets, "data_offsets"}})
      if (!seen) reader_.fail("tensor \"", name, "\" has no ", std::string_view(field));
    entry.name = std::move(name);
    entries.push_back(std::move(entry));
  }

  const SafetensorsType* read_type(std::string_view tensor) {
    const std::string code = reader_.string();
    for (const SafetensorsType& type : safetensors_types)
      if (type.name == code) return &type;
    reader_.fail("tensor \"", tensor, "\" has the unknown dtype \"", code, "\"");
  }

  std::vector<std::uint64_t> read_numbers(std::size_t most) {
    std::vector<std::uint64_t> out;
    reader_.begin_array();
    while (reader_.next_item()) {
      if (out.size() == most) reader_.fail("at most ", most, " numbers may stand here");
      const JsonNumber number = reader_.number();
      const auto* small = std::get_if<std::int64_t>(&number);
      const auto* large = std::get_if<std::uint64_t>(&number);
      if (!large && (!small || *small < 0)) reader_.fail("wanted an integer of at least 0");
      out.push_back(large ? *large : static_cast<std::uint64_t>(*small));
    }
    return out;
  }

  void check_names() {
    std::sort(entries.begin(), entries.end(),
              [](const auto& a, const auto& b) { return a.name < b.name; });
    const auto twice = std::adjacent_find(
        entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.name == b.name; });
    if (twice != entries.end())
      throw FormatError(concat(file_, ":", twice->place, ": two tensors are named \"", twice->name, "\""));
  }

  std::string_view file_;
  std::string label_;
  JsonReader reader_;
  bool has_metadata_ = false;
};

// The rules on offsets and sizes, in the order of the reference. Entries stay sorted by name.
inline void check_safetensors_layout(const std::vector<SafetensorsEntry>& entries,
                                     std::uint64_t buffer, std::string_view file) {
  std::vector<const SafetensorsEntry*> by_offset;
  for (const SafetensorsEntry& entry : entries) by_offset.push_back(&entry);
  std::stable_sort(by_offset.begin(), by_offset.end(), [](const auto* a, const auto* b) {
    return std::pair(a->begin, a->end) < std::pair(b->begin, b->end);
  });
  std::uint64_t start = 0;
  for (const SafetensorsEntry* entry : by_offset) {
    const auto fail = [&](const auto&... parts) {
      throw FormatError(
          concat(file, ":", entry->place, ": tensor \"", entry->name, "\": ", parts...));
    };
    if (entry->begin != start)
      fail("data begins at ", entry->begin, ", wanted ", start, ": no holes, no overlap");
    if (entry->end < entry->begin)
      fail("data ends at ", entry->end, ", before it begins at ", entry->begin);
    std::optional<std::uint64_t> bits = 1;
    for (std::uint64_t extent : entry->shape)
      if (bits) bits = checked_mul(*bits, extent);
    if (bits) bits = checked_mul(*bits, std::uint64_t{entry->type->bits});
    if (!bits) fail("the shape has more elements than 64 bits can count");
    if (*bits % 8 != 0) fail("the elements do not fill whole bytes");
    if (*bits / 8 != entry->end - entry->begin)
      fail("the shape needs ", *bits / 8, " bytes of ", entry->type->name, ", data_offsets give ",
           entry->end - entry->begin);
    start = entry->end;
  }
  if (start != buffer)
    throw FormatError(concat(file, ":0: the tensors take ", start, " bytes, the file has ", buffer,
                             " bytes behind its header"));
}

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

inline std::string safetensors_header(const std::vector<const std::pair<std::string, Tensor>*>& order,
                                      const SafetensorsMetadata& metadata) {
  std::string out = "{";
  const auto separate = [&] {
    if (out.size() > 1) out += ',';
  };
  if (!metadata.empty()) {
    JsonObject object;
    for (const auto& [key, value] : metadata) object.set(key, value);
    out += concat("\"", safetensors_metadata_key, "\":", to_text(Json(std::move(object))));
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
template <class Sink>
void emit_safetensors(std::span<const std::pair<std::string, Tensor>> tensors,
                      const SafetensorsMetadata& metadata, const Sink& sink) {
  std::vector<const std::pair<std::string, Tensor>*> order;
  for (const auto& item : tensors) order.push_back(&item);
  const auto type_index = [](DType dtype) {
    return std::find_if(safetensors_types.begin(), safetensors_types.end(),
                        [&](const auto& t) { return t.dtype == dtype; }) - safetensors_types.begin();
  };
  const auto by_name = [](const auto* a, const auto* b) { return a->first < b->first; };
  std::sort(order.begin(), order.end(), by_name);
  for (std::size_t i = 0; i < order.size(); ++i) {
    CFM_CHECK(order[i]->first != safetensors_metadata_key,
              "safetensors: this name is reserved", order[i]->first);
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
    throw UnsupportedError(concat(name, ": tensor \"", found->first, "\": ", found->second));
  return nullptr;
}

inline const Tensor& SafetensorsFile::at(std::string_view tensor_name) const {
  if (const Tensor* found = find(tensor_name)) return *found;
  throw Error(concat(name, ": has no tensor \"", tensor_name, "\"; it has ", tensors.size()));
}

inline SafetensorsFile parse_safetensors(const Storage& bytes, std::string name,
                                         const SafetensorsOptions& options) {
  Cursor cursor({bytes.data(), bytes.bytes()}, name);
  const auto length = cursor.read<std::uint64_t>("the length of the header");
  if (length > options.max_header)
    throw FormatError(concat(name, ":0: the header is said to take ", length, " bytes, limit ",
                             options.max_header));
  const std::string_view text = cursor.text(length, "the header");
  if (const std::size_t valid = valid_utf8_prefix(text); valid != text.size())
    throw FormatError(concat(name, ":", 8 + valid, ": the header is not UTF-8"));
  if (!text.starts_with('{'))
    throw FormatError(concat(name, ":8: the header must begin with {"));
  detail::SafetensorsHeader header(text, name);
  const auto buffer = cursor.rest();
  detail::check_safetensors_layout(header.entries, buffer.size(), name);

  SafetensorsFile out;
  out.metadata = std::move(header.metadata);
  for (detail::SafetensorsEntry& entry : header.entries) {
    std::string why;
    if (const auto shape = detail::safetensors_shape(entry, why)) {
      const auto part = buffer.subspan(entry.begin, entry.end - entry.begin);
      Tensor tensor = tensor_over_bytes(bytes, part, *entry.type->dtype, *shape);
      out.tensors.emplace_back(std::move(entry.name), std::move(tensor));
    } else {
      out.unsupported.emplace_back(std::move(entry.name), std::move(why));
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

inline SafetensorsFile read_safetensors_shards(const std::filesystem::path& index,
                                               const SafetensorsOptions& options) {
  const SafetensorsIndex parts = read_safetensors_index(index);
  SafetensorsFile out;
  out.name = parts.name;
  std::map<std::string, std::string, std::less<>> owner;  // every tensor met: its file
  for (const std::string& file : parts.files) {
    SafetensorsFile part = read_safetensors(index.parent_path() / file, options);
    const auto claim = [&](const std::string& tensor) {
      const auto [at, is_new] = owner.emplace(tensor, file);
      if (!is_new)
        throw FormatError(concat(out.name, ": tensor \"", tensor, "\" is in ", at->second, " and in ", file));
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
      throw FormatError(concat(out.name, ": tensor \"", tensor, "\" is not in ", file));
  }
  const auto by_name = [](const auto& a, const auto& b) { return a.first < b.first; };
  std::sort(out.tensors.begin(), out.tensors.end(), by_name);
  std::sort(out.unsupported.begin(), out.unsupported.end(), by_name);
  return out;
}

CFM_NAMESPACE_END
