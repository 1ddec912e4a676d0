#pragma once
/// @file  Dropout as a layer.

#include <cfm/autograd/ops_activation.hpp>
#include <cfm/nn/module.hpp>

CFM_ISA_NAMESPACE_BEGIN

/// In training each element is zeroed with `probability` and the others scaled by
/// 1 / (1 - probability), by the random numbers of the tape; otherwise x itself.
struct Dropout {
  double probability = 0.5;

  Var operator()(const Var& x) const { return dropout(x, probability); }

  static void visit(auto&, auto&&) {}
};

CFM_ISA_NAMESPACE_END
