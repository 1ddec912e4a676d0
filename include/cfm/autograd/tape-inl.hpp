#pragma once
/// @file  Members of Tape: leaves, nodes, and the backward loop. Included by tape.hpp alone.

#include <algorithm>
#include <new>

#include <cfm/autograd/tape.hpp>

CFM_NAMESPACE_BEGIN

inline GradSlot Tape::new_slots(std::span<const Tensor> values) {
  CFM_CHECK(!replayed_, "tape: it was replayed; start a new one");
  const std::size_t first = slots_.size();
  CFM_CHECK(first + values.size() <= std::numeric_limits<GradSlot>::max(), "tape: full");
  for (const Tensor& v : values) slots_.push_back({v.shape(), v.dtype()});
  return static_cast<GradSlot>(first);
}

inline Var Tape::leaf(const Tensor& value) {
  CFM_CHECK(is_floating(value.dtype()), "leaf: only floats have gradients", value.dtype());
  CFM_CHECK(value.defined(), "leaf: the tensor is undefined");
  if (!recording_) touched_.push_back(value);
  if (const auto it = leaves_.find(value.address()); it != leaves_.end()) {
    const Tensor& known = it->second.value;
    CFM_CHECK(known.shape() == value.shape() && known.strides() == value.strides() &&
                  known.dtype() == value.dtype(),
              concat("leaf: another view of these elements is a leaf already; take the view of "
                     "its Var: ",
                     known, ", ", value));
    return Var(value, this, it->second.slot);
  }
  const GradSlot slot = new_slots({&value, 1});
  leaves_.emplace(value.address(), Leaf{value, slot});
  return Var(value, this, slot);
}

inline void Tape::check_grad(GradSlot slot, const Tensor& grad) const {
  const Slot& like = slots_[static_cast<std::size_t>(slot)];
  CFM_CHECK(grad.shape() == like.shape, "backward: a gradient and its value differ in shape", grad,
            like.shape);
  CFM_CHECK(grad.dtype() == like.dtype, "backward: a gradient and its value differ in type",
            grad.dtype(), like.dtype);
}

inline void Tape::set_grad(const Tensor& parameter, Tensor grad) {
  const auto it = leaves_.find(parameter.address());
  CFM_CHECK(it != leaves_.end(), "set_grad: the tensor is not a leaf of this tape");
  CFM_CHECK(replayed_, "set_grad: call backward first");
  check_grad(it->second.slot, grad);
  grads_[static_cast<std::size_t>(it->second.slot)] = std::move(grad);
}

template <bool single, class Backward>
GradSlot Tape::append(std::span<const Tensor> values, Backward backward, Accumulate accumulate) {
  static_assert(alignof(Backward) <= BufferPool::alignment);
  if (nodes_.size() == nodes_.capacity()) nodes_.reserve(2 * nodes_.size() + 16);  // may throw
  accumulate_ = accumulate;
  Node node;
  node.first = new_slots(values);
  node.outputs = static_cast<GradSlot>(values.size());
  void* const memory = arena_.allocate(sizeof(Backward), alignof(Backward));
  node.closure = new (memory) Backward(std::move(backward));
  node.destroy = [](void* closure) noexcept { static_cast<Backward*>(closure)->~Backward(); };
  node.run = [](void* closure, Gradients& gradients, GradSlot first, GradSlot outputs) {
    auto& f = *static_cast<Backward*>(closure);
    if constexpr (single) {
      const Tensor grad = gradients.take(first);
      f(gradients, grad);
    } else {
      std::vector<Tensor> grads;
      for (GradSlot i = 0; i < outputs; ++i) grads.push_back(gradients.take(first + i));
      f(gradients, std::span<const Tensor>(grads));
    }
  };
  nodes_.push_back(node);
  return node.first;
}

inline void Gradients::add(GradSlot slot, Tensor grad) {
  if (!wanted(slot)) return;
  tape_.check_grad(slot, grad);
  Tensor& sum = tape_.grads_[static_cast<std::size_t>(slot)];
  if (sum.defined())
    tape_.accumulate_(sum, grad);
  else
    sum = std::move(grad);
}

inline bool Tape::reached(const Node& node) const {
  for (GradSlot s = node.first; s < node.first + node.outputs; ++s)
    if (grads_[static_cast<std::size_t>(s)].defined()) return true;
  return false;
}

// Runs the steps from the last one down to `first`.
inline void Tape::replay(Gradients& gradients, std::size_t first) {
  for (std::size_t i = nodes_.size(); i-- > first;) {
    if (reached(nodes_[i])) {
      const Node node = nodes_[i];
      node.run(node.closure, gradients, node.first, node.outputs);
    }
    nodes_[i].forget();
  }
}

inline void Tape::backward(const Var& output, Tensor grad) {
  CFM_CHECK(output.tape() == this, "backward: the value is not on this tape");
  CFM_CHECK(output.needs_grad(), "backward: the value does not depend on any leaf");
  CFM_CHECK(!replayed_, "backward: the tape was replayed before; start a new one");
  check_grad(output.slot(), grad);
  grads_.resize(slots_.size());
  replayed_ = true;
  // Sums are built in place where nobody else holds the memory. The caller's gradient may be
  // foreign memory, so a second reference keeps it from ever looking unshared.
  const Tensor held = grad;
  Gradients gradients(*this);
  try {
    gradients.add(output.slot(), std::move(grad));
    replay(gradients, 0);
    // Each leaf gets a dense gradient of its own: whoever writes one changes no other.
    for (auto& [address, leaf] : leaves_) {
      Tensor& sum = grads_[static_cast<std::size_t>(leaf.slot)];
      if (sum.defined() && !(sum.is_contiguous() && sum.storage().unique())) sum = sum.clone();
    }
  } catch (...) {
    forget_nodes();
    std::fill(grads_.begin(), grads_.end(), Tensor());
    throw;
  }
}

CFM_NAMESPACE_END
