#include <cfm/circuit/aig.hpp>

#include <doctest/doctest.h>

using namespace cfm;

TEST_CASE("aig: a literal is a variable and a sign") {
  const Literal x(5, true);
  CHECK(x.value == 11);
  CHECK(x.variable() == 5);
  CHECK(x.inverted());
  CHECK(!x == Literal(10));
  CHECK(x.positive() == Literal(10));
  CHECK((x ^ false) == x);
  CHECK((x ^ true) == !x);
  CHECK(!literal_false == literal_true);
}

TEST_CASE("aig: variables are the constant, inputs, latches, ANDs, in this order") {
  Aig aig;
  const Literal a = aig.add_input("a"), b = aig.add_input();
  const Literal q = aig.add_latch(Reset::undefined, "q");
  const Literal x = aig.add_and(a, !b);
  aig.add_output(!x, "y");
  aig.set_next(0, x);
  CHECK(a.variable() == 1);
  CHECK(q.variable() == aig.latch_variable(0));
  CHECK(x.variable() == aig.first_and());
  CHECK(aig.variables() == 5);
  CHECK(aig.fanins(4) == std::array{!b, a});  // the larger first
  CHECK(aig.is_source(3));
  CHECK(!aig.is_source(0));
  CHECK(aig.is_and(4));
  CHECK(!aig.is_and(5));
  CHECK(aig.latches()[0] == Latch{x, Reset::undefined});
  CHECK(aig.input_name(0) == "a");
  CHECK(aig.input_name(1).empty());
  CHECK(aig.output_name(0) == "y");
}

TEST_CASE("aig: what would break the order or does not exist is refused") {
  Aig aig;
  const Literal a = aig.add_input();
  CHECK_THROWS_AS(aig.add_and(a, Literal(4)), Error);
  CHECK_THROWS_AS(aig.add_output(Literal(4)), Error);
  CHECK_THROWS_AS(aig.set_next(0, a), Error);
  aig.add_latch();
  CHECK_THROWS_AS(aig.add_input(), Error);
  CHECK_THROWS_AS(aig.set_next(0, Literal(99)), Error);
  aig.add_and(a, a);
  CHECK_THROWS_AS(aig.add_latch(), Error);
}

TEST_CASE("aig: equality looks at names, too, and empty names are no names") {
  Aig x, y;
  x.add_input("a");
  y.add_input();
  CHECK(x != y);
  y.set_input_name(0, "a");
  CHECK(x == y);
  y.set_input_name(0, "");
  x.set_input_name(0, "");
  CHECK(x == y);
}
