#pragma once
/// @file  Trains GAMORA on one labelled netlist.

#include <numeric>
#include <span>
#include <vector>

#include <cfm/circuit/adder_labels.hpp>
#include <cfm/circuit/gamora_graph.hpp>
#include <cfm/core/progress.hpp>
#include <cfm/models/gamora.hpp>
#include <cfm/train/adam.hpp>
#include <cfm/train/schedule.hpp>

CFM_NAMESPACE_BEGIN

/// The published training, with a learning rate that settles in place of a choice among epochs.
struct GamoraTrainingOptions {
  Index epochs = 100;
  Index batch = 20;             ///< target nodes a step; messages pass over the whole graph
  double learning_rate = 8e-3;  ///< of Adam at first, falling to 0 along half a cosine
  double weight_decay = 5e-5;
  double validation = 0.2;      ///< part of the nodes that is not trained on
  Rng rng{7};                   ///< of the split, the order of batches and dropout
  ProgressFunction progress{};  ///< after every epoch, with its mean loss; false stops
};

/// What train_gamora reached.
struct GamoraTrainingResult {
  Index epochs = 0;           ///< epochs that ran
  double loss = 0;            ///< mean of the last epoch
  double validation_loss = 0; ///< in the end, on the nodes that were not trained on
};

namespace detail {

inline void shuffle(std::vector<std::int64_t>& values, Rng rng) {
  for (std::size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[rng.below(i)]);
}

inline Tensor index_tensor(std::span<const std::int64_t> values) {
  return Tensor::from(values, {static_cast<Index>(values.size())});
}

/// The classes of some nodes as index tensors.
inline GamoraTargets gather_targets(const AdderTargets& all, std::span<const std::int64_t> nodes) {
  const auto pick = [&](const std::vector<std::uint8_t>& classes) {
    std::vector<std::int64_t> out;
    out.reserve(nodes.size());
    for (std::int64_t v : nodes) out.push_back(classes[static_cast<std::size_t>(v)]);
    return index_tensor(out);
  };
  return {pick(all.first), pick(all.second), pick(all.root)};
}

}  // namespace detail

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// Trains on the labels of one netlist, in random batches of nodes. Dropout is the model's.
/// Order:   the same options give the same bits for any number of threads.
/// Errors:  Error if there are fewer than ten nodes, or for options out of range.
/// Source:  N. Wu et al., "Gamora", DAC 2023, section IV. The public code's neighbour sampling
///          keeps every fan-in, so it equals a pass over the whole graph.
inline GamoraTrainingResult train_gamora(Gamora<>& model, const GamoraGraph& g,
                                         const AdderLabels& labels,
                                         const GamoraTrainingOptions& options = {}) {
  CFM_CHECK(g.nodes() >= 10 && static_cast<std::size_t>(g.nodes()) == labels.shared.size(),
            "train_gamora: needs at least ten nodes and a label for each", g.nodes(),
            labels.shared.size());
  CFM_CHECK(options.epochs >= 1 && options.batch >= 2, "train_gamora: epochs >= 1, batch >= 2",
            options.epochs, options.batch);
  CFM_CHECK(options.validation > 0 && options.validation < 0.9,
            "train_gamora: the part kept back lies between 0 and 0.9", options.validation);
  const AdderTargets targets = adder_targets(labels);
  const Tensor features = g.features();
  std::vector<std::int64_t> order(static_cast<std::size_t>(g.nodes()));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  detail::shuffle(order, options.rng.split(0));
  const auto kept = std::max<std::size_t>(
      1, static_cast<std::size_t>(options.validation * static_cast<double>(order.size())));
  const auto split = order.begin() + static_cast<std::ptrdiff_t>(kept);
  const std::vector<std::int64_t> held(order.begin(), split);
  std::vector<std::int64_t> trained(split, order.end());
  const auto batch = static_cast<std::size_t>(options.batch);
  const auto batches = static_cast<Index>((trained.size() + batch - 1) / batch);

  Adam optimizer(model, {.learning_rate = options.learning_rate,
                         .weight_decay = options.weight_decay});
  const CosineDecay schedule{.steps = options.epochs * batches};
  GamoraTrainingResult result;
  Index step = 0;
  for (Index epoch = 1; epoch <= options.epochs; ++epoch) {
    const auto rng = options.rng.split(static_cast<std::uint64_t>(epoch));
    detail::shuffle(trained, rng.split(0));
    double sum = 0;
    Index done = 0;
    for (std::size_t begin = 0; begin < trained.size(); begin += batch) {
      const auto nodes = std::span<const std::int64_t>(trained).subspan(
          begin, std::min(batch, trained.size() - begin));
      if (nodes.size() < 2) break;  // batch norm has no statistics of one row
      Tape tape({.training = true, .rng = rng.split(1 + begin)});
      const Var states = model.embed(g.graph, tape.input(features));
      const Var loss = gamora_loss(
          model.classify(index_select(states, 0, detail::index_tensor(nodes))),
          detail::gather_targets(targets, nodes));
      tape.backward(loss);
      optimizer.scale_learning_rate(schedule(step++));
      optimizer.step(tape);
      sum += static_cast<double>(loss.item<float>());
      ++done;
    }
    result.epochs = epoch;
    result.loss = sum / static_cast<double>(std::max<Index>(1, done));
    if (!report(options.progress, {"training", epoch, options.epochs, result.loss})) break;
  }
  const Var states = model.embed(g.graph, features);
  result.validation_loss = static_cast<double>(
      gamora_loss(model.classify(index_select(states, 0, detail::index_tensor(held))),
                  detail::gather_targets(targets, held))
          .item<float>());
  return result;
}

CFM_ISA_NAMESPACE_END
