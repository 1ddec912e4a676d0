#pragma once
/// @file  Circuits longer than a transformer reads: overlapping parts of bounded size.

#include <bit>
#include <span>
#include <vector>

#include <cfm/graph/areas.hpp>
#include <cfm/graph/cone_relation.hpp>
#include <cfm/models/deepgate3_transformers.hpp>

CFM_NAMESPACE_BEGIN

/// How a circuit is cut for DeepGate3.
struct RefinePartOptions {
  Index length = 512;               ///< gates of a part, at most
  ConeRule rule = ConeRule::cover;  ///< who is related; the published relation
};

/// The gates of each part, ascending. A circuit of at most `length` gates is one part. Otherwise
/// parts are unions of cones: fan-in cones that cannot be longer than a part, with roots two levels
/// closer than the cones are deep, as many as fit, one after the other. Every gate is in one at
/// least.
/// Errors:  Error if a part has room for fewer than 7 gates, or a gate has more than two fan-ins.
/// Cost:    the sizes of all cones together.
/// Source:  Z. Shi et al., "DeepGate3", ICCAD 2024: overlapping areas of 512 gates.
inline std::vector<std::vector<std::int32_t>> refine_areas(const Graph& graph, Index length = 512) {
  CFM_CHECK(length >= 7, "deepgate3 parts: room for 7 gates at least", length);
  std::vector<std::vector<std::int32_t>> out;
  if (graph.nodes() == 0) return out;
  if (graph.nodes() <= length) {
    out.emplace_back(detail::to_size(graph.nodes()));
    for (std::size_t v = 0; v < out[0].size(); ++v) out[0][v] = static_cast<std::int32_t>(v);
    return out;
  }
  // A cone of d hops over gates of two fan-ins has at most 2^(d + 1) - 1 gates.
  const auto bits = static_cast<Index>(std::bit_width(static_cast<std::uint64_t>(length + 1)));
  const Index depth = bits - 2;
  const auto areas = cone_areas(graph, {.depth = depth, .stride = std::max<Index>(1, depth - 2)});
  std::vector<std::size_t> part_of(detail::to_size(graph.nodes()), 0);  // the last one, from 1
  const auto missing = [&](const Area& area, std::size_t part) {
    Index count = 0;
    for (const std::int32_t v : area.nodes) count += part_of[detail::to_size(v)] != part ? 1 : 0;
    return count;
  };
  for (const Area& area : areas) {
    CFM_CHECK(std::ssize(area.nodes) <= length,
              "deepgate3 parts: a cone is too long; gates have at most two fan-ins; root",
              area.root, area.nodes.size(), length);
    if (out.empty() || std::ssize(out.back()) + missing(area, out.size()) > length)
      out.emplace_back();
    for (const std::int32_t v : area.nodes)
      if (std::exchange(part_of[detail::to_size(v)], out.size()) != out.size())
        out.back().push_back(v);
  }
  for (std::vector<std::int32_t>& part : out) std::sort(part.begin(), part.end());
  return out;
}

/// One part as DeepGate3Refine reads it: `cut` is of the circuit.
inline RefinePart refine_part(SubgraphCutter& cut, std::span<const std::int32_t> gates,
                              ConeRule rule = ConeRule::cover) {
  Tensor nodes = Tensor::empty({std::ssize(gates)}, DType::i64);
  std::copy(gates.begin(), gates.end(), nodes.data<std::int64_t>());
  return {nodes, cone_relation(cut(gates).graph, {.rule = rule})};
}

/// All parts of a circuit at once, for training: model.refine(tokens, refine_parts(graph)).
/// Cost:    length^2 bytes a part.
inline std::vector<RefinePart> refine_parts(const Graph& graph,
                                            const RefinePartOptions& options = {}) {
  SubgraphCutter cut(graph);
  std::vector<RefinePart> out;
  for (const auto& gates : refine_areas(graph, options.length))
    out.push_back(refine_part(cut, gates, options.rule));
  return out;
}

CFM_NAMESPACE_END
