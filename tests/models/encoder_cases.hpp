#pragma once
/// @file  What the tests of the encoders of and-inverter graphs share.

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <cfm/circuit/explicit_not_graph.hpp>
#include <cfm/nn/module.hpp>

namespace cfm::test {

/// Weights that depend on names alone: 0.5 sin(1 + (sum of characters) mod 97 + k). Running
/// variances and gains of norms are near 1.
inline Tensor formula_tensor(std::string_view name, const Shape& shape, DType dtype, bool gain) {
  int sum = 0;
  for (char c : name) sum += c;
  Tensor out = Tensor::empty(shape, DType::f64);
  const bool variance = name.ends_with("running_var");
  const auto values = out.span<double>();
  for (std::size_t k = 0; k < values.size(); ++k) {
    const double v = 0.5 * std::sin(1.0 + sum % 97 + static_cast<double>(k));
    values[k] = variance ? 1 + std::abs(v) : gain ? 1 + 0.5 * v : v;
  }
  return out.to(DType::f32).to(dtype);
}

/// Fills a model; `prefix` stands before the names of its tensors.
template <Module M>
void fill_by_formula(M& model, const std::string& prefix = {}) {
  for_each_tensor(model, [&](std::string_view name, auto& member) {
    if (!is_floating(member.value.dtype())) return;
    const std::string full = prefix + std::string(name);
    const bool has_number =
        full.find(".fc.1.") != full.npos || full.find(".fc.5.") != full.npos;
    const bool gain = full.ends_with("weight") &&
                      (has_number || full.ends_with("norm.weight") ||
                       full.ends_with("conv.mlp.1.weight"));
    member.value = formula_tensor(full, member.value.shape(), member.value.dtype(), gain);
  });
}

/// The graph of the golden vectors: not a and not (not (a b) and c), inverters as nodes.
inline ExplicitNotGraph golden_not_graph() {
  using enum NodeKind;
  ExplicitNotGraph out;
  out.kinds = {input, input, input, and_gate, not_gate, and_gate, not_gate, and_gate, not_gate};
  out.graph = Graph::from_edges(9, std::vector<std::int32_t>{0, 1, 3, 4, 2, 0, 6, 5, 7},
                                std::vector<std::int32_t>{3, 3, 4, 5, 5, 6, 7, 7, 8});
  return out;
}

/// Each element within `tolerance`.
inline void check_rows(const Tensor& got, const std::vector<double>& want, double tolerance) {
  const Tensor dense = got.to(DType::f64).contiguous();
  const auto values = dense.span<double>();
  REQUIRE(values.size() == want.size());
  double worst = 0;
  for (std::size_t i = 0; i < want.size(); ++i) worst = std::max(worst, std::abs(values[i] - want[i]));
  CHECK_MESSAGE(worst <= tolerance, "largest error " << worst);
}

/// Numbers like those of a normal distribution.
inline Tensor normal_tensor(const Shape& shape, std::uint64_t seed, DType dtype = DType::f32) {
  Rng rng(seed);
  Tensor out = Tensor::empty(shape, DType::f64);
  for (double& v : out.span<double>()) v = rng.normal();
  return out.to(dtype);
}

}  // namespace cfm::test
