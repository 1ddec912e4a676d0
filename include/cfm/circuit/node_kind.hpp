#pragma once
/// @file  What a node of a circuit graph stands for.

#include <span>

#include <cfm/tensor/tensor.hpp>

CFM_NAMESPACE_BEGIN

/// Kinds of nodes. The first four are numbered as the DeepGate family numbers its gates.
enum class NodeKind : std::uint8_t {
  input = 0,
  and_gate = 1,
  not_gate = 2,
  latch = 3,  ///< the output of a register
  output = 4,
  next_state = 5,  ///< the input of a register
  constant = 6     ///< false
};

/// One-hot rows by kind.   Shapes:  f32[nodes, kinds].
/// Errors:  Error if a node's kind is not below `kinds`.
inline Tensor one_hot(std::span<const NodeKind> nodes, Index kinds) {
  Tensor out = Tensor::zeros({static_cast<Index>(nodes.size()), kinds});
  const auto rows = out.span<float>();
  for (std::size_t v = 0; v < nodes.size(); ++v) {
    const auto kind = static_cast<Index>(nodes[v]);
    CFM_CHECK(kind < kinds, "one_hot: a node of another kind (node, kind, kinds)", v, kind, kinds);
    rows[v * static_cast<std::size_t>(kinds) + static_cast<std::size_t>(kind)] = 1;
  }
  return out;
}

CFM_NAMESPACE_END
