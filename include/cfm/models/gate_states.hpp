#pragma once
/// @file  What encoders of the DeepGate family say about gates.

#include <cfm/autograd/var.hpp>

CFM_NAMESPACE_BEGIN

/// Where each gate stands and what it does.
struct GateStates {
  Var structure;  ///< [nodes, width]
  Var function;   ///< [nodes, width]
};

CFM_NAMESPACE_END
