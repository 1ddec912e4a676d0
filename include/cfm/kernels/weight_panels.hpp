#pragma once
/// @file  Weights of a dense layer, packed once for row-by-row products.

#include <algorithm>
#include <cmath>

#include <cfm/core/dtype.hpp>
#include <cfm/tensor/tensor.hpp>

CFM_NAMESPACE_BEGIN

/// The weight matrix and bias of y = x W^T + b, laid out in panels of 16 outputs: panel p holds,
/// for each input k, the 16 weights W[16 p + 0 .. 15, k]. Missing outputs are zero. The layout is
/// the same for every instruction set. Weights below 2^-60 of the largest become zero: they cannot
/// change a rounded sum, but where weight decay has left them their products are subnormal, and a
/// subnormal product costs a hundred times a normal one.
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
    T largest = 0;
    for (Index o = 0; o < outputs_; ++o)
      for (Index k = 0; k < inputs_; ++k) largest = std::max(largest, std::abs(w(o, k)));
    const T least = largest * T(0x1p-60);
    for (Index o = 0; o < outputs_; ++o)
      for (Index k = 0; k < inputs_; ++k)
        p[(o / width * inputs_ + k) * width + o % width] = std::abs(w(o, k)) < least ? 0 : w(o, k);
    if (!bias.defined()) return;
    CFM_CHECK(bias.shape() == Shape{outputs_}, "weight panels: one bias an output", weight, bias);
    const View<const T, 1> b = bias.view<T, 1>();
    for (Index o = 0; o < outputs_; ++o)  // a subnormal bias is slow for the same reason
      bias_.data<T>()[o] = std::abs(b(o)) < T(0x1p-90) ? 0 : b(o);
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
