#pragma once
/// @file  Trains MGVGA: hidden gates and degrees, with the Verilog of designs where it is there.

#include <cmath>
#include <numeric>
#include <span>
#include <vector>

#include <cfm/autograd/ops_loss.hpp>
#include <cfm/core/progress.hpp>
#include <cfm/models/mgvga.hpp>
#include <cfm/train/adam.hpp>
#include <cfm/train/schedule.hpp>

CFM_NAMESPACE_BEGIN

/// A graph to train on, and what a language model made of its Verilog, if there is any.
struct MgvgaSample {
  MgvgaGraph graph;
  Tensor verilog{};  ///< [1, columns] or undefined: then the alignment is left out
};

/// The published training, but for the batch: gradients of this many graphs make one step.
struct MgvgaTrainingOptions {
  Index epochs = 3;
  Index batch = 64;
  double learning_rate = 1e-3;  ///< of AdamW, falling along a cosine to a tenth
  double weight_decay = 0.01;
  double hidden = 0.3;          ///< part of the nodes that masked gate modelling hides
  double hidden_aligned = 0.7;  ///< part that the alignment hides
  double degree_weight = 0.1;   ///< of each of the two losses of degrees
  Rng rng{20};
  ProgressFunction progress{};  ///< after every step, with the mean loss of its graphs
};

/// Losses of the last epoch, means over its graphs.
struct MgvgaTrainingResult {
  Index steps = 0;
  double loss = 0, node = 0, aligned = 0, degree = 0;
};

/// Entropy in nats of the kinds of all nodes: what guessing by frequencies alone reaches.
inline double kind_entropy(std::span<const MgvgaSample> samples) {
  std::vector<double> count(256, 0);
  double total = 0;
  for (const MgvgaSample& s : samples)
    for (std::uint8_t kind : s.graph.kinds) count[kind] += 1, total += 1;
  double out = 0;
  for (double c : count)
    if (c > 0) out -= c / total * std::log(c / total);
  return out;
}

namespace detail {

// max(1, part * nodes) different nodes, ascending.   Shapes:  i64.
inline Tensor hidden_nodes(Index nodes, double part, Rng rng) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(nodes));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  const auto count = static_cast<std::size_t>(
      std::max<Index>(1, static_cast<Index>(part * static_cast<double>(nodes))));
  for (std::size_t i = 0; i < count && i < order.size(); ++i)
    std::swap(order[i], order[i + static_cast<std::size_t>(rng.below(order.size() - i))]);
  order.resize(std::min(count, order.size()));
  std::sort(order.begin(), order.end());
  return Tensor::from(std::span<const std::int64_t>(order), {static_cast<Index>(order.size())});
}

// Numbers of neighbours of some nodes.   Shapes:  f32 [nodes listed].
inline Tensor degrees_of(const CsrView& rows, const Tensor& nodes) {
  Tensor out = Tensor::empty({nodes.size()});
  const auto to = out.span<float>();
  const auto list = nodes.span<std::int64_t>();
  for (std::size_t i = 0; i < list.size(); ++i)
    to[i] = static_cast<float>(rows[list[i]].size());
  return out;
}

}  // namespace detail

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// The losses of one graph; aligned is undefined without Verilog.
struct MgvgaLosses {
  Var total, node, aligned, degree;
};

/// CE of hidden kinds + weight (Huber of both degrees) + CE of kinds hidden from the alignment.
/// Source:  as Mgvga, section 3 and its public code.
inline MgvgaLosses mgvga_loss(const Mgvga<>& model, const MgvgaSample& sample, Tape& tape, Rng rng,
                              const MgvgaTrainingOptions& options = {}) {
  const MgvgaGraph& g = sample.graph;
  CFM_CHECK(g.nodes() >= 1, "mgvga_loss: the graph is empty");
  const Var tokens = tape.input(g.tokens());
  const Tensor classes = g.classes();
  const auto kinds_of = [&](const Tensor& nodes) {
    return index_select(Var(classes), 0, nodes).value();
  };
  const Tensor hidden = detail::hidden_nodes(g.nodes(), options.hidden, rng.split(0));
  const MgvgaGuess guess = model.guess(g.graph, model(g.graph, tokens), hidden);
  const CsrView in = g.graph.fanins(), out = g.graph.fanouts();
  const bool turned = model.config().released_degrees;
  MgvgaLosses losses;
  losses.node = cross_entropy(guess.kinds, kinds_of(hidden));
  losses.degree = huber_loss(guess.indegree, detail::degrees_of(turned ? out : in, hidden)) +
                  huber_loss(guess.outdegree, detail::degrees_of(turned ? in : out, hidden));
  losses.total = losses.node + options.degree_weight * losses.degree;
  if (sample.verilog.defined()) {
    const Tensor other = detail::hidden_nodes(g.nodes(), options.hidden_aligned, rng.split(1));
    const Segments graphs(Tensor::zeros({g.nodes()}, DType::i64), 1);
    losses.aligned = cross_entropy(
        model.guess_aligned(g.graph, tokens, other, sample.verilog, graphs), kinds_of(other));
    losses.total = losses.total + losses.aligned;
  }
  return losses;
}

/// Trains on graphs in random order.
/// Order:   the same options give the same bits for any number of threads.
/// Errors:  Error if there are no samples or options are out of range.
inline MgvgaTrainingResult train_mgvga(Mgvga<>& model, std::span<const MgvgaSample> samples,
                                       const MgvgaTrainingOptions& options = {}) {
  CFM_CHECK(!samples.empty() && options.epochs >= 1 && options.batch >= 1,
            "train_mgvga: needs samples, epochs >= 1, batch >= 1", samples.size(), options.epochs,
            options.batch);
  CFM_CHECK(options.hidden > 0 && options.hidden <= 1 && options.hidden_aligned > 0 &&
                options.hidden_aligned <= 1,
            "train_mgvga: hidden parts lie in (0, 1]", options.hidden, options.hidden_aligned);
  const auto count = static_cast<Index>(samples.size());
  const Index batches = (count + options.batch - 1) / options.batch;
  AdamW optimizer(model, {.learning_rate = options.learning_rate,
                          .weight_decay = options.weight_decay});
  const CosineDecay schedule{.steps = options.epochs * batches, .minimum = 0.1};
  MgvgaTrainingResult result;
  std::vector<Index> order(samples.size());
  std::iota(order.begin(), order.end(), Index{0});
  for (Index epoch = 1; epoch <= options.epochs; ++epoch) {
    const Rng rng = options.rng.split(static_cast<std::uint64_t>(epoch));
    Rng shuffle = rng.split(0);
    for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[shuffle.below(i)]);
    result.loss = result.node = result.aligned = result.degree = 0;
    bool go_on = true;
    for (Index b = 0; b < batches && go_on; ++b) {
      const Index begin = b * options.batch, end = std::min(count, begin + options.batch);
      Tape tape({.training = true, .rng = rng.split(1 + static_cast<std::uint64_t>(b))});
      Var total;
      for (Index i = begin; i < end; ++i) {
        const auto place = static_cast<std::size_t>(i);
        const MgvgaSample& sample = samples[static_cast<std::size_t>(order[place])];
        const MgvgaLosses losses =
            mgvga_loss(model, sample, tape, rng.split(1000 + place), options);
        total = i == begin ? losses.total : total + losses.total;
        const auto share = [&](const Var& v) {
          if (!v.value().defined()) return 0.0;
          return static_cast<double>(v.item<float>()) / static_cast<double>(count);
        };
        result.node += share(losses.node);
        result.aligned += share(losses.aligned);
        result.degree += share(losses.degree);
        result.loss += share(losses.total);
      }
      total = total / static_cast<double>(end - begin);
      tape.backward(total);
      optimizer.scale_learning_rate(schedule(result.steps));
      optimizer.step(tape);
      ++result.steps;
      go_on = report(options.progress, {"training", result.steps, options.epochs * batches,
                                        static_cast<double>(total.item<float>())});
    }
    if (!go_on) break;
  }
  return result;
}

CFM_ISA_NAMESPACE_END
