#pragma once
/// @file  Graphs of the benchmarks, and the time that the machine needs at least for one pass over
///        their neighbours.

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include <cfm/graph/graph.hpp>
#include <cfm/io/file.hpp>

#include "probe.hpp"

namespace cfm::bench {

/// A circuit: nodes in topological order with two fan-ins, 70 % of them among the last 2000 nodes.
inline Graph circuit_graph(Index nodes) {
  Rng rng(7);
  std::vector<std::int64_t> offsets{0};
  std::vector<std::int32_t> columns;
  for (Index v = 0; v < nodes; ++v) {
    for (int i = 0; i < 2 && v > 0; ++i) {
      const auto reach =
          static_cast<std::uint64_t>(rng.uniform() < 0.7 ? std::min<Index>(v, 2000) : v);
      columns.push_back(static_cast<std::int32_t>(v - 1 - static_cast<Index>(rng.below(reach))));
    }
    offsets.push_back(static_cast<std::int64_t>(columns.size()));
  }
  return Graph::from_csr(offsets, columns);
}

/// A power law: R-MAT (.57, .19, .19, .05), nodes shuffled, about `edges` edges.
inline Graph power_law_graph(int log_nodes, Index edges) {
  Rng rng(11);
  const auto nodes = std::size_t{1} << log_nodes;
  std::vector<std::int32_t> name(nodes);
  std::iota(name.begin(), name.end(), 0);
  for (std::size_t i = nodes; i > 1; --i) std::swap(name[i - 1], name[rng.below(i)]);
  std::vector<std::int32_t> sources, targets;
  for (Index e = 0; e < edges; ++e) {
    std::size_t u = 0, v = 0;
    for (int bit = 0; bit < log_nodes; ++bit) {
      const double r = rng.uniform();
      u = 2 * u + (r >= 0.76 ? 1 : 0);
      v = 2 * v + ((r >= 0.57 && r < 0.76) || r >= 0.95 ? 1 : 0);
    }
    sources.push_back(name[u]);
    targets.push_back(name[v]);
  }
  return Graph::from_edges(static_cast<Index>(nodes), sources, targets);
}

/// Bytes a second of one thread that sums `rows` rows of `width` floats at random, in 2 MiB pages
/// where the system gives them, the best of several distances of prefetching.
inline double random_rows_rate(Index width, Index rows) {
  const Tensor table = Tensor::ones({rows, width});
  const float* const memory = table.data<float>();
  std::vector<std::int32_t> order(static_cast<std::size_t>(rows));
  std::iota(order.begin(), order.end(), 0);
  Rng rng(1);
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[rng.below(i)]);
  const std::int32_t* const at = order.data();
  double best = 1e30;
  for (const Index ahead : {8, 16, 32})
    best = std::min(best, fastest(2, [&] {
      Vector sum[2] = {};
      for (Index i = 0; i + ahead < rows; ++i) {
        const float* const next = memory + at[i + ahead] * width;
        for (Index c = 0; c < width; c += 16) __builtin_prefetch(next + c);
        const float* const row = memory + at[i] * width;
        for (Index c = 0; c + 2 * lanes <= width; c += 2 * lanes)
          for (Index k = 0; k < 2; ++k) {
            Vector v;
            __builtin_memcpy(&v, row + c + k * lanes, sizeof v);
            sum[k] += v;
          }
      }
      keep(sum);
    }));
  return 4.0 * static_cast<double>(rows * width) / best;
}

/// What one pass over all neighbours has to move: bytes in order, and rows at random. A row that
/// was read so shortly before that a 2 MiB cache still has it moves nothing. Of the others, those
/// within 2000 nodes of their reader are taken as read in order.
struct PassTraffic {
  double streamed = 0, random_rows = 0;
  Index width = 0, rows = 0;

  PassTraffic(const Graph& graph, Index columns, double edge_bytes = 0)
      : width(columns), rows(graph.nodes()) {
    const CsrView g = graph.fanins();
    const Index held = (Index{2} << 20) / (4 * width);
    std::vector<Index> last(static_cast<std::size_t>(rows), -held - 1);
    Index reads = 0;
    double in_order = 0;
    for (Index v = 0; v < rows; ++v)
      for (std::int32_t u : g[v]) {
        Index& before = last[static_cast<std::size_t>(u)];
        if (reads - before > held) ++(std::abs(v - u) <= 2000 ? in_order : random_rows);
        before = reads++;
      }
    streamed = 8.0 * static_cast<double>(rows) +
               (4 + edge_bytes) * static_cast<double>(g.edges()) +
               (in_order + static_cast<double>(rows)) * row_bytes();
  }

  double row_bytes() const { return 4.0 * static_cast<double>(width); }
  double bytes() const { return streamed + random_rows * row_bytes(); }
  /// Bytes a second at the limit: both probes are timed now.
  double limit() const {
    return bytes() / (streamed / stream_rate() +
                      random_rows * row_bytes() / random_rows_rate(width, rows));
  }
};

/// A graph in a file that peers in other processes read: nodes, edges, i64 offsets, i32 columns.
class GraphFile {
 public:
  GraphFile(const Graph& graph, const std::string& name)
      : path_((std::filesystem::temp_directory_path() / name).string()) {
    const CsrView g = graph.fanins();
    std::string bytes;
    const std::int64_t sizes[2] = {g.rows(), g.edges()};
    bytes.append(reinterpret_cast<const char*>(sizes), sizeof sizes);
    bytes.append(reinterpret_cast<const char*>(g.offsets.data()), g.offsets.size_bytes());
    bytes.append(reinterpret_cast<const char*>(g.columns.data()), g.columns.size_bytes());
    write_file_atomic(path_, bytes);
  }
  GraphFile(const GraphFile&) = delete;
  GraphFile& operator=(const GraphFile&) = delete;
  ~GraphFile() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace cfm::bench
