#pragma once
/// @file  The linear layer, over any kind of weight matrix.

#include <concepts>
#include <optional>

#include <cfm/nn/fused_linear.hpp>
#include <cfm/nn/init.hpp>
#include <cfm/nn/module.hpp>

CFM_NAMESPACE_BEGIN

/// A weight matrix as it is: a trainable f32 or f64 tensor.
/// Shapes:  [out, in].
struct DenseMatrix {
  Parameter value{};

  /// From a dense tensor, which it shares. Packed formats pack here.
  static DenseMatrix encode(Tensor dense) { return {{std::move(dense)}}; }
  /// As a dense tensor.
  Tensor decode() const { return value.value; }

  Index rows() const { return value.value.size(0); }
  Index cols() const { return value.value.size(1); }

  static void visit(auto& self, auto&& v) { v("", self.value); }
};

/// What Linear is told.
struct LinearOptions {
  bool bias = true;
};

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// y = x weight^T + bias, without a bias if it is null.
inline Var linear(const Var& x, const DenseMatrix& weight, const Parameter* bias) {
  const Var w = bind(x, weight.value);
  return bias ? linear(x, w, bind(x, *bias)) : linear(x, w);
}

/// activation(x weight^T + bias) in one pass.
inline Var linear(const Var& x, const DenseMatrix& weight, const Parameter* bias,
                  Activation activation) {
  return linear(x, bind(x, weight.value), bias ? bind(x, *bias) : Var(), activation);
}

/// A weight matrix that Linear takes: made from a dense tensor, and multiplied by the function
/// linear(x, weight, bias) beside it. If there is a linear(x, weight, bias, activation) as well, a
/// layer and its activation are one pass.
template <class W>
concept WeightMatrix = Module<W> && requires(const W& w, const Var& x, const Parameter* bias) {
  { W::encode(Tensor()) } -> std::same_as<W>;
  { w.decode() } -> std::same_as<Tensor>;
  { w.rows() } -> std::same_as<Index>;
  { w.cols() } -> std::same_as<Index>;
  { linear(x, w, bias) } -> std::same_as<Var>;
};

/// y = x W^T + b, W and b uniform in +-1 / sqrt(in) at first.
/// Shapes:  x [.., in], W [out, in], b [out]  ->  [.., out].
template <WeightMatrix W = DenseMatrix>
class Linear {
 public:
  /// Empty, to be assigned.
  Linear() = default;
  Linear(Index in, Index out, Init init = {}, const LinearOptions& options = {})
      : weight(W::encode(fan_in_uniform({out, in}, in, init.next()))) {
    if (options.bias) bias = Parameter{fan_in_uniform({out}, in, init.next())};
  }

  Var operator()(const Var& x) const { return linear(x, weight, bias ? &*bias : nullptr); }

  /// activation((*this)(x))
  Var operator()(const Var& x, Activation activation) const {
    const Parameter* const b = bias ? &*bias : nullptr;
    if constexpr (requires { linear(x, weight, b, activation); })
      return linear(x, weight, b, activation);
    else
      return activate(linear(x, weight, b), activation);
  }

  Index inputs() const { return weight.cols(); }
  Index outputs() const { return weight.rows(); }

  static void visit(auto& self, auto&& v) {
    v("weight", self.weight);
    v("bias", self.bias);
  }

  W weight;
  std::optional<Parameter> bias;
};

namespace isa_detail {

// activation(layer(x)), in one pass if the layer can.
template <class Layer>
Var activated(const Layer& layer, const Var& x, Activation activation) {
  if constexpr (requires { layer(x, activation); })
    return layer(x, activation);
  else
    return activate(layer(x), activation);
}

}  // namespace isa_detail

CFM_ISA_NAMESPACE_END
