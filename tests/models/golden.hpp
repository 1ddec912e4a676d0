#pragma once
// Weights by formula and the test graph of the encoders.

#include <cmath>
#include <string_view>
#include <vector>

#include <cfm/circuit/node_kind.hpp>
#include <cfm/graph/graph.hpp>
#include <cfm/nn/module.hpp>

#include "../test.hpp"

namespace cfm::test {

// v(k) = 0.5 sin(1 + (sum of the codes of the name) mod 97 + k), in double, kept as float32.
template <class M>
void fill_by_formula(M& module) {
  for_each_tensor(module, [&](std::string_view name, auto& member) {
    if (!is_floating(member.value.dtype())) return;
    int codes = 0;
    for (char c : name) codes += c;
    const bool gain = (name.find(".fc.1.") != std::string_view::npos ||
                       name.find(".fc.5.") != std::string_view::npos) &&
                      name.ends_with("weight");
    Tensor value = Tensor::empty(member.value.shape());
    Index k = 0;
    for (float& x : value.template span<float>()) {
      const double v = 0.5 * std::sin(static_cast<double>(1 + codes % 97 + k++));
      x = static_cast<float>(name.ends_with("running_var") ? 1 + std::abs(v)
                             : gain                        ? 1 + 0.5 * v
                                                           : v);
    }
    member.value = value;
  });
}

// f = NOT(NOT a AND (NOT(ab) AND c)).
inline Graph golden_graph() {
  const std::int32_t from[] = {0, 1, 3, 4, 2, 0, 6, 5, 7};
  const std::int32_t to[] = {3, 3, 4, 5, 5, 6, 7, 7, 8};
  return Graph::from_edges(9, from, to);
}
inline std::vector<NodeKind> golden_kinds() {
  using enum NodeKind;
  return {input, input, input, and_gate, not_gate, and_gate, not_gate, and_gate, not_gate};
}

// Rows of the identity for the first nodes, zeros elsewhere.
inline Tensor unit_rows(Index nodes, Index width, Index ones) {
  Tensor out = Tensor::zeros({nodes, width});
  for (Index i = 0; i < ones; ++i) out.view<float, 2>()(i, i) = 1;
  return out;
}

inline void check_values(const Tensor& got, const std::vector<double>& want,
                         double tolerance = 1e-5) {
  const Tensor dense = got.contiguous();
  const auto values = dense.span<float>();
  REQUIRE(values.size() == want.size());
  for (std::size_t i = 0; i < want.size(); ++i) {
    CAPTURE(i);
    CHECK(std::abs(static_cast<double>(values[i]) - want[i]) < tolerance);
  }
}

inline bool same_bits(const Tensor& a, const Tensor& b) {
  const Tensor x = a.contiguous(), y = b.contiguous();
  const auto p = x.span<float>(), q = y.span<float>();
  return p.size() == q.size() && std::equal(p.begin(), p.end(), q.begin());
}

}  // namespace cfm::test
