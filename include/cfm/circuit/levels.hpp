#pragma once
/// @file  Levels and fan-outs of an Aig, each in one pass over the ANDs.

#include <algorithm>

#include <cfm/circuit/detail/aig_copy.hpp>
#include <cfm/graph/csr.hpp>

CFM_NAMESPACE_BEGIN

/// The level of each variable: 0 for the constant, inputs and latches; for an AND one more than
/// the larger level of its fan-ins. Inverters are free.
inline std::vector<std::int32_t> levels(const Aig& aig) {
  std::vector<std::int32_t> level(aig.variables(), 0);
  std::uint32_t v = aig.first_and();
  for (const auto& [a, b] : aig.all_fanins())
    level[v++] = 1 + std::max(level[a.variable()], level[b.variable()]);
  return level;
}

/// The largest level that an output, a next state or a property reads: ABC's number of levels.
inline std::int32_t depth(const Aig& aig, std::span<const std::int32_t> level) {
  CFM_CHECK(level.size() == aig.variables(), "depth: one level for each variable", level.size(),
            aig.variables());
  std::int32_t largest = 0;
  detail::for_each_sink(
      aig, [&](Literal literal) { largest = std::max(largest, level[literal.variable()]); });
  return largest;
}
inline std::int32_t depth(const Aig& aig) { return depth(aig, levels(aig)); }

/// How often each variable is read, by ANDs, outputs, next states and properties. An AND that
/// reads a variable twice counts twice.
inline std::vector<std::uint32_t> fanout_counts(const Aig& aig) {
  std::vector<std::uint32_t> count(aig.variables(), 0);
  for (const auto& fanins : aig.all_fanins())
    for (const Literal fanin : fanins) ++count[fanin.variable()];
  detail::for_each_sink(aig, [&](Literal literal) { ++count[literal.variable()]; });
  return count;
}

/// The ANDs that read each variable.
struct Fanouts {
  std::vector<std::int64_t> offsets;  ///< variables + 1
  std::vector<std::int32_t> columns;  ///< AND variables, ascending in each row

  CsrView view() const { return {offsets, columns}; }
  /// The ANDs that read a variable; twice the same if it is both fan-ins.
  std::span<const std::int32_t> operator[](std::uint32_t variable) const {
    return view()[static_cast<Index>(variable)];
  }
};

/// The fan-out lists, by counting sort.   Cost:  two passes.
inline Fanouts fanouts(const Aig& aig) {
  Fanouts out;
  out.offsets.assign(aig.variables() + 1, 0);
  out.columns.resize(2 * aig.ands());
  for (const auto& fanins : aig.all_fanins())
    for (const Literal fanin : fanins) ++out.offsets[fanin.variable() + 1];
  for (std::size_t v = 1; v < out.offsets.size(); ++v) out.offsets[v] += out.offsets[v - 1];
  std::vector<std::int64_t> next(out.offsets.begin(), out.offsets.end() - 1);
  auto reader = static_cast<std::int32_t>(aig.first_and());
  for (const auto& fanins : aig.all_fanins()) {
    for (const Literal fanin : fanins)
      out.columns[static_cast<std::size_t>(next[fanin.variable()]++)] = reader;
    ++reader;
  }
  return out;
}

CFM_NAMESPACE_END
