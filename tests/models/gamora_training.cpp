#include <cfm/models/gamora_training.hpp>

#include <cfm/circuit/carry_save_multiplier.hpp>
#include <cfm/circuit/exact_adder_labels.hpp>
#include <cfm/exec/thread_limit.hpp>
#include <cfm/models/gamora_classifier.hpp>

#include "../test.hpp"

using namespace cfm;

namespace {

struct Multiplier {
  explicit Multiplier(std::size_t bits)
      : aig(carry_save_multiplier(bits)),
        graph(gamora_graph(aig)),
        labels(adder_labels(aig, extract_adders(aig))) {}
  Aig aig;
  GamoraGraph graph;
  AdderLabels labels;
};

}  // namespace

TEST_CASE("gamora training: 8 bits teach 32 bits") {
  const Multiplier small(8), large(32);
  Gamora<> model({.dropout = 0}, Rng(1));
  const GamoraTrainingResult result =
      train_gamora(model, small.graph, small.labels, {.epochs = 60, .rng = Rng(1)});
  CHECK(result.epochs == 60);
  CHECK(result.loss < 0.3);
  const AdderAccuracy accuracy = adder_accuracy(GamoraClassifier(model)(large.graph), large.labels);
  CHECK(accuracy.shared >= 99.9);
  CHECK(accuracy.root >= 99.9);
}

TEST_CASE("gamora training: the same bits for any number of threads, dropout included") {
  const Multiplier c(4);
  std::vector<float> first;
  for (int threads : {1, 2, 3, 8}) {
    Gamora<> model({}, Rng(2));
    ThreadLimit(threads).run(
        [&] { train_gamora(model, c.graph, c.labels, {.epochs = 2, .rng = Rng(3)}); });
    std::vector<float> all;
    for_each_parameter(std::as_const(model), [&](std::string_view, const Parameter& p) {
      for (float v : p.value.span<float>()) all.push_back(v);
    });
    if (first.empty()) first = all;
    CHECK(all == first);
  }
}

TEST_CASE("gamora training: can be stopped, and reports") {
  const Multiplier c(4);
  Gamora<> model({.dropout = 0}, Rng(2));
  Index reports = 0;
  const GamoraTrainingResult result =
      train_gamora(model, c.graph, c.labels, {.epochs = 50, .progress = [&](const Progress& p) {
                                                CHECK(p.total == 50);
                                                CHECK(p.step == ++reports);
                                                return reports < 3;
                                              }});
  CHECK(result.epochs == 3);
}

TEST_CASE("gamora training: options out of range are errors") {
  const Multiplier c(4);
  Gamora<> model;
  CHECK_THROWS_AS(train_gamora(model, c.graph, c.labels, {.epochs = 0}), Error);
  CHECK_THROWS_AS(train_gamora(model, c.graph, c.labels, {.batch = 1}), Error);
  CHECK_THROWS_AS(train_gamora(model, c.graph, c.labels, {.validation = 1}), Error);
  CHECK_THROWS_AS(train_gamora(model, c.graph, AdderLabels{}, {}), Error);
}
