#pragma once
/// @file  Trains HOGA on one labelled netlist, predicts with it, reads its public weights.

#include <filesystem>

#include <cfm/io/torch_zip.hpp>
#include <cfm/models/gamora_classifier.hpp>
#include <cfm/models/gamora_training.hpp>
#include <cfm/models/hoga.hpp>

CFM_NAMESPACE_BEGIN

/// The published training.
struct HogaTrainingOptions {
  Index epochs = 500;
  Index batch = 1024;  ///< nodes a step
  double learning_rate = 5e-4;
  double weight_decay = 5e-5;
  bool settle = false;           ///< the learning rate falls to 0 along half a cosine
  Rng rng{7};                    ///< of the order of nodes and of dropout
  ProgressFunction progress{};   ///< after every epoch, with its mean loss; false stops
};

/// What train_hoga reached.
struct HogaTrainingResult {
  Index epochs = 0;  ///< epochs that ran
  double loss = 0;   ///< mean of the last epoch
};

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// Trains on the labels of one netlist in random batches of nodes, with Adam.
/// Shapes:  hops [nodes, hops + 1, features]; a label for each node.
/// Order:   the same options give the same bits for any number of threads.
/// Errors:  Error for options out of range or labels of another circuit.
inline HogaTrainingResult train_hoga(Hoga<>& model, const Tensor& hops, const AdderLabels& labels,
                                     const HogaTrainingOptions& options = {}) {
  CFM_CHECK(hops.rank() == 3 && static_cast<std::size_t>(hops.size(0)) == labels.shared.size() &&
                hops.size(0) >= 2,
            "train_hoga: needs the hops of two nodes or more, and a label for each", hops,
            labels.shared.size());
  CFM_CHECK(options.epochs >= 1 && options.batch >= 2, "train_hoga: epochs >= 1, batch >= 2",
            options.epochs, options.batch);
  const AdderTargets targets = adder_targets(labels);
  std::vector<std::int64_t> order(labels.shared.size());
  std::iota(order.begin(), order.end(), std::int64_t{0});
  const auto batch = static_cast<std::size_t>(options.batch);
  Adam optimizer(model, {.learning_rate = options.learning_rate,
                         .weight_decay = options.weight_decay});
  const CosineDecay schedule{.steps = options.epochs};
  HogaTrainingResult result;
  for (Index epoch = 1; epoch <= options.epochs; ++epoch) {
    const auto rng = options.rng.split(static_cast<std::uint64_t>(epoch));
    detail::shuffle(order, rng.split(0));
    if (options.settle) optimizer.scale_learning_rate(schedule(epoch - 1));
    double sum = 0;
    std::size_t done = 0;
    for (std::size_t begin = 0; begin < order.size(); begin += batch) {
      const auto nodes = std::span<const std::int64_t>(order).subspan(
          begin, std::min(batch, order.size() - begin));
      if (nodes.size() < 2) break;  // batch norm has no statistics of one row
      Tape tape({.training = true, .rng = rng.split(1 + begin)});
      const Var picked = index_select(tape.input(hops), 0, detail::index_tensor(nodes));
      const Var loss = hoga_loss(model(picked), detail::gather_targets(targets, nodes));
      tape.backward(loss);
      optimizer.step(tape);
      sum += static_cast<double>(loss.item<float>()) * static_cast<double>(nodes.size());
      done += nodes.size();
    }
    result.epochs = epoch;
    result.loss = sum / static_cast<double>(done);
    if (!report(options.progress, {"training", epoch, options.epochs, result.loss})) break;
  }
  return result;
}

/// All nine logits of every node, in batches of nodes: memory does not grow with the circuit but
/// for the result.   Shapes:  hops [nodes, hops + 1, features]  ->  f32 [nodes, 9].
inline Tensor hoga_logits(const Hoga<>& model, const Tensor& hops, Index batch = 1024) {
  CFM_CHECK(batch >= 1 && hops.rank() == 3, "hoga_logits: needs hops of nodes and a batch", hops);
  Tensor out = Tensor::empty({hops.size(0), 9});
  for (Index begin = 0; begin < hops.size(0); begin += batch) {
    const Index end = std::min(hops.size(0), begin + batch);
    const GamoraOutput logits = model(Var(hops.slice(0, begin, end)));
    out.slice(0, begin, end).copy_from(
        cat({logits.first, logits.second, logits.root}, 1).value());
  }
  return out;
}

/// The labels of every node; inputs and outputs, which scores do not tell apart, count as others.
inline AdderLabels hoga_labels(const Hoga<>& model, const Tensor& hops, Index batch = 1024) {
  const Tensor logits = hoga_logits(model, hops, batch);
  const float* row = logits.data<float>();
  AdderLabels out;
  for (Index v = 0; v < logits.size(0); ++v, row += 9) {
    out.shared.push_back(detail::decode_shared(row, row + 3));
    out.root.push_back(detail::decode_root(row + 6));
  }
  return out;
}

CFM_ISA_NAMESPACE_END

CFM_NAMESPACE_BEGIN

/// The model in a torch checkpoint of the released code ("model_state_dict", or the tensors
/// alone). Sizes are those of its tensors; the number of heads and their kind are not in the file.
/// lins.1 and later are there and nothing reads them; they are left out.
/// Errors:  IoError, UnsupportedError; FormatError if tensors are missing or misshapen.
inline Hoga<> read_hoga(const std::filesystem::path& path, Index heads = 8,
                        HogaAttention attention = HogaAttention::mix) {
  const TorchFile file = read_torch(path);
  NamedTensors tensors = file.below("model_state_dict.");
  if (tensors.empty()) tensors = file.tensors;
  HogaConfig config{.layers = 0, .heads = heads, .attention = attention};
  NamedTensors wanted;
  bool first = false;
  for (const auto& [name, tensor] : tensors) {
    if (name == "lins.0.weight" && tensor.rank() == 2) {
      config.width = tensor.size(0);
      config.features = tensor.size(1);
      first = true;
    }
    config.layers += name.starts_with("gates.") ? 1 : 0;
    if (!name.starts_with("lins.") || name == "lins.0.weight") wanted.emplace_back(name, tensor);
  }
  if (!first || config.layers == 0)
    throw_error<FormatError>(file.name, ": does not hold a HOGA: lins.0.weight or gates missing");
  Hoga<> model(config);
  load_into(model, wanted, {}, file.name);
  return model;
}

CFM_NAMESPACE_END
