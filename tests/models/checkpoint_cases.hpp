#pragma once
/// @file  Checkpoints as the public ones of the DeepGate family, written by the tests.

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <cfm/io/file.hpp>
#include <cfm/nn/serialize.hpp>

#include "../io/torch_writer.hpp"
#include "golden.hpp"

namespace cfm::test {

/// {epoch, state_dict: {...}, optimizer: {}}; `more` are tensors beside those of the model.
template <class M>
std::filesystem::path write_checkpoint(const M& model, const char* name,
                                       const NamedTensors& more = {}) {
  TorchWriter w;
  w.raw("}(").text("epoch").integer(60).text("state_dict");
  w.global("collections", "OrderedDict").raw(")R(");
  for_each_tensor(model, [&](std::string_view key, const auto& member) {
    w.text(key).tensor(member.value.contiguous());
  });
  for (const auto& [key, tensor] : more) w.text(key).tensor(tensor);
  w.raw("u").text("optimizer").raw("}u");
  const auto path = std::filesystem::temp_directory_path() / name;
  const std::vector<std::byte> bytes = w.bytes();
  write_file_atomic(path,
                    std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  return path;
}

/// The same names and the same bits.
template <class M>
void check_same_tensors(const M& model, const M& loaded) {
  const auto want = named_tensors(model), got = named_tensors(loaded);
  REQUIRE(want.size() == got.size());
  for (std::size_t i = 0; i < want.size(); ++i) {
    CHECK(want[i].first == got[i].first);
    if (want[i].second.dtype() == DType::f32) CHECK(same_bits(want[i].second, got[i].second));
  }
}

}  // namespace cfm::test
