#pragma once
// Weights by formula and the test graph of the encoders.

#include <cmath>
#include <string_view>
#include <vector>

#include <cfm/circuit/node_kind.hpp>
#include <cfm/graph/graph.hpp>
#include <cfm/nn/module.hpp>

#include "../test.hpp"
#include "encoder_cases.hpp"

namespace cfm::test {

// f = NOT(NOT a AND (NOT(ab) AND c)).
inline Graph golden_graph() { return golden_not_graph().graph; }
inline std::vector<NodeKind> golden_kinds() { return golden_not_graph().kinds; }

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
