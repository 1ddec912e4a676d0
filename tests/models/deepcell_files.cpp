#include <cfm/models/deepcell_files.hpp>

#include "checkpoint_cases.hpp"

using namespace cfm;

namespace {

template <class Aggregator>
void round_trip(DeepCellVariant variant) {
  using Model = DeepCell<Aggregator>;
  Model model({.width = 8}, Rng(5));
  const auto path = test::write_checkpoint(model, "cfm_deepcell_test.pth");
  CHECK(deepcell_variant(path) == variant);
  const auto loaded = deepcell_from_torch<Model>(path);
  CHECK(loaded.config().width == 8);
  test::check_same_tensors(model, loaded);
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
  const auto path = test::write_checkpoint(model, "cfm_deepgate2_test.pth");
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
