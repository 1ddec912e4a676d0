#include <cfm/circuit/explicit_not_graph.hpp>

#include <cfm/circuit/aiger.hpp>

#include "../test.hpp"
#include "small_circuit.hpp"

using namespace cfm;
using test::I32;
using test::row;
using test::small_aig;

TEST_CASE("explicit NOT graph: nodes, edges and levels of a small circuit") {
  const ExplicitNotGraph g = explicit_not_graph(small_aig());
  using K = NodeKind;
  CHECK(g.kinds == std::vector<K>{K::input, K::input, K::input, K::and_gate, K::and_gate,
                                  K::and_gate, K::not_gate, K::not_gate, K::not_gate});
  CHECK(row(g.graph, 3) == I32{1, 0});  // larger literal first
  CHECK(row(g.graph, 4) == I32{6, 2});  // the NOT of node 3 was needed first
  CHECK(row(g.graph, 5) == I32{4, 7});
  CHECK(row(g.graph, 6) == I32{3});
  CHECK(row(g.graph, 7) == I32{0});
  CHECK(row(g.graph, 8) == I32{5});
  CHECK(g.outputs == I32{8});
  CHECK(forward_levels(g.graph.fanins()) == I32{0, 0, 0, 1, 3, 4, 2, 1, 5});
  const Tensor x = g.features();
  CHECK(x.shape() == Shape{9, 3});
  CHECK(x.data<float>()[3 * 3 + 1] == 1);
  CHECK(x.data<float>()[6 * 3 + 2] == 1);
}

TEST_CASE("explicit NOT graph: counts and levels of b11") {
  const auto dir = test::data_dir("checkpoints/deepgate4_b11_opt_C.aig");
  if (!dir) return;
  const Aig aig = read_aiger(dir->string());
  const ExplicitNotGraph g = explicit_not_graph(aig);
  CHECK(aig.inputs() == 38);
  CHECK(aig.ands() == 526);
  CHECK(aig.outputs() == 37);
  CHECK(g.nodes() == 999);
  CHECK(g.graph.edges() == 1487);
  CHECK(std::count(g.kinds.begin(), g.kinds.end(), NodeKind::not_gate) == 435);
  const I32 sizes = {38, 33, 68, 77, 66, 78, 61, 43, 41, 27, 22, 21, 22, 22, 18, 25, 27, 24, 18,
                     28, 26, 14, 12, 9,  9,  9,  7,  7,  8,  9,  9,  8,  9,  10, 12, 10, 9,  5,
                     5,  7,  7,  3,  3,  3,  4,  4,  4,  3,  3,  3,  3,  1,  1,  1,  1,  1,  1};
  const LevelGroups levels = group_by_level(forward_levels(g.graph.fanins()));
  REQUIRE(levels.levels() == static_cast<Index>(sizes.size()));
  for (Index l = 0; l < levels.levels(); ++l)
    CHECK(static_cast<std::int32_t>(levels[l].size()) == sizes[static_cast<std::size_t>(l)]);
  const I32 backward = backward_levels(g.graph.fanins());
  CHECK(*std::max_element(backward.begin(), backward.end()) == 56);
}

TEST_CASE("explicit NOT graph: what is not a circuit's graph is refused") {
  ExplicitNotGraph nots = explicit_not_graph(small_aig());
  nots.kinds[8] = NodeKind::and_gate;
  CHECK_THROWS_WITH_AS(to_aig(nots),
                       doctest::Contains("to_aig: wrong number of fan-ins of node: 8"), Error);
  nots.kinds[8] = NodeKind::output;
  CHECK_THROWS_AS(to_aig(nots), Error);
  nots = explicit_not_graph(small_aig());
  nots.outputs[0] = 9;
  CHECK_THROWS_WITH_AS(to_aig(nots), doctest::Contains("an output or next state is no node: 9"),
                       Error);
  nots.kinds.pop_back();
  CHECK_THROWS_AS(to_aig(nots), Error);
  nots = explicit_not_graph(small_aig());
  nots.next.push_back(0);
  CHECK_THROWS_AS(to_aig(nots), Error);
}
