#pragma once
/// @file  What GAMORA learns: the part that each node has in the adders of a circuit.

#include <algorithm>
#include <cstdint>
#include <vector>

#include <cfm/core/config.hpp>

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

/// One label of each kind for every node of gamora_graph: exact_adder_labels.hpp computes them, a
/// GamoraClassifier guesses them.
struct AdderLabels {
  std::vector<SharedLabel> shared;
  std::vector<RootLabel> root;
};

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
