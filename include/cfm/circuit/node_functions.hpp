#pragma once
/// @file  What every node computes under patterns: signal probabilities and truth-table distances.

#include <bit>

#include <cfm/circuit/simulate.hpp>
#include <cfm/circuit/source_patterns.hpp>

CFM_NAMESPACE_BEGIN

/// The bits of every node and what follows from them.
struct NodeFunctions {
  BitRows values;                   ///< a row for each node or variable
  std::vector<double> probability;  ///< of a 1, of each of them
  bool exact = false;               ///< all patterns were simulated
  std::vector<double> weight = {};  ///< as SourcePatterns::weight

  /// The probability that two nodes differ: the distance of their truth tables.
  double distance(Index a, Index b) const {
    const auto x = values[a], y = values[b];
    if (!weight.empty()) {
      double sum = 0;
      for (std::size_t w = 0; w < x.size(); ++w)
        for (std::uint64_t rest = x[w] ^ y[w]; rest != 0; rest &= rest - 1)
          sum += weight[w * 64 + static_cast<std::size_t>(std::countr_zero(rest))];
      return sum;
    }
    std::uint64_t differ = 0;
    for (std::size_t w = 0; w < x.size(); ++w)
      differ += static_cast<std::uint64_t>(std::popcount(x[w] ^ y[w]));
    return static_cast<double>(differ) / static_cast<double>(values.patterns());
  }
};

namespace detail {

// The sum of the weights of the ones of a row, or their share.
inline double ones_of(std::span<const std::uint64_t> row, std::span<const double> weight) {
  double sum = 0;
  std::uint64_t count = 0;
  for (std::size_t w = 0; w < row.size(); ++w) {
    if (weight.empty()) count += static_cast<std::uint64_t>(std::popcount(row[w]));
    for (std::uint64_t rest = weight.empty() ? 0 : row[w]; rest != 0; rest &= rest - 1)
      sum += weight[w * 64 + static_cast<std::size_t>(std::countr_zero(rest))];
  }
  return weight.empty() ? static_cast<double>(count) / static_cast<double>(64 * row.size()) : sum;
}

inline NodeFunctions functions_of(BitRows values, const SourcePatterns& patterns) {
  NodeFunctions out{std::move(values), {}, patterns.exact, patterns.weight};
  out.probability.resize(static_cast<std::size_t>(out.values.rows()));
  const BitRows& rows = out.values;
  parallel_for(rows.rows(), 64, [&](Index begin, Index end) {
    for (Index v = begin; v < end; ++v)
      out.probability[static_cast<std::size_t>(v)] = ones_of(rows[v], out.weight);
  });
  return out;
}

}  // namespace detail

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// Every variable of an Aig, the constant first.
/// Cost:  the bits of all variables are kept: 8 bytes for 64 patterns each.
inline NodeFunctions node_functions(const Aig& aig, const SourcePatterns& patterns) {
  CFM_CHECK(patterns.words() > 0, "node_functions: there must be patterns");
  return detail::functions_of(simulate_all(aig, patterns.inputs, patterns.latches), patterns);
}

inline NodeFunctions node_functions(const Aig& aig, const PatternOptions& options = {}) {
  return node_functions(aig, source_patterns(aig, options));
}

/// Every node of a graph with explicit inverters, its nodes in any order.
/// Errors:  Error if the patterns are not one row for each input and latch, there is a cycle, or a
///          node of another kind.
inline NodeFunctions node_functions(const ExplicitNotGraph& graph, const SourcePatterns& patterns) {
  CFM_CHECK(patterns.words() > 0, "node_functions: there must be patterns");
  const CsrView rows = graph.graph.fanins();
  const std::vector<std::int32_t> order = topological_order(rows);
  BitRows values(graph.nodes(), patterns.words());
  Index input = 0, latch = 0;
  for (std::size_t v = 0; v < graph.kinds.size(); ++v) {
    const NodeKind kind = graph.kinds[v];
    CFM_CHECK(kind <= NodeKind::latch, "node_functions: not an input, AND, NOT or latch; node", v);
    if (kind == NodeKind::and_gate || kind == NodeKind::not_gate) {
      const std::size_t wanted = kind == NodeKind::and_gate ? 2 : 1;
      CFM_CHECK(rows[static_cast<Index>(v)].size() == wanted,
                "node_functions: wrong number of fan-ins of node", v);
      continue;
    }
    const BitRows& from = kind == NodeKind::input ? patterns.inputs : patterns.latches;
    Index& next = kind == NodeKind::input ? input : latch;
    CFM_CHECK(next < from.rows(), "node_functions: a row of patterns for each input and latch");
    const auto row = from[next++];
    std::copy(row.begin(), row.end(), values[static_cast<Index>(v)].begin());
  }
  CFM_CHECK(input == patterns.inputs.rows() && latch == patterns.latches.rows(),
            "node_functions: a row of patterns for each input and latch", input,
            patterns.inputs.rows(), latch, patterns.latches.rows());
  parallel_for(patterns.words(), 8, [&](Index begin, Index end) {
    for (const std::int32_t v : order) {
      const NodeKind kind = graph.kinds[static_cast<std::size_t>(v)];
      if (kind != NodeKind::and_gate && kind != NodeKind::not_gate) continue;
      const auto fanins = rows[v];
      std::uint64_t* out = values.data() + v * values.words();
      const std::uint64_t* a = values.data() + fanins[0] * values.words();
      const std::uint64_t* b = values.data() + fanins[fanins.size() - 1] * values.words();
      if (kind == NodeKind::not_gate) {
        for (Index w = begin; w < end; ++w) out[w] = ~a[w];
      } else {
        for (Index w = begin; w < end; ++w) out[w] = a[w] & b[w];
      }
    }
  });
  return detail::functions_of(std::move(values), patterns);
}

inline NodeFunctions node_functions(const ExplicitNotGraph& graph,
                                    const PatternOptions& options = {}) {
  return node_functions(graph, source_patterns(graph, options));
}

/// The probability of a 1 of every variable, without keeping bits: for circuits of any size.
/// Shapes:  patterns: a row for each input and each latch.
/// Order:   the same bits for any number of threads; exact counts without weights.
inline std::vector<double> signal_probabilities(const Aig& aig, const SourcePatterns& patterns) {
  const Index words = patterns.words(), block_size = isa_detail::block_words(aig, words);
  CFM_CHECK(words > 0, "signal_probabilities: there must be patterns");
  const std::span<const double> weight = patterns.weight;
  std::vector<double> sums = parallel_reduce(
      (words + block_size - 1) / block_size, ((words + block_size - 1) / block_size + 7) / 8,
      std::vector<double>(),
      [&](Index first, Index last) {
        std::vector<double> sum(aig.variables(), 0);
        for (Index b = first; b < last; ++b) {
          const Index begin = b * block_size, n = std::min(block_size, words - begin);
          isa_detail::SimulationBlock block(aig, static_cast<std::size_t>(n));
          block.run(patterns.inputs, patterns.latches, begin);
          const auto part = weight.empty() ? weight
                                           : weight.subspan(static_cast<std::size_t>(64 * begin),
                                                            static_cast<std::size_t>(64 * n));
          for (std::uint32_t v = 0; v < aig.variables(); ++v) {
            const double ones = detail::ones_of({block.row(v), static_cast<std::size_t>(n)}, part);
            sum[v] += weight.empty() ? ones * static_cast<double>(64 * n) : ones;
          }
        }
        return sum;
      },
      [](std::vector<double> sum, std::vector<double> more) {
        if (sum.empty()) return more;
        for (std::size_t v = 0; v < sum.size(); ++v) sum[v] += more[v];
        return sum;
      });
  if (weight.empty())
    for (double& p : sums) p /= static_cast<double>(64 * words);
  return sums;
}

CFM_ISA_NAMESPACE_END

CFM_NAMESPACE_BEGIN

/// The probability of each node of explicit_not_graph(aig) from those of the variables.
/// Errors:  Error if the graph is not that of a circuit with so many variables, or not in the
///          order of explicit_not_graph.
inline std::vector<double> node_probabilities(const ExplicitNotGraph& graph,
                                              std::span<const double> of_variables) {
  std::vector<double> out(static_cast<std::size_t>(graph.nodes()));
  std::size_t gates = 0;
  while (gates < out.size() && graph.kinds[gates] != NodeKind::not_gate) ++gates;
  CFM_CHECK(of_variables.size() == gates + 1, "node_probabilities: one for each variable",
            of_variables.size(), gates + 1);
  for (std::size_t v = 0; v < out.size(); ++v) {
    if (v < gates) {
      out[v] = of_variables[v + 1];
      continue;
    }
    const auto fanins = graph.graph.fanins()[static_cast<Index>(v)];
    CFM_CHECK(graph.kinds[v] == NodeKind::not_gate && fanins.size() == 1 &&
                  static_cast<std::size_t>(fanins[0]) < gates,
              "node_probabilities: nodes must be in the order of explicit_not_graph; node", v);
    out[v] = 1 - out[static_cast<std::size_t>(fanins[0])];
  }
  return out;
}

CFM_NAMESPACE_END
