#pragma once
/// @file  Activations chosen by a configuration.

#include <array>
#include <string_view>

#include <cfm/autograd/ops_activation.hpp>
#include <cfm/autograd/ops_elementwise.hpp>

CFM_NAMESPACE_BEGIN

/// An elementwise function between layers.
enum class Activation {
  none, relu, leaky_relu, elu, gelu, gelu_tanh, silu, softplus, sigmoid, tanh
};

/// The names that configurations use in files.
constexpr std::array<std::string_view, 10> enum_names(Activation) {
  return {"none", "relu",     "leaky_relu", "elu",  "gelu", "gelu_tanh",
          "silu", "softplus", "sigmoid",    "tanh"};
}

inline void append_text(std::string& out, Activation a) {
  out += enum_names(a)[static_cast<std::size_t>(a)];
}

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// activation(x)
inline Var activate(const Var& x, Activation activation) {
  switch (activation) {
    case Activation::none: return x;
    case Activation::relu: return relu(x);
    case Activation::leaky_relu: return leaky_relu(x);
    case Activation::elu: return elu(x);
    case Activation::gelu: return gelu(x);
    case Activation::gelu_tanh: return gelu_tanh(x);
    case Activation::silu: return silu(x);
    case Activation::softplus: return softplus(x);
    case Activation::sigmoid: return sigmoid(x);
    case Activation::tanh: return tanh(x);
  }
  throw Error("activate: not one of the activations");
}

CFM_ISA_NAMESPACE_END
