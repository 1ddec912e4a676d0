#pragma once
/// @file  A small circuit with hops and labels, for the tests of DeepGate3 and DeepGate4.

#include <cfm/circuit/carry_save_multiplier.hpp>
#include <cfm/circuit/hop_labels.hpp>
#include <cfm/circuit/hops.hpp>
#include <cfm/graph/cone_relation.hpp>
#include <cfm/models/deepgate3_heads.hpp>

#include "encoder_cases.hpp"

namespace cfm::test {

inline Tensor arange64(Index n) {
  Tensor out = Tensor::empty({n}, DType::i64);
  for (Index i = 0; i < n; ++i) out.span<std::int64_t>()[static_cast<std::size_t>(i)] = i;
  return out;
}

inline double worst_difference(const Tensor& a, const Tensor& b) {
  const Tensor x = a.to(DType::f64).contiguous(), y = b.to(DType::f64).contiguous();
  if (!(x.shape() == y.shape())) return 1e30;
  double worst = 0;
  for (std::size_t i = 0; i < x.span<double>().size(); ++i)
    worst = std::max(worst, std::abs(x.span<double>()[i] - y.span<double>()[i]));
  return worst;
}

/// A circuit, a 3-bit multiplier if not said, some of its hops, and labels: those of hops are true,
/// the others drawn, as the states are.
struct HopCircuitCase {
  explicit HopCircuitCase(Index width, const Aig& aig = carry_save_multiplier(3),
                          std::uint64_t seed = 0)
      : graph(explicit_not_graph(aig)), relation(cone_relation(graph.graph)) {
    std::vector<std::int32_t> roots;
    for (Index v = 0; v < graph.nodes(); v += 5) roots.push_back(static_cast<std::int32_t>(v));
    hops = find_hops(graph, roots);
    const HopTensors t = hop_tensors(hops);
    const auto count = static_cast<Index>(hops.size());
    Tensor last = Tensor::empty({count}, DType::i64);
    for (std::size_t i = 0; i < hops.size(); ++i) last.span<std::int64_t>()[i] = hops[i].root;
    inputs = {t.leaves, t.codes, t.nodes, last};
    function = normal_tensor({graph.nodes(), width}, 1 + 2 * seed);
    structure = normal_tensor({graph.nodes(), width}, 2 + 2 * seed);
    Rng rng(5 + seed);
    const auto uniform = [&](const Shape& shape, double high) {
      Tensor out = Tensor::empty(shape);
      for (float& v : out.span<float>()) v = static_cast<float>(rng.uniform(0, high));
      return out;
    };
    const auto draw = [&](const Shape& shape, Index below) {
      Tensor out = Tensor::empty(shape, DType::i64);
      for (std::int64_t& v : out.span<std::int64_t>())
        v = static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(below)));
      return out;
    };
    labels.probability = uniform({graph.nodes()}, 1);
    labels.level = uniform({graph.nodes()}, 8);
    labels.gate_pairs = draw({2, 12}, graph.nodes());
    labels.gate_distance = uniform({12}, 1);
    labels.connect_pairs = draw({2, 12}, graph.nodes());
    labels.connect = draw({12}, 3);
    labels.tables = t.tables;
    labels.hop_pairs = draw({2, 8}, count);
    labels.hop_distance = uniform({8}, 1);
    labels.edit_distance = uniform({8}, 1);
    labels.hop_size = t.sizes.to(DType::f32);
    labels.hop_level = t.levels.to(DType::f32);
    labels.member_nodes = draw({12}, graph.nodes());
    labels.member_hops = draw({12}, count);
    labels.member = draw({12}, 2).to(DType::f32);
  }

  ExplicitNotGraph graph;
  Tensor relation;
  std::vector<Hop> hops;
  HopInputs inputs;
  Tensor function, structure;
  HopLabels labels;
};

}  // namespace cfm::test
