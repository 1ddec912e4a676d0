#include <cfm/circuit/independent_probabilities.hpp>

#include <cfm/circuit/generate_adders.hpp>
#include <cfm/circuit/node_functions.hpp>
#include <cfm/circuit/strash.hpp>

#include "../test.hpp"

using namespace cfm;

TEST_CASE("independent probabilities: equal to simulation where no signals meet again") {
  Strash b;  // (a & b) | (c & !d), e & !(a & b) reads a & b a second time but meets nothing
  std::vector<Literal> in;
  for (int i = 0; i < 5; ++i) in.push_back(b.add_input());
  const Literal ab = b.land(in[0], in[1]);
  b.add_output(b.lor(ab, b.land(in[2], !in[3])));
  b.add_output(b.land(in[4], !ab));
  const ExplicitNotGraph net = explicit_not_graph(b.aig());
  const NodeFunctions exact = node_functions(net);
  REQUIRE(exact.exact);
  CHECK(independent_probabilities(net) == exact.probability);
}

TEST_CASE("independent probabilities: sources have their own, signals that meet are missed") {
  Strash b;
  const Literal x = b.add_input(), y = b.add_input();
  const Literal both = b.land(x, y);
  b.add_output(b.land(both, !b.land(x, !y)));  // x & y again: 1/4, but 1/4 * 3/4 by the rule
  const ExplicitNotGraph net = explicit_not_graph(b.aig());
  const auto p = independent_probabilities(net);
  const auto top = static_cast<std::size_t>(net.outputs[0]);
  CHECK(p[top] == 0.1875);
  CHECK(node_functions(net).probability[top] == 0.25);
  const double sources[] = {0.5, 1.0};
  const auto q = independent_probabilities(net, sources);
  CHECK(q[0] == 0.5);
  CHECK(q[1] == 1.0);
  CHECK(q[static_cast<std::size_t>(both.variable() - 1)] == 0.5);
}

TEST_CASE("independent probabilities: what is refused") {
  const ExplicitNotGraph net = explicit_not_graph(ripple_adder(2));
  const double one[] = {0.5};
  CHECK_THROWS_WITH_AS(independent_probabilities(net, one),
                       doctest::Contains("one probability for each source"), Error);
  ExplicitNotGraph wrong = net;
  wrong.kinds[0] = NodeKind::and_gate;
  CHECK_THROWS_WITH_AS(independent_probabilities(wrong), doctest::Contains("fan-ins of node"),
                       Error);
  wrong.kinds.pop_back();
  CHECK_THROWS_WITH_AS(independent_probabilities(wrong), doctest::Contains("one kind"), Error);
}
