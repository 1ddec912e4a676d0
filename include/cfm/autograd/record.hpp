#pragma once
/// @file  How an operation puts itself on the tape of its inputs.

#include <initializer_list>

#include <cfm/autograd/tape.hpp>
#include <cfm/kernels/accumulate.hpp>

CFM_NAMESPACE_BEGIN

namespace detail {

// The tape of an operation's inputs: null if all are constants without one.
inline Tape* common_tape(std::span<const Var* const> inputs) {
  Tape* tape = nullptr;
  for (const Var* v : inputs) {
    if (!v->tape() || v->tape() == tape) continue;
    CFM_CHECK(tape == nullptr, "autograd: the operands are on different tapes");
    tape = v->tape();
  }
  return tape;
}

inline bool any_needs_grad(std::span<const Var* const> inputs) {
  for (const Var* v : inputs)
    if (v->needs_grad()) return true;
  return false;
}

}  // namespace detail

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

namespace isa_detail {

// In place only where nobody else looks at the memory: a gradient may be shared by two inputs.
inline void add_gradient(Tensor& sum, const Tensor& grad) {
  if (!sum.storage().unique() || !sum.is_contiguous()) sum = sum.clone();
  accumulate(sum, grad);
}

}  // namespace isa_detail

/// The result of an operation: `value` was computed from `inputs`, and
/// backward(Gradients&, const Tensor& grad) adds what `grad` means for them. Recorded only if an
/// input needs a gradient; otherwise `backward` is dropped.
/// Errors:  Error if the inputs are on different tapes.
template <class Backward>
Var record(std::span<const Var* const> inputs, Tensor&& value, Backward&& backward) {
  Tape* const tape = detail::common_tape(inputs);
  if (!tape || !detail::any_needs_grad(inputs) || !tape->takes_nodes())
    return Var(std::move(value), tape, -1);
  const GradSlot slot =
      tape->append<true>({&value, 1}, std::forward<Backward>(backward), &isa_detail::add_gradient);
  return Var(std::move(value), tape, slot);
}
template <class Backward>
Var record(std::initializer_list<const Var*> inputs, Tensor value, Backward backward) {
  return record(std::span(inputs.begin(), inputs.size()), std::move(value), std::move(backward));
}

/// The same with several outputs: backward(Gradients&, std::span<const Tensor> grads), where the
/// gradient of an output that nobody used is Tensor().
template <class Backward>
std::vector<Var> record(std::span<const Var* const> inputs, std::vector<Tensor> values,
                        Backward backward) {
  Tape* const tape = detail::common_tape(inputs);
  const bool recorded = tape && detail::any_needs_grad(inputs) && tape->takes_nodes();
  GradSlot slot =
      recorded ? tape->append<false>(values, std::move(backward), &isa_detail::add_gradient) : -1;
  std::vector<Var> out;
  for (Tensor& v : values) out.emplace_back(std::move(v), tape, recorded ? slot++ : -1);
  return out;
}
template <class Backward>
std::vector<Var> record(std::initializer_list<const Var*> inputs, std::vector<Tensor> values,
                        Backward backward) {
  return record(std::span(inputs.begin(), inputs.size()), std::move(values), std::move(backward));
}
template <std::size_t N, class Backward>
std::array<Var, N> record(std::initializer_list<const Var*> inputs, std::array<Tensor, N> values,
                          Backward backward) {
  std::vector<Var> vars =
      record(inputs, std::vector<Tensor>(values.begin(), values.end()), std::move(backward));
  std::array<Var, N> out;
  std::move(vars.begin(), vars.end(), out.begin());
  return out;
}

CFM_ISA_NAMESPACE_END
