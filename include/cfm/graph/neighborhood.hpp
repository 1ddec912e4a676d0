#pragma once
/// @file  The nodes within k hops of some nodes, with their distances.

#include <span>
#include <vector>

#include <cfm/graph/graph.hpp>

CFM_NAMESPACE_BEGIN

/// Which way a walk over a graph goes.
enum class Direction : std::uint8_t {
  fanins,   ///< from a gate to what it reads
  fanouts,  ///< from a gate to what reads it
  both      ///< edges without a direction
};

/// A node that a walk found.
struct Reached {
  std::int32_t node = 0;
  std::int32_t distance = 0;  ///< hops from the nearest seed
  friend bool operator==(const Reached&, const Reached&) = default;
};

namespace detail {

template <class I>
constexpr std::size_t to_size(I i) {
  return static_cast<std::size_t>(i);
}

}  // namespace detail

/// Finds neighbourhoods, many of one graph, each at the cost of its own size. One finder serves
/// one thread.
class NeighborhoodFinder {
 public:
  explicit NeighborhoodFinder(const Graph& graph, Direction direction = Direction::fanins)
      : graph_(graph), direction_(direction), stamp_(detail::to_size(graph.nodes()), 0) {}

  /// The seeds (distance 0, in their order, each once), then the nodes that are one hop away in
  /// the order in which the rows name them, and so on up to `hops`. Valid until the next call.
  /// Errors:  Error if a seed is not a node or hops are negative.
  /// Cost:    the rows of the nodes that are nearer than `hops`.
  std::span<const Reached> operator()(std::span<const std::int32_t> seeds, Index hops) {
    CFM_CHECK(hops >= 0, "neighborhood: hops must not be negative", hops);
    if (++now_ == 0) {  // the stamps wrapped around
      std::fill(stamp_.begin(), stamp_.end(), 0u);
      now_ = 1;
    }
    found_.clear();
    for (const std::int32_t seed : seeds) {
      CFM_CHECK(seed >= 0 && seed < graph_.nodes(), "neighborhood: no such node", seed,
                graph_.nodes());
      visit(seed, 0);
    }
    for (std::size_t done = 0; done < found_.size(); ++done) {
      const Reached from = found_[done];
      if (from.distance >= hops) break;
      if (direction_ != Direction::fanouts)
        for (const std::int32_t u : graph_.fanins()[from.node]) visit(u, from.distance + 1);
      if (direction_ != Direction::fanins)
        for (const std::int32_t u : graph_.fanouts()[from.node]) visit(u, from.distance + 1);
    }
    return found_;
  }

  /// Whether the last walk found a node.
  bool found(std::int32_t node) const { return stamp_[detail::to_size(node)] == now_ && now_ > 0; }

 private:
  void visit(std::int32_t node, std::int32_t distance) {
    std::uint32_t& stamp = stamp_[detail::to_size(node)];
    if (stamp == now_) return;
    stamp = now_;
    found_.push_back({node, distance});
  }

  Graph graph_;
  Direction direction_;
  std::vector<std::uint32_t> stamp_;
  std::vector<Reached> found_;
  std::uint32_t now_ = 0;
};

/// The same for one walk.
inline std::vector<Reached> neighborhood(const Graph& graph, std::span<const std::int32_t> seeds,
                                         Index hops, Direction direction = Direction::fanins) {
  NeighborhoodFinder find(graph, direction);
  const auto found = find(seeds, hops);
  return {found.begin(), found.end()};
}

CFM_NAMESPACE_END
