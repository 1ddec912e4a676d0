#pragma once
/// @file  Windows of bounded size and depth, cut out of large circuits: how data sets are made.

#include <queue>

#include <cfm/circuit/cone.hpp>
#include <cfm/circuit/levels.hpp>
#include <cfm/core/rng.hpp>

CFM_NAMESPACE_BEGIN

/// What a window may be. Nodes are its inputs and ANDs.
struct WindowOptions {
  Index min_nodes = 30, max_nodes = 3000;
  std::int32_t min_levels = 4, max_levels = 25;
};

/// How sample_cones draws.
struct ConeSampleOptions {
  Index cones = 100;  ///< at most
  WindowOptions window = {};
  bool overlap = false;  ///< also roots that an earlier window contains
  Rng rng = Rng(0);
};

/// Cuts windows out of one circuit, each at the cost of its own size. One cutter serves one thread;
/// the circuit must outlive it.
class WindowCutter {
 public:
  explicit WindowCutter(const Aig& aig)
      : aig_(&aig), level_(levels(aig)), state_(aig.variables(), 0), map_(aig.variables()) {}

  /// The fan-in cone of a root, cut off where it has max_nodes nodes or reaches more than
  /// max_levels levels down: gates of high levels enter first, and what they read from outside
  /// becomes an input. One output: the root. `cone.variables` are the old numbers.
  /// Errors:  Error if the root does not exist or max_nodes is not positive.
  Cone operator()(Literal root, const WindowOptions& options = {}) {
    aig_->check_literal(root);
    CFM_CHECK(options.max_nodes > 0, "window: max_nodes must be positive", options.max_nodes);
    const std::int32_t top = level_[root.variable()];
    std::vector<std::uint32_t> found;
    std::priority_queue<std::pair<std::int32_t, std::uint32_t>> waiting;
    const auto visit = [&](std::uint32_t v) {
      if (state_[v] != 0) return;
      state_[v] = 1;  // found, so far a leaf
      found.push_back(v);
      waiting.push({level_[v], v});
    };
    visit(root.variable());
    while (!waiting.empty()) {
      const std::uint32_t v = waiting.top().second;
      waiting.pop();
      if (!aig_->is_and(v) || top - level_[v] >= options.max_levels) continue;
      Index fresh = 0;
      for (const Literal fanin : aig_->fanins(v)) fresh += state_[fanin.variable()] == 0;
      if (std::ssize(found) + fresh > options.max_nodes) continue;
      state_[v] = 2;  // a gate
      for (const Literal fanin : aig_->fanins(v)) visit(fanin.variable());
    }
    std::sort(found.begin(), found.end());
    Cone cone;
    cone.variables.push_back(0);
    map_[0] = literal_false;
    for (const int kind : {1, 2})
      for (const std::uint32_t v : found) {
        if (state_[v] != kind || v == 0) continue;
        if (kind == 1) {
          map_[v] = cone.aig.add_input(aig_->is_source(v) ? detail::source_name(*aig_, v)
                                                          : std::string());
        } else {
          const auto& [a, b] = aig_->fanins(v);
          map_[v] = cone.aig.add_and(detail::mapped(map_, a), detail::mapped(map_, b));
        }
        cone.variables.push_back(v);
      }
    cone.aig.add_output(detail::mapped(map_, root));
    for (const std::uint32_t v : found) state_[v] = 0;
    return cone;
  }

 private:
  const Aig* aig_;
  std::vector<std::int32_t> level_;
  std::vector<std::uint8_t> state_;
  std::vector<Literal> map_;
};

/// Draws roots among the ANDs, without repetition, and keeps the windows that are large and deep
/// enough.
/// Order:  depends on the circuit and the options alone.
inline std::vector<Cone> sample_cones(const Aig& aig, const ConeSampleOptions& options = {}) {
  CFM_CHECK(options.cones >= 0, "sample_cones: their number must not be negative", options.cones);
  std::vector<Cone> out;
  std::vector<std::uint32_t> roots;
  for (std::uint32_t v = aig.first_and(); v < aig.variables(); ++v) roots.push_back(v);
  std::vector<bool> covered(aig.variables(), false);
  WindowCutter cut(aig);
  Rng rng = options.rng;
  for (std::size_t i = 0; i < roots.size() && std::ssize(out) < options.cones; ++i) {
    std::swap(roots[i], roots[i + rng.below(roots.size() - i)]);
    if (!options.overlap && covered[roots[i]]) continue;
    Cone cone = cut(Literal(roots[i], false), options.window);
    if (static_cast<Index>(cone.aig.variables()) - 1 < options.window.min_nodes) continue;
    if (depth(cone.aig) < options.window.min_levels) continue;
    for (std::size_t v = cone.aig.first_and(); v < cone.variables.size(); ++v)
      covered[cone.variables[v]] = true;
    out.push_back(std::move(cone));
  }
  return out;
}

CFM_NAMESPACE_END
