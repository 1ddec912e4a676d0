#pragma once
/// @file  Members and functions of torch_zip.hpp. Included by it alone.

#include <algorithm>
#include <array>
#include <map>

#include <cfm/io/detail/torch_unpickler.hpp>
#include <cfm/io/file.hpp>
#include <cfm/io/torch_zip.hpp>

CFM_NAMESPACE_BEGIN

inline TorchKind TorchValue::kind() const {
  if (!content_ || get<std::monostate>()) return TorchKind::none;
  if (get<bool>()) return TorchKind::boolean;
  if (get<std::int64_t>()) return TorchKind::integer;
  if (get<double>()) return TorchKind::number;
  if (get<std::string>()) return TorchKind::string;
  if (items()) return TorchKind::list;
  if (get<detail::PickleDict>()) return TorchKind::dict;
  const auto* handle = get<detail::PickleHandle>();
  return handle && handle->kind == detail::torch_tensor ? TorchKind::tensor : TorchKind::other;
}

inline bool TorchValue::boolean() const {
  if (const bool* value = get<bool>()) return *value;
  fail("wanted a boolean");
}
inline std::int64_t TorchValue::integer() const {
  if (const auto* value = get<std::int64_t>()) return *value;
  fail("wanted an integer");
}
inline double TorchValue::number() const {
  if (const auto* value = get<double>()) return *value;
  if (const auto* value = get<std::int64_t>()) return static_cast<double>(*value);
  fail("wanted a number");
}
inline const std::string& TorchValue::string() const {
  if (const auto* value = get<std::string>()) return *value;
  fail("wanted a string");
}
inline const Tensor& TorchValue::tensor() const {
  const auto* handle = get<detail::PickleHandle>();
  if (!handle || handle->kind != detail::torch_tensor) fail("wanted a tensor");
  return content_->tensors[handle->index];
}

inline const std::vector<detail::PickleId>* TorchValue::items() const {
  if (const auto* list = get<detail::PickleList>()) return &list->items;
  if (const auto* tuple = get<detail::PickleTuple>()) return &tuple->items;
  return nullptr;
}
inline std::size_t TorchValue::size() const {
  if (const auto* list = items()) return list->size();
  if (const auto* dict = get<detail::PickleDict>()) return dict->items.size();
  fail("wanted a list or a dictionary");
}
inline TorchValue TorchValue::operator[](std::size_t i) const {
  if (i >= size()) fail("has ", size(), " items, wanted item ", i);
  const auto* list = items();
  return {content_, list ? (*list)[i] : get<detail::PickleDict>()->items[i].second};
}
inline std::string TorchValue::key(std::size_t i) const {
  const auto* dict = get<detail::PickleDict>();
  if (!dict || i >= dict->items.size()) fail("wanted a dictionary with a key ", i);
  return key_text(dict->items[i].first);
}
inline std::optional<TorchValue> TorchValue::find(std::string_view wanted) const {
  const auto* dict = get<detail::PickleDict>();
  if (!dict) fail("wanted a dictionary with the key \"", wanted, "\"");
  for (const auto& [key, value] : dict->items)
    if (key_text(key) == wanted) return TorchValue(content_, value);
  return std::nullopt;
}
inline TorchValue TorchValue::operator[](std::string_view wanted) const {
  if (const auto found = find(wanted)) return *found;
  fail("has no key \"", wanted, "\"");
}

inline std::string TorchValue::key_text(detail::PickleId id) const {
  const detail::PickleNode& node = content_->arena[id];
  if (const auto* text = std::get_if<std::string>(&node)) return *text;
  if (const auto* number = std::get_if<std::int64_t>(&node)) return concat(*number);
  const auto* tuple = std::get_if<detail::PickleTuple>(&node);
  if (!tuple) fail("a key is neither text nor an integer nor a tuple of text");
  std::string out;
  for (detail::PickleId part : tuple->items) {
    const auto* text = std::get_if<std::string>(&content_->arena[part]);
    if (!text) fail("a key is neither text nor an integer nor a tuple of text");
    out += concat(out.empty() ? "" : "__", *text);
  }
  return out;
}

inline const Tensor* TorchFile::find(std::string_view tensor_name) const {
  const auto at = std::lower_bound(tensors.begin(), tensors.end(), tensor_name,
                                   [](const auto& pair, auto n) { return pair.first < n; });
  return at != tensors.end() && at->first == tensor_name ? &at->second : nullptr;
}
inline const Tensor& TorchFile::at(std::string_view tensor_name) const {
  if (const Tensor* found = find(tensor_name)) return *found;
  throw_error<Error>(name, ": has no tensor \"", tensor_name, "\"; it has ", tensors.size());
}
inline std::vector<std::pair<std::string, Tensor>> TorchFile::below(std::string_view prefix) const {
  std::vector<std::pair<std::string, Tensor>> out;
  for (const auto& [full, tensor] : tensors)
    if (full.starts_with(prefix)) out.emplace_back(full.substr(prefix.size()), tensor);
  return out;
}

namespace detail {

// Turns the pickle of an archive into a TorchFile.
class TorchBuilder {
 public:
  static TorchFile build(const Storage& bytes, std::string name, const TorchOptions& options) {
    auto content = std::make_shared<TorchValue::Content>();
    content->name = std::move(name);
    TorchUnpickler unpickler(bytes, content->name, options);
    const PickleId root = unpickler.run();
    content->arena = std::move(unpickler.arena);
    content->tensors = std::move(unpickler.tensors);
    TorchFile out;
    out.name = content->name;
    out.root = TorchValue(std::move(content), root);
    flatten(out, options);
    return out;
  }

 private:
  // Shared parts are listed once under each of their names. A pickle can make their number
  // exponential, and cycles: so steps, depth and the length of all names are bounded.
  static void flatten(TorchFile& file, const TorchOptions& options) {
    struct Level {
      TorchValue value;
      std::size_t next;
      std::size_t prefix;  // length of the path above
    };
    constexpr std::size_t most_name_bytes = std::size_t{64} << 20;
    std::size_t steps = 0, name_bytes = 0;
    std::string path;
    std::vector<Level> levels;
    const auto visit = [&](const TorchValue& value, std::size_t prefix) {
      if (++steps > options.values) value.fail("has more than ", options.values, " values");
      const TorchKind kind = value.kind();
      if (kind == TorchKind::tensor) {
        name_bytes += path.size();
        if (name_bytes > most_name_bytes) value.fail("the names of its tensors are too long");
        file.tensors.emplace_back(path, value.tensor());
      } else if (kind == TorchKind::list || kind == TorchKind::dict) {
        const auto is_same = [&](const Level& level) { return level.value.id_ == value.id_; };
        if (options.records && std::any_of(levels.begin(), levels.end(), is_same)) return;
        if (levels.size() >= options.depth)
          value.fail("is nested more than ", options.depth, " deep");
        levels.push_back({value, 0, prefix});
      }
    };
    visit(file.root, 0);
    while (!levels.empty()) {
      Level& top = levels.back();
      if (top.next == top.value.size()) {
        path.resize(top.prefix);
        levels.pop_back();
        continue;
      }
      const std::size_t i = top.next++, before = path.size();
      const TorchValue item = top.value[i];
      const std::string step = top.value.kind() == TorchKind::dict ? top.value.key(i) : concat(i);
      path += concat(path.empty() ? "" : ".", step);
      const std::size_t depth = levels.size();
      visit(item, before);
      if (levels.size() == depth) path.resize(before);
    }
    std::sort(file.tensors.begin(), file.tensors.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    const auto twice =
        std::adjacent_find(file.tensors.begin(), file.tensors.end(),
                           [](const auto& a, const auto& b) { return a.first == b.first; });
    if (twice != file.tensors.end()) file.root.fail("two tensors are named \"", twice->first, "\"");
  }
};

}  // namespace detail

inline TorchFile parse_torch(const Storage& bytes, std::string name, const TorchOptions& options) {
  return detail::TorchBuilder::build(bytes, std::move(name), options);
}

inline TorchFile read_torch(const std::filesystem::path& path, const TorchOptions& options) {
  return parse_torch(options.map ? map_storage(path) : read_storage(path), path.string(), options);
}

CFM_NAMESPACE_END
