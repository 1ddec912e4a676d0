#pragma once
/// @file  Pairs of nodes with the distance of their truth tables, drawn as in the DeepGate family.

#include <numeric>

#include <cfm/circuit/node_functions.hpp>
#include <cfm/graph/source_support.hpp>

CFM_NAMESPACE_BEGIN

/// Which pairs are taken. Both nodes always depend on the same sources.
struct TruthTablePairOptions {
  std::int32_t min_level = 0;        ///< of both nodes
  std::int32_t min_sources = 0;      ///< in their cones
  std::int32_t max_level_gap = -1;   ///< between their levels; negative: any
  double max_probability_gap = 0.1;  ///< between their probabilities
  double discard_above = 0.2;        ///< distances strictly between these two are left out: the
  double discard_below = 0.8;        ///< pairs that say little
  bool skip_edges = true;            ///< leaves out a gate and its own fan-in
  Index max_pairs = 0;               ///< keeps so many, drawn uniformly; 0 keeps all
  Rng rng = Rng(0);

  /// DeepGate2: levels from 3, cones of 4 sources or more, probabilities within 0.05, levels
  /// within 5.
  static TruthTablePairOptions deepgate2() {
    TruthTablePairOptions out;
    out.min_level = 3;
    out.min_sources = 4;
    out.max_level_gap = 5;
    out.max_probability_gap = 0.05;
    out.skip_edges = false;
    return out;
  }
  /// DeepGate3 and DeepGate4: probabilities within 0.1, not directly connected.
  static TruthTablePairOptions deepgate3() { return {}; }
};

/// Pairs, first < second, ascending.
struct TruthTablePairs {
  std::vector<std::int32_t> first, second;
  /// The share of patterns in which the nodes differ. The data files of DeepGate3 and DeepGate4
  /// store this distance of gates under the name of a similarity.
  std::vector<double> distance;
};

/// All pairs that the options take, among nodes with the same set of sources.
/// Errors:  Error if the functions are not one for each node, or there is a cycle.
/// Cost:    compares nodes of equal sources whose probabilities are near: sorted by probability,
///          so that no others are looked at.
inline TruthTablePairs truth_table_pairs(const Graph& graph, const NodeFunctions& functions,
                                         const TruthTablePairOptions& options = {}) {
  CFM_CHECK(functions.values.rows() == graph.nodes(), "truth_table_pairs: a row for each node",
            functions.values.rows(), graph.nodes());
  const CsrView rows = graph.fanins();
  const std::vector<std::int32_t> level = forward_levels(rows);
  const SourceSupport support = source_support(rows);
  const auto at = [](const auto& values, std::int32_t v) {
    return values[static_cast<std::size_t>(v)];
  };
  std::vector<std::int32_t> nodes;
  for (std::int32_t v = 0; v < graph.nodes(); ++v)
    if (at(level, v) >= options.min_level && at(support.count, v) >= options.min_sources)
      nodes.push_back(v);
  const auto key = [&](std::int32_t v) {
    return std::tuple(at(support.hash, v), at(functions.probability, v), v);
  };
  std::sort(nodes.begin(), nodes.end(), [&](auto a, auto b) { return key(a) < key(b); });

  const auto reads = [&](std::int32_t a, std::int32_t b) {
    const auto row = rows[a];
    return std::find(row.begin(), row.end(), b) != row.end();
  };
  struct Pair {
    std::int32_t first, second;
    double distance;
  };
  std::vector<Pair> pairs;
  for (std::size_t i = 0; i < nodes.size(); ++i)
    for (std::size_t j = i + 1; j < nodes.size(); ++j) {
      const std::int32_t a = nodes[i], b = nodes[j];
      if (!support.same(a, b)) break;
      if (at(functions.probability, b) - at(functions.probability, a) > options.max_probability_gap)
        break;
      if (options.max_level_gap >= 0 &&
          std::abs(at(level, a) - at(level, b)) > options.max_level_gap)
        continue;
      if (options.skip_edges && (reads(a, b) || reads(b, a))) continue;
      const double distance = functions.distance(a, b);
      if (distance > options.discard_above && distance < options.discard_below) continue;
      pairs.push_back({std::min(a, b), std::max(a, b), distance});
    }
  std::sort(pairs.begin(), pairs.end(), [](const Pair& a, const Pair& b) {
    return std::pair(a.first, a.second) < std::pair(b.first, b.second);
  });
  if (options.max_pairs > 0 && std::ssize(pairs) > options.max_pairs) {
    // The first steps of a shuffle of places, in order again.
    std::vector<std::size_t> places(pairs.size());
    std::iota(places.begin(), places.end(), std::size_t{0});
    Rng rng = options.rng;
    const auto keep = static_cast<std::size_t>(options.max_pairs);
    for (std::size_t i = 0; i < keep; ++i)
      std::swap(places[i], places[i + rng.below(places.size() - i)]);
    places.resize(keep);
    std::sort(places.begin(), places.end());
    std::vector<Pair> kept;
    for (const std::size_t p : places) kept.push_back(pairs[p]);
    pairs = std::move(kept);
  }
  TruthTablePairs out;
  for (const Pair& p : pairs) {
    out.first.push_back(p.first);
    out.second.push_back(p.second);
    out.distance.push_back(p.distance);
  }
  return out;
}

CFM_NAMESPACE_END
