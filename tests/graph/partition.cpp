#include <cfm/graph/partition.hpp>

#include <cmath>

#include <cfm/graph/levelize.hpp>

#include "../test.hpp"
#include "random_graph.hpp"

using namespace cfm;
using namespace cfm::test;

namespace {

std::vector<double> run_in_parts(const Graph& g, const std::vector<double>& x,
                                 const PartitionOptions& options, int layers) {
  const Tensor all = Tensor::from(x, {static_cast<Index>(x.size()), 1});
  Tensor out = Tensor::zeros(all.shape(), DType::f64);
  std::vector<int> covered(x.size(), 0);
  for_each_part(g, options, [&](const Part& part) {
    if (options.max_nodes > 0) CHECK(part.graph.nodes() <= options.max_nodes);
    CHECK(static_cast<Index>(part.core.size()) <= options.core);
    CHECK(std::is_sorted(part.nodes.begin(), part.nodes.end()));
    for (const std::int32_t c : part.core)
      ++covered[static_cast<std::size_t>(part.nodes[static_cast<std::size_t>(c)])];
    const auto rows = part.rows(all).contiguous();
    const auto in = rows.span<double>();
    const auto y = small_network(part.graph, {in.begin(), in.end()}, layers,
                                 options.direction == Direction::both);
    part.put(out, Tensor::from(y, {static_cast<Index>(y.size()), 1}));
  });
  for (const int c : covered) CHECK(c == 1);
  return {out.span<double>().begin(), out.span<double>().end()};
}

}  // namespace

TEST_CASE("partition: k layers on parts with k hops of halo give the bits of the whole graph") {
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    const Graph g = make_dag(200, seed % 2 == 0 ? 15 : 150, seed);
    const auto x = random_values(200, seed);
    for (const int layers : {0, 1, 2, 5})
      for (const Direction direction : {Direction::fanins, Direction::both})
        for (const PartOrder order : {PartOrder::index, PartOrder::depth_first})
          for (const Index core : {1, 7, 64, 1000}) {
            const auto whole = small_network(g, x, layers, direction == Direction::both);
            CHECK(run_in_parts(
                      g, x, {.core = core, .halo = layers, .direction = direction, .order = order},
                      layers) == whole);
          }
    // A hop less is not enough: the test can fail.
    CHECK(run_in_parts(g, x, {.core = 7, .halo = 1}, 3) != small_network(g, x, 3));
  }
}

TEST_CASE("partition: cores are halved until a part fits; what cannot fit is named") {
  const Graph g = make_dag(300, 20, 5);
  const auto x = random_values(300, 1);
  CHECK(run_in_parts(g, x, {.core = 300, .halo = 3, .max_nodes = 40}, 3) == small_network(g, x, 3));
  const auto count = [&](Index limit) {
    return partition(g, {.core = 100, .halo = 2, .max_nodes = limit}).size();
  };
  CHECK(count(0) == 3);
  CHECK(count(60) > count(120));
  CHECK(error_of([&] { count(3); }).find("larger than max_nodes") != std::string::npos);
  CHECK_THROWS_AS(partition(g, {.core = 0}), Error);
  CHECK_THROWS_AS(partition(g, {.halo = -1}), Error);
  CHECK(partition(Graph()).empty());
}

TEST_CASE("partition: a topological order stays one, types stay with their edges") {
  const Graph g = make_dag(150, 30, 9, true);
  for (const Part& part : partition(g, {.core = 20, .halo = 2})) {
    for (Index v = 0; v < part.graph.nodes(); ++v)
      for (const std::int32_t u : part.graph.fanins()[v]) CHECK(u < v);
    CHECK(part.graph == induced_subgraph(g, part.nodes).graph);
  }
  const auto order = detail::depth_first_order(g);
  std::vector<int> at(150);
  for (std::size_t i = 0; i < 150; ++i)
    at[static_cast<std::size_t>(order[i])] = static_cast<int>(i);
  for (Index v = 0; v < 150; ++v)
    for (const std::int32_t u : g.fanins()[v])
      CHECK(at[static_cast<std::size_t>(u)] < at[static_cast<std::size_t>(v)]);
}

TEST_CASE("partition: cones of separate circuits need no halo in depth-first order") {
  // Two chains whose nodes alternate: by number every core of 50 reads outside, by cone none does.
  std::vector<std::int32_t> sources, targets;
  for (std::int32_t v = 2; v < 100; ++v) {
    sources.push_back(v - 2);
    targets.push_back(v);
  }
  const Graph g = Graph::from_edges(100, sources, targets);
  const auto sizes = [&](PartOrder order) {
    std::vector<Index> out;
    for (const Part& p : partition(g, {.core = 50, .halo = 4, .order = order}))
      out.push_back(p.graph.nodes());
    return out;
  };
  CHECK(sizes(PartOrder::depth_first) == std::vector<Index>{50, 50});
  CHECK(sizes(PartOrder::index) == std::vector<Index>{50, 58});
}
