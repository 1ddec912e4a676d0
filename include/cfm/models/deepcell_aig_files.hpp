#pragma once
/// @file  Public checkpoints of DeepCell's encoders of and-inverter graphs.

#include <array>
#include <filesystem>
#include <string_view>

#include <cfm/models/deepcell_files.hpp>

CFM_NAMESPACE_BEGIN

/// Which encoder a file is of: DeepGate2<>, DeepCellDg3<>, DeepCellPg<>, DeepCellHoga<>,
/// DeepCellGcn<>.
enum class DeepCellAigVariant { dg2, dg3, pg, hoga, gcn };

constexpr std::array<std::string_view, 5> enum_names(DeepCellAigVariant) {
  return {"dg2", "dg3", "pg", "hoga", "gcn"};
}

/// Which encoder a file is of, by the names of its tensors.
/// Errors:  IoError; FormatError if it is none.
inline DeepCellAigVariant deepcell_aig_variant(const std::filesystem::path& path) {
  using enum DeepCellAigVariant;
  const TorchFile file = read_torch(path);
  const auto tensors = detail::state_dictionary(file);
  constexpr std::array<std::pair<std::string_view, DeepCellAigVariant>, 4> marks{
      {{"refine_tf.layers.0.linear1.weight", dg3},
       {"conv1.lin_b.weight", pg},
       {"lin_hs_hf.weight", hoga},
       {"source_conv.aggr.msg.weight", gcn}}};
  for (const auto& [name, variant] : marks)
    for (const auto& entry : tensors)
      if (entry.first == name) return variant;
  detail::state_tensor(tensors, "aggr_and_strc.msg_q.weight", file.name);
  return dg2;
}

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// An encoder from a public checkpoint; `Model` must be of the variant of the file, with the sizes
/// of `config`: deepcell_aig_from_torch<DeepCellHoga<>>("aig_hoga.pth"). Tensors that the published
/// network never reads are left out.
/// Errors:  IoError; FormatError that lists missing, unexpected and mismatched names.
template <class Model>
Model deepcell_aig_from_torch(const std::filesystem::path& path,
                              const typename Model::Config& config = {}) {
  const TorchFile file = read_torch(path);
  auto tensors = detail::state_dictionary(file);
  if constexpr (requires { Model::unread; })
    std::erase_if(tensors, [](const auto& entry) {
      return std::any_of(Model::unread.begin(), Model::unread.end(),
                         [&](std::string_view prefix) { return entry.first.starts_with(prefix); });
    });
  Model model(config);
  load_into(model, tensors, {}, file.name);
  return model;
}

CFM_ISA_NAMESPACE_END
