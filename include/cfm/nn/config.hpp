#pragma once
/// @file  Configurations: aggregates of named scalars that are saved as JSON.

#include <algorithm>
#include <concepts>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <cfm/io/json.hpp>
#include <cfm/nn/module.hpp>

CFM_NAMESPACE_BEGIN

namespace detail {

template <class T>
inline constexpr bool is_config_vector = false;
template <class T, class A>
inline constexpr bool is_config_vector<std::vector<T, A>> = true;

}  // namespace detail

/// A default-constructible aggregate that lists its fields like a module its members:
///
///     struct MyConfig {
///       Index width = 64;
///       static void visit(auto& self, auto&& v) { v("width", self.width); }
///     };
///
/// A field is a bool, a number, an enum, a std::string, another configuration, or a std::vector or
/// std::optional of these. An enum E is written by name: a function enum_names(E) beside it returns
/// an array of the names of its values 0, 1, ...
template <class C>
concept Config = std::default_initializable<C> && Module<C>;

namespace detail {

template <class T>
Json to_json_value(const T& value) {
  if constexpr (std::is_enum_v<T>) {
    return Json(enum_names(value)[static_cast<std::size_t>(value)]);
  } else if constexpr (std::is_arithmetic_v<T> || std::same_as<T, std::string>) {
    return Json(value);
  } else if constexpr (is_optional<T>) {
    return value ? to_json_value(*value) : Json();
  } else if constexpr (is_config_vector<T>) {
    Json out{Json::Array{}};
    for (const auto& item : value) out.push_back(to_json_value(item));
    return out;
  } else {
    static_assert(Config<T>, "config: a field must be a scalar, a string, a configuration, or a "
                             "vector or optional of these");
    Json out{JsonObject{}};
    T::visit(value, [&out]<class Field>(std::string_view name, const Field& field) {
      out.set(std::string(name), to_json_value(field));
    });
    return out;
  }
}

template <class T>
void from_json_value(const JsonRef& json, T& value) {
  if constexpr (std::same_as<T, bool>) {
    value = json.boolean();
  } else if constexpr (std::is_enum_v<T>) {
    const auto names = enum_names(T{});
    const auto at = std::find(names.begin(), names.end(), json.string());
    if (at == names.end()) json.fail("this program knows no \"", json.string(), "\" here");
    value = static_cast<T>(at - names.begin());
  } else if constexpr (std::integral<T>) {
    value = json.integer<T>();
  } else if constexpr (std::floating_point<T>) {
    value = static_cast<T>(json.number());
  } else if constexpr (std::same_as<T, std::string>) {
    value = json.string();
  } else if constexpr (is_optional<T>) {
    value.reset();
    if (!json.is_null()) from_json_value(json, value.emplace());
  } else if constexpr (is_config_vector<T>) {
    value.clear();
    for (std::size_t i = 0; i < json.size(); ++i) from_json_value(json[i], value.emplace_back());
  } else {
    std::size_t known = 0;
    T::visit(value, [&]<class Field>(std::string_view name, Field& field) {
      if (const auto found = json.find(name)) {
        from_json_value(*found, field);
        ++known;
      }
    });
    if (known == json.size()) return;
    for (const auto& member : json.object()) {
      bool found = false;
      T::visit(value, [&](std::string_view name, auto&) { found = found || name == member.first; });
      if (!found) json.child(member.second).fail("this program knows no such field");
    }
  }
}

}  // namespace detail

/// The configuration as a JSON object, fields in the order of the list.
template <Config C>
Json config_to_json(const C& config) {
  return detail::to_json_value(config);
}

/// A configuration from a JSON object. Fields that are not there keep their defaults.
/// Errors:  FormatError for a field of another kind or out of range, and for an unknown field.
template <Config C>
C config_from_json(const JsonRef& json) {
  C out;
  detail::from_json_value(json, out);
  return out;
}

CFM_NAMESPACE_END
