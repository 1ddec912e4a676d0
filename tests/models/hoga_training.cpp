#include <cfm/models/hoga_training.hpp>

#include <fstream>

#include <cfm/graph/hop_features.hpp>

#include "../io/torch_writer.hpp"
#include "../test.hpp"
#include "encoder_cases.hpp"
#include "hoga_cases.hpp"

using namespace cfm;

namespace {

std::filesystem::path written(const std::string& name, std::span<const std::byte> bytes) {
  const auto path = std::filesystem::temp_directory_path() / name;
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  return path;
}

}  // namespace

TEST_CASE("hoga: hop features of the library are those of the definition") {
  const test::HopCircuit c(3);
  const Tensor made = hop_features(c.graph.graph, c.graph.features(), {.hops = 8});
  REQUIRE(made.shape() == c.hops.shape());
  for (std::size_t i = 0; i < made.span<float>().size(); ++i)
    CHECK(std::abs(made.span<float>()[i] - std::as_const(c.hops).span<float>()[i]) < 1e-6F);
}

TEST_CASE("read_hoga: reads what the released code writes, unused layers included") {
  const HogaConfig config{.features = 4, .width = 16, .layers = 1, .heads = 4};
  Hoga<> model(config, Rng(5));
  test::fill_by_formula(model);
  NamedTensors tensors = named_tensors(model);
  tensors.emplace_back("lins.1.weight", Tensor::ones({16, 16}));
  tensors.emplace_back("lins.2.weight", Tensor::ones({16, 16}));
  test::TorchWriter writer;
  writer.raw("}(").text("model_state_dict").raw("}(");
  for (const auto& [name, tensor] : tensors) writer.text(name).tensor(tensor);
  const auto path = written("cfm_hoga.pt", writer.raw("uu").bytes("hoga"));
  const Hoga<> read = read_hoga(path, 4);
  CHECK(read.config().width == 16);
  CHECK(read.config().layers == 1);
  const test::HopCircuit c(3);
  const Tensor a = hoga_logits(model, c.hops), b = hoga_logits(read, c.hops, 7);
  for (std::size_t i = 0; i < a.span<float>().size(); ++i)
    CHECK(a.span<float>()[i] == doctest::Approx(b.span<float>()[i]).epsilon(1e-5));
  std::vector<std::byte> bytes;
  REQUIRE(test::write_state_dict({{"convs.0.weight", Tensor::ones({2, 2})}}, bytes));
  const auto other = written("cfm_not_hoga.pt", bytes);
  CHECK(test::error_of<FormatError>([&] { read_hoga(other); }).find("does not hold a HOGA") !=
        std::string::npos);
  std::filesystem::remove(path);
  std::filesystem::remove(other);
}

TEST_CASE("hoga: the public weights give the published accuracies, where their file is at hand") {
  const auto path = test::data_dir("checkpoints/hoga_mult8_mult.pt");
  if (!path) return;
  const Hoga<> model = read_hoga(*path);
  struct Row {
    std::size_t bits;
    double shared, root, sums[3];
  };
  for (const Row& row :
       {Row{8, 94.298, 91.228, {16.042, 13.945, -48.612}},
        Row{16, 89.566, 89.256, {148.833, 80.332, -256.324}}}) {
    CAPTURE(row.bits);
    const test::HopCircuit c(row.bits);
    const AdderAccuracy accuracy = adder_accuracy(hoga_labels(model, c.hops), c.labels);
    CHECK(std::abs(accuracy.shared - row.shared) < 6e-4);
    CHECK(std::abs(accuracy.root - row.root) < 6e-4);
    const Tensor logits = hoga_logits(model, c.hops);
    double sums[3] = {};
    for (Index v = 0; v < logits.size(0); ++v)
      for (Index k = 0; k < 9; ++k) sums[k / 3] += static_cast<double>(logits.view<float, 2>()(v, k));
    for (int h = 0; h < 3; ++h) CHECK(std::abs(sums[h] - row.sums[h]) < 2e-2);
  }
}

TEST_CASE("train_hoga: learns, and the same numbers for any batch of predictions") {
  const test::HopCircuit c(3, 4);
  Hoga<> model({.width = 16, .heads = 2, .dropout = 0}, Rng(1));
  std::vector<double> losses;
  const HogaTrainingResult result = train_hoga(
      model, c.hops, c.labels,
      {.epochs = 40, .batch = 64, .learning_rate = 5e-3, .progress = [&](const Progress& p) {
         losses.push_back(p.value);
         return true;
       }});
  CHECK(result.epochs == 40);
  CHECK(result.loss < 0.5 * losses.front());
  const AdderLabels all = hoga_labels(model, c.hops), some = hoga_labels(model, c.hops, 5);
  CHECK(all.shared == some.shared);
  CHECK(all.root == some.root);
}

TEST_CASE("train_hoga: names what is wrong") {
  const test::HopCircuit c(2, 3);
  Hoga<> model({.width = 8, .heads = 2});
  AdderLabels labels = c.labels;
  CHECK(test::error_of([&] { train_hoga(model, c.hops, labels, {.epochs = 0}); })
            .starts_with("train_hoga: epochs >= 1, batch >= 2"));
  labels.shared.pop_back();
  CHECK(test::error_of([&] { train_hoga(model, c.hops, labels); })
            .starts_with("train_hoga: needs the hops"));
}
