#pragma once
/// @file  Public checkpoints of the encoders on level sweeps: torch files with a state dictionary.

#include <array>
#include <filesystem>
#include <string>
#include <string_view>

#include <cfm/io/torch_zip.hpp>
#include <cfm/models/deepcell.hpp>

CFM_NAMESPACE_BEGIN

/// The aggregator of a DeepCell checkpoint.
enum class DeepCellVariant { dg2, gat, gcn };

constexpr std::array<std::string_view, 3> enum_names(DeepCellVariant) {
  return {"dg2", "gat", "gcn"};
}

namespace detail {

// The state dictionary of a training checkpoint, or the tensors of a file that is one.
inline std::vector<std::pair<std::string, Tensor>> state_dictionary(const TorchFile& file) {
  auto out = file.below("state_dict.");
  return out.empty() ? file.tensors : out;
}

inline const Tensor& state_tensor(const std::vector<std::pair<std::string, Tensor>>& tensors,
                                  std::string_view name, const std::string& source) {
  for (const auto& [key, tensor] : tensors)
    if (key == name) return tensor;
  throw_error<FormatError>(source, ": no tensor \"", name, "\"");
}

}  // namespace detail

/// Which encoder a file is of, by the names of its tensors.
/// Errors:  IoError; FormatError if it is none.
inline DeepCellVariant deepcell_variant(const std::filesystem::path& path) {
  const TorchFile file = read_torch(path);
  const auto tensors = detail::state_dictionary(file);
  const auto has = [&](std::string_view name) {
    return std::any_of(tensors.begin(), tensors.end(),
                       [&](const auto& entry) { return entry.first == name; });
  };
  if (has("aggr_cell_strc.msg_q.weight")) return DeepCellVariant::dg2;
  if (has("aggr_cell_strc.attn_lin.weight")) return DeepCellVariant::gat;
  detail::state_tensor(tensors, "aggr_cell_strc.msg.weight", file.name);
  return DeepCellVariant::gcn;
}

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

namespace isa_detail {

template <class Model>
Model model_from_torch(const std::filesystem::path& path, std::string_view width_of,
                       typename Model::Config config) {
  const TorchFile file = read_torch(path);
  const auto tensors = detail::state_dictionary(file);
  const Tensor& recurrent = detail::state_tensor(tensors, width_of, file.name);
  if (recurrent.rank() != 2 || recurrent.size(1) < 1 || recurrent.size(0) != 3 * recurrent.size(1))
    throw_error<FormatError>(file.name, ": \"", width_of, "\" is ", recurrent,
                             ", the weights of a GRU are [3 width, width]");
  config.width = recurrent.size(1);
  Model model(config);
  load_into(model, tensors, {}, file.name);
  return model;
}

}  // namespace isa_detail

/// A DeepCell encoder from a public checkpoint; `Model` must be of the variant of the file:
/// deepcell_from_torch<DeepCell<AgnnAggregator<>>>("pm_gat.pth").
/// Errors:  IoError; FormatError that lists missing, unexpected and mismatched names.
template <class Model>
Model deepcell_from_torch(const std::filesystem::path& path) {
  return isa_detail::model_from_torch<Model>(path, "update_cell_strc.weight_hh_l0", {});
}

/// A DeepGate2 from a public checkpoint, `config` says what its width does not.
/// Errors:  as deepcell_from_torch.
template <class Model = DeepGate2<>>
Model deepgate2_from_torch(const std::filesystem::path& path, const DeepGate2Config& config = {}) {
  return isa_detail::model_from_torch<Model>(path, "update_and_strc.weight_hh_l0", config);
}

CFM_ISA_NAMESPACE_END
