#pragma once
/// @file  Reconvergence: gates at which two paths from one node meet again, and the skip edges that
///        tell a network of it.

#include <algorithm>
#include <bit>
#include <cmath>

#include <cfm/graph/levelize.hpp>
#include <cfm/graph/neighborhood.hpp>

CFM_NAMESPACE_BEGIN

/// How reconvergence searches.
struct ReconvergenceOptions {
  /// Levels between a gate and its source, at most; 0: any. Without a limit a gate whose fan-ins
  /// have nothing in common costs a walk over its whole cone.
  std::int32_t max_distance = 0;
};

/// What each node is in the reconvergent structure of a circuit.
struct ReconvergenceTable {
  std::vector<std::int32_t> level;
  std::vector<std::uint8_t> stem;    ///< 1: more than one gate reads the node
  std::vector<std::int32_t> source;  ///< where paths to the node part that meet in it; -1 for none
};

namespace detail {

// The fan-out stems of a circuit, numbered from the highest level down (of equals the smaller node
// first), and what each reads: only they can lie in two cones. All else is passed through.
struct StemGraph {
  StemGraph(const CsrView& fanins, const CsrView& readers, std::span<const std::int32_t> level)
      : rows(fanins), rank(level.size(), -1) {
    for (std::size_t v = 0; v < level.size(); ++v)
      if (readers[static_cast<Index>(v)].size() > 1) node.push_back(static_cast<std::int32_t>(v));
    std::sort(node.begin(), node.end(), [&](std::int32_t a, std::int32_t b) {
      return level[to_size(a)] != level[to_size(b)] ? level[to_size(a)] > level[to_size(b)] : a < b;
    });
    for (std::size_t r = 0; r < node.size(); ++r)
      rank[to_size(node[r])] = static_cast<std::int32_t>(r);
    std::vector<std::int32_t> open;
    for (const std::int32_t v : node) {
      for (const std::int32_t u : rows[v])
        nearest(u, open, [&](std::int32_t stem) { stems.push_back(stem); });
      offsets.push_back(stems.size());
    }
  }

  // f(number) for the stems at which paths from v downwards end first. Nodes between have one
  // reader, so none is met twice.
  template <class F>
  void nearest(std::int32_t v, std::vector<std::int32_t>& open, const F& f) const {
    open.assign(1, v);
    while (!open.empty()) {
      const std::int32_t u = open.back();
      open.pop_back();
      if (rank[to_size(u)] >= 0)
        f(rank[to_size(u)]);
      else
        open.insert(open.end(), rows[u].begin(), rows[u].end());
    }
  }
  std::span<const std::int32_t> below(std::size_t stem) const {
    return std::span(stems).subspan(offsets[stem], offsets[stem + 1] - offsets[stem]);
  }

  CsrView rows;
  std::vector<std::int32_t> rank;  // of a node among the stems, -1 for others
  std::vector<std::int32_t> node;  // of a stem
  std::vector<std::size_t> offsets{0};
  std::vector<std::int32_t> stems;
};

// Walks the cones of a gate's fan-ins together, from the highest level down, until a stem belongs
// to two of them. Those that wait are bits of words: the next is the lowest bit that is set.
class MeetingFinder {
 public:
  MeetingFinder(const StemGraph& stems, std::span<const std::int32_t> level)
      : stems_(stems),
        level_(level),
        mark_(stems.node.size(), 0),
        waiting_(stems.node.size() / 64 + 1, 0),
        first_(waiting_.size()) {}

  std::int32_t operator()(std::int32_t gate, std::int32_t max_distance) {
    std::uint64_t fanin = 1;
    for (const std::int32_t u : stems_.rows[gate]) {
      stems_.nearest(u, open_, [&](std::int32_t stem) { visit(stem, fanin); });
      fanin <<= 1;
    }
    std::int32_t found = -1;
    for (; count_ > 0; --count_) {
      while (waiting_[first_] == 0) ++first_;
      const std::size_t at =
          64 * first_ + static_cast<std::size_t>(std::countr_zero(waiting_[first_]));
      waiting_[first_] &= waiting_[first_] - 1;
      const std::int32_t v = stems_.node[at];
      const std::uint64_t mark = mark_[at];
      if (max_distance > 0 && level_[to_size(gate)] - level_[to_size(v)] > max_distance) break;
      if ((mark & (mark - 1)) != 0) {
        found = v;
        break;
      }
      for (const std::int32_t stem : stems_.below(at)) visit(stem, mark);
    }
    clear();
    return found;
  }

 private:
  void visit(std::int32_t stem, std::uint64_t mark) {
    const std::size_t at = to_size(stem);
    if (mark_[at] == 0) {
      waiting_[at / 64] |= std::uint64_t{1} << at % 64;
      first_ = std::min(first_, at / 64);
      ++count_;
      touched_.push_back(stem);
    }
    mark_[at] |= mark;
  }

  void clear() {
    for (const std::int32_t stem : touched_) {
      mark_[to_size(stem)] = 0;
      waiting_[to_size(stem) / 64] = 0;
    }
    touched_.clear();
    first_ = waiting_.size();
    count_ = 0;
  }

  const StemGraph& stems_;
  std::span<const std::int32_t> level_;
  std::vector<std::uint64_t> mark_;  // which fan-ins' cones a stem belongs to
  std::vector<std::uint64_t> waiting_;
  std::size_t first_, count_ = 0;  // the first word with one that waits, and how many wait
  std::vector<std::int32_t> touched_, open_;
};

}  // namespace detail

/// A gate is reconvergent if a node lies in the cones of two of its fan-ins (each cone with its
/// fan-in); its source is the one of the highest level, of equals the smallest number. Such a node
/// always has more than one reader, so this is the rule by lists of fan-out stems.
/// Order:   gates in parallel; the same result for any number of threads.
/// Errors:  Error if there is a cycle or a gate has more than 64 fan-ins.
/// Source:  M. Li et al., "DeepGate", DAC 2022, section III-C, and the code of its authors.
inline ReconvergenceTable reconvergence(const Graph& graph,
                                        const ReconvergenceOptions& options = {}) {
  const CsrView rows = graph.fanins();
  ReconvergenceTable out;
  out.level = forward_levels(rows);
  const std::size_t nodes = out.level.size();
  out.stem.resize(nodes);
  out.source.assign(nodes, -1);
  const CsrView readers = graph.fanouts();
  const detail::StemGraph stems(rows, readers, out.level);
  const Index grain = std::max<Index>(1024, graph.nodes() / 16 + 1);
  parallel_for(graph.nodes(), grain, [&](Index begin, Index end) {
    detail::MeetingFinder find(stems, out.level);
    for (Index v = begin; v < end; ++v) {
      const auto i = detail::to_size(v);
      out.stem[i] = readers[v].size() > 1;
      CFM_CHECK(rows[v].size() <= 64, "reconvergence: at most 64 fan-ins; node", v);
      if (rows[v].size() > 1)
        out.source[i] = find(static_cast<std::int32_t>(v), options.max_distance);
    }
  });
  return out;
}

/// A graph with an edge more for every reconvergent gate.
struct SkipEdgeGraph {
  Graph graph;                         ///< edge types: 0 as before, 1 from source to gate
  std::vector<std::int32_t> distance;  ///< of each edge: 1, or the levels that a skip edge spans

  /// The attribute of each edge.   Shapes:  f32[edges, width].
  Tensor attributes(Index width = 16) const;
};

/// Rows keep their order; a skip edge comes last.
/// Errors:  Error if the reconvergence is that of another graph, or edges have types already.
inline SkipEdgeGraph with_skip_edges(const Graph& graph, const ReconvergenceTable& found) {
  const CsrView rows = graph.fanins();
  CFM_CHECK(found.source.size() == detail::to_size(graph.nodes()) &&
                found.level.size() == found.source.size(),
            "skip edges: reconvergence of another graph", found.source.size(), graph.nodes());
  CFM_CHECK(graph.edge_types().empty(), "skip edges: edges must not have types yet");
  SkipEdgeGraph out;
  std::vector<std::int64_t> offsets{0};
  std::vector<std::int32_t> columns;
  std::vector<std::uint8_t> types;
  for (std::size_t v = 0; v < found.source.size(); ++v) {
    for (const std::int32_t u : rows[static_cast<Index>(v)]) {
      columns.push_back(u);
      types.push_back(0);
      out.distance.push_back(1);
    }
    const std::int32_t source = found.source[v];
    if (source >= 0) {
      columns.push_back(source);
      types.push_back(1);
      out.distance.push_back(found.level[v] - found.level[detail::to_size(source)]);
    }
    offsets.push_back(static_cast<std::int64_t>(columns.size()));
  }
  out.graph = Graph::from_csr(offsets, columns, types);
  return out;
}

/// e[i] = sin(D / 10000^(2 i / width)), e[i + 1] = cos(D / 10000^(2 (i + 1) / width)), i even: as
/// the code of DeepGate has it. The paper writes powers of two instead.
/// Shapes:  f32[distances, width], width even.
inline Tensor edge_distance_encoding(std::span<const std::int32_t> distance, Index width = 16) {
  CFM_CHECK(width > 0 && width % 2 == 0, "edge_distance_encoding: width must be even", width);
  Tensor out = Tensor::empty({static_cast<Index>(distance.size()), width});
  const auto values = out.span<float>();
  std::size_t at = 0;
  for (const std::int32_t d : distance)
    for (Index i = 0; i < width; ++i) {
      const double power =
          std::pow(10000.0, 2.0 * static_cast<double>(i) / static_cast<double>(width));
      const double angle = static_cast<double>(d) / power;
      values[at++] = static_cast<float>(i % 2 == 0 ? std::sin(angle) : std::cos(angle));
    }
  return out;
}

inline Tensor SkipEdgeGraph::attributes(Index width) const {
  return edge_distance_encoding(distance, width);
}

CFM_NAMESPACE_END
