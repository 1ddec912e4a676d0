#pragma once
/// @file  Graphs in parts: every node is the core of one part, with a halo that a network of so
///        many layers reads.

#include <numeric>
#include <utility>

#include <cfm/graph/subgraph.hpp>

CFM_NAMESPACE_BEGIN

/// Which nodes become cores together.
enum class PartOrder : std::uint8_t {
  index,       ///< neighbours in number: circuits in topological order
  depth_first  ///< neighbours in a walk from the sinks along fan-ins: cones stay together
};

/// How a graph is cut.
struct PartitionOptions {
  Index core = 1 << 16;                     ///< nodes that a part answers for, at most
  Index halo = 2;                           ///< hops beyond the core: layers of the network
  Direction direction = Direction::fanins;  ///< what a layer reads
  PartOrder order = PartOrder::index;
  Index max_nodes = 0;  ///< core and halo together; cores are halved until they fit. 0: no limit
};

/// A part of a graph. Nodes are in ascending order of their numbers in the whole graph, so an
/// order that was topological still is, and the rows of nodes that are nearer to the core than the
/// halo's rim are complete.
struct Part {
  Graph graph;
  std::vector<std::int32_t> nodes;  ///< numbers in the whole graph, ascending
  std::vector<std::int32_t> core;   ///< places in `nodes` of those that this part answers for

  /// The rows of this part.   Shapes:  x [nodes of the whole graph, ...] -> [nodes, ...].
  Tensor rows(const Tensor& x) const { return rows_at(x, nodes); }

  /// Writes the core's rows of y [nodes, ...] to their places in out [whole graph, ...].
  void put(Tensor& out, const Tensor& y) const {
    std::vector<std::int32_t> targets(core.size());
    for (std::size_t i = 0; i < core.size(); ++i) targets[i] = nodes[detail::to_size(core[i])];
    put_rows(out, targets, rows_at(y, core));
  }
};

namespace detail {

// Every node after its fan-ins where there is no cycle, walked from the sinks, without recursion.
inline std::vector<std::int32_t> depth_first_order(const Graph& graph) {
  const CsrView in = graph.fanins(), out = graph.fanouts();
  const std::size_t nodes = to_size(graph.nodes());
  std::vector<std::int32_t> order;
  order.reserve(nodes);
  std::vector<bool> seen(nodes, false);
  std::vector<std::pair<std::int32_t, std::int64_t>> stack;  // node, its next edge
  const auto walk = [&](std::int32_t root) {
    const auto enter = [&](std::int32_t v) {
      if (seen[to_size(v)]) return;
      seen[to_size(v)] = true;
      stack.push_back({v, in.offsets[to_size(v)]});
    };
    enter(root);
    while (!stack.empty()) {
      auto& [v, edge] = stack.back();
      if (edge == in.offsets[to_size(v) + 1]) {
        order.push_back(v);
        stack.pop_back();
      } else {
        enter(in.columns[to_size(edge++)]);
      }
    }
  };
  for (std::int32_t v = 0; to_size(v) < nodes; ++v)
    if (out[v].empty()) walk(v);
  for (std::int32_t v = 0; to_size(v) < nodes; ++v) walk(v);  // what only cycles reach
  return order;
}

}  // namespace detail

/// Calls f(part) for one part after the other. Only one part exists at a time, so memory is that
/// of the largest part plus about 13 bytes for every node of the graph.
///
/// A network of `halo` layers whose layers read `direction` gives a core the rows that it gives the
/// whole graph. A layer that also reads a number of edges of its neighbours (the symmetric
/// normalisation, say) needs one hop more, or the number from the whole graph as a feature.
/// Order:   cores cover every node once, in the order of options.order; the same parts for any
///          number of threads.
/// Errors:  Error if options are out of range, or a core of one node does not fit max_nodes.
template <class F>
void for_each_part(const Graph& graph, const PartitionOptions& options, const F& f) {
  CFM_CHECK(options.core > 0, "partition: a core needs at least one node", options.core);
  CFM_CHECK(options.halo >= 0 && options.max_nodes >= 0,
            "partition: halo and max_nodes must not be negative", options.halo, options.max_nodes);
  const std::size_t nodes = detail::to_size(graph.nodes());
  std::vector<std::int32_t> order;
  if (options.order == PartOrder::depth_first) {
    order = detail::depth_first_order(graph);
  } else {
    order.resize(nodes);
    std::iota(order.begin(), order.end(), 0);
  }
  NeighborhoodFinder find(graph, options.direction);
  SubgraphCutter cut(graph);
  std::vector<std::pair<std::size_t, std::size_t>> waiting;  // ranges of `order`, next one last
  const std::size_t core = detail::to_size(options.core);
  for (std::size_t first = 0; first < nodes; first += core) {
    waiting.push_back({first, std::min(nodes, first + core)});
    while (!waiting.empty()) {
      const auto [begin, end] = waiting.back();
      waiting.pop_back();
      const auto seeds = std::span<const std::int32_t>(order).subspan(begin, end - begin);
      const auto found = find(seeds, options.halo);
      if (options.max_nodes > 0 && std::ssize(found) > options.max_nodes) {
        CFM_CHECK(end - begin > 1,
                  "partition: the halo of one node is larger than max_nodes (node, size, limit)",
                  seeds[0], found.size(), options.max_nodes);
        const std::size_t middle = begin + (end - begin) / 2;
        waiting.push_back({middle, end});
        waiting.push_back({begin, middle});
        continue;
      }
      Part part;
      part.nodes.resize(found.size());
      std::transform(found.begin(), found.end(), part.nodes.begin(),
                     [](const Reached& r) { return r.node; });
      std::vector<std::int32_t> cores(
          part.nodes.begin(), part.nodes.begin() + static_cast<std::ptrdiff_t>(end - begin));
      std::sort(part.nodes.begin(), part.nodes.end());
      std::sort(cores.begin(), cores.end());
      part.core.reserve(cores.size());
      for (std::size_t i = 0; part.core.size() < cores.size(); ++i)
        if (part.nodes[i] == cores[part.core.size()])
          part.core.push_back(static_cast<std::int32_t>(i));
      part.graph = cut(part.nodes).graph;
      f(std::as_const(part));
    }
  }
}

/// All parts at once, where there is memory for them.
inline std::vector<Part> partition(const Graph& graph, const PartitionOptions& options = {}) {
  std::vector<Part> parts;
  for_each_part(graph, options, [&](const Part& part) { parts.push_back(part); });
  return parts;
}

CFM_NAMESPACE_END
