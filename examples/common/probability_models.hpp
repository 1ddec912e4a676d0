#pragma once
/// @file  Circuits with simulated probabilities, and the encoders that learn to predict them.

#include <cmath>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <cfm/circuit/node_functions.hpp>
#include <cfm/circuit/truth_table_pairs.hpp>
#include <cfm/models/deepgate.hpp>
#include <cfm/models/deepgate2_training.hpp>
#include <cfm/models/polargate.hpp>
#include <cfm/train/adam.hpp>

#include "args.hpp"

namespace examples {

/// A circuit and its labels.
struct Labelled {
  cfm::ExplicitNotGraph net;
  std::vector<double> probability;
  cfm::TruthTablePairs pairs{};
};

/// Circuits in one graph, in the forms that the models read.
struct Sample {
  std::vector<cfm::NodeKind> kinds;
  cfm::DeepGate2Graph levels;
  cfm::DeepGateGraph skips, plain;  // both ways; with skip edges and without
  cfm::SignedGraph signs;
  cfm::Tensor features;
  std::vector<double> probability;
  cfm::DeepGate2Targets targets;

  cfm::Index nodes() const { return levels.nodes(); }
};

inline Sample join(const std::vector<Labelled>& circuits) {
  Sample s;
  std::vector<cfm::ExplicitNotGraph> nets;
  std::vector<cfm::Graph> graphs;
  std::vector<std::int32_t> pairs;
  std::vector<float> probability, distance;
  std::int32_t before = 0;
  for (const Labelled& c : circuits) {
    nets.push_back(c.net);
    graphs.push_back(c.net.graph);
    s.probability.insert(s.probability.end(), c.probability.begin(), c.probability.end());
    for (std::size_t i = 0; i < c.pairs.first.size(); ++i) {
      pairs.insert(pairs.end(), {before + c.pairs.first[i], before + c.pairs.second[i]});
      distance.push_back(static_cast<float>(c.pairs.distance[i]));
    }
    before += static_cast<std::int32_t>(c.net.nodes());
  }
  const std::span<const cfm::ExplicitNotGraph> all(nets);
  s.levels = cfm::deepgate2_graph(all);
  s.kinds = s.levels.kinds;
  s.skips = cfm::deepgate_graph(all, true);
  s.plain = cfm::deepgate_graph(all, false);
  cfm::ExplicitNotGraph one;
  one.graph = cfm::GraphBatch(graphs).graph();
  one.kinds = s.kinds;
  s.signs = cfm::signed_graph(one);
  s.features = cfm::one_hot(s.kinds, 3);
  for (const double p : s.probability) probability.push_back(static_cast<float>(p));
  s.targets.probability = cfm::Tensor::from(probability, {s.nodes()});
  if (distance.size() > 1) {
    s.targets.function_pairs = cfm::Tensor::from(pairs, {std::ssize(distance), 2});
    s.targets.function_distance = cfm::Tensor::from(distance, {std::ssize(distance)});
  }
  return s;
}

/// A model that learns probabilities, whatever its type.
struct ProbabilityModel {
  using Forward = std::function<cfm::Var(const Sample&, const cfm::Var&)>;
  using Loss = std::function<cfm::Var(const Sample&, const cfm::Var&, bool second_stage,
                                      std::uint64_t seed)>;

  std::string name;
  cfm::Index parameters = 0;
  Forward forward;  // [nodes]; the second argument is a value on the tape that records, or nothing
  std::function<void(cfm::Tape&, double scale)> step;
  Loss loss;  // of training, whose second half is the second stage; the seed changes each step
  Forward function;  // vectors of functions, [nodes, width]; empty: the model has none
};

struct ProbabilityModelOptions {
  cfm::Index width = 64, rounds = 4;
  double learning_rate = 1e-3, dropout = 0;
  std::uint64_t seed = 7;
};

template <class M, class F>
ProbabilityModel make_model(std::string name, std::shared_ptr<M> model, double rate, F forward) {
  auto adam = std::make_shared<cfm::Adam>(*model, cfm::AdamOptions{.learning_rate = rate});
  ProbabilityModel out;
  out.name = std::move(name);
  out.parameters = cfm::parameter_count(*model);
  out.forward = [model, forward](const Sample& s, const cfm::Var& tape) {
    return forward(*model, s, tape);
  };
  out.step = [model, adam](cfm::Tape& tape, double scale) {
    adam->scale_learning_rate(scale);
    adam->step(tape);
  };
  out.loss = [predict = out.forward](const Sample& s, const cfm::Var& tape, bool, std::uint64_t) {
    return cfm::probability_loss(predict(s, tape), s.targets.probability);
  };
  return out;
}

template <class Aggregator>
ProbabilityModel make_deepgate(std::string name, const ProbabilityModelOptions& o,
                               cfm::DeepGateForm form, bool skips, std::uint64_t stream) {
  using M = cfm::DeepGate<Aggregator>;
  const cfm::DeepGateConfig config{.width = o.width,
                                   .rounds = o.rounds,
                                   .dropout = o.dropout,
                                   .attributes = skips,
                                   .form = form};
  return make_model(std::move(name), std::make_shared<M>(config, cfm::Rng(o.seed).split(stream)),
                    o.learning_rate, [skips](const M& m, const Sample& s, const cfm::Var& tape) {
                      const cfm::Var states = m(skips ? s.skips : s.plain, tape);
                      return cfm::reshape(m.predict(states), {s.nodes()});
                    });
}

/// DeepGate2 learns probabilities in the first half of training, and distances of truth tables
/// beside them in the second.
inline ProbabilityModel make_deepgate2(const ProbabilityModelOptions& o) {
  using M = cfm::DeepGate2<>;
  const cfm::DeepGate2Config config{.width = o.width, .dropout = o.dropout};
  const auto model = std::make_shared<M>(config, cfm::Rng(o.seed).split(2));
  ProbabilityModel out = make_model(
      "deepgate2", model, o.learning_rate, [](const M& m, const Sample& s, const cfm::Var& tape) {
        return cfm::reshape(m.readout_prob(m(s.levels, tape).function), {s.nodes()});
      });
  out.function = [model](const Sample& s, const cfm::Var& tape) {
    return (*model)(s.levels, tape).function;
  };
  // Each step draws other vectors for the inputs, as the public code does: what is learned must
  // not depend on which input has which.
  out.loss = [model](const Sample& s, const cfm::Var& tape, bool second, std::uint64_t seed) {
    const cfm::Var states = (*model)(s.levels, tape, seed).function;
    const cfm::Var first =
        cfm::probability_loss(model->readout_prob(states), s.targets.probability);
    if (!second || !s.targets.function_pairs.defined()) return first;
    const auto weights = cfm::DeepGate2Weights::second_stage();
    const cfm::Var far =
        cfm::function_loss(states, s.targets.function_pairs, s.targets.function_distance);
    return (first * weights.probability + far * weights.function) /
           (weights.probability + weights.function);
  };
  return out;
}

/// A model by its name.
inline ProbabilityModel probability_model(const std::string& name,
                                          const ProbabilityModelOptions& o) {
  using Form = cfm::DeepGateForm;
  if (name == "convgnn") return make_deepgate<cfm::SumAggregator<>>(name, o, Form::flat, false, 5);
  if (name == "dag-conv")
    return make_deepgate<cfm::SumAggregator<>>(name, o, Form::single, false, 6);
  if (name == "dag-rec")
    return make_deepgate<cfm::DeepSetAggregator<>>(name, o, Form::recurrent, false, 7);
  if (name == "deepgate")
    return make_deepgate<cfm::AgnnAggregator<>>(name, o, Form::recurrent, true, 3);
  if (name == "deepgate2") return make_deepgate2(o);
  if (name == "polargate")
    return make_model(
        name,
        std::make_shared<cfm::PolarGate<>>(
            cfm::PolarGateConfig{.width = o.width, .dropout = o.dropout, .negated_minimum = false},
            cfm::Rng(o.seed).split(4)),
        o.learning_rate, [](const cfm::PolarGate<>& m, const Sample& s, const cfm::Var& tape) {
          const cfm::Var x(s.features);
          return cfm::sigmoid(m(s.signs, tape.tape() ? tape.tape()->input(s.features) : x).logits);
        });
  throw UsageError("--models: '" + name +
                   "' is none of convgnn, dag-conv, dag-rec, deepgate, deepgate2, polargate");
}

}  // namespace examples
