#pragma once
/// @file  Normalisation layers.

#include <cfm/autograd/ops_norm.hpp>
#include <cfm/nn/init.hpp>
#include <cfm/nn/module.hpp>

CFM_ISA_NAMESPACE_BEGIN

/// (x - mean) / sqrt(variance + epsilon) weight + bias over the last dimensions; see layer_norm().
/// Shapes:  x [.., shape], weight and bias [shape].
class LayerNorm {
 public:
  /// Empty, to be assigned.
  LayerNorm() = default;
  explicit LayerNorm(const Shape& shape, Init init = {}, double eps = 1e-5)
      : weight{init.constant(shape, 1)}, bias{init.constant(shape, 0)}, epsilon(eps) {}
  explicit LayerNorm(Index n, Init init = {}, double eps = 1e-5)
      : LayerNorm(Shape{n}, std::move(init), eps) {}

  Var operator()(const Var& x) const {
    const Shape& shape = weight.value.shape();
    const Var gain = bind(x, weight), shift = bind(x, bias);
    if (shape.rank() == 1) return layer_norm(x, gain, shift, epsilon);
    const int lead = x.rank() - shape.rank();
    bool fits = lead >= 0;
    Extents flat;  // the dimensions before, then all normalised ones as one
    for (int d = 0; d < x.rank() && fits; ++d) {
      if (d < lead) flat.push_back(x.shape()[d]);
      else fits = x.shape()[d] == shape[d - lead];
    }
    CFM_CHECK(fits, "layer_norm: the last dimensions must be those of the weight", x, shape);
    flat.push_back(shape.size());
    const Extents row{shape.size()};
    return reshape(layer_norm(reshape(x, flat), reshape(gain, row), reshape(shift, row), epsilon),
                   x.shape());
  }

  static void visit(auto& self, auto&& v) {
    v("weight", self.weight);
    v("bias", self.bias);
  }

  Parameter weight, bias;
  double epsilon = 1e-5;
};

/// x / sqrt(mean(x^2) + epsilon) weight over the last dimension; see rms_norm().
/// Shapes:  x [.., n], weight [n].
class RmsNorm {
 public:
  /// Empty, to be assigned.
  RmsNorm() = default;
  explicit RmsNorm(Index n, Init init = {}, double eps = 1e-6)
      : weight{init.constant({n}, 1)}, epsilon(eps) {}

  Var operator()(const Var& x) const { return rms_norm(x, bind(x, weight), epsilon); }

  static void visit(auto& self, auto&& v) { v("weight", self.weight); }

  Parameter weight;
  double epsilon = 1e-6;
};

/// Layer norm over groups of channels, then a weight and a bias a channel; see group_norm().
/// Shapes:  x [batch, channels, ...], weight and bias [channels].
class GroupNorm {
 public:
  /// Empty, to be assigned.
  GroupNorm() = default;
  /// Errors:  Error if `channels` is no multiple of `groups`.
  GroupNorm(Index group_count, Index channels, Init init = {}, double eps = 1e-5)
      : weight{init.constant({channels}, 1)},
        bias{init.constant({channels}, 0)},
        groups(group_count),
        epsilon(eps) {
    CFM_CHECK(groups > 0 && channels % groups == 0, "group norm: channels a multiple of groups",
              channels, groups);
  }

  Var operator()(const Var& x) const {
    return group_norm(x, groups, bind(x, weight), bind(x, bias), epsilon);
  }

  static void visit(auto& self, auto&& v) {
    v("weight", self.weight);
    v("bias", self.bias);
  }

  Parameter weight, bias;
  Index groups = 1;
  double epsilon = 1e-5;
};

/// Normalises columns: by the statistics of the batch on a training tape, by the running ones
/// otherwise; see batch_norm(). The running statistics move when the step is committed, which
/// optimizers do.
/// Shapes:  x [rows, n], all tensors [n].
class BatchNorm1d {
 public:
  /// Empty, to be assigned.
  BatchNorm1d() = default;
  explicit BatchNorm1d(Index n, Init init = {}, const BatchNormOptions& options = {})
      : weight{init.constant({n}, 1)},
        bias{init.constant({n}, 0)},
        running_mean{init.constant({n}, 0)},
        running_var{init.constant({n}, 1)},
        num_batches_tracked{init.constant({}, 0, DType::i64)},
        epsilon(options.eps),
        momentum(options.momentum) {}

  Var operator()(const Var& x) const {
    const Var y = batch_norm(x, bind(x, weight), bind(x, bias), running_mean.value,
                             running_var.value, {.momentum = momentum, .eps = epsilon});
    if (x.tape() && x.tape()->training()) {
      const std::int64_t batches = num_batches_tracked.value.item<std::int64_t>();
      x.tape()->write_on_commit(num_batches_tracked.value, Tensor::scalar(batches + 1));
    }
    return y;
  }

  static void visit(auto& self, auto&& v) {
    v("weight", self.weight);
    v("bias", self.bias);
    v("running_mean", self.running_mean);
    v("running_var", self.running_var);
    v("num_batches_tracked", self.num_batches_tracked);
  }

  Parameter weight, bias;
  Buffer running_mean, running_var, num_batches_tracked;
  double epsilon = 1e-5;
  double momentum = 0.1;  ///< share of a batch in the running statistics
};

CFM_ISA_NAMESPACE_END
