#pragma once
/// @file  A table of vectors that is looked up by number.

#include <cfm/autograd/ops_index.hpp>
#include <cfm/nn/init.hpp>
#include <cfm/nn/module.hpp>

CFM_ISA_NAMESPACE_BEGIN

/// y[i] = weight[ids[i]], the table standard normal at first.
/// Shapes:  ids i32 or i64 [..], weight [count, dim]  ->  [.., dim].
/// Errors:  Error if a number is out of range.
class Embedding {
 public:
  /// Empty, to be assigned.
  Embedding() = default;
  Embedding(Index count, Index dim, Init init = {}) : weight{init.normal({count, dim}, 0, 1)} {}

  /// Put the numbers on the tape (tape.input(ids)) for gradients.
  Var operator()(const Var& ids) const { return embedding(bind(ids, weight), ids.value()); }

  static void visit(auto& self, auto&& v) { v("weight", self.weight); }

  Parameter weight;
};

CFM_ISA_NAMESPACE_END
