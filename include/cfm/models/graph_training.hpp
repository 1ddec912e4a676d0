#pragma once
/// @file  Trains a model on a list of circuits, with any loss.

#include <algorithm>
#include <concepts>
#include <limits>
#include <numeric>
#include <span>
#include <vector>

#include <cfm/autograd/ops_elementwise.hpp>
#include <cfm/core/progress.hpp>
#include <cfm/nn/serialize.hpp>
#include <cfm/train/adam.hpp>

CFM_NAMESPACE_BEGIN

/// How train_graphs trains. The defaults are PolarGate's.
struct GraphTrainingOptions {
  Index epochs = 500;
  Index batch = 256;    ///< circuits whose mean loss makes one step of Adam
  double learning_rate = 1e-2;
  double weight_decay = 1e-3;
  Index patience = 50;  ///< with circuits kept back: epochs without a better loss on them
  Rng rng{2024};        ///< of the order of circuits and of dropout
  ProgressFunction progress{};  ///< after every epoch, with its mean loss; false stops
};

/// What train_graphs reached.
struct GraphTrainingResult {
  Index epochs = 0;     ///< epochs that ran
  Index best = 0;       ///< the epoch whose weights the model has: the last, or the best
  double loss = 0;      ///< mean of that epoch
  double held_loss = 0; ///< on the circuits kept back, after that epoch; 0 if there are none
};

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN
namespace isa_detail {

inline double scalar_value(const Var& x) {
  return x.dtype() == DType::f64 ? x.item<double>() : static_cast<double>(x.item<float>());
}

}  // namespace isa_detail

/// Trains on circuits in random order. loss(const M&, const Sample&, Tape*) gives the scalar loss
/// of one circuit; the tape is null where only its value is wanted. With circuits kept back, the
/// model gets the weights of the epoch that did best on them, and training stops when none comes
/// for a while.
///
///     train_graphs(model, samples, [](const PolarGate<>& m, const Circuit& c, Tape* tape) {
///       const Var x = tape ? tape->input(c.features) : Var(c.features);
///       return polargate_loss(m(c.graph, x), c.probability);
///     });
///
/// Order:   the same options give the same bits for any number of threads.
/// Errors:  Error if there are no samples or options are out of range.
template <Module M, class Sample, class Loss>
GraphTrainingResult train_graphs(M& model, const std::vector<Sample>& samples, const Loss& loss,
                                 const GraphTrainingOptions& options = {},
                                 const std::vector<Sample>& held = {}) {
  CFM_CHECK(!samples.empty() && options.epochs >= 1 && options.batch >= 1 && options.patience >= 1,
            "train_graphs: needs samples, and epochs, batch and patience of 1 or more",
            samples.size(), options.epochs, options.batch, options.patience);
  Adam optimizer(model, {.learning_rate = options.learning_rate,
                         .weight_decay = options.weight_decay});
  std::vector<std::size_t> order(samples.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto batch = static_cast<std::size_t>(options.batch);
  GraphTrainingResult result;
  NamedTensors kept;
  double least = std::numeric_limits<double>::infinity();
  for (Index epoch = 1; epoch <= options.epochs; ++epoch) {
    const Rng rng = options.rng.split(static_cast<std::uint64_t>(epoch));
    Rng shuffle = rng.split(0);
    for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[shuffle.below(i)]);
    double sum = 0;
    for (std::size_t begin = 0; begin < order.size(); begin += batch) {
      const std::size_t end = std::min(order.size(), begin + batch);
      Tape tape({.training = true, .rng = rng.split(1 + begin)});
      Var total = loss(std::as_const(model), samples[order[begin]], &tape);
      for (std::size_t i = begin + 1; i < end; ++i)
        total = total + loss(std::as_const(model), samples[order[i]], &tape);
      sum += isa_detail::scalar_value(total);
      total = total / static_cast<double>(end - begin);
      tape.backward(total);
      optimizer.step(tape);
    }
    result.epochs = epoch;
    const double mean = sum / static_cast<double>(order.size());
    double held_mean = 0;
    for (const Sample& s : held)
      held_mean += isa_detail::scalar_value(
                       loss(std::as_const(model), s, static_cast<Tape*>(nullptr))) /
                   static_cast<double>(held.size());
    if (held.empty() || held_mean < least) {
      least = held_mean;
      result.best = epoch;
      result.loss = mean;
      result.held_loss = held_mean;
      kept = held.empty() ? NamedTensors{} : named_tensors(clone(model));
    }
    if (!report(options.progress, {"training", epoch, options.epochs, mean})) break;
    if (!held.empty() && epoch - result.best >= options.patience) break;
  }
  if (!kept.empty()) load_into(model, kept);
  return result;
}

CFM_ISA_NAMESPACE_END
