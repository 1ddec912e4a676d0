#pragma once
/// @file  Labels of hops: pairs with distances, membership, and all of a circuit's hops as tensors.

#include <cfm/circuit/hops.hpp>

CFM_NAMESPACE_BEGIN

/// How hop_pairs draws.
struct HopPairOptions {
  Index pairs = 2000;  ///< at most; and at most a tenth of all ordered pairs
  /// What an edit distance is divided by, before it is cut at 1: the size of the padded lists of
  /// nodes (31 for depth 4), as the data files have it; 0: the larger of the two hops.
  Index padded_nodes = 31;
  EditDistanceOptions edit = {};
  Rng rng = Rng(0);
};

/// Pairs of hops.
struct HopPairs {
  std::vector<std::int32_t> first, second;  ///< numbers of hops; a hop may meet itself
  std::vector<double> edit_distance;        ///< of their graphs, in 0 .. 1
  std::vector<double> table_distance;       ///< of their truth tables, in 0 .. 1
};

/// Draws pairs of hops with their distances.   Order:  the same for any number of threads.
inline HopPairs hop_pairs(const ExplicitNotGraph& graph, std::span<const Hop> hops,
                          const HopPairOptions& options = {}) {
  CFM_CHECK(options.pairs >= 0 && options.padded_nodes >= 0,
            "hop_pairs: counts must not be negative", options.pairs, options.padded_nodes);
  HopPairs out;
  SubgraphCutter cut(graph.graph);
  std::vector<Graph> shapes;
  for (const Hop& hop : hops) shapes.push_back(cut(hop.nodes).graph);
  Rng rng = options.rng;
  const auto count = std::min(options.pairs, static_cast<Index>(hops.size() * hops.size() / 10));
  for (Index i = 0; i < count; ++i) {
    out.first.push_back(static_cast<std::int32_t>(rng.below(hops.size())));
    out.second.push_back(static_cast<std::int32_t>(rng.below(hops.size())));
  }
  out.edit_distance.resize(detail::to_size(count));
  out.table_distance.resize(detail::to_size(count));
  parallel_for(count, 8, [&](Index begin, Index end) {
    for (auto i = detail::to_size(begin); i < detail::to_size(end); ++i) {
      const auto a = detail::to_size(out.first[i]), b = detail::to_size(out.second[i]);
      out.table_distance[i] = table_distance(hops[a], hops[b]);
      const auto edits =
          a == b ? 0 : graph_edit_distance(shapes[a], shapes[b], options.edit).distance;
      const Index size = options.padded_nodes > 0 ? options.padded_nodes
                                                  : std::max(shapes[a].nodes(), shapes[b].nodes());
      out.edit_distance[i] = std::min(1.0, static_cast<double>(edits) / static_cast<double>(size));
    }
  });
  return out;
}

/// Pairs of a node and a hop, and whether the node belongs to it.
struct HopMembers {
  std::vector<std::int32_t> node, hop;
  std::vector<std::uint8_t> label;
};

/// Draws for each hop so many of its nodes, then as many others, with repetition.
inline HopMembers hop_members(const ExplicitNotGraph& graph, std::span<const Hop> hops,
                              Index per_hop = 10, const Rng& rng = Rng(0)) {
  HopMembers out;
  const auto add = [&](std::int32_t node, std::size_t hop, std::uint8_t label) {
    out.node.push_back(node);
    out.hop.push_back(static_cast<std::int32_t>(hop));
    out.label.push_back(label);
  };
  for (std::size_t h = 0; h < hops.size(); ++h) {
    Rng draw = rng.split(h);
    std::vector<std::int32_t> members = hops[h].nodes;
    for (Index i = 0; i < per_hop; ++i) add(members[draw.below(members.size())], h, 1);
    std::sort(members.begin(), members.end());
    const auto others = detail::to_size(graph.nodes()) - members.size();
    for (Index i = 0; others > 0 && i < per_hop; ++i) {
      // The k-th node that is no member.
      auto node = static_cast<std::int32_t>(draw.below(others));
      for (const std::int32_t m : members) node += m <= node;
      add(node, h, 0);
    }
  }
  return out;
}

/// All hops of a circuit as tensors, padded as the models take them.
struct HopTensors {
  Tensor leaves;  ///< i32[hops, max_leaves]: nodes, -1 in front of them
  Tensor codes;   ///< i32[hops, max_leaves]: LeafCode, -1 in front of them
  Tensor nodes;   ///< i32[hops, max_nodes]: nodes, the root last, -1 behind them
  Tensor tables;  ///< f32[hops, 64]: the bits of the truth tables
  Tensor sizes;   ///< i32[hops]: nodes
  Tensor levels;  ///< i32[hops]
};

/// Errors:  Error if a hop has more leaves or nodes than there is room for.
inline HopTensors hop_tensors(std::span<const Hop> hops, Index max_leaves = 8,
                              Index max_nodes = 31) {
  const auto n = static_cast<Index>(hops.size());
  HopTensors out{Tensor::full({n, max_leaves}, -1, DType::i32),
                 Tensor::full({n, max_leaves}, -1, DType::i32),
                 Tensor::full({n, max_nodes}, -1, DType::i32),
                 Tensor::empty({n, 64}),
                 Tensor::empty({n}, DType::i32),
                 Tensor::empty({n}, DType::i32)};
  const auto leaves = out.leaves.span<std::int32_t>(), codes = out.codes.span<std::int32_t>();
  const auto nodes = out.nodes.span<std::int32_t>(), sizes = out.sizes.span<std::int32_t>();
  const auto levels = out.levels.span<std::int32_t>();
  const auto tables = out.tables.span<float>();
  const std::size_t wide = detail::to_size(max_leaves), long_row = detail::to_size(max_nodes);
  for (std::size_t h = 0; h < hops.size(); ++h) {
    const Hop& hop = hops[h];
    CFM_CHECK(hop.leaves.size() <= wide && hop.nodes.size() <= long_row,
              "hop_tensors: a hop with more leaves or nodes than there is room for", h,
              hop.leaves.size(), hop.nodes.size());
    const std::size_t front = (h + 1) * wide - hop.leaves.size();
    for (std::size_t i = 0; i < hop.leaves.size(); ++i) {
      leaves[front + i] = hop.leaves[i];
      codes[front + i] = static_cast<std::int32_t>(hop.codes[i]);
    }
    for (std::size_t i = 0; i < hop.nodes.size(); ++i) nodes[h * long_row + i] = hop.nodes[i];
    for (std::size_t i = 0; i < 64; ++i)
      tables[h * 64 + i] = static_cast<float>(hop.table >> i & 1);
    sizes[h] = static_cast<std::int32_t>(hop.nodes.size());
    levels[h] = hop.levels;
  }
  return out;
}

CFM_NAMESPACE_END
