#include <cfm/graph/batch.hpp>

#include <cfm/core/rng.hpp>

#include "../test.hpp"

using namespace cfm;
using I32 = std::vector<std::int32_t>;

namespace {

Graph random_graph(Index nodes, Index edges, std::uint64_t seed, bool typed) {
  Rng rng(seed);
  I32 sources, targets;
  std::vector<std::uint8_t> types;
  for (Index e = 0; e < edges; ++e) {
    sources.push_back(static_cast<std::int32_t>(rng.below(static_cast<std::uint64_t>(nodes))));
    targets.push_back(static_cast<std::int32_t>(rng.below(static_cast<std::uint64_t>(nodes))));
    if (typed) types.push_back(static_cast<std::uint8_t>(rng.below(3)));
  }
  return Graph::from_edges(nodes, sources, targets, types);
}

}  // namespace

TEST_CASE("batch: splitting gives the graphs back") {
  for (bool typed : {false, true}) {
    CAPTURE(typed);
    const std::vector<Graph> graphs = {random_graph(5, 9, 1, typed), random_graph(1, 0, 2, typed),
                                       Graph(), random_graph(40, 100, 3, typed)};
    const GraphBatch batch(graphs);
    CHECK(batch.size() == 4);
    CHECK(batch.graph().nodes() == 46);
    CHECK(batch.graph().edges() == 109);
    CHECK(batch.split() == graphs);
    CHECK(batch.graph_of(0) == 0);
    CHECK(batch.graph_of(4) == 0);
    CHECK(batch.graph_of(5) == 1);
    CHECK(batch.graph_of(6) == 3);
    CHECK(batch.graph_of(45) == 3);
  }
}

TEST_CASE("batch: no edge crosses from one graph to another") {
  const GraphBatch batch(
      std::vector<Graph>{random_graph(7, 30, 4, false), random_graph(9, 30, 5, false)});
  for (Index v = 0; v < batch.graph().nodes(); ++v)
    for (std::int32_t u : batch.graph().fanins()[v]) CHECK(batch.graph_of(u) == batch.graph_of(v));
}

TEST_CASE("batch: rows of a tensor go with their graph") {
  const GraphBatch batch(
      std::vector<Graph>{random_graph(2, 1, 4, false), random_graph(3, 1, 5, false)});
  const Tensor x = Tensor::of<float>({0, 1, 2, 3, 4});
  CHECK(batch.rows(x, 0).size() == 2);
  CHECK(batch.rows(x, 1).size() == 3);
  CHECK(batch.rows(x, 1).data<float>()[0] == 2);
  CHECK_THROWS_AS(batch.rows(Tensor::zeros({4}), 0), ShapeError);
  CHECK_THROWS_AS(batch.rows(Tensor(), 0), ShapeError);
}

TEST_CASE("batch: an empty batch, and what does not fit") {
  CHECK(GraphBatch().size() == 0);
  CHECK(GraphBatch(std::vector<Graph>{}).graph().nodes() == 0);
  CHECK(GraphBatch().split().empty());
  CHECK_THROWS_WITH_AS(
      GraphBatch(std::vector<Graph>{random_graph(3, 4, 1, true), random_graph(3, 4, 1, false)}),
      doctest::Contains("edges have types in some graphs only; graph: 1"), Error);
  CHECK_THROWS_AS(GraphBatch().split(0), Error);
  CHECK_THROWS_AS(GraphBatch().graph_of(0), Error);
}
