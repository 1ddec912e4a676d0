#include <cfm/graph/graph.hpp>

#include <algorithm>
#include <thread>

#include <cfm/core/rng.hpp>
#include <cfm/exec/thread_limit.hpp>

#include "../test.hpp"

using namespace cfm;
using I32 = std::vector<std::int32_t>;

namespace {

struct EdgeList {
  Index nodes = 0;
  std::vector<std::int32_t> sources, targets;
  std::vector<std::uint8_t> types;
};

EdgeList random_edges(Index nodes, Index edges, std::uint64_t seed) {
  EdgeList out{nodes, {}, {}, {}};
  Rng rng(seed);
  for (Index e = 0; e < edges; ++e) {
    out.sources.push_back(static_cast<std::int32_t>(rng.below(static_cast<std::uint64_t>(nodes))));
    out.targets.push_back(static_cast<std::int32_t>(rng.below(static_cast<std::uint64_t>(nodes))));
    out.types.push_back(static_cast<std::uint8_t>(rng.below(4)));
  }
  return out;
}

}  // namespace

TEST_CASE("graph: rows of an edge list keep its order") {
  for (Index nodes : {1, 2, 17, 300}) {
    for (Index edges : {0, 1, 50, 2000}) {
      CAPTURE(nodes);
      CAPTURE(edges);
      const EdgeList list = random_edges(nodes, edges, 3);
      const Graph graph = Graph::from_edges(nodes, list.sources, list.targets, list.types);
      REQUIRE(graph.nodes() == nodes);
      REQUIRE(graph.edges() == edges);
      std::size_t at = 0;
      for (Index v = 0; v < nodes; ++v) {
        std::size_t in_row = 0;
        for (std::size_t e = 0; e < list.sources.size(); ++e) {
          if (list.targets[e] != v) continue;
          REQUIRE(graph.fanins()[v][in_row++] == list.sources[e]);
          REQUIRE(graph.edge_types()[at++] == list.types[e]);
        }
        REQUIRE(graph.fanins()[v].size() == in_row);
      }
    }
  }
}

TEST_CASE("graph: fan-outs list every edge once, sorted, and know its place") {
  const EdgeList list = random_edges(97, 1000, 5);
  const Graph graph = Graph::from_edges(97, list.sources, list.targets, list.types);
  const CsrView in = graph.fanins(), out = graph.fanouts();
  CHECK(out.edges() == in.edges());
  std::size_t e = 0;
  for (Index u = 0; u < out.rows(); ++u) {
    CHECK(std::is_sorted(out[u].begin(), out[u].end()));
    for (std::int32_t v : out[u]) {
      const auto place = static_cast<std::size_t>(graph.fanout_edges()[e++]);
      REQUIRE(in.columns[place] == u);
      REQUIRE(in.offsets[static_cast<std::size_t>(v)] <= static_cast<std::int64_t>(place));
      REQUIRE(static_cast<std::int64_t>(place) < in.offsets[static_cast<std::size_t>(v) + 1]);
    }
  }
  std::vector<std::int64_t> places(graph.fanout_edges().begin(), graph.fanout_edges().end());
  std::sort(places.begin(), places.end());
  for (std::size_t i = 0; i < places.size(); ++i)
    REQUIRE(places[i] == static_cast<std::int64_t>(i));
}

TEST_CASE("graph: transposing twice sorts the rows and changes nothing else") {
  const EdgeList list = random_edges(64, 500, 9);
  const Graph graph = Graph::from_edges(64, list.sources, list.targets, list.types);
  const Graph back = transpose(transpose(graph));
  CHECK(transpose(transpose(back)) == back);
  for (Index v = 0; v < 64; ++v) {
    const auto pairs = [&](const Graph& g) {
      std::vector<std::pair<std::int32_t, int>> out;
      const auto begin = static_cast<std::size_t>(g.fanins().offsets[static_cast<std::size_t>(v)]);
      for (std::size_t i = 0; i < g.fanins()[v].size(); ++i)
        out.push_back({g.fanins()[v][i], g.edge_types()[begin + i]});
      std::sort(out.begin(), out.end());
      return out;
    };
    REQUIRE(pairs(graph) == pairs(back));
  }
}

TEST_CASE("graph: an empty graph is a graph") {
  const Graph graph;
  CHECK(graph.nodes() == 0);
  CHECK(graph.edges() == 0);
  CHECK(graph.fanouts().rows() == 0);
  CHECK(graph.edge_types().empty());
  CHECK(graph == Graph::from_edges(0, {}, {}));
  CHECK(Graph::from_edges(3, {}, {}).nodes() == 3);
  CHECK_FALSE(graph == Graph::from_edges(3, {}, {}));
}

TEST_CASE("graph: threads that ask for the transpose at once all get it") {
  const EdgeList list = random_edges(2000, 20000, 11);
  const Graph graph = Graph::from_edges(2000, list.sources, list.targets);
  std::vector<const std::int32_t*> seen(8);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < seen.size(); ++t)
    threads.emplace_back([&, t] { seen[t] = graph.fanouts().columns.data(); });
  for (std::thread& t : threads) t.join();
  for (const std::int32_t* p : seen) CHECK(p == seen[0]);
  const Graph copy = graph;
  CHECK(copy.fanouts().columns.data() == seen[0]);  // copies share
}

TEST_CASE("graph: what is not a graph is an error") {
  using I64 = std::vector<std::int64_t>;
  CHECK_THROWS_WITH_AS(
      Graph::from_edges(3, I32{0, 3}, I32{1, 1}),
      doctest::Contains("an edge ends at no node (edge, source, target, nodes): 1, 3, 1, 3"),
      Error);
  CHECK_THROWS_WITH_AS(Graph::from_edges(3, I32{0}, I32{-1}), doctest::Contains("no node"), Error);
  CHECK_THROWS_WITH_AS(Graph::from_edges(3, I32{0, 1}, I32{1}),
                       doctest::Contains("one source for every target"), Error);
  CHECK_THROWS_WITH_AS(Graph::from_edges(3, I32{0}, I32{1}, std::vector<std::uint8_t>{1, 2}),
                       doctest::Contains("one type for every edge"), Error);
  CHECK_THROWS_AS(Graph::from_edges(-1, {}, {}), Error);
  CHECK_THROWS_WITH_AS(Graph::from_csr(I64{0, 2, 1}, I32{0}),
                       doctest::Contains("offsets decrease at node"), Error);
  CHECK_THROWS_WITH_AS(Graph::from_csr(I64{0, 1}, I32{1}), doctest::Contains("ends at no node"),
                       Error);
  CHECK_THROWS_WITH_AS(Graph::from_csr(I64{0, 1}, I32{}), doctest::Contains("must run from 0"),
                       Error);
  CHECK_THROWS_WITH_AS(Graph::from_csr(I64{1, 1}, I32{0}), doctest::Contains("must run from 0"),
                       Error);
  CHECK_THROWS_AS(Graph::from_csr(I64{}, I32{}), ShapeError);
  CHECK_THROWS_AS(Graph::from_csr(Tensor::zeros({2}, DType::i32), Tensor::zeros({0}, DType::i32)),
                  TypeError);
}

TEST_CASE("graph: an offset past the columns is found before it is used") {
  // The row in the middle would read far outside; the ends look right.
  CHECK_THROWS_AS(
      Graph::from_csr(std::vector<std::int64_t>{0, 1000000, 1}, std::vector<std::int32_t>{0}),
      Error);
}
