#pragma once
/// @file  Transitive fan-in: finding cones, cutting them out, and dropping what nothing reads.

#include <algorithm>

#include <cfm/circuit/detail/aig_copy.hpp>

CFM_NAMESPACE_BEGIN

/// Finds fan-in cones, many of one graph, each at the cost of its own size.
/// The graph must outlive the finder. One finder serves one thread.
class ConeFinder {
 public:
  explicit ConeFinder(const Aig& aig) : aig_(&aig), stamp_(aig.variables(), 0) {}

  /// The variables that the roots depend on within a clock step, the roots included, ascending
  /// (which is a topological order); the constant only if it is read. Valid until the next call.
  /// Errors:  Error if a root does not exist.
  /// Cost:    O(k log k) for a cone of k variables.
  std::span<const std::uint32_t> operator()(std::span<const Literal> roots) {
    for (const Literal root : roots) aig_->check_literal(root);
    if (++now_ == 0) {  // the stamps wrapped around
      std::fill(stamp_.begin(), stamp_.end(), 0u);
      now_ = 1;
    }
    found_.clear();
    for (const Literal root : roots) visit(root.variable());
    for (std::size_t done = 0; done < found_.size(); ++done) {
      if (!aig_->is_and(found_[done])) continue;
      const auto& fanins = aig_->fanins(found_[done]);
      visit(fanins[0].variable());
      visit(fanins[1].variable());
    }
    std::sort(found_.begin(), found_.end());
    return found_;
  }

 private:
  void visit(std::uint32_t variable) {
    if (stamp_[variable] == now_) return;
    stamp_[variable] = now_;
    found_.push_back(variable);
  }

  const Aig* aig_;
  std::vector<std::uint32_t> stamp_, found_;
  std::uint32_t now_ = 0;
};

/// A part of a graph, as a graph of its own.
struct Cone {
  Aig aig;  ///< the sources that are read, in their old order; one output for each root
  std::vector<std::uint32_t> variables;  ///< the old variable of each variable of `aig`
};

namespace detail {

inline const std::string& source_name(const Aig& aig, std::uint32_t variable) {
  const std::size_t i = variable - 1;
  return i < aig.inputs() ? aig.input_name(i) : aig.latch_name(i - aig.inputs());
}

// An output keeps its name if it is a root of its own right; other roots have none.
inline void add_roots(std::span<const Literal> roots, const std::vector<Literal>& map, Aig& out) {
  for (const Literal root : roots) out.add_output(mapped(map, root));
}

}  // namespace detail

/// The combinational cone of the roots. Latches in it become inputs, after the true inputs.
/// Names of sources are kept.
/// Errors:  Error if a root does not exist.
inline Cone extract_cone(const Aig& aig, std::span<const Literal> roots) {
  ConeFinder find(aig);
  Cone cone;
  cone.variables.push_back(0);
  std::vector<Literal> map(aig.variables(), literal_false);
  for (const std::uint32_t variable : find(roots)) {
    if (variable == 0) continue;
    if (aig.is_and(variable)) {
      const auto& fanins = aig.fanins(variable);
      map[variable] =
          cone.aig.add_and(detail::mapped(map, fanins[0]), detail::mapped(map, fanins[1]));
    } else {
      map[variable] = cone.aig.add_input(detail::source_name(aig, variable));
    }
    cone.variables.push_back(variable);
  }
  detail::add_roots(roots, map, cone.aig);
  return cone;
}

/// The cone of influence of the roots: as extract_cone, but latches stay latches, and what their
/// next states read belongs to the cone too.
inline Cone extract_sequential_cone(const Aig& aig, std::span<const Literal> roots) {
  ConeFinder find(aig);
  std::vector<Literal> frontier(roots.begin(), roots.end());
  std::vector<bool> read(aig.latches().size(), false);
  std::vector<bool> in_cone(aig.variables(), false);
  const std::uint32_t first_latch = aig.latch_variable(0);
  while (!frontier.empty()) {  // each latch enters the frontier once
    std::vector<Literal> next;
    for (const std::uint32_t variable : find(frontier)) {
      in_cone[variable] = true;
      if (!aig.is_source(variable) || variable < first_latch) continue;
      const std::size_t latch = variable - first_latch;
      if (!read[latch]) next.push_back(aig.latches()[latch].next);
      read[latch] = true;
    }
    frontier = std::move(next);
  }

  Cone cone;
  cone.variables.push_back(0);
  std::vector<Literal> map(aig.variables(), literal_false);
  for (std::uint32_t variable = 1; variable < aig.variables(); ++variable) {
    if (!in_cone[variable]) continue;
    cone.variables.push_back(variable);
    if (aig.is_and(variable)) {
      const auto& fanins = aig.fanins(variable);
      map[variable] =
          cone.aig.add_and(detail::mapped(map, fanins[0]), detail::mapped(map, fanins[1]));
    } else if (variable < first_latch) {
      map[variable] = cone.aig.add_input(aig.input_name(variable - 1));
    } else {
      const std::size_t latch = variable - first_latch;
      map[variable] = cone.aig.add_latch(aig.latches()[latch].reset, aig.latch_name(latch));
    }
  }
  for (std::size_t latch = 0, kept = 0; latch < read.size(); ++latch)
    if (read[latch]) cone.aig.set_next(kept++, detail::mapped(map, aig.latches()[latch].next));
  detail::add_roots(roots, map, cone.aig);
  return cone;
}

/// The graph without ANDs that no output, next state or property depends on. Inputs, latches,
/// outputs, properties, names and the order of the ANDs stay.
/// Cost:  one pass down, one up.
inline Aig remove_dangling(const Aig& aig) {
  std::vector<bool> read(aig.variables(), false);
  detail::for_each_sink(aig, [&](Literal literal) { read[literal.variable()] = true; });
  std::size_t kept = 0;
  for (auto v = static_cast<std::uint32_t>(aig.variables() - 1); v >= aig.first_and(); --v) {
    if (!read[v]) continue;
    ++kept;
    for (const Literal fanin : aig.fanins(v)) read[fanin.variable()] = true;
  }
  if (kept == aig.ands()) return aig;

  Aig out;
  std::vector<Literal> map = detail::copy_sources(aig, out);
  out.reserve_ands(kept);
  for (std::uint32_t v = aig.first_and(); v < aig.variables(); ++v) {
    if (!read[v]) continue;
    const auto& fanins = aig.fanins(v);
    map[v] = out.add_and(detail::mapped(map, fanins[0]), detail::mapped(map, fanins[1]));
  }
  detail::copy_sinks(aig, map, out);
  detail::copy_properties(aig, map, out);
  return out;
}

CFM_NAMESPACE_END
