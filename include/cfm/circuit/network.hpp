#pragma once
/// @file  Logic networks of other libraries, accepted by their shape.

#include <concepts>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <cfm/circuit/aig.hpp>

CFM_NAMESPACE_BEGIN

namespace detail {

// A callable that takes anything: stands for the lambdas of foreach_ members.
struct AnyNodeVisitor {
  template <class... T>
  void operator()(const T&...) const {}
};

}  // namespace detail

/// Anything that looks like a logic network, in the manner of mockturtle: nodes with indices,
/// signals that are nodes with an optional inverter, and the loops over inputs, outputs, gates and
/// fan-ins. What a gate computes it says by is_and, is_or, is_xor, is_nand, is_nor, is_xnor,
/// is_maj, is_ite, is_xor3 or is_not, as far as it has them; a registers' network also by
/// foreach_ro and foreach_ri.
template <class N>
concept Network = requires(const N& network, typename N::node node, typename N::signal signal,
                           detail::AnyNodeVisitor visit) {
  { network.size() } -> std::convertible_to<std::size_t>;
  { network.get_node(signal) } -> std::convertible_to<typename N::node>;
  { network.is_complemented(signal) } -> std::convertible_to<bool>;
  { network.node_to_index(node) } -> std::convertible_to<std::size_t>;
  { network.is_constant(node) } -> std::convertible_to<bool>;
  network.foreach_pi(visit);
  network.foreach_po(visit);
  network.foreach_gate(visit);
  network.foreach_fanin(node, visit);
};

/// Our Aig in the shape of a Network, for code that is written against that shape. Does not own it.
class AigNetwork {
 public:
  using node = std::uint32_t;  ///< a variable
  using signal = Literal;

  explicit AigNetwork(const Aig& aig) : aig_(&aig) {}

  std::size_t size() const { return aig_->variables(); }
  std::size_t num_pis() const { return aig_->inputs(); }
  std::size_t num_pos() const { return aig_->outputs(); }
  std::size_t num_gates() const { return aig_->ands(); }
  std::size_t num_registers() const { return aig_->latches().size(); }
  node get_node(signal s) const { return s.variable(); }
  bool is_complemented(signal s) const { return s.inverted(); }
  signal make_signal(node n) const { return Literal(n, false); }
  std::size_t node_to_index(node n) const { return n; }
  node index_to_node(std::size_t i) const { return static_cast<node>(i); }
  bool is_constant(node n) const { return n == 0; }
  bool constant_value(node) const { return false; }
  bool is_pi(node n) const { return n >= 1 && n <= aig_->inputs(); }
  bool is_and(node n) const { return aig_->is_and(n); }

  void foreach_pi(auto&& f) const {
    for (std::size_t i = 0; i < aig_->inputs(); ++i) f(aig_->input_variable(i));
  }
  /// The output of every register.
  void foreach_ro(auto&& f) const {
    for (std::size_t i = 0; i < aig_->latches().size(); ++i) f(aig_->latch_variable(i));
  }
  /// The input of every register.
  void foreach_ri(auto&& f) const {
    for (const Latch& latch : aig_->latches()) f(latch.next);
  }
  void foreach_po(auto&& f) const {
    for (Literal l : aig_->output_literals()) f(l);
  }
  void foreach_gate(auto&& f) const {
    for (std::uint32_t v = aig_->first_and(); v < aig_->variables(); ++v) f(v);
  }
  void foreach_fanin(node n, auto&& f) const {
    if (!aig_->is_and(n)) return;
    for (Literal l : aig_->fanins(n)) f(l);
  }

 private:
  const Aig* aig_;
};

namespace detail {

enum class GateKind : std::uint8_t {
  and_gate,
  or_gate,
  xor_gate,
  nand_gate,
  nor_gate,
  xnor_gate,
  majority,
  mux,
  xor3,
  inverter,
  unknown
};

template <class N>
GateKind gate_kind(const N& network, const typename N::node& node) {
  const auto is = [&](auto test) {
    if constexpr (requires { test(network); })
      return static_cast<bool>(test(network));
    else
      return false;
  };
  if (is([&](const auto& n) -> decltype(n.is_and(node)) { return n.is_and(node); }))
    return GateKind::and_gate;
  if (is([&](const auto& n) -> decltype(n.is_or(node)) { return n.is_or(node); }))
    return GateKind::or_gate;
  if (is([&](const auto& n) -> decltype(n.is_xor(node)) { return n.is_xor(node); }))
    return GateKind::xor_gate;
  if (is([&](const auto& n) -> decltype(n.is_nand(node)) { return n.is_nand(node); }))
    return GateKind::nand_gate;
  if (is([&](const auto& n) -> decltype(n.is_nor(node)) { return n.is_nor(node); }))
    return GateKind::nor_gate;
  if (is([&](const auto& n) -> decltype(n.is_xnor(node)) { return n.is_xnor(node); }))
    return GateKind::xnor_gate;
  if (is([&](const auto& n) -> decltype(n.is_maj(node)) { return n.is_maj(node); }))
    return GateKind::majority;
  if (is([&](const auto& n) -> decltype(n.is_ite(node)) { return n.is_ite(node); }))
    return GateKind::mux;
  if (is([&](const auto& n) -> decltype(n.is_xor3(node)) { return n.is_xor3(node); }))
    return GateKind::xor3;
  if (is([&](const auto& n) -> decltype(n.is_not(node)) { return n.is_not(node); }))
    return GateKind::inverter;
  return GateKind::unknown;
}

// Two-input gates take any number of fan-ins, from left to right; the others exactly theirs.
inline Literal build_gate(Aig& aig, GateKind kind, std::span<const Literal> in) {
  const auto conjunction = [&](Literal a, Literal b) { return aig.add_and(a, b); };
  const auto disjunction = [&](Literal a, Literal b) { return !aig.add_and(!a, !b); };
  const auto parity = [&](Literal a, Literal b) {
    return disjunction(conjunction(a, !b), conjunction(!a, b));
  };
  const auto fold = [&](auto gate) {
    Literal out = in[0];
    for (Literal l : in.subspan(1)) out = gate(out, l);
    return out;
  };
  switch (kind) {
    case GateKind::and_gate: return fold(conjunction);
    case GateKind::nand_gate: return !fold(conjunction);
    case GateKind::or_gate: return fold(disjunction);
    case GateKind::nor_gate: return !fold(disjunction);
    case GateKind::xor_gate:
    case GateKind::xor3: return fold(parity);
    case GateKind::xnor_gate: return !fold(parity);
    case GateKind::majority:
      return disjunction(conjunction(in[0], in[1]), conjunction(in[2], disjunction(in[0], in[1])));
    case GateKind::mux: return disjunction(conjunction(in[0], in[1]), conjunction(!in[0], in[2]));
    default: return !in[0];
  }
}

inline bool fits(GateKind kind, std::size_t fanins) {
  switch (kind) {
    case GateKind::majority:
    case GateKind::mux: return fanins == 3;
    case GateKind::inverter: return fanins == 1;
    case GateKind::unknown: return false;
    default: return fanins >= 1;
  }
}

template <class N>
class NetworkReader {
 public:
  explicit NetworkReader(const N& network) : network_(network), literal_(network.size()) {}

  Aig read() && {
    using Node = typename N::node;
    network_.foreach_pi([&](const Node& node, auto&&...) { set(node, aig_.add_input()); });
    if constexpr (has_registers)
      network_.foreach_ro([&](const Node& node, auto&&...) { set(node, aig_.add_latch()); });
    network_.foreach_gate([&](const Node& node, auto&&...) { visit(node); });
    const auto literal = [&](const typename N::signal& s) {
      return *literal_of(s) ^ complemented(s);
    };
    network_.foreach_po(
        [&](const typename N::signal& s, auto&&...) { aig_.add_output(literal(s)); });
    if constexpr (has_registers) {
      std::size_t latch = 0;
      network_.foreach_ri(
          [&](const typename N::signal& s, auto&&...) { aig_.set_next(latch++, literal(s)); });
    }
    return std::move(aig_);
  }

 private:
  static constexpr bool has_registers = requires(const N& n, AnyNodeVisitor f) {
    n.foreach_ro(f);
    n.foreach_ri(f);
  };

  struct Frame {
    typename N::node node;
    std::vector<typename N::signal> fanins;
    std::size_t next = 0;
  };

  std::size_t index(const typename N::node& node) const {
    const auto i = static_cast<std::size_t>(network_.node_to_index(node));
    CFM_CHECK(i < literal_.size(), "to_aig: a node's index is not below the network's size", i,
              literal_.size());
    return i;
  }
  void set(const typename N::node& node, Literal l) { literal_[index(node)] = l; }
  bool complemented(const typename N::signal& s) const {
    return static_cast<bool>(network_.is_complemented(s));
  }

  std::optional<Literal>& literal_of(const typename N::signal& s) {
    const auto node = network_.get_node(s);
    std::optional<Literal>& out = literal_[index(node)];
    if (!out && network_.is_constant(node)) {
      bool value = false;
      if constexpr (requires { network_.constant_value(node); })
        value = static_cast<bool>(network_.constant_value(node));
      out = literal_false ^ value;
    }
    return out;
  }

  // Builds a gate and what it needs, depth-first on a stack of our own: networks that were edited
  // need not list gates in topological order, and may be deep.
  void visit(const typename N::node& root) {
    if (literal_[index(root)]) return;
    std::vector<Frame> stack;
    open_.resize(literal_.size());
    const auto enter = [&](const typename N::node& node) {
      CFM_CHECK(!open_[index(node)], "to_aig: a cycle runs through the node of index", index(node));
      open_[index(node)] = true;
      stack.push_back({node, {}, 0});
      network_.foreach_fanin(
          node, [&](const typename N::signal& s, auto&&...) { stack.back().fanins.push_back(s); });
    };
    enter(root);
    while (!stack.empty()) {
      Frame& frame = stack.back();
      if (frame.next < frame.fanins.size()) {
        const typename N::signal s = frame.fanins[frame.next++];
        if (!literal_of(s)) enter(network_.get_node(s));
        continue;
      }
      std::vector<Literal> in;
      for (const auto& s : frame.fanins) in.push_back(*literal_of(s) ^ complemented(s));
      const GateKind kind = gate_kind(network_, frame.node);
      if (!fits(kind, in.size()))
        throw_error<UnsupportedError>("to_aig: the node of index ", index(frame.node), " with ",
                                      in.size(), " fan-ins is no gate that cfm knows");
      set(frame.node, build_gate(aig_, kind, in));
      open_[index(frame.node)] = false;
      stack.pop_back();
    }
  }

  const N& network_;
  Aig aig_;
  std::vector<std::optional<Literal>> literal_;  // by node index
  std::vector<bool> open_;
};

}  // namespace detail

/// Any network as an Aig: inputs, registers (reset to zero) and outputs in their order, gates in
/// the order of foreach_gate, each after what it reads. AND gates become one AND each, unchanged:
/// nothing is simplified (see strash). Names are not asked for. Errors:  UnsupportedError for a
/// gate that is none of those Network lists; Error if there is a
///          cycle.
template <Network N>
Aig to_aig(const N& network) {
  return detail::NetworkReader<N>(network).read();
}

static_assert(Network<AigNetwork>);

CFM_NAMESPACE_END
