#pragma once
/// @file  Checkpoints: all that training needs to go on with the same bits.

#include <charconv>
#include <filesystem>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include <cfm/io/crc32.hpp>
#include <cfm/io/tensor_bytes.hpp>
#include <cfm/nn/serialize.hpp>
#include <cfm/train/optimizer.hpp>

CFM_NAMESPACE_BEGIN

/// Where training is, beside the tensors.
struct TrainingState {
  Index step = 0;  ///< steps done
  Rng rng{};       ///< with its position
};

namespace detail {

inline constexpr std::string_view model_prefix = "model.";
inline constexpr std::string_view optimizer_prefix = "optimizer.";

// Of the name, type, shape and elements: a flipped bit in any of them shows.
inline std::uint32_t tensor_checksum(std::string_view name, const Tensor& t) {
  std::uint32_t crc = crc32(as_bytes(concat(name, " ", t)));
  emit_little(t, [&crc](std::span<const std::byte> bytes) { crc = crc32(bytes, crc); });
  return crc;
}

inline Json tensor_checksums(const NamedTensors& tensors) {
  Json out{JsonObject{}};
  for (const auto& [name, t] : tensors) out.set(name, tensor_checksum(name, t));
  return out;
}

// Of all entries of the metadata but that of the training state, which has its own.
inline std::uint32_t metadata_checksum(const SafetensorsMetadata& metadata) {
  std::uint32_t crc = 0;
  for (const auto& [key, value] : metadata)
    if (key != "cfm.training") crc = crc32(as_bytes(concat(key.size(), key, value)), crc);
  return crc;
}

// One string of the metadata with its own checksum in front.
inline std::string sealed(const std::string& text) {
  return concat(crc32(as_bytes(text)), " ", text);
}

inline std::string_view unsealed(std::string_view text, const std::string& file) {
  std::uint32_t crc = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), crc);
  const auto used = static_cast<std::size_t>(end - text.data());
  if (error != std::errc{} || used >= text.size() || text[used] != ' ' ||
      crc32(as_bytes(text.substr(used + 1))) != crc)
    throw_error<FormatError>(file, ": damaged: the checksum of the training state is wrong");
  return text.substr(used + 1);
}

inline void check_checksums(const SafetensorsFile& file, const JsonRef& checksums) {
  if (!file.unsupported.empty())
    throw_error<FormatError>(file.name, ": damaged: \"", file.unsupported.front().first,
                             "\" has no type of a checkpoint");
  for (const auto& [name, t] : file.tensors) {
    const auto wanted = checksums.find(name);
    if (!wanted || wanted->integer<std::uint32_t>() != tensor_checksum(name, t))
      throw_error<FormatError>(file.name, ": damaged: the checksum of \"", name, "\" is wrong");
  }
  if (checksums.size() != file.tensors.size())
    throw_error<FormatError>(file.name, ": damaged: ", checksums.size() - file.tensors.size(),
                             " tensors are not there");
}

// The tensors whose names begin with a prefix, without it.
inline NamedTensors take_prefix(const NamedTensors& tensors, std::string_view prefix) {
  NamedTensors out;
  for (const auto& [name, t] : tensors)
    if (std::string_view(name).starts_with(prefix)) out.emplace_back(name.substr(prefix.size()), t);
  return out;
}

}  // namespace detail

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// Writes the parameters and buffers, the optimizer's state, the training state, and `extras` (any
/// number of objects that list their scalars by visit(), such as ReduceOnPlateau), with a checksum
/// of each tensor and of the rest. Atomic: whatever fails when, the path holds the old checkpoint
/// or the new one, complete.
/// Errors:  IoError.
template <Module M, UpdateRule Rule, class... Extras>
void save_checkpoint(const std::filesystem::path& path, const M& module,
                     const Optimizer<Rule>& optimizer, const TrainingState& state,
                     const Extras&... extras) {
  NamedTensors tensors;
  for (auto& [name, t] : named_tensors(module))
    tensors.emplace_back(concat(detail::model_prefix, name), std::move(t));
  for (auto& [name, t] : optimizer.state())
    tensors.emplace_back(concat(detail::optimizer_prefix, name), std::move(t));
  Json json{JsonObject{}};
  json.set("step", state.step);
  json.set("rng", Json::Array{state.rng.seed(), state.rng.stream(), state.rng.position()});
  json.set("optimizer", Rule::name);
  Json list{Json::Array{}};
  (list.push_back(detail::to_json_value(extras)), ...);
  json.set("extras", std::move(list));
  json.set("checksums", detail::tensor_checksums(tensors));
  SafetensorsMetadata metadata = model_metadata(module);
  json.set("model", detail::metadata_checksum(metadata));
  metadata.emplace("cfm.training", detail::sealed(to_text(json)));
  write_safetensors(path, tensors, metadata);
}

/// Reads a checkpoint back into a module, an optimizer and extras of the same kinds.
/// Errors:  IoError; FormatError for a file that is damaged (a flipped bit shows), is no checkpoint
///          or belongs to another model or optimizer. Nothing has changed then.
template <Module M, UpdateRule Rule, class... Extras>
TrainingState load_checkpoint(const std::filesystem::path& path, M& module,
                              Optimizer<Rule>& optimizer, Extras&... extras) {
  const SafetensorsFile file = read_safetensors(path);
  const auto training = file.metadata.find("cfm.training");
  if (training == file.metadata.end())
    throw_error<FormatError>(file.name, ": is no checkpoint: has no \"cfm.training\"");
  const JsonDocument document = parse_json(detail::unsealed(training->second, file.name),
                                           concat(file.name, ": cfm.training"));
  const JsonRef json = document.root();
  detail::check_checksums(file, json["checksums"]);
  if (json["model"].integer<std::uint32_t>() != detail::metadata_checksum(file.metadata))
    throw_error<FormatError>(file.name, ": damaged: the checksum of the metadata is wrong");
  if (json["optimizer"].string() != Rule::name)
    json["optimizer"].fail("the checkpoint is of \"", json["optimizer"].string(),
                           "\", this optimizer is \"", Rule::name, "\"");
  const JsonRef rng_json = json["rng"], extras_json = json["extras"];
  TrainingState state{json["step"].integer<Index>(), Rng(rng_json[0].integer<std::uint64_t>(),
                                                         rng_json[1].integer<std::uint64_t>())};
  state.rng.seek(rng_json[2].integer<std::uint64_t>());
  if (state.step < 0) json["step"].fail("is negative");
  if (extras_json.size() != sizeof...(Extras))
    extras_json.fail("has ", extras_json.size(), " objects, wanted ", sizeof...(Extras));
  std::tuple<Extras...> fresh(extras...);
  [[maybe_unused]] std::size_t next = 0;
  std::apply([&](Extras&... e) { (detail::from_json_value(extras_json[next++], e), ...); }, fresh);
  Optimizer<Rule> moved = optimizer;  // shares the parameters, not the state
  moved.set_state(detail::take_prefix(file.tensors, detail::optimizer_prefix));
  load_into(module, detail::take_prefix(file.tensors, detail::model_prefix), {}, file.name);
  optimizer = std::move(moved);
  std::tie(extras...) = fresh;
  return state;
}

CFM_ISA_NAMESPACE_END
