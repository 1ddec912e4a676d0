#include <cfm/circuit/cone.hpp>

#include <doctest/doctest.h>

#include "patterns.hpp"

using namespace cfm;

namespace {

// y = (a & b) & q, z = c & d, q' = c, r' = !q, with one AND that nothing reads.
Aig example() {
  Aig aig;
  const Literal a = aig.add_input("a"), b = aig.add_input("b");
  const Literal c = aig.add_input("c"), d = aig.add_input("d");
  const Literal q = aig.add_latch(Reset::one, "q");
  aig.add_latch(Reset::zero, "r");
  const Literal ab = aig.add_and(a, b);
  aig.add_and(a, !d);
  aig.add_output(aig.add_and(ab, q), "y");
  aig.add_output(aig.add_and(c, d), "z");
  aig.set_next(0, c);
  aig.set_next(1, !q);
  return aig;
}

}  // namespace

TEST_CASE("cone: the finder lists what the roots depend on, ascending") {
  const Aig aig = example();
  ConeFinder find(aig);
  const auto list = [&](std::vector<Literal> roots) {
    const auto found = find(roots);
    return std::vector<std::uint32_t>(found.begin(), found.end());
  };
  CHECK(list({aig.output_literals()[0]}) == std::vector<std::uint32_t>{1, 2, 5, 7, 9});
  CHECK(list({aig.output_literals()[1]}) == std::vector<std::uint32_t>{3, 4, 10});
  CHECK(list({literal_true, Literal(2), Literal(3)}) == std::vector<std::uint32_t>{0, 1});
  CHECK(list({}).empty());
  CHECK_THROWS_AS(list({Literal(1000)}), Error);
}

TEST_CASE("cone: a combinational cone turns latches into inputs and keeps the function") {
  const Aig aig = example();
  const Literal root = !aig.output_literals()[0];
  const Cone cone = extract_cone(aig, std::span(&root, 1));
  CHECK(cone.aig.inputs() == 3);
  CHECK(cone.aig.input_name(2) == "q");
  CHECK(cone.aig.latches().empty());
  CHECK(cone.variables == std::vector<std::uint32_t>{0, 1, 2, 5, 7, 9});
  const std::uint64_t all = test::outputs_of(aig, {0xAA, 0xCC, 1, 2, 0xF0, 3})[0];
  CHECK(test::outputs_of(cone.aig, {0xAA, 0xCC, 0xF0})[0] == ~all);
}

TEST_CASE("cone: a sequential cone follows next states") {
  const Aig aig = example();
  const Literal y = aig.output_literals()[0];
  const Cone cone = extract_sequential_cone(aig, std::span(&y, 1));
  CHECK(cone.aig.inputs() == 3);  // c through the next state of q
  REQUIRE(cone.aig.latches().size() == 1);
  CHECK(cone.aig.latches()[0] == Latch{Literal(6), Reset::one});
  CHECK(cone.aig.latch_name(0) == "q");
  CHECK(cone.variables == std::vector<std::uint32_t>{0, 1, 2, 3, 5, 7, 9});
  const Literal r(2 * aig.latch_variable(1));
  CHECK(extract_sequential_cone(aig, std::span(&r, 1)).aig.latches().size() == 2);
}

TEST_CASE("cone: dropping what nothing reads keeps the rest in order") {
  const Aig aig = example();
  const Aig out = remove_dangling(aig);
  CHECK(out.ands() == aig.ands() - 1);
  CHECK(out.inputs() == 4);
  CHECK(out.latches()[1].next == !Literal(10));
  CHECK(out.output_name(1) == "z");
  CHECK(remove_dangling(out) == out);
  const std::vector<std::uint64_t> sources = {0xAA, 0xCC, 0xF0, 0xFF00, 0x123, 0x77};
  CHECK(test::outputs_of(out, sources) == test::outputs_of(aig, sources));
  CHECK(remove_dangling(Aig()) == Aig());
}
