#pragma once
// The small circuit that the tests of graphs share.

#include <vector>

#include <cfm/circuit/aig.hpp>
#include <cfm/graph/graph.hpp>

namespace cfm::test {

using I32 = std::vector<std::int32_t>;

inline I32 row(const Graph& graph, Index v) {
  return {graph.fanins()[v].begin(), graph.fanins()[v].end()};
}

// f = !(!a & !((a b)' c)): the test graph of the literature.
inline Aig small_aig() {
  Aig aig;
  const Literal a = aig.add_input(), b = aig.add_input(), c = aig.add_input();
  const Literal x = aig.add_and(a, b), y = aig.add_and(!x, c), z = aig.add_and(!a, y);
  aig.add_output(!z);
  return aig;
}

}  // namespace cfm::test
