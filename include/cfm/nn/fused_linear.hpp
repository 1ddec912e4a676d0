#pragma once
/// @file  A linear layer and the activation behind it as one operation: the activation works on
///        blocks of the product that are still in cache.

#include <algorithm>

#include <cfm/autograd/ops_matmul.hpp>
#include <cfm/exec/map.hpp>
#include <cfm/nn/activation.hpp>

CFM_ISA_NAMESPACE_BEGIN

namespace isa_detail {

// f(op) for the function of ops.hpp that an activation is.
template <class F>
void visit_activation(Activation activation, const F& f) {
  switch (activation) {
    case Activation::none: return;
    case Activation::relu: return f(ops::Relu{});
    case Activation::leaky_relu: return f(ops::LeakyRelu{});
    case Activation::elu: return f(ops::Elu{});
    case Activation::gelu: return f(ops::Gelu{});
    case Activation::gelu_tanh: return f(ops::GeluTanh{});
    case Activation::silu: return f(ops::Silu{});
    case Activation::softplus: return f(ops::Softplus{});
    case Activation::sigmoid: return f(ops::Sigmoid{});
    case Activation::tanh: return f(ops::Tanh{});
  }
}

// True if the slope follows from y alone; the others need the x of y = activation(x).
inline bool slope_by_output(Activation a) {
  return a == Activation::relu || a == Activation::leaky_relu || a == Activation::sigmoid ||
         a == Activation::tanh;
}

// dy activation'(x), from y where slope_by_output(), else from x.
inline Tensor activation_gradient(Activation a, const Tensor& dy, const Tensor& saved) {
  switch (a) {
    case Activation::relu:
      return zip_map(dy, saved, [](auto d, auto y) {
        using V = decltype(y);
        return select(y > V(0), d, V(0));
      });
    case Activation::leaky_relu:
      return zip_map(dy, saved, [](auto d, auto y) {
        using V = decltype(y);
        return select(y > V(0), d, d * V(static_cast<lane_number<V>>(ops::LeakyRelu{}.slope)));
      });
    case Activation::sigmoid:
      return zip_map(dy, saved, [](auto d, auto y) { return d * (y * (decltype(y)(1) - y)); });
    case Activation::tanh:
      return zip_map(dy, saved, [](auto d, auto y) { return d * (decltype(y)(1) - y * y); });
    case Activation::elu: return map_tensor("backward", ops::Slope<ops::Elu>{}, dy, saved);
    case Activation::gelu: return map_tensor("backward", ops::Slope<ops::Gelu>{}, dy, saved);
    case Activation::gelu_tanh:
      return map_tensor("backward", ops::Slope<ops::GeluTanh>{}, dy, saved);
    case Activation::silu: return map_tensor("backward", ops::Slope<ops::Silu>{}, dy, saved);
    case Activation::softplus:
      return map_tensor("backward", ops::Slope<ops::Softplus>{}, dy, saved);
    case Activation::none: break;
  }
  return dy;
}

// The part of an epilogue: + bias, kept for the gradient if somebody asks, then the activation.
template <Real T>
struct ActivationEnd {
  const T* bias;  // null: none
  T* kept;        // null: nobody asks
  Index kept_row;
  Activation activation;

  void operator()(const OutputRow<T>& row) const {
    T* const x = row.values;
    if (bias != nullptr)
      CFM_CALL(map_binary)(ops::Add{}, x, bias + row.first_column, x, row.columns, false);
    if (kept != nullptr) std::copy_n(x, row.columns, kept + row.row * kept_row + row.first_column);
    visit_activation(activation, [&](auto op) {
      CFM_CALL(map_unary)(op, x, x, row.columns, false);
    });
  }
};

// A linear layer behind which an activation comes, and what its slope needs.
struct ActivatedLinear {
  Tensor y, saved;

  // product(x [rows, in], out [rows, out], end) writes a product and finishes it with `end`.
  template <class Product>
  ActivatedLinear(const Tensor& x, Index out, const Tensor& bias, Activation activation, bool keep,
                  const Product& product) {
    const Tensor matrix = as_rows(x), dense_bias = bias.defined() ? bias.contiguous() : bias;
    const Shape shape{matrix.size(0), out};
    Tensor result = Tensor::empty(shape, x.dtype());
    keep = keep && activation != Activation::none;
    const bool by_input = keep && !slope_by_output(activation);
    if (by_input) saved = Tensor::empty(shape, x.dtype());
    visit_real(x.dtype(), "linear", [&]<class T>(std::type_identity<T>) {
      const ActivationEnd<T> end{bias.defined() ? dense_bias.data<T>() : nullptr,
                                 by_input ? saved.data<T>() : nullptr, out, activation};
      product(matrix.view<T, 2>(), result.view<T, 2>(), end);
    });
    const Shape like = linear_shape(x, out);
    y = result.reshape(like);
    if (keep) saved = by_input ? saved.reshape(like) : y;
  }
};

}  // namespace isa_detail

/// activation(x weight^T + bias) in one pass; without a bias if it is Var().
/// Shapes:  x [.., in], weight [out, in], bias [out]  ->  [.., out].
/// Saved:   x, weight, and the result (relu, leaky_relu, sigmoid, tanh) or what the activation was
///          applied to; without a tape nothing but the result is written.
/// Errors:  TypeError, ShapeError.
inline Var linear(const Var& x, const Var& weight, const Var& bias, Activation activation) {
  if (activation == Activation::none) return isa_detail::record_linear(x, weight, bias);
  CFM_CHECK(weight.rank() == 2, "linear: needs weight [out, in]", weight);
  const Index out = weight.size(0);
  isa_detail::check_linear(x.value(), out, weight.size(1), weight.dtype(), bias.value());
  const Tensor dense = weight.value().contiguous();
  const bool keep = x.needs_grad() || weight.needs_grad() || bias.needs_grad();
  isa_detail::ActivatedLinear made(
      x.value(), out, bias.value(), activation, keep,
      [&]<class T>(View<const T, 2> rows, View<T, 2> to, const auto& end) {
        matmul_nt<T>(rows, dense.view<T, 2>(), to, end);
      });
  Saved saved = keep ? Saved(std::move(made.saved)) : Saved();
  return record({&x, &weight, &bias}, std::move(made.y),
                [linear = isa_detail::LinearBackward(x, weight, bias), activation,
                 saved = std::move(saved)](Gradients& gradients, const Tensor& dy) {
                  linear(gradients, isa_detail::activation_gradient(activation, dy, *saved));
                });
}

CFM_ISA_NAMESPACE_END
