#include <cfm/graph/laplacian.hpp>

#include <numbers>

#include <cfm/exec/thread_limit.hpp>

#include "../test.hpp"
#include "random_graph.hpp"

using namespace cfm;
using namespace cfm::test;

namespace {

// The largest |L v - lambda v| and |V^T V - I| element.
std::pair<double, double> errors(const Graph& g, const LaplacianEigenvectors& e, std::size_t kept) {
  const Graph both = undirected(g);
  const auto n = static_cast<std::size_t>(g.nodes());
  const auto count = static_cast<std::size_t>(e.vectors.size(1));
  const auto x = [&](std::size_t v, std::size_t j) {
    return static_cast<double>(e.vectors.span<float>()[v * count + j]);
  };
  double residual = 0, angle = 0;
  for (std::size_t j = 0; j < kept; ++j) {
    for (std::size_t v = 0; v < n; ++v) {
      const auto row = both.fanins()[static_cast<Index>(v)];
      double lx = row.empty() ? 0 : x(v, j);
      for (const std::int32_t u : row)
        lx -= x(static_cast<std::size_t>(u), j) /
              std::sqrt(static_cast<double>(row.size() * both.fanins()[u].size()));
      residual = std::max(residual, std::abs(lx - e.values.span<double>()[j] * x(v, j)));
    }
    for (std::size_t i = 0; i <= j; ++i) {
      double dot = i == j ? -1 : 0;
      for (std::size_t v = 0; v < n; ++v) dot += x(v, i) * x(v, j);
      angle = std::max(angle, std::abs(dot));
    }
  }
  return {residual, angle};
}

}  // namespace

TEST_CASE("laplacian: the known spectra of paths and cycles, direct and iterated") {
  for (const std::int32_t n : {5, 40, 64, 700}) {
    const Graph path = path_graph(n), ring = cycle_graph(n);
    const auto count = std::min<Index>(9, n);
    const LaplacianEigenvectors p = laplacian_eigenvectors(path, {.count = count});
    const LaplacianEigenvectors r = laplacian_eigenvectors(ring, {.count = count});
    for (Index k = 0; k < count; ++k) {
      const auto i = static_cast<std::size_t>(k);
      // A path: 1 - cos(pi k / (n - 1)); a cycle: 1 - cos(2 pi ceil(k / 2) / n), each but 0 twice.
      CHECK(std::abs(p.values.span<double>()[i] -
                     (1 - std::cos(std::numbers::pi * static_cast<double>(k) / (n - 1)))) < 1e-9);
      CHECK(std::abs(r.values.span<double>()[i] -
                     (1 - std::cos(2 * std::numbers::pi * static_cast<double>((k + 1) / 2) / n))) <
            1e-9);
    }
    for (const auto& [graph, e] : {std::pair(path, p), std::pair(ring, r)}) {
      const auto [residual, angle] = errors(graph, e, static_cast<std::size_t>(count));
      CHECK(residual < 1e-6);
      CHECK(angle < 1e-5);
    }
  }
}

TEST_CASE("laplacian: iteration agrees with the direct solution on circuits and in pieces") {
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    const Graph g = make_dag(120, 20, seed);
    const LaplacianEigenvectors direct =
        laplacian_eigenvectors(g, {.count = 6, .dense_below = 1000});
    const LaplacianEigenvectors found = laplacian_eigenvectors(g, {.count = 6, .dense_below = 0});
    for (std::size_t i = 0; i < 6; ++i)
      CHECK(std::abs(direct.values.span<double>()[i] - found.values.span<double>()[i]) < 1e-9);
    const auto [residual, angle] = errors(g, found, 6);
    CHECK(residual < 1e-6);
    CHECK(angle < 1e-5);
  }
  // 300 separate edges and 40 lone nodes: more zeros than vectors.
  std::vector<std::pair<std::int32_t, std::int32_t>> edges;
  for (std::int32_t v = 0; v < 600; v += 2) edges.push_back({v, v + 1});
  const LaplacianEigenvectors zero = laplacian_eigenvectors(both_ways(640, edges), {.count = 5});
  for (const double value : zero.values.span<double>()) CHECK(value < 1e-9);
}

TEST_CASE("laplacian: signs are fixed, too few nodes give zeros, no convergence is an error") {
  const LaplacianEigenvectors e = laplacian_eigenvectors(path_graph(3), {.count = 5});
  CHECK(e.vectors.shape() == Shape{3, 5});
  for (std::size_t v = 0; v < 3; ++v)
    for (std::size_t j = 3; j < 5; ++j) CHECK(e.vectors.span<float>()[v * 5 + j] == 0);
  for (std::size_t j = 0; j < 3; ++j) {
    float largest = 0;
    for (std::size_t v = 0; v < 3; ++v) {
      const float x = e.vectors.span<float>()[v * 5 + j];
      if (std::abs(x) > std::abs(largest) * 1.00001f) largest = x;
    }
    CHECK(largest > 0);
  }
  const Graph g = make_dag(400, 30, 2);
  const auto run = [&](int threads) {
    const Tensor t = ThreadLimit(threads).run([&] { return laplacian_eigenvectors(g).vectors; });
    return std::vector<float>(t.span<float>().begin(), t.span<float>().end());
  };
  CHECK(run(1) == run(3));
  CHECK(error_of<NumericError>([&] {
          laplacian_eigenvectors(g, {.tolerance = 1e-30, .max_rounds = 2});
        }).find("not converged") != std::string::npos);
  CHECK_THROWS_AS(laplacian_eigenvectors(g, {.count = -1}), Error);
  CHECK(laplacian_eigenvectors(Graph(), {.count = 2}).vectors.shape() == Shape{0, 2});
}
