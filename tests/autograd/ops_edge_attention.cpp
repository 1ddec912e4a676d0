#include <cfm/autograd/ops_edge_attention.hpp>

#include "check.hpp"

using namespace cfm;
using namespace cfm::test;

namespace {

// Isolated nodes, a self loop, parallel edges, and a node with more edges than a block has.
Graph attention_graph(int hub = 0) {
  std::vector<std::int32_t> sources{0, 1, 2, 4, 2, 3, 0, 4, 3}, targets{1, 2, 3, 3, 3, 3, 2, 0, 4};
  for (int i = 0; i < hub; ++i) {
    sources.push_back(i % 6);
    targets.push_back(5);
  }
  return Graph::from_edges(7, sources, targets);
}

}  // namespace

TEST_CASE("edge_attention: gradients of every score, both directions, features of edges") {
  for (const Neighbours& graph : {fanins_of(attention_graph()), fanouts_of(attention_graph())}) {
    const Index e = graph.edges();
    check_gradients(
        [&](const std::vector<Var>& v) {
          return edge_attention(graph, v[0], v[1], v[2], AdditiveScore{0.3});
        },
        {spread({7, 2}, 1), random({7, 2}, 2), random({7, 2, 3}, 3)});
    check_gradients(
        [&](const std::vector<Var>& v) {
          return edge_attention(graph, v[0], v[1], v[2], AdditiveScore{1},
                                {.edge_key = v[3], .edge_value = v[4]});
        },
        {spread({7, 2}, 1), random({7, 2}, 2), random({7, 2, 3}, 3), random({e, 2}, 4),
         random({e, 2, 3}, 5)});
    const Tensor factor = random({e, 3}, 9, 0, 2);
    check_gradients(
        [&](const std::vector<Var>& v) {
          return edge_attention(graph, v[0], v[1], v[2], LeakyDotScore{0.2},
                                {.weight = v[3], .edge_key = v[4], .factor = factor});
        },
        {random({7, 3, 2}, 1), random({7, 3, 2}, 2), random({7, 3, 1}, 3), random({3, 2}, 4),
         random({e, 3, 2}, 5)});
    check_gradients(
        [&](const std::vector<Var>& v) {
          return edge_attention(graph, v[0], v[1], v[2], DotScore{},
                                {.edge_key = v[3], .edge_value = v[4]});
        },
        {random({7, 2, 5}, 1), random({7, 2, 5}, 2), random({7, 2, 4}, 3), random({e, 2, 5}, 4),
         random({e, 2, 4}, 5)});
  }
}
