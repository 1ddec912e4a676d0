#pragma once
/// @file  Neighbour sampling: a bounded graph around some nodes.

#include <cfm/core/rng.hpp>
#include <cfm/graph/neighborhood.hpp>

CFM_NAMESPACE_BEGIN

/// How sample_neighbors draws.
struct SampleOptions {
  std::vector<Index> fanouts = {10, 10};    ///< neighbours kept for nodes at distance 0, 1, ...;
                                            ///< negative keeps all
  Direction direction = Direction::fanins;  ///< fanins or fanouts
  Rng rng = Rng(0);
};

/// A sampled graph. Rows list what was kept of the fan-ins (or fan-outs) of a node.
struct NeighborSample {
  Graph graph;
  std::vector<std::int32_t> nodes;  ///< numbers in the whole graph: seeds, then by distance
  std::vector<std::int64_t> edges;  ///< of each edge its place in the whole graph's rows
  Index seeds = 0;                  ///< the first so many nodes
};

/// Draws a graph around the seeds: of each node's neighbours at most so many, uniformly without
/// repetition, in the order of the row. A network of fanouts.size() layers on it estimates the rows
/// of the seeds, and equals the whole graph's where everything is kept.
/// Order:   a node's draw depends on the generator, its number and its distance alone: the same
///          for any number of threads, and whatever else is in the batch.
/// Errors:  Error if a seed is not a node or is listed twice, or the direction is `both`.
/// Cost:    the sampled edges, plus four bytes for every node of the graph.
/// Source:  W. Hamilton et al., "Inductive representation learning on large graphs", NeurIPS 2017,
///          section 3.1, with one graph for all layers.
inline NeighborSample sample_neighbors(const Graph& graph, std::span<const std::int32_t> seeds,
                                       const SampleOptions& options = {}) {
  CFM_CHECK(options.direction != Direction::both, "sample: one direction");
  const CsrView rows = options.direction == Direction::fanins ? graph.fanins() : graph.fanouts();
  NeighborSample out;
  out.seeds = static_cast<Index>(seeds.size());
  std::vector<std::int32_t> place(detail::to_size(graph.nodes()), -1);
  for (const std::int32_t seed : seeds) {
    CFM_CHECK(seed >= 0 && seed < graph.nodes(), "sample: no such node", seed, graph.nodes());
    CFM_CHECK(place[detail::to_size(seed)] < 0, "sample: a seed is listed twice", seed);
    place[detail::to_size(seed)] = static_cast<std::int32_t>(out.nodes.size());
    out.nodes.push_back(seed);
  }
  std::vector<std::int64_t> offsets{0};
  std::vector<std::int32_t> columns;
  std::size_t begin = 0;
  for (std::size_t hop = 0; hop < options.fanouts.size(); ++hop) {
    const std::size_t end = out.nodes.size();
    // Room for every draw first, so that nodes draw in parallel.
    std::vector<std::size_t> first(end - begin + 1, 0);
    const Index keep = options.fanouts[hop];
    for (std::size_t i = begin; i < end; ++i) {
      const std::size_t degree = rows[out.nodes[i]].size();
      first[i - begin + 1] =
          first[i - begin] + (keep < 0 ? degree : std::min(degree, detail::to_size(keep)));
    }
    std::vector<std::int64_t> drawn(first.back());
    parallel_for(static_cast<Index>(end - begin), 256, [&](Index from, Index to) {
      std::vector<std::int64_t> pool;
      for (Index i = from; i < to; ++i) {
        const std::int32_t v = out.nodes[begin + detail::to_size(i)];
        const std::size_t slot = first[detail::to_size(i)];
        const std::size_t count = first[detail::to_size(i) + 1] - slot;
        const std::size_t degree = rows[v].size();
        pool.resize(degree);
        for (std::size_t e = 0; e < degree; ++e)
          pool[e] = rows.offsets[detail::to_size(v)] + static_cast<std::int64_t>(e);
        if (count < degree) {  // the first steps of a shuffle
          Rng rng = options.rng.split(hop).split(detail::to_size(v));
          for (std::size_t e = 0; e < count; ++e)
            std::swap(pool[e], pool[e + rng.below(degree - e)]);
          std::sort(pool.begin(), pool.begin() + static_cast<std::ptrdiff_t>(count));
        }
        std::copy_n(pool.begin(), count, drawn.begin() + static_cast<std::ptrdiff_t>(slot));
      }
    });
    for (std::size_t i = begin; i < end; ++i) {
      for (std::size_t d = first[i - begin]; d < first[i - begin + 1]; ++d) {
        const std::int32_t u = rows.columns[detail::to_size(drawn[d])];
        std::int32_t& at = place[detail::to_size(u)];
        if (at < 0) {
          at = static_cast<std::int32_t>(out.nodes.size());
          out.nodes.push_back(u);
        }
        columns.push_back(at);
        out.edges.push_back(drawn[d]);
      }
      offsets.push_back(static_cast<std::int64_t>(columns.size()));
    }
    begin = end;
  }
  offsets.resize(out.nodes.size() + 1, offsets.back());  // the rim has no rows
  if (options.direction == Direction::fanouts) {
    const auto places = graph.fanout_edges();
    for (std::int64_t& e : out.edges) e = places[detail::to_size(e)];
  }
  std::vector<std::uint8_t> types;
  if (!graph.edge_types().empty())
    for (const std::int64_t e : out.edges) types.push_back(graph.edge_types()[detail::to_size(e)]);
  out.graph = Graph::from_csr(offsets, columns, types);
  return out;
}

CFM_NAMESPACE_END
