#pragma once
/// @file  JSON as a tree: values, parsing, checked access.

#include <algorithm>
#include <concepts>
#include <filesystem>
#include <limits>
#include <numeric>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <cfm/io/json_reader.hpp>

CFM_NAMESPACE_BEGIN

class Json;

/// The members of a JSON object in the order of the text. Keys are unique.
/// Cost:  finding a key takes logarithmic time.
class JsonObject {
 public:
  using Member = std::pair<std::string, Json>;

  // Defined below Json, which members need complete.
  std::size_t size() const;
  bool empty() const { return size() == 0; }
  const Member* begin() const;
  const Member* end() const;

  /// The value of a key, or null.
  const Json* find(std::string_view key) const;
  Json* find(std::string_view key);

  /// Appends a member, or replaces the value of an existing one.
  void set(std::string key, Json value);

  /// An object with these members. Where a key occurs more than once, `duplicate` receives it, and
  /// the last value wins.
  static JsonObject from(std::vector<Member> members, std::optional<std::string>& duplicate);

  friend bool operator==(const JsonObject& a, const JsonObject& b);

 private:
  // Position in sorted_ of the first key that is not less.
  std::size_t lower_bound(std::string_view key) const;

  std::vector<Member> members_;
  std::vector<std::uint32_t> sorted_;  // positions by key
};

/// A JSON value to hold, build and compare. To read one from a file with errors that name the
/// place, go through JsonRef.
class Json {
 public:
  using Array = std::vector<Json>;

  Json() = default;
  Json(std::nullptr_t) {}
  template <std::same_as<bool> T>  // a template, or pointers would convert to bool
  Json(T value) : value_(value) {}
  template <std::integral T>
  requires(!std::same_as<T, bool>) Json(T value) {
    if (std::in_range<std::int64_t>(value))
      value_ = JsonNumber(static_cast<std::int64_t>(value));
    else
      value_ = JsonNumber(static_cast<std::uint64_t>(value));
  }
  template <std::floating_point T>
  Json(T value) : value_(JsonNumber(static_cast<double>(value))) {}
  Json(JsonNumber value) : value_(value) {}
  Json(std::string value) : value_(std::move(value)) {}
  Json(std::string_view value) : value_(std::string(value)) {}
  Json(const char* value) : value_(std::string(value)) {}
  Json(Array value) : value_(std::move(value)) {}
  Json(JsonObject value) : value_(std::move(value)) {}

  JsonKind kind() const { return static_cast<JsonKind>(value_.index()); }

  /// The value if it is a bool, JsonNumber, std::string, Json::Array or JsonObject, else null.
  template <class T>
  const T* get_if() const {
    return std::get_if<T>(&value_);
  }
  template <class T>
  T* get_if() {
    return std::get_if<T>(&value_);
  }

  /// Sets a member. A null value becomes an object first.
  /// Errors:  Error if this is neither null nor an object.
  void set(std::string key, Json value) {
    if (kind() == JsonKind::null) value_ = JsonObject();
    CFM_CHECK(kind() == JsonKind::object, "json: only objects have members, this is", kind());
    get_if<JsonObject>()->set(std::move(key), std::move(value));
  }

  /// Appends an item. A null value becomes an array first.
  /// Errors:  Error if this is neither null nor an array.
  void push_back(Json value) {
    if (kind() == JsonKind::null) value_ = Array();
    CFM_CHECK(kind() == JsonKind::array, "json: only arrays have items, this is", kind());
    get_if<Array>()->push_back(std::move(value));
  }

  /// Same kinds, values and order of members; -0 equals 0, and 1 differs from 1.0.
  friend bool operator==(const Json& a, const Json& b) { return a.value_ == b.value_; }

 private:
  std::variant<std::monostate, bool, JsonNumber, std::string, Array, JsonObject> value_;
};

inline std::size_t JsonObject::size() const { return members_.size(); }
inline const JsonObject::Member* JsonObject::begin() const { return members_.data(); }
inline const JsonObject::Member* JsonObject::end() const { return members_.data() + size(); }

inline bool operator==(const JsonObject& a, const JsonObject& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

inline std::size_t JsonObject::lower_bound(std::string_view key) const {
  const auto at =
      std::lower_bound(sorted_.begin(), sorted_.end(), key,
                       [&](std::uint32_t i, std::string_view k) { return members_[i].first < k; });
  return static_cast<std::size_t>(at - sorted_.begin());
}

inline const Json* JsonObject::find(std::string_view key) const {
  const std::size_t at = lower_bound(key);
  if (at == sorted_.size() || members_[sorted_[at]].first != key) return nullptr;
  return &members_[sorted_[at]].second;
}

inline Json* JsonObject::find(std::string_view key) {
  return const_cast<Json*>(std::as_const(*this).find(key));
}

inline void JsonObject::set(std::string key, Json value) {
  if (Json* const old = find(key)) {
    *old = std::move(value);
    return;
  }
  sorted_.insert(sorted_.begin() + static_cast<std::ptrdiff_t>(lower_bound(key)),
                 static_cast<std::uint32_t>(members_.size()));
  try {
    members_.emplace_back(std::move(key), std::move(value));
  } catch (...) {
    std::erase(sorted_, static_cast<std::uint32_t>(members_.size()));
    throw;
  }
}

inline JsonObject JsonObject::from(std::vector<Member> members,
                                   std::optional<std::string>& duplicate) {
  JsonObject out;
  out.members_ = std::move(members);
  out.sorted_.resize(out.members_.size());
  std::iota(out.sorted_.begin(), out.sorted_.end(), 0u);
  const auto key = [&](std::uint32_t i) -> const std::string& { return out.members_[i].first; };
  std::stable_sort(out.sorted_.begin(), out.sorted_.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return key(a) < key(b); });
  const auto twice = std::adjacent_find(out.sorted_.begin(), out.sorted_.end(),
                                        [&](auto a, auto b) { return key(a) == key(b); });
  if (twice == out.sorted_.end()) return out;
  duplicate = key(*twice);
  std::vector<std::uint32_t> kept;  // of equal keys the last
  for (std::size_t i = 0; i < out.sorted_.size(); ++i)
    if (i + 1 == out.sorted_.size() || key(out.sorted_[i]) != key(out.sorted_[i + 1]))
      kept.push_back(out.sorted_[i]);
  std::sort(kept.begin(), kept.end());
  std::vector<Member> unique;
  for (std::uint32_t i : kept) unique.push_back(std::move(out.members_[i]));
  std::optional<std::string> none;
  return from(std::move(unique), none);
}

/// A node of a JSON tree together with where it is: reads what callers expect, and throws with the
/// path of the node where that is not there. Cheap to copy. The tree must outlive it unchanged.
/// Errors:  FormatError "name: $.path: wanted ..., got ...".
class JsonRef {
 public:
  /// `name` is what errors call the text; it must outlive the reference.
  JsonRef(const Json& root, std::string_view name) : root_(&root), node_(&root), name_(name) {}

  const Json& value() const { return *node_; }
  JsonKind kind() const { return node_->kind(); }
  bool is_null() const { return kind() == JsonKind::null; }

  bool boolean() const { return get<bool>(JsonKind::boolean); }
  const std::string& string() const { return get<std::string>(JsonKind::string); }
  const Json::Array& array() const { return get<Json::Array>(JsonKind::array); }
  const JsonObject& object() const { return get<JsonObject>(JsonKind::object); }

  /// Any number.
  double number() const {
    return std::visit([](auto v) { return static_cast<double>(v); },
                      get<JsonNumber>(JsonKind::number));
  }
  /// A number that is written as an integer and that T can hold.
  template <std::integral T>
  T integer() const {
    return std::visit(
        [&](auto v) -> T {
          if constexpr (std::integral<decltype(v)>)
            if (std::in_range<T>(v)) return static_cast<T>(v);
          fail("wanted an integer from ", std::numeric_limits<T>::min(), " to ",
               std::numeric_limits<T>::max(), ", got ", v);
        },
        get<JsonNumber>(JsonKind::number));
  }

  /// Number of items or members.
  std::size_t size() const { return kind() == JsonKind::object ? object().size() : array().size(); }
  JsonRef operator[](std::size_t i) const {
    if (i >= array().size()) fail("has ", array().size(), " items, wanted item ", i);
    return child(array()[i]);
  }
  JsonRef operator[](std::string_view key) const {
    if (const auto found = find(key)) return *found;
    fail("has no member \"", key, "\"");
  }
  std::optional<JsonRef> find(std::string_view key) const {
    const Json* const found = object().find(key);
    return found ? std::optional(child(*found)) : std::nullopt;
  }

  /// A reference to a value inside this one, as met in a loop over array() or object().
  JsonRef child(const Json& inside) const {
    JsonRef out = *this;
    out.node_ = &inside;
    return out;
  }

  /// Where the node is: "$.layers[2].type".
  std::string path() const;

  /// Throws FormatError with the name and the path before `parts`.
  template <class... Parts>
  [[noreturn]] void fail(const Parts&... parts) const {
    throw_error<FormatError>(name_, ": ", path(), ": ", parts...);
  }

 private:
  template <class T>
  const T& get(JsonKind wanted) const {
    if (const T* const value = node_->get_if<T>()) return *value;
    fail("wanted ", wanted, ", got ", kind());
  }

  const Json* root_;
  const Json* node_;
  std::string_view name_;
};

// Nodes do not know their parents: reading is free of that cost, and only an error pays for a
// search through the tree.
inline std::string JsonRef::path() const {
  struct Step {
    const Json* node;
    std::size_t next;  // child to visit next
  };
  std::vector<Step> steps{{root_, 0}};
  while (!steps.empty() && steps.back().node != node_) {
    Step& top = steps.back();
    const Json* inner = nullptr;
    if (const auto* items = top.node->get_if<Json::Array>()) {
      if (top.next < items->size()) inner = &(*items)[top.next];
    } else if (const auto* members = top.node->get_if<JsonObject>()) {
      if (top.next < members->size()) inner = &members->begin()[top.next].second;
    }
    ++top.next;
    if (inner)
      steps.push_back({inner, 0});
    else
      steps.pop_back();
  }
  std::string out = "$";
  for (std::size_t i = 0; i + 1 < steps.size(); ++i) {
    const auto* members = steps[i].node->get_if<JsonObject>();
    const std::size_t at = steps[i].next - 1;
    out += members ? concat(".", members->begin()[at].first) : concat("[", at, "]");
  }
  return out;
}

/// A parsed text with its name.
struct JsonDocument {
  Json value;
  std::string name;

  /// The outermost value, to be read with checks.
  JsonRef root() const { return JsonRef(value, name); }
};

/// What to accept, and what a text may cost.
struct JsonOptions {
  int depth = max_json_depth;                 ///< nesting of arrays and objects
  std::size_t values = std::size_t{1} << 24;  ///< numbers, strings, arrays ... in total
  bool unique_keys = true;  ///< reject objects with a key twice; else the last wins
};

/// The next value of a reader as a tree.
/// Errors:  FormatError, also for an object that has a key twice unless options allow it.
/// Cost:    a value takes 40 bytes, a member 72, beside the characters.
Json read_json_value(JsonReader& reader, JsonOptions options = {});

/// A whole text as a tree. `name` is what errors call it.
/// Errors:  FormatError "name:line:column: ...".
JsonDocument parse_json(std::string_view text, std::string name = "json", JsonOptions options = {});

/// A file of JSON as a tree.   Errors:  IoError, FormatError.
JsonDocument read_json(const std::filesystem::path& path, JsonOptions options = {});

/// How to write JSON.
struct JsonStyle {
  int indent = 0;  ///< blanks a level; 0 writes everything on one line without blanks
};

/// The text of a value. The same value gives the same text; integers and doubles read back as they
/// were (doubles have a point or an exponent, in the shortest form that reads back).
/// Errors:  Error for NaN and infinities, strings that are not UTF-8, nesting beyond
///          max_json_depth.
std::string to_text(const Json& value, JsonStyle style = {});

/// Writes to_text and a line end to a file, atomically.   Errors:  Error, IoError.
void write_json(const std::filesystem::path& path, const Json& value, JsonStyle style = {});

CFM_NAMESPACE_END

#include <cfm/io/json-inl.hpp>
