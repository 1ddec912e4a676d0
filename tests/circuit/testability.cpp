#include <cfm/circuit/testability.hpp>

#include "../test.hpp"
#include "small_circuit.hpp"

using namespace cfm;
using namespace cfm::test;

TEST_CASE("testability: the measures of a small circuit by hand") {
  // a b c = 0 1 2; 3 = ab; 4 = !3 c; 5 = !a 4; 6 = NOT 3; 7 = NOT a; 8 = NOT 5, the output.
  const ExplicitNotGraph g = explicit_not_graph(small_aig());
  REQUIRE(g.nodes() == 9);
  const std::int32_t not_ab =
      g.graph.fanins()[4][0] == 2 ? g.graph.fanins()[4][1] : g.graph.fanins()[4][0];
  const Testability t = testability(g);
  const auto at = [](const std::vector<std::int32_t>& x, std::int32_t v) {
    return x[static_cast<std::size_t>(v)];
  };
  CHECK(at(t.one, 3) == 3);
  CHECK(at(t.zero, 3) == 2);
  CHECK(at(t.one, not_ab) == 3);
  CHECK(at(t.zero, not_ab) == 4);
  CHECK(at(t.one, 4) == 3 + 1 + 1);
  CHECK(at(t.zero, 4) == 1 + 1);
  CHECK(at(t.one, 5) == 2 + 5 + 1);  // !a has one = 2
  CHECK(at(t.zero, 5) == 2 + 1);     // !a has zero = 2, 4 has zero = 2
  CHECK(at(t.observe, g.outputs[0]) == 0);
  CHECK(at(t.observe, 5) == 1);          // through the NOT
  CHECK(at(t.observe, 4) == 1 + 2 + 1);  // !a must be 1
  CHECK(at(t.observe, 2) == 4 + 3 + 1);  // c beside !(ab) = 1
  CHECK(at(t.observe, 3) == 4 + 1 + 1 + 1);
  CHECK(at(t.observe, 1) == 7 + 1 + 1);
  CHECK(at(t.observe, 0) == std::min(7 + 1 + 1, 1 + 5 + 1 + 1));
}

TEST_CASE("testability: what nothing reads is at the limit, deep chains do not overflow") {
  Aig aig;
  Literal last = aig.add_input();
  const Literal unread = aig.add_input();
  for (int i = 0; i < 200; ++i) last = aig.add_and(last, last);  // doubles every level
  aig.add_output(last);
  const Testability t = testability(explicit_not_graph(aig));
  CHECK(t.observe[unread.variable() - 1] == Testability::limit);
  CHECK(t.one[last.variable() - 1] == Testability::limit);
  CHECK(t.zero[last.variable() - 1] == 201);
  ExplicitNotGraph bad = explicit_not_graph(small_aig());
  bad.kinds[0] = NodeKind::and_gate;
  CHECK_THROWS_AS(testability(bad), Error);
}
