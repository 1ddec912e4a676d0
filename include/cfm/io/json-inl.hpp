#pragma once
/// @file  Functions of json.hpp. Included by it alone.

#include <cmath>

#include <cfm/io/detail/json_string.hpp>
#include <cfm/io/file.hpp>
#include <cfm/io/json.hpp>

CFM_NAMESPACE_BEGIN

namespace detail {

// Recursion is as deep as the reader's limit at most.
inline Json json_tree(JsonReader& reader, bool unique_keys, std::size_t& left) {
  if (left == 0) reader.fail("more values than the limit allows");
  --left;
  switch (reader.peek()) {
    case JsonKind::null: reader.null(); return {};
    case JsonKind::boolean: return reader.boolean();
    case JsonKind::number: return reader.number();
    case JsonKind::string: return reader.string();
    case JsonKind::array: {
      Json::Array items;
      reader.begin_array();
      while (reader.next_item()) items.push_back(json_tree(reader, unique_keys, left));
      return items;
    }
    case JsonKind::object: break;
  }
  std::vector<JsonObject::Member> members;
  std::string key;
  reader.begin_object();
  while (reader.next_key(key)) {
    members.emplace_back(key, Json());
    members.back().second = json_tree(reader, unique_keys, left);
  }
  std::optional<std::string> duplicate;
  JsonObject object = JsonObject::from(std::move(members), duplicate);
  if (duplicate && unique_keys)
    reader.fail("the object that ends here has the key \"", *duplicate, "\" twice");
  return object;
}

inline void append_json_number(std::string& out, JsonNumber number) {
  if (const double* value = std::get_if<double>(&number)) {
    CFM_CHECK(std::isfinite(*value), "json: NaN and infinities cannot be written", *value);
    const std::size_t begin = out.size();
    append_text(out, *value);
    // Without a point it would read back as an integer.
    if (out.find_first_of(".e", begin) == std::string::npos) out += ".0";
  } else {
    std::visit([&](auto v) { append_text(out, v); }, number);
  }
}

inline void append_json(std::string& out, const Json& value, JsonStyle style, int depth) {
  CFM_CHECK(depth <= max_json_depth, "json: arrays and objects are nested too deep, limit",
            max_json_depth);
  bool first = true;
  const auto separate = [&] {
    if (!first) out += ',';
    first = false;
    if (style.indent > 0)
      out.append(1, '\n').append(static_cast<std::size_t>(style.indent * (depth + 1)), ' ');
  };
  const auto close = [&](char bracket) {
    if (style.indent > 0 && !first)
      out.append(1, '\n').append(static_cast<std::size_t>(style.indent * depth), ' ');
    out += bracket;
  };
  if (const auto* flag = value.get_if<bool>())
    append_text(out, *flag);
  else if (const auto* number = value.get_if<JsonNumber>())
    append_json_number(out, *number);
  else if (const auto* text = value.get_if<std::string>())
    append_json_string(out, *text);
  else if (const auto* items = value.get_if<Json::Array>()) {
    out += '[';
    for (const Json& item : *items) {
      separate();
      append_json(out, item, style, depth + 1);
    }
    close(']');
  } else if (const auto* members = value.get_if<JsonObject>()) {
    out += '{';
    for (const auto& [key, item] : *members) {
      separate();
      append_json_string(out, key);
      out += style.indent > 0 ? ": " : ":";
      append_json(out, item, style, depth + 1);
    }
    close('}');
  } else {
    out += "null";
  }
}

}  // namespace detail

inline Json read_json_value(JsonReader& reader, JsonOptions options) {
  std::size_t left = options.values;
  return detail::json_tree(reader, options.unique_keys, left);
}

inline JsonDocument parse_json(std::string_view text, std::string name, JsonOptions options) {
  JsonReader reader(text, name, options.depth);
  Json value = read_json_value(reader, options);
  reader.finish();
  return {std::move(value), std::move(name)};
}

inline JsonDocument read_json(const std::filesystem::path& path, JsonOptions options) {
  const std::vector<std::byte> bytes = read_file(path);
  return parse_json(as_text(bytes), path.string(), options);
}

inline std::string to_text(const Json& value, JsonStyle style) {
  std::string out;
  detail::append_json(out, value, style, 0);
  return out;
}

inline void write_json(const std::filesystem::path& path, const Json& value, JsonStyle style) {
  write_file_atomic(path, to_text(value, style) + '\n');
}

CFM_NAMESPACE_END
