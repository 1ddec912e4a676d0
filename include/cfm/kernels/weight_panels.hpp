#pragma once
/// @file  Weights of a dense layer, packed once for row-by-row products.

#include <cfm/core/dtype.hpp>
#include <cfm/tensor/tensor.hpp>

CFM_NAMESPACE_BEGIN

/// The weight matrix and bias of y = x W^T + b, laid out in panels of 16 outputs: panel p holds,
/// for each input k, the 16 weights W[16 p + 0 .. 15, k]. Missing outputs are zero. The layout is
/// the same for every instruction set.
template <Real T>
class WeightPanels {
 public:
  /// Outputs in a panel.
  static constexpr Index width = 16;

  WeightPanels() = default;

  /// Shapes:  weight [out, in], bias [out] or Tensor() for none.
  /// Errors:  TypeError, ShapeError.
  explicit WeightPanels(const Tensor& weight, const Tensor& bias = Tensor()) {
    const View<const T, 2> w = weight.view<T, 2>();
    outputs_ = w.extent[0];
    inputs_ = w.extent[1];
    packed_ = Tensor::zeros({panels(), inputs_, width}, dtype_of<T>);
    bias_ = Tensor::zeros({panels() * width}, dtype_of<T>);
    T* const p = packed_.data<T>();
    for (Index o = 0; o < outputs_; ++o)
      for (Index k = 0; k < inputs_; ++k)
        p[(o / width * inputs_ + k) * width + o % width] = w(o, k);
    if (!bias.defined()) return;
    CFM_CHECK(bias.shape() == Shape{outputs_}, "weight panels: one bias an output", weight, bias);
    bias_.slice(0, 0, outputs_).copy_from(bias);
  }

  Index inputs() const { return inputs_; }
  Index outputs() const { return outputs_; }
  Index panels() const { return (outputs_ + width - 1) / width; }
  /// [panels, inputs, 16]
  const T* data() const { return packed_.data<T>(); }
  /// [panels * 16]
  const T* bias() const { return bias_.data<T>(); }

 private:
  Index inputs_ = 0, outputs_ = 0;
  Tensor packed_ = Tensor::zeros({0}, dtype_of<T>), bias_ = packed_;
};

CFM_NAMESPACE_END
