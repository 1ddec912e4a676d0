#pragma once
/// @file  The header of a safetensors file: its JSON and the rules that it must keep.

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <cfm/core/checked.hpp>
#include <cfm/core/dtype.hpp>
#include <cfm/io/json_reader.hpp>

CFM_NAMESPACE_BEGIN

namespace detail {

struct SafetensorsType {
  std::string_view name;
  std::uint8_t bits;
  std::optional<DType> dtype;
};

// In the order of the reference, by which its writer sorts.
inline constexpr std::array<SafetensorsType, 22> safetensors_types{{
    {"BOOL", 8, DType::boolean},
    {"F4", 4, {}},
    {"F6_E2M3", 6, {}},
    {"F6_E3M2", 6, {}},
    {"U8", 8, DType::u8},
    {"I8", 8, DType::i8},
    {"F8_E5M2", 8, DType::f8_e5m2},
    {"F8_E4M3", 8, DType::f8_e4m3fn},
    {"F8_E8M0", 8, {}},
    {"F8_E4M3FNUZ", 8, DType::f8_e4m3fnuz},
    {"F8_E5M2FNUZ", 8, DType::f8_e5m2fnuz},
    {"I16", 16, DType::i16},
    {"U16", 16, DType::u16},
    {"F16", 16, DType::f16},
    {"BF16", 16, DType::bf16},
    {"I32", 32, DType::i32},
    {"U32", 32, DType::u32},
    {"F32", 32, DType::f32},
    {"C64", 64, {}},
    {"F64", 64, DType::f64},
    {"I64", 64, DType::i64},
    {"U64", 64, DType::u64},
}};

inline constexpr std::string_view safetensors_metadata_key = "__metadata__";
inline constexpr std::size_t safetensors_max_rank = 64;  // to check; tensors hold max_rank

struct SafetensorsEntry {
  const SafetensorsType* type = nullptr;
  std::vector<std::uint64_t> shape;
  std::uint64_t begin = 0, end = 0;
  std::uint64_t place = 0;  // in the file, for errors
};

using SafetensorsEntries = std::map<std::string, SafetensorsEntry, std::less<>>;

// Reads the JSON header.
class SafetensorsHeader {
 public:
  SafetensorsHeader(std::string_view text, std::string_view file)
      : file_(file), reader_(text, file) {
    reader_.report_offsets(8);
    reader_.begin_object();
    std::string key;
    while (reader_.next_key(key)) {
      if (key == safetensors_metadata_key)
        read_metadata();
      else
        read_entry(std::move(key));
    }
    reader_.finish();
  }

  SafetensorsEntries entries;
  std::map<std::string, std::string, std::less<>> metadata;

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
    for (const auto& [seen, field] :
         {std::pair{entry.type != nullptr, "dtype"}, std::pair{has_shape, "shape"},
          std::pair{has_offsets, "data_offsets"}})
      if (!seen) reader_.fail("tensor \"", name, "\" has no ", std::string_view(field));
    const std::uint64_t place = entry.place;
    if (const auto [at, is_new] = entries.emplace(std::move(name), std::move(entry)); !is_new)
      throw_error<FormatError>(file_, ":", place, ": two tensors are named \"", at->first, "\"");
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

  std::string_view file_;
  JsonReader reader_;
  bool has_metadata_ = false;
};

// The rules on offsets and sizes, in the order of the reference.
inline void check_safetensors_layout(const SafetensorsEntries& entries, std::uint64_t buffer,
                                     std::string_view file) {
  std::vector<const SafetensorsEntries::value_type*> by_offset;
  for (const auto& entry : entries) by_offset.push_back(&entry);
  std::sort(by_offset.begin(), by_offset.end(), [](const auto* a, const auto* b) {
    return std::tie(a->second.begin, a->second.end, a->first) <
           std::tie(b->second.begin, b->second.end, b->first);
  });
  std::uint64_t start = 0;
  for (const auto* named : by_offset) {
    const SafetensorsEntry* const entry = &named->second;
    const auto fail = [&](const auto&... parts) {
      throw_error<FormatError>(file, ":", entry->place, ": tensor \"", named->first,
                               "\": ", parts...);
    };
    if (entry->begin != start)
      fail("data begins at ", entry->begin, ", wanted ", start, ": no holes, no overlap");
    if (entry->end < entry->begin)
      fail("data ends at ", entry->end, ", before it begins at ", entry->begin);
    // Zeros come last, or they would hide an overflow.
    std::optional<std::uint64_t> bits = entry->type->bits;
    bool is_empty = false;
    for (std::uint64_t extent : entry->shape) {
      is_empty = is_empty || extent == 0;
      if (bits) bits = checked_mul(*bits, std::max<std::uint64_t>(extent, 1));
    }
    if (!bits) fail("the shape has more elements than 64 bits can count");
    if (is_empty) bits = 0;
    if (*bits % 8 != 0) fail("the elements do not fill whole bytes");
    if (*bits / 8 != entry->end - entry->begin)
      fail("the shape needs ", *bits / 8, " bytes of ", entry->type->name, ", data_offsets give ",
           entry->end - entry->begin);
    start = entry->end;
  }
  if (start != buffer)
    throw_error<FormatError>(file, ":0: the tensors take ", start, " bytes, the file has ", buffer,
                             " bytes behind its header");
}

}  // namespace detail

CFM_NAMESPACE_END
