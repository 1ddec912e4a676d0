#include <cfm/models/deepcell_files.hpp>

#include <cfm/io/file.hpp>

#include "../io/torch_writer.hpp"
#include "golden.hpp"

using namespace cfm;

namespace {

// {epoch, state_dict: {...}, optimizer: {}} as the public files are.
template <class M>
std::filesystem::path write_checkpoint(const M& model, const char* name) {
  test::TorchWriter w;
  w.raw("}(").text("epoch").integer(60).text("state_dict");
  w.global("collections", "OrderedDict").raw(")R(");
  for_each_tensor(model, [&](std::string_view key, const auto& member) {
    w.text(key).tensor(member.value.contiguous());
  });
  w.raw("u").text("optimizer").raw("}u");
  const auto path = std::filesystem::temp_directory_path() / name;
  const std::vector<std::byte> bytes = w.bytes();
  write_file_atomic(path,
                    std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  return path;
}

template <class Aggregator>
void round_trip(DeepCellVariant variant) {
  using Model = DeepCell<Aggregator>;
  Model model({.width = 8}, Rng(5));
  const auto path = write_checkpoint(model, "cfm_deepcell_test.pth");
  CHECK(deepcell_variant(path) == variant);
  const auto loaded = deepcell_from_torch<Model>(path);
  CHECK(loaded.config().width == 8);
  const auto want = named_tensors(model), got = named_tensors(loaded);
  REQUIRE(want.size() == got.size());
  for (std::size_t i = 0; i < want.size(); ++i) {
    CHECK(want[i].first == got[i].first);
    if (want[i].second.dtype() == DType::f32) CHECK(test::same_bits(want[i].second, got[i].second));
  }
  std::filesystem::remove(path);
}

}  // namespace

TEST_CASE("deepcell files: checkpoints of every variant") {
  round_trip<TfMlpAggregator<>>(DeepCellVariant::dg2);
  round_trip<AgnnAggregator<>>(DeepCellVariant::gat);
  round_trip<SumAggregator<>>(DeepCellVariant::gcn);
}

TEST_CASE("deepcell files: a DeepGate2, and files that do not fit") {
  const DeepGate2<> model({.width = 4}, Rng(1));
  const auto path = write_checkpoint(model, "cfm_deepgate2_test.pth");
  CHECK(deepgate2_from_torch(path).config().width == 4);
  CHECK(test::error_of<FormatError>([&] {
          deepcell_from_torch<DeepCell<>>(path);
        }).find("no tensor \"update_cell_strc.weight_hh_l0\"") != std::string::npos);
  CHECK(test::error_of<FormatError>([&] { deepcell_variant(path); }).find("aggr_cell_strc") !=
        std::string::npos);
  CHECK(test::error_of<FormatError>([&] {
          deepgate2_from_torch(path, DeepGate2Config{.reconvergence = true});
        }).find("readout_rc") != std::string::npos);
  std::filesystem::remove(path);
}
