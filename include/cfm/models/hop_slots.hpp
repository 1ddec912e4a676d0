#pragma once
/// @file  The kinds of the gates just before each gate, in a fixed number of slots.

#include <algorithm>
#include <vector>

#include <cfm/exec/parallel.hpp>
#include <cfm/graph/graph.hpp>

CFM_NAMESPACE_BEGIN

/// How hop_slots fills.
struct HopSlotOptions {
  Index slots = 11;
  Index hops = 4;  ///< steps along fan-ins
};

/// Slot 0 has the features of a node, the next slots those of its fan-ins, then those of their
/// fan-ins, and so on, until the slots are full; the rest is 0. Each step lists every node once,
/// ascending; a node that is met in several steps is listed in each.
/// Shapes:  features f32 [nodes, columns]  ->  [nodes, slots, columns].
/// Errors:  ShapeError, TypeError; Error if options are out of range.
/// Cost:    the rows of at most slots^2 nodes for each node.
/// Source:  the AIG encoders of DeepCell (Z. Shi et al., ICCAD 2025), in their public code.
inline Tensor hop_slots(const Graph& graph, const Tensor& features,
                        const HopSlotOptions& options = {}) {
  CFM_CHECK(options.slots >= 1 && options.hops >= 0,
            "hop slots: one slot or more, no negative hops", options.slots, options.hops);
  CFM_CHECK(features.rank() == 2 && features.size(0) == graph.nodes(),
            "hop slots: one row of features for every node", features, graph.nodes());
  const Tensor dense = features.contiguous();
  const auto from = dense.view<float, 2>();
  Tensor out = Tensor::zeros({graph.nodes(), options.slots, from.cols()});
  const auto to = out.view<float, 3>();
  const CsrView rows = graph.fanins();
  parallel_for(graph.nodes(), 256, [&](Index begin, Index end) {
    std::vector<std::int32_t> frontier, next;
    for (Index v = begin; v < end; ++v) {
      frontier.assign(1, static_cast<std::int32_t>(v));
      Index used = 0;
      for (Index hop = 0;; ++hop) {
        for (std::size_t i = 0; i < frontier.size() && used < options.slots; ++i, ++used)
          std::copy_n(from.row(frontier[i]), from.cols(), &to(v, used, 0));
        if (hop == options.hops || used == options.slots) break;
        next.clear();
        for (const std::int32_t u : frontier) {
          const auto row = rows[u];
          next.insert(next.end(), row.begin(), row.end());
        }
        std::sort(next.begin(), next.end());
        next.erase(std::unique(next.begin(), next.end()), next.end());
        frontier.swap(next);
      }
    }
  });
  return out;
}

CFM_NAMESPACE_END
