#include <cfm/models/deepseq2_graph.hpp>

#include "golden.hpp"

using namespace cfm;

TEST_CASE("deepseq2 graph: nodes on cycles") {
  using enum NodeKind;
  // Latch 1 -> NOT 2 -> AND 3 -> latch 1, and a second way 2 -> NOT 4 -> AND 5 -> AND 3.
  const std::int32_t from[] = {1, 2, 5, 2, 4, 0}, to[] = {2, 3, 3, 4, 5, 5};
  const Graph g = Graph::from_edges(6, from, to);
  const std::vector<NodeKind> kinds{input, latch, not_gate, and_gate, not_gate, and_gate};
  const DeepSeq2Graph all = deepseq2_graph(g, kinds, {3});
  CHECK(all.cycles == std::vector<std::vector<std::int32_t>>{{1, 2, 3, 4, 5}});
  // The first path visits 3, so the second way is not seen.
  const DeepSeq2Graph some = deepseq2_graph(g, kinds, {3}, CycleRule::first_paths);
  CHECK(some.cycles == std::vector<std::vector<std::int32_t>>{{1, 2, 3}});
  CHECK(deepseq2_graph(g, kinds, {0}).cycles[0].empty());
  CHECK(deepseq2_graph(g, kinds, {-1}).cycles[0].empty());
  CHECK(all.inputs == std::vector<std::int32_t>{0});
  CHECK(test::error_of([&] { deepseq2_graph(g, kinds, {}); }).find("one driver") !=
        std::string::npos);
}
