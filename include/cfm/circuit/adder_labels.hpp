#pragma once
/// @file  What GAMORA learns: the part that each node has in the adders of a circuit.

#include <algorithm>
#include <vector>

#include <cfm/circuit/adders.hpp>

CFM_NAMESPACE_BEGIN

/// Whether a node belongs to adders, to XORs, or to both.
enum class SharedLabel : std::uint8_t {
  output = 0,
  other = 1,       ///< a plain AND
  shared = 2,      ///< in an adder and in a XOR
  adder_only = 3,  ///< "maj" in the literature
  xor_only = 4,
  input = 5
};

/// Whether a node is the carry or the sum of an adder.
enum class RootLabel : std::uint8_t { output = 0, carry = 1, sum = 2, other = 3, input = 4 };

/// One label of each kind for every node of gamora_graph.
struct AdderLabels {
  std::vector<SharedLabel> shared;
  std::vector<RootLabel> root;
};

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

/// The three classifications that GAMORA is trained on, one class of three for every node.
struct AdderTargets {
  std::vector<std::uint8_t> first;   ///< adder only: 1; XOR only, shared: 2; else 0
  std::vector<std::uint8_t> second;  ///< adder only, shared: 1; XOR only: 2; else 0
  std::vector<std::uint8_t> root;    ///< carry: 0; sum: 1; else 2
};

inline AdderTargets adder_targets(const AdderLabels& labels) {
  AdderTargets out;
  const auto map = [](const auto& from, auto& to, auto f) {
    to.resize(from.size());
    std::transform(from.begin(), from.end(), to.begin(), f);
  };
  map(labels.shared, out.first, [](SharedLabel l) -> std::uint8_t {
    if (l == SharedLabel::adder_only) return 1;
    return l == SharedLabel::xor_only || l == SharedLabel::shared ? 2 : 0;
  });
  map(labels.shared, out.second, [](SharedLabel l) -> std::uint8_t {
    if (l == SharedLabel::xor_only) return 2;
    return l == SharedLabel::adder_only || l == SharedLabel::shared ? 1 : 0;
  });
  map(labels.root, out.root, [](RootLabel l) -> std::uint8_t {
    return l == RootLabel::carry ? 0 : l == RootLabel::sum ? 1 : 2;
  });
  return out;
}

CFM_NAMESPACE_END
