#pragma once
/// @file  The order in which a level-wise network visits the nodes of a graph.

#include <array>
#include <optional>
#include <span>
#include <vector>

#include <cfm/graph/levelize.hpp>

CFM_NAMESPACE_BEGIN

/// What a node reads in a sweep.
enum class SweepDirection {
  fanins,  ///< from the inputs of a circuit to its outputs
  fanouts  ///< from its outputs to its inputs
};

/// The nodes of a graph, or of a batch of graphs, in groups of the same level and kind. A sweep
/// takes level after level; every source of a node lies on a lower level, so the nodes of a level
/// are independent of each other, and all graphs of a batch take their steps together. Made once
/// for as many sweeps as wanted; immutable, copies share the graph.
class LevelSchedule {
 public:
  /// The kind of nodes that sweeps leave as they are. Nodes of level 0 always are of this kind.
  static constexpr std::uint8_t fixed = 255;

  /// Nodes order()[begin .. end).
  struct Group {
    Index level = 0;
    std::uint8_t kind = fixed;
    Index begin = 0, end = 0;

    Index size() const { return end - begin; }
  };

  /// No nodes.
  LevelSchedule() = default;

  /// Levels are the longest paths from the sources of the direction, unless they are given.
  /// kinds[v] is the kind of node v: 0, 1 .., or `fixed`.
  /// Errors:  Error if there is not one kind (or level) for every node, a level is negative or not
  ///          below the number of nodes, an edge does not go up, or there is a cycle.
  /// Cost:    linear, without recursion.
  LevelSchedule(const Graph& graph, std::span<const std::uint8_t> kinds,
                SweepDirection direction = SweepDirection::fanins,
                std::span<const std::int32_t> levels = {});

  Index nodes() const { return rows_.nodes(); }
  /// One more than the largest kind.
  Index kinds() const { return kinds_; }
  Index levels() const { return static_cast<Index>(level_groups_.size()) - 1; }
  SweepDirection direction() const { return direction_; }

  /// Row v: the sources of node v in this direction.
  const Graph& rows() const { return rows_; }
  /// The place in the graph's fanins() of every edge of rows(); empty: the same place.
  std::span<const std::int64_t> edge_places() const {
    return direction_ == SweepDirection::fanins ? std::span<const std::int64_t>()
                                                : graph_.fanout_edges();
  }

  /// All nodes: by level, then by kind, then by number.
  std::span<const std::int32_t> order() const { return order_; }
  std::span<const Group> groups() const { return groups_; }
  /// The groups of a level; those of level 0 are `fixed`.
  std::span<const Group> groups(Index level) const {
    const auto at = static_cast<std::size_t>(level);
    return std::span(groups_).subspan(level_groups_[at], level_groups_[at + 1] - level_groups_[at]);
  }
  /// The nodes of a group, ascending.
  std::span<const std::int32_t> nodes_of(const Group& group) const {
    return std::span(order_).subspan(static_cast<std::size_t>(group.begin),
                                     static_cast<std::size_t>(group.size()));
  }

 private:
  Graph graph_, rows_;
  SweepDirection direction_ = SweepDirection::fanins;
  Index kinds_ = 0;
  std::vector<std::int32_t> order_;
  std::vector<Group> groups_;
  std::vector<std::size_t> level_groups_{0};
};

inline LevelSchedule::LevelSchedule(const Graph& graph, std::span<const std::uint8_t> kinds,
                                    SweepDirection direction, std::span<const std::int32_t> levels)
    : graph_(graph),
      rows_(direction == SweepDirection::fanins ? graph : transpose(graph)),
      direction_(direction) {
  const auto nodes = static_cast<std::size_t>(graph.nodes());
  CFM_CHECK(kinds.size() == nodes, "level schedule: one kind for every node", kinds.size(), nodes);
  std::vector<std::int32_t> longest;
  if (levels.empty()) {
    longest = direction == SweepDirection::fanins ? forward_levels(graph.fanins())
                                                  : backward_levels(graph.fanins());
    levels = longest;
  }
  CFM_CHECK(levels.size() == nodes, "level schedule: one level for every node", levels.size(),
            nodes);
  // Two stable counting sorts: by kind, then by level.
  std::array<std::size_t, 257> starts{};
  for (std::uint8_t kind : kinds) {
    ++starts[std::size_t{kind} + 1];
    if (kind != fixed) kinds_ = std::max(kinds_, Index{kind} + 1);
  }
  for (std::size_t k = 0; k + 1 < starts.size(); ++k) starts[k + 1] += starts[k];
  std::vector<std::int32_t> by_kind(nodes), level_of(nodes);
  for (std::size_t v = 0; v < nodes; ++v)
    by_kind[starts[kinds[v]]++] = static_cast<std::int32_t>(v);
  for (std::size_t i = 0; i < nodes; ++i)
    level_of[i] = levels[static_cast<std::size_t>(by_kind[i])];
  const LevelGroups sorted = group_by_level(level_of);
  order_.resize(nodes);
  for (std::size_t i = 0; i < nodes; ++i)
    order_[i] = by_kind[static_cast<std::size_t>(sorted.nodes[i])];

  const CsrView sources = rows_.fanins();
  for (std::size_t v = 0; v < nodes; ++v)
    for (std::int32_t u : sources[static_cast<Index>(v)])
      CFM_CHECK(levels[static_cast<std::size_t>(u)] < levels[v],
                "level schedule: an edge does not go up (from, to, their levels)", u, v,
                levels[static_cast<std::size_t>(u)], levels[v]);

  const auto kind_at = [&](Index level, Index i) {
    return level == 0 ? fixed
                      : kinds[static_cast<std::size_t>(order_[static_cast<std::size_t>(i)])];
  };
  for (Index level = 0; level < sorted.levels(); ++level) {
    const Index end = sorted.offsets[static_cast<std::size_t>(level) + 1];
    for (Index i = sorted.offsets[static_cast<std::size_t>(level)]; i < end;) {
      Group group{level, kind_at(level, i), i, i + 1};
      while (group.end < end && kind_at(level, group.end) == group.kind) ++group.end;
      i = group.end;
      groups_.push_back(group);
    }
    level_groups_.push_back(groups_.size());
  }
}

CFM_NAMESPACE_END
