#pragma once
/// @file  The work of DeepGate4, cut to pieces: batches of areas in which each gate is new once.

#include <span>
#include <vector>

#include <cfm/graph/areas.hpp>
#include <cfm/graph/batch.hpp>
#include <cfm/graph/cone_relation.hpp>
#include <cfm/graph/subgraph.hpp>

CFM_NAMESPACE_BEGIN

/// Areas that are refined at once, one after the other as a disjoint union: a gate in several areas
/// has a row for each.
struct AreaBatch {
  std::vector<std::int32_t> nodes;  ///< the gate of each row
  std::vector<std::uint8_t> fresh;  ///< 1 where the gate has not been refined before
  Graph edges;                      ///< row v: the rows of its fan-in cone within the area, and v;
                                    ///< what is not fresh hears itself alone
  std::vector<std::int32_t> updated;     ///< the fresh gates, ascending, each once
  std::vector<std::int32_t> fresh_rows;  ///< the rows of fresh gates
  std::vector<std::int32_t> owners;      ///< which of `updated` each of these is
};

/// Calls f(batch) for batches of at most `limit` areas, none across groups, in the order of the
/// groups. One batch exists at a time.
/// Errors:  Error if `limit` is not positive or areas are not sorted by group.
/// Source:  Z. Zheng et al., "DeepGate4", ICLR 2025, section 3.2.
template <class F>
void for_each_area_batch(const Graph& graph, std::span<const Area> areas, Index limit,
                         const ConeOptions& cones, const F& f) {
  CFM_CHECK(limit >= 1, "area_batches: at least one area a batch", limit);
  std::vector<bool> done(static_cast<std::size_t>(graph.nodes()), false);
  SubgraphCutter cut(graph);
  const auto at = [](std::int32_t i) { return static_cast<std::size_t>(i); };
  for (std::size_t begin = 0; begin < areas.size();) {
    AreaBatch batch;
    std::vector<std::int64_t> offsets{0};
    std::vector<std::int32_t> columns;
    std::size_t end = begin;
    for (; end < areas.size() && areas[end].group == areas[begin].group &&
           static_cast<Index>(end - begin) < limit;
         ++end) {
      const Area& area = areas[end];
      const auto first = static_cast<std::int32_t>(batch.nodes.size());
      const Graph cone = virtual_edges(cut(area.nodes).graph, cones);
      const CsrView rows = cone.fanins();
      for (std::size_t i = 0; i < area.nodes.size(); ++i) {
        const std::int32_t v = area.nodes[i];
        const bool fresh = !done[at(v)];
        batch.nodes.push_back(v);
        batch.fresh.push_back(fresh ? 1 : 0);
        if (fresh) batch.fresh_rows.push_back(first + static_cast<std::int32_t>(i));
        for (std::int32_t u : rows[static_cast<Index>(i)])
          if (fresh || u == static_cast<std::int32_t>(i)) columns.push_back(first + u);
        offsets.push_back(static_cast<std::int64_t>(columns.size()));
      }
    }
    CFM_CHECK(end == areas.size() || areas[end].group >= areas[begin].group,
              "area_batches: areas must be sorted by group; area", end);
    batch.edges = Graph::from_csr(offsets, columns);
    for (std::int32_t row : batch.fresh_rows) batch.updated.push_back(batch.nodes[at(row)]);
    std::sort(batch.updated.begin(), batch.updated.end());
    batch.updated.erase(std::unique(batch.updated.begin(), batch.updated.end()),
                        batch.updated.end());
    for (std::int32_t row : batch.fresh_rows)
      batch.owners.push_back(static_cast<std::int32_t>(
          std::lower_bound(batch.updated.begin(), batch.updated.end(), batch.nodes[at(row)]) -
          batch.updated.begin()));
    for (std::int32_t v : batch.updated) done[at(v)] = true;
    f(std::move(batch));
    begin = end;
  }
}

/// All batches at once, where there is memory for them.
inline std::vector<AreaBatch> area_batches(const Graph& graph, std::span<const Area> areas,
                                           Index limit = 256, const ConeOptions& cones = {}) {
  std::vector<AreaBatch> out;
  for_each_area_batch(graph, areas, limit, cones,
                      [&](AreaBatch&& batch) { out.push_back(std::move(batch)); });
  return out;
}

CFM_NAMESPACE_END
