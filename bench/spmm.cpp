/// @file  Aggregation over a circuit-like graph against Eigen's sparse product and the plain loop.
#include <benchmark/benchmark.h>

#include <Eigen/Sparse>

#include <cfm/exec/thread_limit.hpp>
#include <cfm/kernels/spmm.hpp>

#include "probe.hpp"

namespace {

using Sparse = Eigen::SparseMatrix<float, Eigen::RowMajor, std::int32_t>;
using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

struct Graph {
  std::vector<std::int64_t> offsets{0};
  std::vector<std::int32_t> columns;
  operator cfm::CsrView() const { return {offsets, columns}; }
};

// Nodes in topological order with two fan-ins, most of them near.
Graph circuit(cfm::Index nodes) {
  cfm::Rng rng(7);
  Graph out;
  for (cfm::Index v = 0; v < nodes; ++v) {
    for (int i = 0; i < 2 && v > 0; ++i) {
      const auto reach =
          static_cast<std::uint64_t>(rng.uniform() < 0.7 ? std::min<cfm::Index>(v, 2000) : v);
      out.columns.push_back(
          static_cast<std::int32_t>(v - 1 - static_cast<cfm::Index>(rng.below(reach))));
    }
    out.offsets.push_back(static_cast<std::int64_t>(out.columns.size()));
  }
  return out;
}

void plain(const cfm::CsrView& g, const Matrix& x, Matrix& y) {
  for (cfm::Index v = 0; v < g.rows(); ++v) {
    float* const out = y.data() + v * y.cols();
    std::fill_n(out, y.cols(), 0.0f);
    for (std::int32_t u : g[v])
      for (cfm::Index c = 0; c < y.cols(); ++c) out[c] += x.data()[u * x.cols() + c];
  }
}

void compare(const Graph& graph, cfm::Index width) {
  const cfm::CsrView g = graph;
  const cfm::Index n = g.rows();
  const Matrix x = Matrix::Random(n, width);
  Matrix ours(n, width), theirs(n, width), loop(n, width);
  std::vector<Eigen::Triplet<float, std::int32_t>> edges;
  for (cfm::Index v = 0; v < n; ++v)
    for (std::int32_t u : g[v]) edges.emplace_back(static_cast<std::int32_t>(v), u, 1.0f);
  Sparse a(static_cast<std::int32_t>(n), static_cast<std::int32_t>(n));
  a.setFromTriplets(edges.begin(), edges.end());
  const auto run = [&] {
    cfm::aggregate_sum(g, cfm::matrix_view(x.data(), n, width),
                       cfm::matrix_view(ours.data(), n, width));
  };
  const auto peer = [&] { theirs.noalias() = a * x; };
  run();
  peer();
  plain(g, x, loop);
  const auto size = static_cast<std::size_t>(ours.size());
  cfm::bench::verify("aggregate_sum", ours.data(), theirs.data(), size, 1e-5f);
  cfm::bench::verify("aggregate_sum", ours.data(), loop.data(), size, 1e-5f);
  const double bytes = static_cast<double>(g.edges() * (4 * width + 4) + n * (4 * width + 8));
  const double limit = cfm::bench::gather_rate(static_cast<std::size_t>(width));
  const double mine = bytes / cfm::bench::fastest(5, run);
  cfm::bench::report(cfm::concat("Eigen sparse, width ", width), mine,
                     bytes / cfm::bench::fastest(3, peer), limit, "GB/s");
  cfm::bench::report(cfm::concat("plain loop, width ", width), mine,
                     bytes / cfm::bench::fastest(3, [&] { plain(g, x, loop); }), limit, "GB/s");
}

void bm_aggregate(benchmark::State& state) {
  static const Graph graph = circuit(100000);
  const cfm::Index width = state.range(0);
  const Matrix x = Matrix::Random(100000, width);
  Matrix y(100000, width);
  for (auto _ : state) {
    cfm::aggregate_mean(graph, cfm::matrix_view(x.data(), 100000, width),
                        cfm::matrix_view(y.data(), 100000, width));
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<cfm::Index>(graph.columns.size()));
}
BENCHMARK(bm_aggregate)->Arg(4)->Arg(32)->Arg(64)->Arg(128);

}  // namespace

int main(int argc, char** argv) {
  cfm::ThreadLimit one(1);
  one.run([&] {
    const Graph graph = circuit(1000000);
    std::printf(
        "the limit is random rows alone; near rows come from the cache and may exceed it\n");
    for (cfm::Index width : {32, 64, 128}) compare(graph, width);
    benchmark::Initialize(&argc, argv);
    benchmark::RunSpecifiedBenchmarks();
  });
}
