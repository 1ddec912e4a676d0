#include <cfm/circuit/edge_attribute_graph.hpp>

#include "../test.hpp"
#include "small_circuit.hpp"

using namespace cfm;
using test::I32;
using test::row;
using test::small_aig;

TEST_CASE("edge-attribute graph: inversions are on the edges") {
  const EdgeAttributeGraph g = edge_attribute_graph(small_aig());
  CHECK(g.nodes() == 7);
  CHECK(row(g.graph, 4) == I32{3, 2});
  CHECK(row(g.graph, 6) == I32{5});
  const auto t = g.graph.edge_types();
  CHECK(std::vector<int>(t.begin(), t.end()) == std::vector<int>{0, 0, 1, 0, 0, 1, 1});
}

TEST_CASE("edge-attribute graph: what is not a circuit's graph is refused") {
  EdgeAttributeGraph edges = edge_attribute_graph(small_aig());
  std::swap(edges.kinds[0], edges.kinds[3]);
  CHECK_THROWS_WITH_AS(to_aig(edges), doctest::Contains("to_aig: "), Error);
  edges = edge_attribute_graph(small_aig());
  edges.graph = Graph::from_csr(edges.graph.fanins().offsets, edges.graph.fanins().columns);
  CHECK_THROWS_WITH_AS(to_aig(edges), doctest::Contains("one inversion bit for every edge"), Error);
}
