#include <cfm/circuit/graphs.hpp>

#include <map>

#include <cfm/circuit/aiger.hpp>
#include <cfm/circuit/carry_save_multiplier.hpp>
#include <cfm/circuit/generate_misc.hpp>
#include <cfm/exec/thread_limit.hpp>
#include <cfm/graph/batch.hpp>

#include "../test.hpp"

using namespace cfm;
using I32 = std::vector<std::int32_t>;

namespace {

I32 row(const Graph& graph, Index v) {
  return {graph.fanins()[v].begin(), graph.fanins()[v].end()};
}

// f = !(!a & !((a b)' c)): the test graph of the literature.
Aig small_aig() {
  Aig aig;
  const Literal a = aig.add_input(), b = aig.add_input(), c = aig.add_input();
  const Literal x = aig.add_and(a, b), y = aig.add_and(!x, c), z = aig.add_and(!a, y);
  aig.add_output(!z);
  return aig;
}

}  // namespace

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

TEST_CASE("graphs: conversions lose nothing of a circuit without names") {
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    CAPTURE(seed);
    const RandomAigOptions options{
        .inputs = 1 + seed, .latches = seed % 3, .ands = 40 * seed, .hashed = seed % 2 == 0};
    Aig aig = random_aig(options, Rng(seed));
    aig.add_output(literal_true);
    aig.add_output(literal_false);
    const ExplicitNotGraph nots = explicit_not_graph(aig);
    CHECK(to_aig(nots) == aig);
    CHECK(nots.graph.edges() ==
          static_cast<Index>(2 * aig.ands()) +
              std::count(nots.kinds.begin(), nots.kinds.end(), NodeKind::not_gate));
    CHECK(to_aig(edge_attribute_graph(aig)) == aig);
  }
  for (std::size_t n : {1u, 2u, 8u}) {
    CHECK(to_aig(explicit_not_graph(carry_save_multiplier(n))) == carry_save_multiplier(n));
    CHECK(to_aig(edge_attribute_graph(carry_save_multiplier(n))) == carry_save_multiplier(n));
  }
  CHECK(to_aig(explicit_not_graph(Aig())) == Aig());
  CHECK(to_aig(edge_attribute_graph(Aig())) == Aig());
}

TEST_CASE(
    "graphs: the edge-attribute graph keeps constant fan-ins, the explicit-NOT graph refuses "
    "them") {
  Aig aig;
  const Literal a = aig.add_input();
  aig.add_output(aig.add_and(literal_true, !a));
  CHECK(to_aig(edge_attribute_graph(aig)) == aig);
  CHECK(edge_attribute_graph(aig).kinds.back() == NodeKind::constant);
  CHECK_THROWS_WITH_AS(explicit_not_graph(aig),
                       doctest::Contains("an AND reads a constant; strash first; variable: 2"),
                       Error);
}

TEST_CASE("graphs: what is not a circuit's graph is refused") {
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

  EdgeAttributeGraph edges = edge_attribute_graph(small_aig());
  std::swap(edges.kinds[0], edges.kinds[3]);
  CHECK_THROWS_WITH_AS(to_aig(edges), doctest::Contains("to_aig: "), Error);
  edges = edge_attribute_graph(small_aig());
  edges.graph = Graph::from_csr(edges.graph.fanins().offsets, edges.graph.fanins().columns);
  CHECK_THROWS_WITH_AS(to_aig(edges), doctest::Contains("one inversion bit for every edge"), Error);
}

TEST_CASE("edge-attribute graph: inversions are on the edges") {
  const EdgeAttributeGraph g = edge_attribute_graph(small_aig());
  CHECK(g.nodes() == 7);
  CHECK(row(g.graph, 4) == I32{3, 2});
  CHECK(row(g.graph, 6) == I32{5});
  const auto t = g.graph.edge_types();
  CHECK(std::vector<int>(t.begin(), t.end()) == std::vector<int>{0, 0, 1, 0, 0, 1, 1});
}

TEST_CASE("gamora graph: the published numbers of nodes and edges") {
  const std::map<std::size_t, std::pair<Index, Index>> table = {
      {2, {18, 28}},      {3, {51, 90}},      {4, {100, 184}},     {5, {165, 310}},
      {6, {246, 468}},    {8, {456, 880}},    {10, {730, 1420}},   {12, {1068, 2088}},
      {16, {1936, 3808}}, {24, {4440, 8784}}, {32, {7968, 15808}}, {64, {32320, 64384}}};
  for (const auto& [n, expected] : table) {
    CAPTURE(n);
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
