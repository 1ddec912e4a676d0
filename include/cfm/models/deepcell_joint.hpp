#pragma once
/// @file  DeepCell's joint model: masked cells of a mapped netlist are told from the rest of it and
///        from the same circuit as an and-inverter graph.

#include <algorithm>
#include <type_traits>
#include <vector>

#include <cfm/autograd/ops_loss.hpp>
#include <cfm/models/deepcell.hpp>
#include <cfm/models/deepcell_linformer.hpp>
#include <cfm/nn/transformer.hpp>

CFM_NAMESPACE_BEGIN

/// A part of the nodes, drawn at random, and all nodes at most `hops` edges before them; ascending.
/// At least one node is drawn if there are any.
/// Cost:  linear in what is visited.
inline std::vector<std::int32_t> mask_cones(const Graph& fanins, double part, Index hops, Rng rng) {
  CFM_CHECK(part >= 0 && part <= 1 && hops >= 0, "mask cones: a part is between 0 and 1", part,
            hops);
  const auto nodes = static_cast<std::size_t>(fanins.nodes());
  if (nodes == 0) return {};
  const auto count =
      std::max<std::size_t>(1, static_cast<std::size_t>(part * static_cast<double>(nodes)));
  std::vector<std::uint8_t> seen(nodes, 0);
  std::vector<std::int32_t> frontier, next, out;
  while (frontier.size() < std::min(count, nodes)) {
    const auto v = static_cast<std::size_t>(rng.below(nodes));
    if (std::exchange(seen[v], std::uint8_t{1}) == 0)
      frontier.push_back(static_cast<std::int32_t>(v));
  }
  out = frontier;
  for (Index hop = 0; hop < hops && !frontier.empty(); ++hop) {
    next.clear();
    for (std::int32_t v : frontier)
      for (std::int32_t u : fanins.fanins()[v])
        if (std::exchange(seen[static_cast<std::size_t>(u)], std::uint8_t{1}) == 0)
          next.push_back(u);
    out.insert(out.end(), next.begin(), next.end());
    frontier.swap(next);
  }
  std::sort(out.begin(), out.end());
  return out;
}

CFM_NAMESPACE_END

CFM_ISA_NAMESPACE_BEGIN

/// A transformer encoder of DeepCell's size: 4 layers of 8 heads.
inline TransformerConfig deepcell_transformer(Index dim = 256) {
  return {.dim = dim, .heads = 8, .hidden = 4 * dim, .layers = 4, .dropout = 0.1};
}

/// Tokens are [structure | function]; masked cells have a trained vector in place of their
/// function. All tokens of both views go through the mixer, a TransformerEncoder<> or a
/// Linformer<>.
/// Source:  as DeepCell, section III-D.
template <class Mixer = TransformerEncoder<>>
class DeepCellJoint {
 public:
  /// `width` is that of one vector, half of a token.
  DeepCellJoint(Index width, typename Mixer::Config mixer, Init init)
      : mask_token{fan_in_uniform({width}, width, init.next())}, mix(mixer, init.next()) {
    CFM_CHECK(mixer.dim == 2 * width, "deepcell joint: a token has both vectors", mixer.dim, width);
  }

  /// Tokens with the function of `masked` nodes replaced.
  /// Shapes:  cells [nodes, width] each  ->  [nodes, 2 width].
  Var mask(const GateStates& cells, std::span<const std::int32_t> masked) const {
    LevelStates function(cells.function);
    if (!masked.empty()) {
      const Var token = expand(bind(cells.function, mask_token),
                               Shape{std::ssize(masked), mask_token.value.size(0)});
      function.assign(isa_detail::index_tensor(masked), token);
    }
    return cat({cells.structure, std::move(function).take()}, 1);
  }

  /// The tokens of the cells after mixing with each other and with those of the other view.
  /// Shapes:  gates [any, width] each  ->  [cells, 2 width].
  Var operator()(const GateStates& cells, std::span<const std::int32_t> masked,
                 const GateStates& gates) const {
    const Var tokens = cat({mask(cells, masked), cat({gates.structure, gates.function}, 1)}, 0);
    Var mixed;
    if constexpr (std::is_same_v<typename Mixer::Config, TransformerConfig>)
      mixed = reshape(mix(unsqueeze(tokens, 0)), {tokens.size(0), tokens.size(1)});
    else
      mixed = mix(tokens);
    return slice(mixed, 0, 0, cells.function.size(0));
  }

  static void visit(auto& self, auto&& v) {
    v("mask_token", self.mask_token);
    v("mix", self.mix);
  }

  Parameter mask_token;
  Mixer mix;
};

/// How much each part of the joint loss counts.
struct DeepCellWeights {
  double mask = 5, probability = 1;
};

/// mask * L1(mixed tokens of masked cells, what they were without mask) + probability * L1(p).
/// The tokens that are to be found are constants: no gradient goes through them.
/// Shapes:  mixed [cells, 2 width], probability [cells, 1], label [cells].
inline Var deepcell_loss(const Var& mixed, const GateStates& cells,
                         std::span<const std::int32_t> masked, const Var& probability,
                         const Tensor& label, const DeepCellWeights& weights = {}) {
  const Var prob =
      l1_loss(reshape(probability, {probability.size()}), Var(label.reshape({label.size()})));
  if (masked.empty()) return prob * weights.probability;
  const Tensor rows = isa_detail::index_tensor(masked);
  const Var truth = cat({Var(cells.structure.value()), Var(cells.function.value())}, 1);
  const Var found = index_select(mixed, 0, rows);
  return l1_loss(found, index_select(truth, 0, rows)) * weights.mask + prob * weights.probability;
}

CFM_ISA_NAMESPACE_END
