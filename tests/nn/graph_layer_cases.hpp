#pragma once
/// @file  Laws that every graph layer keeps: renumbered nodes, batches, threads, gradients.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include <cfm/autograd/ops_shape.hpp>
#include <cfm/exec/thread_limit.hpp>
#include <cfm/graph/batch.hpp>

#include "module_cases.hpp"

namespace cfm::test {

/// A graph with a hub, a node without neighbours, a loop, a double edge and an edge both ways.
inline Graph odd_graph() {
  return Graph::from_edges(
      8, std::vector<std::int32_t>{0, 1, 2, 3, 4, 5, 0, 6, 2, 2, 5, 3},
      std::vector<std::int32_t>{6, 6, 6, 6, 6, 6, 1, 2, 4, 4, 5, 0},
      std::vector<std::uint8_t>{0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2});
}

inline double largest_difference(const Tensor& a, const Tensor& b) {
  const Tensor x = a.to(DType::f64).contiguous(), y = b.to(DType::f64).contiguous();
  if (!(x.shape() == y.shape())) return 1e30;
  double worst = 0;
  for (std::size_t i = 0; i < x.span<double>().size(); ++i)
    worst = std::max(worst, std::abs(x.span<double>()[i] - y.span<double>()[i]));
  return worst;
}

inline Tensor rows_of(const Tensor& x, const std::vector<std::int64_t>& rows) {
  Tensor out = Tensor::empty_like(x.contiguous());
  for (std::size_t i = 0; i < rows.size(); ++i)
    out.select(0, static_cast<Index>(i)).copy_from(x.select(0, rows[i]));
  return out;
}

/// run(graph, x, edges) on odd_graph() and on copies of it that say the same: nodes renumbered,
/// two in a batch. edges has one row an edge, or is undefined.
template <class Run>
void check_graph_layer(Index in, Index edge, const Run& run) {
  const Graph graph = odd_graph();
  const Index nodes = graph.nodes(), count = graph.edges();
  const Tensor x = noise({nodes, in}, 3), e = edge > 0 ? noise({count, edge}, 4) : Tensor();
  const Tensor y = run(graph, x, e);
  CHECK(largest_difference(y, Tensor::zeros(y.shape(), y.dtype())) > 1e-3);

  for (const int threads : {1, 2, 3, 8}) {
    ThreadLimit limit(threads);
    CHECK(limit.run([&] { return largest_difference(run(graph, x, e), y); }) == 0);
  }

  // Node v becomes to[v]; rows keep the order of their fan-ins.
  std::vector<std::int64_t> to(static_cast<std::size_t>(nodes)), from(to.size());
  for (std::size_t v = 0; v < to.size(); ++v) {
    to[v] = static_cast<std::int64_t>((v * 5 + 3) % to.size());
    from[static_cast<std::size_t>(to[v])] = static_cast<std::int64_t>(v);
  }
  std::vector<std::int32_t> sources, targets;
  std::vector<std::uint8_t> types;
  std::vector<std::int64_t> edge_from;
  const CsrView rows = graph.fanins();
  for (std::size_t w = 0; w < to.size(); ++w) {
    const auto v = static_cast<std::size_t>(from[w]);
    for (auto i = rows.offsets[v]; i < rows.offsets[v + 1]; ++i) {
      sources.push_back(static_cast<std::int32_t>(
          to[static_cast<std::size_t>(rows.columns[static_cast<std::size_t>(i)])]));
      targets.push_back(static_cast<std::int32_t>(w));
      types.push_back(graph.edge_types()[static_cast<std::size_t>(i)]);
      edge_from.push_back(i);
    }
  }
  const Graph moved = Graph::from_edges(nodes, sources, targets, types);
  const Tensor z = run(moved, rows_of(x, from), edge > 0 ? rows_of(e, edge_from) : Tensor());
  CHECK(largest_difference(rows_of(y, from), z) < 1e-12);

  const Graph both = GraphBatch(std::vector<Graph>{graph, graph}).graph();
  const Tensor twice = run(both, cat({Var(x), Var(noise({nodes, in}, 5))}).value(),
                           edge > 0 ? cat({Var(e), Var(e)}).value() : Tensor());
  CHECK(largest_difference(twice.slice(0, 0, nodes), y) < 1e-12);
}

}  // namespace cfm::test
