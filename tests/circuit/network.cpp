#include <cfm/circuit/network.hpp>

#include <cfm/circuit/generate_misc.hpp>

#include "../test.hpp"
#include "patterns.hpp"

using namespace cfm;

namespace {

// A network with the members and the types of mockturtle's, and its habit of passing an index too.
class Mock {
 public:
  using node = std::uint64_t;
  struct signal {
    std::uint64_t index : 63;
    std::uint64_t complement : 1;
    signal operator!() const { return {index, complement ^ 1u}; }
  };
  enum Kind { constant, input, gate_and, gate_xor, gate_maj, gate_or, gate_lut };

  Mock() { nodes_.push_back({constant, {}}); }

  signal get_constant(bool value) const { return {0, value}; }
  signal create_pi() {
    nodes_.push_back({input, {}});
    return last();
  }
  signal create(Kind kind, std::vector<signal> fanins) {
    nodes_.push_back({kind, std::move(fanins)});
    return last();
  }
  void create_po(signal s) { outputs_.push_back(s); }
  void set_fanins(node n, std::vector<signal> fanins) { nodes_[n].fanins = std::move(fanins); }

  auto size() const { return static_cast<std::uint32_t>(nodes_.size()); }
  node get_node(const signal& s) const { return s.index; }
  bool is_complemented(const signal& s) const { return s.complement; }
  std::uint32_t node_to_index(const node& n) const { return static_cast<std::uint32_t>(n); }
  bool is_constant(const node& n) const { return nodes_[n].kind == constant; }
  bool constant_value(const node&) const { return false; }
  bool is_and(const node& n) const { return nodes_[n].kind == gate_and; }
  bool is_xor(const node& n) const { return nodes_[n].kind == gate_xor; }
  bool is_maj(const node& n) const { return nodes_[n].kind == gate_maj; }
  bool is_or(const node& n) const { return nodes_[n].kind == gate_or; }

  template <class F>
  void foreach_pi(F&& f) const {
    each([&](node n) { return nodes_[n].kind == input; }, f);
  }
  template <class F>
  void foreach_gate(F&& f) const {
    each([&](node n) { return nodes_[n].kind > input; }, f);
  }
  template <class F>
  void foreach_po(F&& f) const {
    for (std::uint32_t i = 0; i < outputs_.size(); ++i) f(outputs_[i], i);
  }
  template <class F>
  void foreach_fanin(const node& n, F&& f) const {
    for (std::uint32_t i = 0; i < nodes_[n].fanins.size(); ++i) f(nodes_[n].fanins[i], i);
  }

 private:
  struct Node {
    Kind kind;
    std::vector<signal> fanins;
  };
  signal last() const { return {(nodes_.size() - 1) & (~std::uint64_t{0} >> 1), 0}; }
  template <class Test, class F>
  void each(Test test, F&& f) const {
    std::uint32_t i = 0;
    for (node n = 0; n < nodes_.size(); ++n)
      if (test(n)) f(n, i++);
  }
  std::vector<Node> nodes_;
  std::vector<signal> outputs_;
};

static_assert(Network<Mock>);
static_assert(!Network<Aig>);
static_assert(!Network<int>);

}  // namespace

TEST_CASE("network: an Aig in the shape of a network comes back as it is") {
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    const Aig aig = random_aig({.ands = 300, .hashed = seed % 2 == 0}, Rng(seed));
    CHECK(to_aig(AigNetwork(aig)) == aig);
  }
  Aig sequential;
  const Literal x = sequential.add_input(), q = sequential.add_latch();
  sequential.set_next(0, !sequential.add_and(x, !q));
  sequential.add_output(!q);
  CHECK(to_aig(AigNetwork(sequential)) == sequential);
}

TEST_CASE("network: gates of other kinds become ANDs of the same function") {
  Mock mock;
  const Mock::signal a = mock.create_pi(), b = mock.create_pi(), c = mock.create_pi();
  mock.create_po(mock.create(Mock::gate_and, {a, !b}));
  mock.create_po(mock.create(Mock::gate_xor, {a, b}));
  mock.create_po(!mock.create(Mock::gate_maj, {a, !b, c}));
  mock.create_po(mock.create(Mock::gate_or, {a, b, c}));
  mock.create_po(mock.create(Mock::gate_maj, {a, b, mock.get_constant(true)}));
  mock.create_po(mock.get_constant(true));
  mock.create_po(!a);
  const Aig aig = to_aig(mock);
  const std::uint64_t x = 0xAA, y = 0xCC, z = 0xF0;
  const auto out = test::outputs_of(aig, {x, y, z});
  CHECK(out[0] == (x & ~y));
  CHECK(out[1] == (x ^ y));
  CHECK(out[2] == ~((x & ~y) | (x & z) | (~y & z)));
  CHECK(out[3] == (x | y | z));
  CHECK(out[4] == (x | y));
  CHECK(out[5] == ~std::uint64_t{0});
  CHECK(out[6] == ~x);
}

TEST_CASE("network: gates may be listed before what they read, in chains of any length") {
  Mock mock;
  const Mock::signal a = mock.create_pi(), b = mock.create_pi();
  std::vector<Mock::signal> gates;
  const std::size_t n = 100000;
  for (std::size_t i = 0; i < n; ++i) gates.push_back(mock.create(Mock::gate_and, {a, b}));
  for (std::size_t i = 0; i + 1 < n; ++i)
    mock.set_fanins(mock.get_node(gates[i]), {!gates[i + 1], b});
  mock.create_po(gates[0]);
  const Aig aig = to_aig(mock);
  CHECK(aig.ands() == n);
  // gate n - 1 is a & b, then each is !next & b
  std::uint64_t x = 0xAA, y = 0xCC, expected = x & y;
  for (std::size_t i = 0; i + 1 < n; ++i) expected = ~expected & y;
  CHECK(test::outputs_of(aig, {x, y})[0] == expected);
}

TEST_CASE("network: unknown gates and cycles are reported") {
  Mock mock;
  const Mock::signal a = mock.create_pi(), b = mock.create_pi();
  const Mock::signal g = mock.create(Mock::gate_lut, {a, b});
  CHECK_THROWS_WITH_AS(to_aig(mock),
                       "to_aig: the node of index 3 with 2 fan-ins is no gate that cfm knows",
                       UnsupportedError);
  Mock pair;
  const Mock::signal p = pair.create_pi();
  const Mock::signal first = pair.create(Mock::gate_and, {p, p});
  const Mock::signal second = pair.create(Mock::gate_and, {first, p});
  pair.set_fanins(pair.get_node(first), {second, p});
  CHECK_THROWS_WITH_AS(to_aig(pair), doctest::Contains("a cycle runs through the node of index: 2"),
                       Error);
  Mock majority;
  majority.create(Mock::gate_maj, {majority.create_pi(), majority.create_pi()});
  CHECK_THROWS_AS(to_aig(majority), UnsupportedError);
  CHECK(mock.get_node(g) == 3);
}
