#include <cfm/models/circuit_hops.hpp>

#include "../test.hpp"
#include "hop_cases.hpp"

using namespace cfm;

TEST_CASE("circuit hops: hops of drawn roots, as the models take them") {
  const ExplicitNotGraph circuit = explicit_not_graph(carry_save_multiplier(4));
  const CircuitHops found = circuit_hops(circuit, 0.5, Rng(3));
  REQUIRE(found.hops.size() > 4);
  const auto count = static_cast<Index>(found.hops.size());
  CHECK(found.inputs.roots.shape() == Shape{count});
  CHECK(found.inputs.leaves.shape() == Shape{count, 8});
  CHECK(found.inputs.nodes.shape() == Shape{count, 31});
  for (std::size_t i = 0; i < found.hops.size(); ++i)
    CHECK(std::as_const(found.inputs.roots).span<std::int64_t>()[i] == found.hops[i].root);
  CHECK(circuit_hops(circuit, 0, Rng(3)).hops.empty());
}

TEST_CASE("circuit hops: pooling in blocks is pooling at once") {
  const test::HopCircuitCase c(8);
  REQUIRE(c.hops.size() >= 4);
  const HopPooling<> pooling({.dim = 8, .heads = 2, .hidden = 16, .layers = 1}, true, Rng(1));
  const GateStates gates{.structure = c.structure, .function = c.function};
  const GateStates want = pooling(gates, c.inputs);
  for (const Index block : {Index{1}, Index{3}, Index{1000}}) {
    const GateStates got = pool_in_blocks(pooling, gates, c.inputs, block);
    CHECK(test::worst_difference(got.structure.value(), want.structure.value()) < 1e-6);
    CHECK(test::worst_difference(got.function.value(), want.function.value()) < 1e-6);
  }
  CHECK(test::error_of([&] {
          pool_in_blocks(pooling, gates, c.inputs, 0);
        }).starts_with("pool in blocks: at least one hop a block"));
}
