#pragma once
/// @file  Adding a tensor to another in its place.

#include <cfm/exec/parallel.hpp>
#include <cfm/tensor/tensor.hpp>

CFM_ISA_NAMESPACE_BEGIN

/// sum += x, element by element, in the memory of `sum`.   Shapes:  x broadcasts to that of sum.
inline void accumulate(Tensor& sum, const Tensor& x) {
  CFM_CHECK(sum.dtype() == x.dtype(), "accumulate: the operands differ in type", sum.dtype(),
            x.dtype());
  CFM_CHECK(sum.is_contiguous(), "accumulate: needs a contiguous sum", sum);
  const Tensor more = x.expand(sum.shape()).contiguous();
  visit_real(sum.dtype(), "accumulate", [&]<class T>(std::type_identity<T>) {
    T* const target = sum.data<T>();
    const T* const source = more.data<T>();
    parallel_for(sum.size(), grain_for(3 * sizeof(T)), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) target[i] += source[i];
    });
  });
}

CFM_ISA_NAMESPACE_END
