#include <cfm/models/mgvga_graph.hpp>

#include <cfm/circuit/generate_multipliers.hpp>
#include <cfm/circuit/carry_save_multiplier.hpp>
#include <cfm/io/torch_zip.hpp>

#include "../test.hpp"

using namespace cfm;

TEST_CASE("insert_nots: every inverted edge gets a NOT of its own") {
  const Graph graph = Graph::from_edges(4, std::vector<std::int32_t>{0, 1, 2, 0, 2},
                                        std::vector<std::int32_t>{2, 2, 3, 3, 3},
                                        std::vector<std::uint8_t>{1, 0, 0, 1, 1});
  const MgvgaGraph g = insert_nots(graph, std::vector<std::uint8_t>{0, 0, 2, 1});
  CHECK(g.nodes() == 7);
  CHECK(g.graph.edges() == 8);
  CHECK(g.kinds == std::vector<std::uint8_t>{0, 0, 2, 1, 3, 3, 3});
  const CsrView rows = g.graph.fanins();
  const auto row = [&](Index v) { return std::vector<std::int32_t>(rows[v].begin(), rows[v].end()); };
  CHECK(row(2) == std::vector<std::int32_t>{4, 1});
  CHECK(row(3) == std::vector<std::int32_t>{2, 5, 6});
  CHECK(row(4) == std::vector<std::int32_t>{0});
  CHECK(row(5) == std::vector<std::int32_t>{0});
  CHECK(row(6) == std::vector<std::int32_t>{2});
  CHECK(g.tokens().span<std::int64_t>()[2] == 3);
  CHECK(g.classes().span<std::int64_t>()[2] == 2);
}

TEST_CASE("mgvga_graph: counts of a circuit") {
  const Aig aig = carry_save_multiplier(4);
  std::size_t inverted = 0;
  for (std::uint32_t v = aig.first_and(); v < aig.variables(); ++v)
    for (Literal l : aig.fanins(v)) inverted += l.inverted() ? 1u : 0u;
  for (Literal l : aig.output_literals()) inverted += l.inverted() ? 1u : 0u;
  const MgvgaGraph g = mgvga_graph(aig);
  const std::size_t plain = aig.inputs() + aig.ands() + aig.outputs();
  CHECK(inverted > 0);
  CHECK(static_cast<std::size_t>(g.nodes()) == plain + inverted);
  CHECK(static_cast<std::size_t>(g.graph.edges()) == 2 * aig.ands() + aig.outputs() + inverted);
  std::size_t kinds[4] = {};
  for (std::uint8_t k : g.kinds) ++kinds[k];
  CHECK(kinds[0] == aig.inputs());
  CHECK(kinds[1] == aig.outputs());
  CHECK(kinds[2] == aig.ands());
  CHECK(kinds[3] == inverted);
}

TEST_CASE("insert_nots: counts of the public sample, where its file is at hand") {
  const auto path = test::data_dir("checkpoints/mgvga_module_107598.pt");
  if (!path) return;
  const TorchFile file = read_torch(*path, {.records = true});
  const auto list = [&](const char* name) {
    std::vector<std::uint8_t> out;
    const TorchValue values = file.root[name];
    for (std::size_t i = 0; i < values.size(); ++i)
      out.push_back(static_cast<std::uint8_t>(values[i].integer()));
    return out;
  };
  const std::vector<std::uint8_t> kinds = list("node_type"), types = list("edge_type");
  const Tensor ends = file.root["edge_index"].tensor().to(DType::i32).contiguous();
  const Graph graph = Graph::from_edges(
      static_cast<Index>(kinds.size()), ends.select(0, 0).span<std::int32_t>(),
      ends.select(0, 1).span<std::int32_t>(), types);
  CHECK(graph.nodes() == 478);
  CHECK(graph.edges() == 586);
  const MgvgaGraph g = insert_nots(graph, kinds);
  CHECK(g.nodes() == 732);
  CHECK(g.graph.edges() == 840);
}

TEST_CASE("insert_nots: names what is wrong") {
  const Graph graph = Graph::from_edges(2, std::vector<std::int32_t>{0}, std::vector<std::int32_t>{1});
  CHECK(test::error_of([&] { insert_nots(graph, std::vector<std::uint8_t>{0}); })
            .starts_with("insert_nots: one kind for every node"));
  CHECK(test::error_of([&] { insert_nots(graph, std::vector<std::uint8_t>{0, 2}); })
            .starts_with("insert_nots: the edges have no types"));
}
