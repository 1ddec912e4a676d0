#include <cfm/circuit/gamora_graph.hpp>

#include <map>

#include <cfm/circuit/carry_save_multiplier.hpp>
#include <cfm/exec/thread_limit.hpp>
#include <cfm/graph/batch.hpp>

#include "../test.hpp"
#include "small_circuit.hpp"

using namespace cfm;
using test::I32;
using test::row;
using test::small_aig;

TEST_CASE("gamora graph: the published numbers of nodes and edges") {
  const std::map<std::size_t, std::pair<Index, Index>> table = {
      {2, {18, 28}},      {3, {51, 90}},      {4, {100, 184}},     {5, {165, 310}},
      {6, {246, 468}},    {8, {456, 880}},    {10, {730, 1420}},   {12, {1068, 2088}},
      {16, {1936, 3808}}, {24, {4440, 8784}}, {32, {7968, 15808}}, {64, {32320, 64384}}};
  for (const auto& [n, expected] : table) {
    const std::size_t bits = n;  // Clang 14 cannot capture a structured binding
    CAPTURE(bits);
    const GamoraGraph g = gamora_graph(carry_save_multiplier(n));
    CHECK(g.nodes() == expected.first);
    CHECK(g.graph.edges() == expected.second);
    CHECK(g.inputs + g.ands + g.outputs == g.nodes());
  }
}

TEST_CASE("gamora graph: rows and features") {
  Aig aig;
  const Literal a = aig.add_input(), b = aig.add_input();
  const Literal x = aig.add_and(!a, b), y = aig.add_and(!x, x), z = aig.add_and(y, literal_true);
  aig.add_output(!x);
  aig.add_output(z);
  aig.add_output(literal_true);
  const GamoraGraph g = gamora_graph(aig);  // a b x y z and three outputs
  CHECK(row(g.graph, 0).empty());
  CHECK(row(g.graph, 2) == I32{0, 1});
  CHECK(row(g.graph, 3) == I32{2});     // twice the same fan-in: one edge
  CHECK(row(g.graph, 4) == I32{3});     // a constant is no node
  CHECK(row(g.graph, 5) == I32{2, 5});  // the exporter's self loop
  CHECK(row(g.graph, 6) == I32{4, 5});
  CHECK(row(g.graph, 7) == I32{5});
  const std::vector<float> expected = {
      0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 1, 1, 0, 1,
      1, 1, 1, 0, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1};  // true is an inverted literal
  const Tensor x0 = g.features();
  CHECK(std::equal(expected.begin(), expected.end(), x0.data<float>()));
  const GamoraGraph plain = gamora_graph(aig, {.exporter_edges = false});
  CHECK(row(plain.graph, 5) == I32{2});
  CHECK(row(plain.graph, 7).empty());
  CHECK(gamora_graph(Aig()).nodes() == 0);
}

TEST_CASE("gamora graph: the same for any number of threads, and in a batch") {
  const Aig aig = carry_save_multiplier(64);
  const GamoraGraph expected = gamora_graph(aig);
  for (int threads : {1, 2, 3, 8}) {
    const ThreadLimit limit(threads);
    const GamoraGraph g = gamora_graph(aig);
    CHECK(g.graph == expected.graph);
    CHECK(std::equal(g.feature_bits.data<std::uint8_t>(),
                     g.feature_bits.data<std::uint8_t>() + g.nodes(),
                     expected.feature_bits.data<std::uint8_t>()));
  }
  const GraphBatch batch(std::vector<Graph>{expected.graph, gamora_graph(small_aig()).graph});
  CHECK(batch.split(0) == expected.graph);
}
