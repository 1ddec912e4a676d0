#include <cfm/nn/self_loops.hpp>

#include "../test.hpp"
#include "graph_layer_cases.hpp"

using namespace cfm;

TEST_CASE("self loops: old ones go, new ones come last") {
  const Graph graph = Graph::from_edges(3, std::vector<std::int32_t>{1, 0, 2, 1},
                                        std::vector<std::int32_t>{0, 0, 1, 1});
  const SelfLoops loops = with_self_loops(graph);
  const auto columns = loops.graph.fanins().columns;
  CHECK(std::vector<std::int32_t>(columns.begin(), columns.end()) ==
        std::vector<std::int32_t>{1, 0, 2, 1, 2});
  CHECK(loops.edges == std::vector<std::int64_t>{0, -1, 2, -1, -1});
  const Tensor targets = edge_targets(loops.graph);
  const auto to = targets.span<std::int32_t>();
  CHECK(std::vector<std::int32_t>(to.begin(), to.end()) ==
        std::vector<std::int32_t>{0, 0, 1, 1, 2});
}

TEST_CASE("self loops: a new loop has the mean of its node's edges") {
  const Graph graph = Graph::from_edges(3, std::vector<std::int32_t>{1, 2, 0, 2},
                                        std::vector<std::int32_t>{0, 0, 0, 1});
  const Tensor edges = Tensor::of<double>({1, 5, 100, 7}).reshape({4, 1});
  const Tensor all = with_self_loops(with_self_loops(graph), Var(edges)).value();
  const auto e = all.span<double>();
  CHECK(std::vector<double>(e.begin(), e.end()) == std::vector<double>{1, 5, 3, 7, 7, 0});
}
