#pragma once
/// @file  The hops of a circuit as DeepGate3 and DeepGate4 pool them, some at a time.

#include <algorithm>
#include <span>
#include <vector>

#include <cfm/circuit/hop_labels.hpp>
#include <cfm/models/deepgate3_transformers.hpp>

CFM_NAMESPACE_BEGIN

/// Hops, and what HopPooling reads of them.
struct CircuitHops {
  std::vector<Hop> hops;
  HopInputs inputs;
};

/// The hops of roots that are drawn at random; roots that have none are left out.
/// Source:  Z. Shi et al., "DeepGate3", ICCAD 2024: 15 % of the gates.
inline CircuitHops circuit_hops(const ExplicitNotGraph& circuit, double share = 0.15,
                                const Rng& rng = Rng(0)) {
  CircuitHops out;
  out.hops = find_hops(circuit, draw_roots(circuit, share, rng), {.rng = rng});
  const HopTensors t = hop_tensors(out.hops);
  Tensor roots = Tensor::empty({std::ssize(out.hops)}, DType::i64);
  const auto root = roots.span<std::int64_t>();
  for (std::size_t i = 0; i < out.hops.size(); ++i) root[i] = out.hops[i].root;
  out.inputs = {t.leaves, t.codes, t.nodes, roots};
  return out;
}

namespace detail {

// Some hops on their own gates: the gates that they name, ascending, and the hops with numbers in
// that list.
struct HopBlock {
  HopBlock(const HopInputs& all, Index begin, Index end) {
    const auto part = [&](const Tensor& x) {
      return x.slice(0, begin, end).to(DType::i64).contiguous().clone();
    };
    hops = {part(all.leaves), part(all.codes), part(all.nodes), part(all.roots)};
    const auto codes = std::as_const(hops.codes).span<std::int64_t>();
    const auto each = [&](const auto& f) {
      for (std::int64_t& v : hops.roots.span<std::int64_t>()) f(v);
      for (std::int64_t& v : hops.nodes.span<std::int64_t>())
        if (v >= 0) f(v);
      const auto leaves = hops.leaves.span<std::int64_t>();
      for (std::size_t i = 0; i < leaves.size(); ++i)
        if (codes[i] == 2) f(leaves[i]);
    };
    each([&](std::int64_t v) { gates.push_back(static_cast<std::int32_t>(v)); });
    std::sort(gates.begin(), gates.end());
    gates.erase(std::unique(gates.begin(), gates.end()), gates.end());
    each([&](std::int64_t& v) {
      v = std::lower_bound(gates.begin(), gates.end(), static_cast<std::int32_t>(v)) -
          gates.begin();
    });
  }

  std::vector<std::int32_t> gates;
  HopInputs hops;
};

}  // namespace detail

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// pooling(gates, hops), `block` hops at a time and without gradients: memory besides the result is
/// that of a block, whatever the circuit.
template <class LinearT>
GateStates pool_in_blocks(const HopPooling<LinearT>& pooling, const GateStates& gates,
                          const HopInputs& hops, Index block = 512) {
  CFM_CHECK(block >= 1, "pool in blocks: at least one hop a block", block);
  const Tensor hs = gates.structure.value(), hf = gates.function.value();
  const Shape shape{hops.roots.size(), hf.size(1)};
  Tensor structure = Tensor::empty(shape, hs.dtype()), function = Tensor::empty(shape, hf.dtype());
  for (Index begin = 0; begin < shape[0]; begin += block) {
    const Index end = std::min(shape[0], begin + block);
    const detail::HopBlock part(hops, begin, end);
    const GateStates out = pooling(
        {.structure = rows_at(hs, part.gates), .function = rows_at(hf, part.gates)}, part.hops);
    structure.slice(0, begin, end).copy_from(out.structure.value());
    function.slice(0, begin, end).copy_from(out.function.value());
  }
  return {.structure = structure, .function = function};
}

CFM_ISA_NAMESPACE_END
