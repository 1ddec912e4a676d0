#pragma once
/// @file  Models to and from files.

#include <algorithm>
#include <concepts>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <cfm/io/safetensors.hpp>
#include <cfm/nn/config.hpp>
#include <cfm/nn/init.hpp>
#include <cfm/nn/module.hpp>

CFM_NAMESPACE_BEGIN

/// A model that can be built from its configuration, so that a file is enough to get it back:
/// `M::Config`, `config()`, and a constructor from (const Config&, Init).
template <class M>
concept ConfiguredModule = Module<M> && Config<typename M::Config> &&
    std::constructible_from<M, const typename M::Config&, Init> && requires(const M& m) {
  { m.config() } -> std::convertible_to<const typename M::Config&>;
};

/// One line of a table that translates the names of a module to those of a foreign file. A part `*`
/// between points stands for any one part, a last part `**` for all that follow; the other side
/// puts them in the same order:  {"layers.*.weight", "encoder.layer.*.dense.w"}.
struct NamePair {
  std::string_view ours;
  std::string_view theirs;
};

/// How to load tensors into a module.
struct LoadOptions {
  std::span<const NamePair> names{};  ///< the first line that fits a name counts; none: unchanged
  bool strict = true;    ///< names of the file that the module does not have are an error, and so
                         ///< are names that the file does not have
  bool convert = false;  ///< floating-point elements of another type are converted
};

namespace detail {

// `name` by one line of the table, or nothing if it does not fit.
inline std::optional<std::string> translate(std::string_view name, const NamePair& pair) {
  const auto part = [](std::string_view& rest) {
    const std::size_t point = rest.find('.');
    const std::string_view first = rest.substr(0, point);
    rest.remove_prefix(point == rest.npos ? rest.size() : point + 1);
    return first;
  };
  std::vector<std::string_view> captured;
  std::string_view pattern = pair.ours;
  while (!pattern.empty()) {
    const std::string_view wanted = part(pattern);
    if (name.empty()) return std::nullopt;
    if (wanted == "**") {
      captured.push_back(std::exchange(name, {}));
      break;
    }
    const std::string_view got = part(name);
    if (wanted == "*")
      captured.push_back(got);
    else if (wanted != got)
      return std::nullopt;
  }
  if (!name.empty()) return std::nullopt;
  std::string out;
  std::size_t next = 0;
  for (std::string_view rest = pair.theirs; !rest.empty();) {
    const std::string_view p = part(rest);
    if (!out.empty()) out += '.';
    const bool wild = p == "*" || p == "**";
    CFM_CHECK(!wild || next < captured.size(), "load: a name table line has more * on one side",
              pair.ours, pair.theirs);
    out += wild ? captured[next++] : p;
  }
  return out;
}

inline std::string translate(std::string_view name, std::span<const NamePair> names) {
  for (const NamePair& pair : names)
    if (auto theirs = translate(name, pair)) return *std::move(theirs);
  return std::string(name);
}

// "missing a, b and 3 more" appended to the parts of a message.
inline void append_list(std::string& out, std::string_view title,
                        const std::vector<std::string>& items) {
  constexpr std::size_t shown = 6;
  if (items.empty()) return;
  out += concat(out.empty() ? "" : "; ", title);
  for (std::size_t i = 0; i < std::min(shown, items.size()); ++i)
    out += concat(i == 0 ? " " : ", ", items[i]);
  if (items.size() > shown) out += concat(" and ", items.size() - shown, " more");
}

inline std::string in_quotes(std::string_view name) { return concat("\"", name, "\""); }

// Finds for every tensor of the module its value in the file, all checked, nothing written.
// `types_fit(have, want)` says which element types go.
template <Module M, class TypesFit>
std::vector<std::optional<Tensor>> match_tensors(const M& module, const NamedTensors& tensors,
                                                 std::string_view source,
                                                 const LoadOptions& options,
                                                 const TypesFit& types_fit) {
  std::unordered_map<std::string_view, const Tensor*> by_name;
  for (const auto& [name, tensor] : tensors) by_name.emplace(name, &tensor);
  std::vector<std::optional<Tensor>> out;
  std::vector<std::string> missing, misfits;
  std::unordered_map<std::string_view, const Tensor*> left = by_name;
  for_each_tensor(module, [&](std::string_view name, const auto& member) {
    const std::string theirs = translate(name, options.names);
    std::string shown = in_quotes(theirs);
    if (theirs != name) shown += concat(" (for ", in_quotes(name), ")");
    const auto found = by_name.find(theirs);
    out.emplace_back();
    if (found == by_name.end()) {
      missing.push_back(shown);
      return;
    }
    left.erase(found->first);
    const Tensor& have = *found->second;
    if (!(have.shape() == member.value.shape()) || !types_fit(have.dtype(), member.value.dtype())) {
      misfits.push_back(concat(shown, " is ", have, ", the model has ", member.value));
      return;
    }
    out.back() = have;
  });
  std::vector<std::string> unexpected;
  for (const auto& [name, tensor] : left) unexpected.push_back(in_quotes(name));
  std::sort(unexpected.begin(), unexpected.end());
  const bool nothing_fits = !out.empty() && missing.size() == out.size();
  std::string problems;
  if (options.strict || nothing_fits) {
    append_list(problems, "missing", missing);
    append_list(problems, "unexpected", unexpected);
  }
  append_list(problems, "mismatched", misfits);
  if (!problems.empty()) throw_error<FormatError>(source, ": does not fit the model: ", problems);
  return out;
}

// A model without values. A configuration that no model can have is an error of the file.
template <class M>
M model_from_config(const JsonRef& json, std::size_t tensors) {
  const auto config = config_from_json<typename M::Config>(json);
  try {
    return M(config, Init::shapes_only(static_cast<Index>(tensors)));
  } catch (const Error& error) {
    json.fail(error.what());
  }
}

inline NamedTensors usable_tensors(const SafetensorsFile& file, const LoadOptions& options) {
  if (options.strict && !file.unsupported.empty())
    throw_error<UnsupportedError>(file.name, ": ", in_quotes(file.unsupported.front().first), ": ",
                                  file.unsupported.front().second);
  return file.tensors;
}

}  // namespace detail

/// All tensors of a module by name. They share their elements with the module.
template <Module M>
NamedTensors named_tensors(const M& module) {
  NamedTensors out;
  for_each_tensor(module, [&](std::string_view name, const auto& member) {
    out.emplace_back(std::string(name), member.value);
  });
  return out;
}

/// What save() writes beside the tensors: "cfm.config", the configuration as JSON, and "cfm.kind",
/// the name that the type gives itself by `static constexpr std::string_view kind`.
template <Module M>
SafetensorsMetadata model_metadata([[maybe_unused]] const M& module) {
  SafetensorsMetadata out;
  if constexpr (requires { std::string(M::kind); }) out.emplace("cfm.kind", std::string(M::kind));
  if constexpr (ConfiguredModule<M>)
    out.emplace("cfm.config", to_text(config_to_json(module.config())));
  return out;
}

/// Writes a module as safetensors, with its configuration in the metadata if it has one. The same
/// module gives the same bytes; a crash leaves the old file or the new one.
/// Errors:  IoError.
template <Module M>
void save(const M& module, const std::filesystem::path& path) {
  write_safetensors(path, named_tensors(module), model_metadata(module));
}

/// Copies tensors into those of a module, which keep their memory, so that copies of the module and
/// optimizers see the new values. `source` is what errors call the tensors.
/// Errors:  FormatError that lists missing, unexpected and mismatched names; nothing has changed.
template <Module M>
void load_into(M& module, const NamedTensors& tensors, const LoadOptions& options = {},
               std::string_view source = "tensors") {
  const auto types_fit = [&options](DType have, DType want) {
    return have == want || (options.convert && is_floating(have) && is_floating(want));
  };
  const auto values = detail::match_tensors(module, tensors, source, options, types_fit);
  std::size_t next = 0;
  for_each_tensor(module, [&](std::string_view, auto& member) {
    const std::optional<Tensor>& value = values[next++];
    if (!value) return;
    if (member.value.storage().writable())
      member.value.copy_from(*value);
    else
      member.value = value->to(member.value.dtype()).clone();
  });
}

/// The same from a safetensors file.   Errors:  IoError, FormatError, UnsupportedError.
template <Module M>
void load_into(M& module, const std::filesystem::path& path, const LoadOptions& options = {}) {
  const SafetensorsFile file = read_safetensors(path);
  load_into(module, detail::usable_tensors(file, options), options, file.name);
}

/// A model from a file that save() wrote: built from the configuration in the file, with the
/// tensors of the file in the element types of the file.
/// Errors:  IoError; FormatError if the file has no configuration, another kind of model, or other
///          tensors than its configuration says.
/// Cost:    no first values are drawn and nothing is copied; memory is that of the file.
template <ConfiguredModule M>
M load(const std::filesystem::path& path, const SafetensorsOptions& options = {}) {
  const SafetensorsFile file = read_safetensors(path, options);
  const auto config_at = file.metadata.find("cfm.config");
  if (config_at == file.metadata.end())
    throw_error<FormatError>(file.name,
                             ": has no \"cfm.config\" in its metadata; build the model "
                             "and use load_into");
  if constexpr (requires { std::string(M::kind); }) {
    const auto kind = file.metadata.find("cfm.kind");
    if (kind == file.metadata.end() || kind->second != M::kind)
      throw_error<FormatError>(file.name, ": holds a model of kind \"",
                               kind == file.metadata.end() ? "" : kind->second, "\", wanted \"",
                               std::string_view(M::kind), "\"");
  }
  M model = detail::model_from_config<M>(
      parse_json(config_at->second, file.name + ": cfm.config").root(), file.tensors.size());
  const LoadOptions all;
  auto values = detail::match_tensors(
      model, detail::usable_tensors(file, all), file.name, all, [](DType have, DType want) {
        return have == want || (is_floating(have) && is_floating(want));
      });
  std::size_t next = 0;
  for_each_tensor(model, [&](std::string_view, auto& member) { member.value = *values[next++]; });
  return model;
}

CFM_NAMESPACE_END
