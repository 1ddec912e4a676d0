#pragma once
/// @file  What encoders of the DeepGate family say about gates.

#include <cfm/autograd/ops_shape.hpp>

CFM_NAMESPACE_BEGIN

/// Where each gate stands and what it does.
struct GateStates {
  Var structure;  ///< [nodes, width]
  Var function;   ///< [nodes, width]
};

/// The same for the gates of a circuit and for its hops, if any were asked for.
struct CircuitStates {
  GateStates gates{};
  GateStates hops{};
};

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// Both vectors from one matrix: structure is its first half.
/// Shapes:  state [nodes, 2 width].
inline GateStates gate_halves(const Var& state) {
  CFM_CHECK(state.rank() == 2 && state.size(1) % 2 == 0, "gate halves: needs [nodes, 2 width]",
            state);
  const Index width = state.size(1) / 2;
  return {.structure = slice(state, 1, 0, width), .function = slice(state, 1, width, 2 * width)};
}

CFM_ISA_NAMESPACE_END
