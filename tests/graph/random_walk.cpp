#include <cfm/graph/random_walk.hpp>

#include <cmath>

#include <cfm/exec/thread_limit.hpp>

#include "../test.hpp"
#include "random_graph.hpp"

using namespace cfm;
using namespace cfm::test;

TEST_CASE("random walk: diagonals of the powers of the dense transition matrix") {
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    const Graph g = seed == 4 ? Graph::from_edges(3, std::vector<std::int32_t>{0, 1},
                                                  std::vector<std::int32_t>{0, 0})
                              : make_dag(40, 8, seed);  // the last one has a loop
    const auto n = static_cast<std::size_t>(g.nodes());
    const Graph both = undirected(g);
    std::vector<double> p(n * n, 0), power(n * n, 0), next(n * n);
    for (std::size_t v = 0; v < n; ++v) {
      const auto row = both.fanins()[static_cast<Index>(v)];
      for (const std::int32_t u : row)
        p[v * n + static_cast<std::size_t>(u)] = 1.0 / static_cast<double>(row.size());
      power[v * n + v] = 1;
    }
    for (const Index steps : {1, 6, 7}) {
      const Tensor y = random_walk_encoding(g, steps);
      CHECK(y.shape() == Shape{g.nodes(), steps});
      std::vector<double> now = power;
      for (Index k = 1; k <= steps; ++k) {
        std::fill(next.begin(), next.end(), 0.0);
        for (std::size_t i = 0; i < n; ++i)
          for (std::size_t j = 0; j < n; ++j)
            for (std::size_t l = 0; l < n; ++l) next[i * n + l] += now[i * n + j] * p[j * n + l];
        now = next;
        for (std::size_t v = 0; v < n; ++v)
          CHECK(std::abs(static_cast<double>(y.span<float>()[v * static_cast<std::size_t>(steps) +
                                                             static_cast<std::size_t>(k - 1)]) -
                         now[v * n + v]) < 1e-6);
      }
    }
  }
}

TEST_CASE("random walk: known returns on a cycle, and the same bits for any number of threads") {
  const Tensor y = random_walk_encoding(cycle_graph(6), 6);
  const float expected[] = {0, 0.5f, 0, 0.375f, 0, 0.34375f};  // C(2k, k) / 4^k, and once around
  for (std::size_t i = 0; i < 36; ++i)
    CHECK(std::abs(y.span<float>()[i] - expected[i % 6]) < 1e-6f);
  const Graph g = make_dag(2000, 40, 4);
  const auto run = [&](int threads) {
    const Tensor t = ThreadLimit(threads).run([&] { return random_walk_encoding(g, 8); });
    return std::vector<float>(t.span<float>().begin(), t.span<float>().end());
  };
  CHECK(run(1) == run(3));
  CHECK_THROWS_AS(random_walk_encoding(g, -1), Error);
}
