#pragma once
/// @file  GAMORA as a classifier of netlists with millions of nodes.

#include <cfm/circuit/adder_labels.hpp>
#include <cfm/circuit/gamora_graph.hpp>
#include <cfm/kernels/sage.hpp>
#include <cfm/models/gamora.hpp>

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
  return c == 0   ? SharedLabel::other
         : c == 1 ? SharedLabel::adder_only
                  : SharedLabel::xor_only;
}

inline RootLabel decode_root(const float* root) {
  constexpr RootLabel labels[] = {RootLabel::carry, RootLabel::sum, RootLabel::other};
  return labels[largest_of_three(root)];
}

}  // namespace detail

/// A trained Gamora with its weights packed and its batch norm folded into the heads, for
/// inference. Each layer is one fused pass over the nodes; the last layer, the heads and the
/// decision run chunk by chunk in cache. const and thread-safe; the model may change or go.
/// Cost:  about 15,000 operations a node at the published size; at the peak two states of `width`
///        floats a node and 2 bytes of labels.
class GamoraClassifier {
 public:
  explicit GamoraClassifier(const Gamora<>& model) : width_(model.config().width) {
    for (const SageConv<>& conv : model.convs)
      layers_.push_back({WeightPanels<float>(conv.lin_r.weight.value.value, *conv.lin_l.bias),
                         WeightPanels<float>(conv.lin_l.weight.value.value), true});
    hidden_ = WeightPanels<float>(model.linear[0].weight.value.value);
    fold_heads(model);
  }

  /// The logits of all nodes: columns 0-2 first, 3-5 second, 6-8 root.   Shapes:  [nodes, 9].
  Tensor logits(const GamoraGraph& g) const {
    Tensor out = Tensor::empty({g.nodes(), 9});
    const View<float, 2> rows = out.view<float, 2>();
    run(g, [&](Index begin, View<const float, 2> chunk) {
      std::copy_n(chunk.data, chunk.size(), rows.row(begin));
    });
    return out;
  }

  /// The labels of all nodes. Inputs and outputs are asked too; right is "other" for them.
  AdderLabels operator()(const GamoraGraph& g) const {
    AdderLabels out;
    out.shared.resize(static_cast<std::size_t>(g.nodes()));
    out.root.resize(static_cast<std::size_t>(g.nodes()));
    run(g, [&](Index begin, View<const float, 2> chunk) {
      for (Index i = 0; i < chunk.rows(); ++i) {
        const float* const row = chunk.row(i);
        out.shared[static_cast<std::size_t>(begin + i)] = detail::decode_shared(row, row + 3);
        out.root[static_cast<std::size_t>(begin + i)] = detail::decode_root(row + 6);
      }
    });
    return out;
  }

 private:
  // Rows of the last pipeline: states, hidden states and logits of a chunk fit a 256 KiB cache.
  static constexpr Index chunk = 512;

  // heads(bn(h)) = heads(scale h + shift): the scale goes into the weights, the shift into a bias.
  void fold_heads(const Gamora<>& model) {
    const BatchNorm1d& bn = model.bn0;
    const auto gain = bn.weight.value.span<float>(), bias = bn.bias.value.span<float>();
    const auto mean = bn.running_mean.value.span<float>(), var = bn.running_var.value.span<float>();
    Tensor weight = Tensor::empty({9, width_}), shift = Tensor::zeros({9});
    const View<float, 2> w = weight.view<float, 2>();
    const View<float, 1> b = shift.view<float, 1>();
    for (Index row = 0; row < 9; ++row) {
      const Tensor& head = model.linear[static_cast<std::size_t>(1 + row / 3)].weight.value.value;
      const View<const float, 2> h = head.view<float, 2>();
      double sum = 0;
      for (Index k = 0; k < width_; ++k) {
        const auto i = static_cast<std::size_t>(k);
        const double scale = gain[i] / std::sqrt(static_cast<double>(var[i]) + bn.epsilon);
        w(row, k) = static_cast<float>(h(row % 3, k) * scale);
        sum += h(row % 3, k) * (bias[i] - mean[i] * scale);
      }
      b(row) = static_cast<float>(sum);
    }
    heads_ = WeightPanels<float>(weight, shift);
  }

  // Calls emit(begin, logits [rows, 9]) for chunks of nodes, in any order, from any thread.
  template <class Emit>
  void run(const GamoraGraph& g, const Emit& emit) const {
    const CsrView fanins = g.graph.fanins();
    Tensor states = g.features();
    CFM_CHECK(states.size(1) == layers_.front().self.inputs(),
              "gamora: the model reads another number of features", states,
              layers_.front().self.inputs());
    for (std::size_t l = 0; l + 1 < layers_.size(); ++l) {
      Tensor next = Tensor::empty({g.nodes(), width_});
      sage_layer<float>(fanins, std::as_const(states).view<float, 2>(), layers_[l],
                        next.view<float, 2>());
      states = std::move(next);
    }
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

  Index width_;
  std::vector<SageWeights<float>> layers_;
  WeightPanels<float> hidden_, heads_;
};

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
