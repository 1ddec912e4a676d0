#include <cfm/models/deepcell_aig_files.hpp>

#include <cfm/models/deepcell_dg3.hpp>
#include <cfm/models/deepcell_gcn.hpp>
#include <cfm/models/deepcell_hoga.hpp>
#include <cfm/models/deepcell_pg.hpp>

#include "checkpoint_cases.hpp"

using namespace cfm;

namespace {

template <class Model>
void aig_round_trip(DeepCellAigVariant variant, const typename Model::Config& config,
                    const NamedTensors& more = {}) {
  const Model model(config, Rng(5));
  const auto path = test::write_checkpoint(model, "cfm_deepcell_aig_test.pth", more);
  CHECK(deepcell_aig_variant(path) == variant);
  test::check_same_tensors(model, deepcell_aig_from_torch<Model>(path, config));
  std::filesystem::remove(path);
}

}  // namespace

TEST_CASE("deepcell aig files: checkpoints of every variant, with the tensors nobody reads") {
  using enum DeepCellAigVariant;
  aig_round_trip<DeepGate2<>>(dg2, {.width = 4});
  aig_round_trip<DeepCellDg3<>>(dg3, {.width = 4, .layers = 1, .heads = 2, .hidden = 8});
  aig_round_trip<DeepCellPg<>>(pg, {.width = 4});
  aig_round_trip<DeepCellHoga<>>(hoga, {.width = 4, .heads = 2},
                                 {{"lins.1.weight", Tensor::ones({4, 4})},
                                  {"lins.2.weight", Tensor::ones({4, 4})},
                                  {"linear.1.weight", Tensor::ones({4, 4})}});
  aig_round_trip<DeepCellGcn<>>(gcn, {.width = 4},
                                {{"target_conv.aggr.msg.weight", Tensor::ones({8, 8})}});
}

TEST_CASE("deepcell aig files: other files are named") {
  const DeepCellPg<> model({.width = 4}, Rng(1));
  const auto path = test::write_checkpoint(model, "cfm_deepcell_aig_other.pth");
  CHECK(test::error_of<FormatError>([&] {
          deepcell_aig_from_torch<DeepCellGcn<>>(path);
        }).find("source_conv.aggr.msg.weight") != std::string::npos);
  CHECK(test::error_of<FormatError>([&] {
          deepcell_aig_from_torch<DeepCellPg<>>(path);
        }).find("\"conv1.lin_b.weight\" is ") != std::string::npos);
  const Linear<> none(2, 2, Rng(1));
  const auto odd = test::write_checkpoint(none, "cfm_deepcell_aig_odd.pth");
  CHECK(test::error_of<FormatError>([&] { deepcell_aig_variant(odd); }).find("aggr_and_strc") !=
        std::string::npos);
  std::filesystem::remove(path);
  std::filesystem::remove(odd);
}

TEST_CASE("deepcell aig files: the public encoders, where their files are at hand") {
  const ExplicitNotGraph t1 = test::golden_not_graph();
  if (const auto path = test::data_dir("checkpoints/deepcell_aig_hoga.pth")) {
    CHECK(deepcell_aig_variant(*path) == DeepCellAigVariant::hoga);
    const auto model = deepcell_aig_from_torch<DeepCellHoga<>>(*path);
    const GateStates got = model(t1);
    CHECK(sum(got.structure).item<float>() == doctest::Approx(17.49461).epsilon(1e-5));
    CHECK(sum(got.function).item<float>() == doctest::Approx(7.63120).epsilon(1e-5));
    test::check_rows(
        model.probability(got.function).value(),
        {.426017, .426017, .426017, .249935, -.159079, .342292, .586352, .157121, -.741059}, 1e-4);
    test::check_rows(slice(select(got.function, 0, 7), 0, 0, 6).value(),
                     {-.341491, .093230, .165846, -.108429, -.260822, .359297}, 1e-4);
  }
  if (const auto path = test::data_dir("checkpoints/deepcell_aig_pg.pth")) {
    CHECK(deepcell_aig_variant(*path) == DeepCellAigVariant::pg);
    const auto model = deepcell_aig_from_torch<DeepCellPg<>>(*path);
    const GateStates got = model(t1);
    CHECK(sum(got.structure).item<float>() == doctest::Approx(7.43061).epsilon(1e-5));
    test::check_rows(slice(select(got.function, 0, 7), 0, 0, 6).value(),
                     {-.007506, -.021503, -.159201, .073228, -.072672, -.048835}, 1e-4);
  }
}
