#include <cfm/circuit/hop_labels.hpp>

#include <cfm/circuit/generate_misc.hpp>
#include <cfm/exec/thread_limit.hpp>

#include "../test.hpp"

using namespace cfm;
using namespace cfm::test;

TEST_CASE("hop labels: pairs, members and tensors say what the hops say") {
  const ExplicitNotGraph g =
      explicit_not_graph(random_aig({.inputs = 9, .ands = 120, .window = 20}, Rng(3)));
  const auto hops = find_hops(g, draw_roots(g, 0.5, Rng(1)));
  REQUIRE(hops.size() > 20);
  const HopPairOptions options = {.pairs = 40, .edit = {.budget = 200}, .rng = Rng(4)};
  const HopPairs pairs = hop_pairs(g, hops, options);
  CHECK(pairs.first.size() == 40);
  double edits = 0;
  for (std::size_t i = 0; i < 40; ++i) {
    const auto a = static_cast<std::size_t>(pairs.first[i]),
               b = static_cast<std::size_t>(pairs.second[i]);
    CHECK(pairs.table_distance[i] == table_distance(hops[a], hops[b]));
    const Graph x = induced_subgraph(g.graph, hops[a].nodes).graph;
    const Graph y = induced_subgraph(g.graph, hops[b].nodes).graph;
    const auto d = static_cast<double>(graph_edit_distance(x, y, {.budget = 200}).distance);
    CHECK(pairs.edit_distance[i] == (a == b ? 0 : std::min(1.0, d / 31)));
    edits += pairs.edit_distance[i];
  }
  CHECK(edits > 1);
  const auto by_size =
      hop_pairs(g, hops, {.pairs = 40, .padded_nodes = 0, .edit = {.budget = 200}, .rng = Rng(4)});
  CHECK(by_size.first == pairs.first);
  CHECK(by_size.edit_distance != pairs.edit_distance);
  CHECK(ThreadLimit(3).run([&] { return hop_pairs(g, hops, options).edit_distance; }) ==
        pairs.edit_distance);
  CHECK(hop_pairs(g, {}, options).first.empty());

  const HopMembers members = hop_members(g, hops, 10, Rng(6));
  REQUIRE(members.node.size() == 20 * hops.size());
  for (std::size_t i = 0; i < members.node.size(); ++i) {
    const auto& nodes = hops[static_cast<std::size_t>(members.hop[i])].nodes;
    CHECK((std::find(nodes.begin(), nodes.end(), members.node[i]) != nodes.end()) ==
          (members.label[i] != 0));
    CHECK(members.hop[i] == static_cast<std::int32_t>(i / 20));
    CHECK(members.label[i] == (i % 20 < 10));
    CHECK(members.node[i] >= 0);
    CHECK(members.node[i] < g.nodes());
  }

  const HopTensors t = hop_tensors(hops);
  for (std::size_t h = 0; h < hops.size(); ++h) {
    const Hop& hop = hops[h];
    const std::size_t pad = 8 - hop.leaves.size();
    for (std::size_t i = 0; i < 8; ++i) {
      CHECK(t.leaves.span<std::int32_t>()[h * 8 + i] == (i < pad ? -1 : hop.leaves[i - pad]));
      CHECK(t.codes.span<std::int32_t>()[h * 8 + i] ==
            (i < pad ? -1 : static_cast<std::int32_t>(hop.codes[i - pad])));
    }
    for (std::size_t i = 0; i < 31; ++i)
      CHECK(t.nodes.span<std::int32_t>()[h * 31 + i] == (i < hop.nodes.size() ? hop.nodes[i] : -1));
    for (std::size_t i = 0; i < 64; ++i)
      CHECK(t.tables.span<float>()[h * 64 + i] == static_cast<float>(hop.table >> i & 1));
    CHECK(t.sizes.span<std::int32_t>()[h] == static_cast<std::int32_t>(hop.nodes.size()));
    CHECK(t.levels.span<std::int32_t>()[h] == hop.levels);
  }
  CHECK_THROWS_AS(hop_tensors(hops, 2), Error);
}
