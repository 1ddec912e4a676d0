#pragma once
/// @file  A matrix of weights, packed once for many products.

#include <algorithm>
#include <concepts>

#include <cfm/core/checked.hpp>
#include <cfm/core/dtype.hpp>
#include <cfm/tensor/tensor.hpp>

CFM_NAMESPACE_BEGIN

/// What the weights of a product may be stored as.
template <class S>
concept WeightElement = Real<S> || std::same_as<S, bf16> || std::same_as<S, f16>;

namespace detail {
template <class S>
struct ComputeType {
  using type = float;
};
template <>
struct ComputeType<double> {
  using type = double;
};
}  // namespace detail

/// The type that products with elements of type S are computed in: double for double, else float.
template <WeightElement S>
using compute_type = typename detail::ComputeType<S>::type;

/// The right factor W^T of y = x W^T, in the order in which products read it. Panel p holds the
/// outputs width p .. width p + width - 1: for each input k, their `width` weights side by side.
/// Outputs that are missing in the last panel are zero. The layout is the same for every
/// instruction set, so units with different flags may share one. Copies share the elements.
template <WeightElement S>
class PackedMatrix {
 public:
  /// Outputs of a panel: 64 bytes of numbers in the type of the computation.
  static constexpr Index width = 64 / static_cast<Index>(sizeof(compute_type<S>));

  PackedMatrix() = default;

  /// From panels as tensor() gives them, which it shares.
  /// Errors:  TypeError, ShapeError if the panels are not those of so many outputs.
  PackedMatrix(Tensor panels, Index outputs) : outputs_(outputs), packed_(std::move(panels)) {
    CFM_CHECK(packed_.dtype() == dtype_of<S>, "packed matrix: panels of another type",
              packed_.dtype(), dtype_of<S>);
    CFM_CHECK(packed_.rank() == 3 && packed_.size(2) == width && outputs >= 0 &&
                  packed_.size(0) == this->panels() && packed_.is_contiguous(),
              "packed matrix: needs dense panels [outputs / width, in, width]", packed_, outputs,
              width);
    inputs_ = packed_.size(1);
  }

  /// From weights [out, in], as linear layers store them; numbers round to S.
  /// Errors:  ShapeError unless it is a matrix; TypeError unless it is f64, f32, bf16 or f16.
  static PackedMatrix pack(const Tensor& weight) {
    CFM_CHECK(weight.rank() == 2, "packed matrix: needs weights [out, in]", weight);
    if (sizeof(S) == 2 && weight.dtype() == DType::f64) return pack(weight.to(dtype_of<S>));
    PackedMatrix out(weight.size(0), weight.size(1));
    const auto take = [&]<class From>(std::type_identity<From>) {
      out.fill(weight.view<From, 2>());
    };
    switch (weight.dtype()) {
      case DType::f64: take(std::type_identity<double>{}); break;
      case DType::f32: take(std::type_identity<float>{}); break;
      case DType::bf16: take(std::type_identity<bf16>{}); break;
      case DType::f16: take(std::type_identity<f16>{}); break;
      default:
        throw_error<TypeError>("packed matrix: needs f64, f32, bf16 or f16, got ", weight.dtype());
    }
    return out;
  }

  /// From a right factor [in, out].
  static PackedMatrix pack_columns(const Tensor& b) {
    CFM_CHECK(b.rank() == 2, "packed matrix: needs a matrix [in, out]", b);
    return pack(b.transpose(0, 1));
  }

  /// The weights [out, in] again, as S.
  Tensor unpack() const {
    Tensor out = Tensor::empty({outputs_, inputs_}, dtype_of<S>);
    const View<S, 2> w = out.template view<S, 2>();
    const S* const from = data();
    for (Index o = 0; o < outputs_; ++o)
      for (Index k = 0; k < inputs_; ++k)
        w(o, k) = from[(o / width * inputs_ + k) * width + o % width];
    return out;
  }

  Index inputs() const { return inputs_; }
  Index outputs() const { return outputs_; }
  Index panels() const { return (outputs_ + width - 1) / width; }
  /// [panels, inputs, width]
  const S* data() const { return packed_.template data<S>(); }
  /// The same as a tensor, which shares the elements.
  const Tensor& tensor() const { return packed_; }

 private:
  PackedMatrix(Index outputs, Index inputs) : inputs_(inputs), outputs_(outputs) {
    packed_ = Tensor::zeros({panels(), inputs, width}, dtype_of<S>);
  }

  // In blocks, so that both sides stay in cache whichever way the weights lie.
  template <class From>
  void fill(const View<const From, 2>& w) {
    constexpr Index block = 64;
    S* const to = packed_.template data<S>();
    for (Index o = 0; o < outputs_; o += width)
      for (Index k0 = 0; k0 < inputs_; k0 += block)
        for (Index c = 0; c < std::min(width, outputs_ - o); ++c)
          for (Index k = k0; k < std::min(inputs_, k0 + block); ++k) {
            const From value = w(o + c, k);
            S& at = to[(o / width * inputs_ + k) * width + c];
            if constexpr (std::same_as<From, S>)
              at = value;
            else if constexpr (Real<S>)
              at = static_cast<S>(static_cast<compute_type<From>>(value));
            else
              at = S(static_cast<float>(value));
          }
  }

  Index inputs_ = 0, outputs_ = 0;
  Tensor packed_ = Tensor::zeros({0}, dtype_of<S>);
};

CFM_NAMESPACE_END
