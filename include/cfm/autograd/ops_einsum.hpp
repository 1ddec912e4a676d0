#pragma once
/// @file  Einstein's sum with gradients.

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <cfm/autograd/tape.hpp>
#include <cfm/kernels/einsum.hpp>
#include <cfm/kernels/sum_to.hpp>

CFM_ISA_NAMESPACE_BEGIN
namespace isa_detail {

// The gradient of operand `own`: dy times all others, summed over what the operand does not name,
// spread over what it alone names, and put on its diagonals.
inline Tensor einsum_gradient(const EinsumPlan& plan, std::size_t own, const Tensor& dy,
                              const Shape& like) {
  std::vector<detail::Labelled> factors{{dy, plan.result}};
  for (std::size_t i = 0; i < plan.inputs.size(); ++i)
    if (i != own) factors.push_back(plan.inputs[i]);
  const detail::Labelled& input = plan.inputs[own];
  const Tensor joined = detail::in_order(join_einsum(factors, input.labels), input.labels);
  const Shape& shape = input.tensor.shape();
  const Tensor sums = sum_to(joined, [&] {  // what was stretched from an extent of 1
    Extents kept = joined.shape();
    for (int d = 0; d < joined.rank(); ++d) kept[d] = std::min(kept[d], shape[d]);
    return Shape(kept);
  }());
  Tensor dx = Tensor::zeros(like, dy.dtype());
  Tensor places = detail::take_diagonals(dx, plan.terms[own]).tensor;
  places.copy_from(sums.expand(shape));
  return dx;
}

}  // namespace isa_detail

/// Einstein's sum; see the kernel.
/// Saved:   the operands.   Grads:  of each, the sum of dy with all others.
/// Errors:  as the kernel; TypeError unless f32 or f64.
inline Var einsum(std::string_view equation, std::span<const Var> operands) {
  std::vector<Tensor> values;
  std::vector<const Var*> inputs;
  std::vector<GradSlot> slots;
  std::vector<Saved> saved;
  bool wanted = false;
  for (const Var& v : operands) {
    values.push_back(v.value());
    inputs.push_back(&v);
    slots.push_back(v.slot());
    wanted = wanted || v.needs_grad();
  }
  if (wanted)
    for (const Tensor& t : values) saved.emplace_back(t);
  Tensor y = einsum(equation, std::span<const Tensor>(values));
  return record(std::span<const Var* const>(inputs), std::move(y),
                [text = std::string(equation), slots = std::move(slots),
                 saved = std::move(saved)](Gradients& gradients, const Tensor& dy) {
                  std::vector<Tensor> x;
                  for (const Saved& s : saved) x.push_back(*s);
                  const isa_detail::EinsumPlan plan = isa_detail::plan_einsum(text, x);
                  for (std::size_t i = 0; i < x.size(); ++i)
                    if (gradients.wanted(slots[i]))
                      gradients.add(slots[i],
                                    isa_detail::einsum_gradient(plan, i, dy, x[i].shape()));
                });
}
inline Var einsum(std::string_view equation, std::initializer_list<Var> operands) {
  return einsum(equation, std::span<const Var>(operands.begin(), operands.size()));
}

CFM_ISA_NAMESPACE_END
