#include <cfm/models/graph_training.hpp>

#include <cfm/circuit/generate_adders.hpp>
#include <cfm/models/funcgnn.hpp>
#include <cfm/models/polargate.hpp>

#include "../test.hpp"
#include "encoder_cases.hpp"

using namespace cfm;

namespace {

struct LabelledCircuit {
  SignedGraph graph;
  Tensor features, probability;
};

LabelledCircuit labelled(const Aig& aig) {
  const ExplicitNotGraph g = explicit_not_graph(aig);
  // The independence rule: labels that depend on fan-in cones alone.
  Tensor p = Tensor::full({g.nodes()}, 0.5);
  for (std::int32_t v : topological_order(g.graph.fanins())) {
    const auto row = g.graph.fanins()[v];
    const auto at = [&](std::size_t i) { return p.span<float>()[static_cast<std::size_t>(row[i])]; };
    float& to = p.span<float>()[static_cast<std::size_t>(v)];
    if (row.size() == 1) to = 1 - at(0);
    if (row.size() == 2) to = at(0) * at(1);
  }
  return {signed_graph(g), g.features(), p};
}

double spread(const LabelledCircuit& c) {  // of a constant that is the mean
  double mean = 0, sum = 0;
  const auto p = std::as_const(c.probability).span<float>();
  for (float x : p) mean += static_cast<double>(x) / static_cast<double>(p.size());
  for (float x : p) sum += std::abs(static_cast<double>(x) - mean) / static_cast<double>(p.size());
  return sum;
}

Var polar_loss(const PolarGate<>& m, const LabelledCircuit& c, Tape* tape) {
  return polargate_loss(m(c.graph, tape ? tape->input(c.features) : Var(c.features)),
                        c.probability);
}

}  // namespace

TEST_CASE("train_graphs: PolarGate beats the constant predictor on a circuit that it has not seen") {
  const std::vector<LabelledCircuit> samples{labelled(ripple_adder(3)),
                                             labelled(ripple_adder(4))};
  const std::vector<LabelledCircuit> held{labelled(ripple_adder(6))};
  PolarGate<> model({.width = 16, .layers = 4, .dropout = 0}, Rng(1));
  const GraphTrainingResult result =
      train_graphs(model, samples, polar_loss, {.epochs = 60, .batch = 1, .weight_decay = 0}, held);
  CHECK(result.epochs == 60);
  CHECK(result.held_loss < 0.5 * spread(held[0]));
  // The model has the weights of the best epoch.
  CHECK(static_cast<double>(polar_loss(model, held[0], nullptr).item<float>()) ==
        doctest::Approx(result.held_loss).epsilon(1e-6));
}

TEST_CASE("train_graphs: stops for want of progress, and when it is told to") {
  const std::vector<LabelledCircuit> samples{labelled(ripple_adder(2))};
  PolarGate<> model({.width = 8, .layers = 2, .dropout = 0}, Rng(1));
  const GraphTrainingOptions frozen{.epochs = 100, .learning_rate = 0, .patience = 3};
  const GraphTrainingResult still = train_graphs(
      model, samples,
      [](const PolarGate<>& m, const LabelledCircuit& c, Tape* tape) {
        return tape != nullptr ? polar_loss(m, c, tape) : Var(Tensor::scalar(1.0F));
      },
      frozen, samples);
  CHECK(still.best == 1);
  CHECK(still.epochs == 4);
  const GraphTrainingResult told = train_graphs(
      model, samples, polar_loss,
      {.epochs = 9, .progress = [](const Progress& p) { return p.step < 2; }});
  CHECK(told.epochs == 2);
  CHECK(test::error_of([&] { train_graphs(model, std::vector<LabelledCircuit>{}, polar_loss); })
            .starts_with("train_graphs: needs samples"));
}

TEST_CASE("train_graphs: FuncGNN learns the same circuit") {
  const std::vector<LabelledCircuit> samples{labelled(ripple_adder(3))};
  FuncGnn<> model({.width = 8, .rounds = 2, .readout = 8, .dropout = 0}, Rng(1));
  const GraphTrainingResult result = train_graphs(
      model, samples,
      [](const FuncGnn<>& m, const LabelledCircuit& c, Tape* tape) {
        const Var x = tape ? tape->input(c.features) : Var(c.features);
        return funcgnn_loss(m.logits(m.embed(c.graph, x, 0.5)), c.probability);
      },
      {.epochs = 80, .batch = 1, .weight_decay = 0});
  CHECK(result.loss < 0.5 * spread(samples[0]));
}
