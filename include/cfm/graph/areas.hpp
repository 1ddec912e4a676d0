#pragma once
/// @file  Overlapping fan-in cones that cover a circuit, from its inputs upwards.

#include <cfm/graph/levelize.hpp>
#include <cfm/graph/subgraph.hpp>

CFM_NAMESPACE_BEGIN

/// How cone_areas places its roots.
struct AreaOptions {
  Index depth = 8;   ///< hops from a root to the rim of its cone
  Index stride = 6;  ///< levels between roots; less than the depth, so that areas overlap
  /// The published rule leaves out a node that every root is more than `depth` hops away from.
  /// With this such nodes become roots too, the deepest first, in groups of their own.
  bool cover_all = true;
};

/// One cone.
struct Area {
  std::int32_t root = 0;
  std::int32_t group = 0;           ///< areas of lower groups are processed first
  std::vector<std::int32_t> nodes;  ///< ascending, the root last
};

/// The areas of DeepGate4. Roots are all nodes of levels depth, depth + stride, ... below the
/// highest one, a group for each level; then, as one group, the sinks that are no root yet. An area
/// is what a root reaches along fan-ins within `depth` hops.
/// Errors:  Error if options are not positive, or there is a cycle.
/// Cost:    the sizes of all areas together.
/// Source:  Z. Zheng et al., "DeepGate4", ICLR 2025, section 3.2, and the code of its authors.
inline std::vector<Area> cone_areas(const Graph& graph, const AreaOptions& options = {}) {
  CFM_CHECK(options.depth > 0 && options.stride > 0, "areas: depth and stride must be positive",
            options.depth, options.stride);
  const LevelGroups levels = group_by_level(forward_levels(graph.fanins()));
  const auto nodes = detail::to_size(graph.nodes());
  NeighborhoodFinder find(graph);
  std::vector<bool> root(nodes, false), covered(nodes, false);
  std::vector<Area> areas;
  std::int32_t group = 0;
  const auto add = [&](std::int32_t v) {
    Area& area = areas.emplace_back();
    area.root = v;
    area.group = group;
    root[detail::to_size(v)] = true;
    for (const Reached& r : find(std::span(&v, 1), options.depth)) {
      if (r.node != v) area.nodes.push_back(r.node);
      covered[detail::to_size(r.node)] = true;
    }
    std::sort(area.nodes.begin(), area.nodes.end());
    area.nodes.push_back(v);
  };
  for (Index level = options.depth; level + 1 < levels.levels(); level += options.stride, ++group)
    for (const std::int32_t v : levels[level]) add(v);
  const CsrView out = graph.fanouts();
  const std::size_t before = areas.size();
  for (std::int32_t v = 0; detail::to_size(v) < nodes; ++v)
    if (out[v].empty() && !root[detail::to_size(v)]) add(v);
  if (areas.size() > before) ++group;
  for (Index level = levels.levels(); options.cover_all && level-- > 0;) {
    const std::size_t size = areas.size();
    for (const std::int32_t v : levels[level])
      if (!covered[detail::to_size(v)]) add(v);
    if (areas.size() > size) ++group;
  }
  return areas;
}

CFM_NAMESPACE_END
