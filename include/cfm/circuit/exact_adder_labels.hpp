#pragma once
/// @file  The right labels of a circuit, from its exactly extracted adders.

#include <cfm/circuit/adder_labels.hpp>
#include <cfm/circuit/adders.hpp>

CFM_NAMESPACE_BEGIN

struct AdderLabelOptions {
  /// Count a record's sign code (0 to 15) as one more variable of the adder. The published labels
  /// do, by accident; only multipliers of less than 8 bits have ANDs with such small numbers.
  bool signs_count = true;
};

/// The labels of gamora_graph(aig), given its adders. An AND is in an adder (XOR) if a record names
/// it anywhere, as an input too; as a root it is what the first record that has it as sum or carry
/// says.
/// Errors:  Error if a record names a variable that the graph does not have.
/// Source:  N. Wu et al., "Gamora", DAC 2023, with the labels of its public code.
inline AdderLabels adder_labels(const Aig& aig, const Adders& adders,
                                const AdderLabelOptions& options = {}) {
  constexpr std::uint8_t in_adder = 1, in_xor = 2;
  std::vector<std::uint8_t> member(aig.variables(), 0);
  std::vector<RootLabel> root(aig.variables(), RootLabel::other);
  const auto mark = [&](std::uint32_t variable, std::uint8_t bit) {
    CFM_CHECK(variable < member.size(), "adder_labels: a record of another graph; variable",
              variable);
    member[variable] |= bit;
  };
  for (const AdderRecord& r : adders.records) {
    for (std::uint32_t v : r.inputs) mark(v, in_adder);
    mark(r.sum, in_adder);
    mark(r.carry, in_adder);
    if (options.signs_count && r.sign < member.size()) mark(r.sign, in_adder);
    if (root[r.sum] == RootLabel::other) root[r.sum] = RootLabel::sum;
    if (root[r.carry] == RootLabel::other) root[r.carry] = RootLabel::carry;
  }
  for (const XorRecord& x : adders.xors) {
    mark(x.node, in_xor);
    for (std::uint32_t v : x.leaves) mark(v, in_xor);
  }
  constexpr SharedLabel by_member[] = {SharedLabel::other, SharedLabel::adder_only,
                                       SharedLabel::xor_only, SharedLabel::shared};
  AdderLabels out;
  const std::size_t sources = aig.first_and() - 1;
  const std::size_t nodes = aig.variables() - 1 + aig.outputs() + aig.latches().size();
  out.shared.assign(nodes, SharedLabel::output);
  out.root.assign(nodes, RootLabel::output);
  for (std::size_t v = 0; v + 1 < aig.variables(); ++v) {
    out.shared[v] = v < sources ? SharedLabel::input : by_member[member[v + 1]];
    out.root[v] = v < sources ? RootLabel::input : root[v + 1];
  }
  return out;
}

CFM_NAMESPACE_END
