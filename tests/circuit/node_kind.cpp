#include <cfm/circuit/node_kind.hpp>

#include <vector>

#include "../test.hpp"

using namespace cfm;

TEST_CASE("node kinds: one row for each node, with a single one at its kind") {
  const std::vector<NodeKind> kinds = {NodeKind::input, NodeKind::and_gate, NodeKind::not_gate,
                                       NodeKind::latch};
  const Tensor x = one_hot(kinds, 4);
  CHECK(x.shape() == Shape{4, 4});
  for (Index v = 0; v < 4; ++v)
    for (Index k = 0; k < 4; ++k) CHECK(x.data<float>()[4 * v + k] == (v == k ? 1 : 0));
  CHECK(one_hot({}, 3).shape() == Shape{0, 3});
  CHECK_THROWS_WITH_AS(
      one_hot(kinds, 3),
      doctest::Contains("one_hot: a node of another kind (node, kind, kinds): 3, 3, 3"), Error);
}
