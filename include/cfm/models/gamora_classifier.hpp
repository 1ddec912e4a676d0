#pragma once
/// @file  GAMORA as a classifier of netlists with millions of nodes.

#include <cmath>
#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <cfm/circuit/adder_labels.hpp>
#include <cfm/circuit/gamora_graph.hpp>
#include <cfm/io/safetensors.hpp>
#include <cfm/kernels/sage.hpp>

CFM_NAMESPACE_BEGIN

namespace detail {

inline int largest_of_three(const float* logits) {
  int best = logits[1] > logits[0] ? 1 : 0;
  return logits[2] > logits[best] ? 2 : best;
}

/// The published rule from two classifications to one label.
inline SharedLabel decode_shared(const float* first, const float* second) {
  const int a = largest_of_three(first), b = largest_of_three(second);
  if (a != b && a != 0 && b != 0) return SharedLabel::shared;
  const float sum[3] = {first[0] + second[0], first[1] + second[1], first[2] + second[2]};
  const int c = a == b ? a : largest_of_three(sum);
  return c == 0 ? SharedLabel::other : c == 1 ? SharedLabel::adder_only : SharedLabel::xor_only;
}

inline RootLabel decode_root(const float* root) {
  constexpr RootLabel labels[] = {RootLabel::carry, RootLabel::sum, RootLabel::other};
  return labels[largest_of_three(root)];
}

}  // namespace detail

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// A trained Gamora for inference: weights packed, batch norm folded into the heads. Each layer is
/// one fused pass over the nodes; the last layer, the heads and the decision run chunk by chunk in
/// cache. const and thread-safe. Needs nothing of autograd or nn, so it compiles and links small.
/// Cost:  about 15,000 operations a node at the published size; at the peak two states of `width`
///        floats a node and 2 bytes of labels.
class GamoraClassifier {
 public:
  /// From the tensors of a Gamora, by their names; the memory is not shared.
  /// Errors:  FormatError naming a tensor that is missing or has another shape. `source` is what
  ///          errors call the tensors.
  explicit GamoraClassifier(std::span<const std::pair<std::string, Tensor>> tensors,
                            std::string_view source = "gamora");

  /// From a model.
  template <class Model>
  requires requires(const Model& m) { named_tensors(m); }
  explicit GamoraClassifier(const Model& model) : GamoraClassifier(named_tensors(model)) {}

  /// From a file that save(model, path) wrote.   Errors:  IoError, FormatError.
  static GamoraClassifier load(const std::filesystem::path& path) {
    const SafetensorsFile file = read_safetensors(path);
    return GamoraClassifier(file.tensors, file.name);
  }

  /// The logits of all nodes: columns 0-2 first, 3-5 second, 6-8 root.   Shapes:  [nodes, 9].
  Tensor logits(const GamoraGraph& g) const {
    Tensor out = Tensor::empty({g.nodes(), 9});
    const View<float, 2> rows = out.view<float, 2>();
    run(g, [&](Index begin, View<const float, 2> part) {
      std::copy_n(part.data, part.size(), rows.row(begin));
    });
    return out;
  }

  /// The labels of all nodes. Inputs and outputs are asked too; right is "other" for them.
  AdderLabels operator()(const GamoraGraph& g) const {
    AdderLabels out;
    out.shared.resize(static_cast<std::size_t>(g.nodes()));
    out.root.resize(static_cast<std::size_t>(g.nodes()));
    run(g, [&](Index begin, View<const float, 2> part) {
      for (Index i = 0; i < part.rows(); ++i) {
        const float* const row = part.row(i);
        out.shared[static_cast<std::size_t>(begin + i)] = detail::decode_shared(row, row + 3);
        out.root[static_cast<std::size_t>(begin + i)] = detail::decode_root(row + 6);
      }
    });
    return out;
  }

 private:
  // Rows of the last pipeline: states, hidden states and logits of a chunk fit a 256 KiB cache.
  static constexpr Index chunk = 512;

  // Calls emit(begin, logits [rows, 9]) for chunks of nodes, in any order, from any thread.
  template <class Emit>
  void run(const GamoraGraph& g, const Emit& emit) const {
    const CsrView fanins = g.graph.fanins();
    Tensor states = g.features(), next;
    CFM_CHECK(states.size(1) == layers_.front().self.inputs(),
              "gamora: the model reads another number of features", states,
              layers_.front().self.inputs());
    for (std::size_t l = 0; l + 1 < layers_.size(); ++l) {
      // Two buffers that change places: what millions of nodes need is fresh memory each time.
      if (l < 2) next = Tensor::empty({g.nodes(), width_});
      sage_layer<float>(fanins, std::as_const(states).view<float, 2>(), layers_[l],
                        next.view<float, 2>());
      std::swap(states, next);
    }
    next = Tensor();
    const View<const float, 2> x = std::as_const(states).view<float, 2>();
    parallel_for(g.nodes(), chunk, [&](Index begin, Index end) {
      const Index rows = end - begin;
      Tensor scratch = Tensor::empty({rows * (2 * width_ + 9) + 48 * std::max(x.cols(), width_)});
      float* const memory = scratch.data<float>();
      const View<float, 2> last = matrix_view(memory, rows, width_);
      const View<float, 2> hidden = matrix_view(memory + rows * width_, rows, width_);
      const View<float, 2> out = matrix_view(memory + 2 * rows * width_, rows, Index{9});
      const View<float, 1> tile =
          vector_view(memory + rows * (2 * width_ + 9), 48 * std::max(x.cols(), width_));
      sage_rows<float>(fanins, x, layers_.back(), begin, last, tile);
      dense_rows<float>(last, hidden_, hidden, true);
      dense_rows<float>(hidden, heads_, out, false);
      emit(begin, View<const float, 2>(out));
    });
  }

  Index width_ = 0;
  std::vector<SageWeights<float>> layers_;
  WeightPanels<float> hidden_, heads_;
};

inline GamoraClassifier::GamoraClassifier(std::span<const std::pair<std::string, Tensor>> tensors,
                                          std::string_view source) {
  const auto find = [&](std::string_view module, std::string_view field) -> const Tensor* {
    for (const auto& [key, tensor] : tensors)
      if (key.starts_with(module) && std::string_view(key).substr(module.size()) == field)
        return &tensor;
    return nullptr;
  };
  const auto get = [&](std::string_view module, std::string_view field, const Shape& shape) {
    const Tensor* const t = find(module, field);
    if (t == nullptr) throw_error<FormatError>(source, ": no tensor \"", module, field, "\"");
    if (t->dtype() != DType::f32 || t->shape() != shape)
      throw_error<FormatError>(source, ": \"", module, field, "\" is ", *t, ", a GAMORA has f32",
                               shape);
    return t->contiguous();
  };
  const Tensor* const first = find("convs.0.", "lin_l.weight");
  if (first == nullptr || first->rank() != 2)
    throw_error<FormatError>(source, ": no matrix \"convs.0.lin_l.weight\"; is this a GAMORA?");
  width_ = first->size(0);
  Index in = first->size(1);
  for (std::string module = "convs.0."; find(module, "lin_l.weight") != nullptr;
       module = concat("convs.", layers_.size(), "."), in = width_) {
    const Shape shape{width_, in};
    layers_.push_back({WeightPanels<float>(get(module, "lin_r.weight", shape),
                                           get(module, "lin_l.bias", {width_})),
                       WeightPanels<float>(get(module, "lin_l.weight", shape)), true});
  }
  hidden_ = WeightPanels<float>(get("linear.0.", "weight", {width_, width_}));
  // heads(bn(h)) = heads(scale h + shift): the scale goes into the weights, the shift into a bias.
  const Tensor gain = get("bn0.", "weight", {width_}), bias = get("bn0.", "bias", {width_});
  const Tensor mean = get("bn0.", "running_mean", {width_});
  const Tensor var = get("bn0.", "running_var", {width_});
  constexpr double epsilon = 1e-5;
  Tensor weight = Tensor::empty({9, width_}), shift = Tensor::zeros({9});
  const View<float, 2> w = weight.view<float, 2>();
  const View<float, 1> b = shift.view<float, 1>();
  constexpr std::string_view heads[] = {"linear.1.", "linear.2.", "linear.3."};
  for (Index row = 0; row < 9; ++row) {
    const Tensor head = get(heads[row / 3], "weight", {3, width_});
    double sum = 0;
    for (Index k = 0; k < width_; ++k) {
      const double scale = static_cast<double>(gain.data<float>()[k]) /
                           std::sqrt(static_cast<double>(var.data<float>()[k]) + epsilon);
      const double h = static_cast<double>(head.view<float, 2>()(row % 3, k));
      w(row, k) = static_cast<float>(h * scale);
      sum += h * (static_cast<double>(bias.data<float>()[k]) -
                  static_cast<double>(mean.data<float>()[k]) * scale);
    }
    b(row) = static_cast<float>(sum);
  }
  heads_ = WeightPanels<float>(weight, shift);
}

CFM_ISA_NAMESPACE_END

CFM_NAMESPACE_BEGIN

/// Part of the nodes whose labels are right, in percent; what the literature reports. Inputs and
/// outputs count as "other" on both sides.
struct AdderAccuracy {
  double shared = 0;
  double root = 0;
};

/// Errors:  Error if the numbers of nodes differ.
inline AdderAccuracy adder_accuracy(const AdderLabels& predicted, const AdderLabels& truth) {
  CFM_CHECK(predicted.shared.size() == truth.shared.size(),
            "adder_accuracy: labels of different circuits", predicted.shared.size(),
            truth.shared.size());
  const auto plain_shared = [](SharedLabel l) {
    return l == SharedLabel::input || l == SharedLabel::output ? SharedLabel::other : l;
  };
  const auto plain_root = [](RootLabel l) {
    return l == RootLabel::input || l == RootLabel::output ? RootLabel::other : l;
  };
  std::size_t shared = 0, root = 0;
  for (std::size_t v = 0; v < truth.shared.size(); ++v) {
    shared += plain_shared(predicted.shared[v]) == plain_shared(truth.shared[v]) ? 1u : 0u;
    root += plain_root(predicted.root[v]) == plain_root(truth.root[v]) ? 1u : 0u;
  }
  const double nodes = static_cast<double>(std::max<std::size_t>(1, truth.shared.size()));
  return {100.0 * static_cast<double>(shared) / nodes, 100.0 * static_cast<double>(root) / nodes};
}

CFM_NAMESPACE_END
