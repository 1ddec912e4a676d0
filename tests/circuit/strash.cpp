#include <cfm/circuit/strash.hpp>

#include <doctest/doctest.h>

#include "patterns.hpp"

using namespace cfm;

TEST_CASE("strash: trivial ANDs are folded, equal ones are shared") {
  Strash s;
  const Literal a = s.add_input(), b = s.add_input();
  CHECK(s.land(a, literal_false) == literal_false);
  CHECK(s.land(literal_true, a) == a);
  CHECK(s.land(a, a) == a);
  CHECK(s.land(!a, a) == literal_false);
  CHECK(s.land(literal_true, literal_false) == literal_false);
  CHECK(s.aig().ands() == 0);
  CHECK(s.land(a, b) == s.land(b, a));
  CHECK(s.land(a, !b) != s.land(a, b));
  CHECK(s.aig().ands() == 2);
}

TEST_CASE("strash: every function has its truth table") {
  Strash s;
  const Literal a = s.add_input(), b = s.add_input(), c = s.add_input();
  const Literal all[] = {a, b, c};
  s.add_output(s.land(a, b));
  s.add_output(s.lor(a, b));
  s.add_output(s.lxor(a, b));
  s.add_output(s.lxnor(a, b));
  s.add_output(s.mux(a, b, c));
  s.add_output(s.majority(a, b, c));
  s.add_output(s.land(all));
  s.add_output(s.lor(all));
  s.add_output(s.lxor(all));
  const auto out = test::outputs_of(s.aig(), {0xAA, 0xCC, 0xF0});
  const std::uint64_t expected[] = {0x88, 0xEE, 0x66, 0x99, 0xD8, 0xE8, 0x80, 0xFE, 0x96};
  for (std::size_t i = 0; i < out.size(); ++i) CHECK((out[i] & 0xFF) == expected[i]);
  CHECK(s.land(std::span<const Literal>()) == literal_true);
  CHECK(s.lor(std::span<const Literal>()) == literal_false);
}

TEST_CASE("strash: literals that do not exist are refused") {
  Strash s;
  const Literal a = s.add_input();
  CHECK_THROWS_AS(s.land(a, Literal(4)), Error);
  CHECK_THROWS_AS(s.land(Literal(99), literal_false), Error);
}

TEST_CASE("strash: the table grows without losing a node") {
  Strash s;
  std::vector<Literal> in;
  for (int i = 0; i < 200; ++i) in.push_back(s.add_input());
  std::vector<Literal> made;
  for (std::size_t i = 0; i < in.size(); ++i)
    for (std::size_t j = 0; j < i; ++j) made.push_back(s.land(in[i], !in[j]));
  CHECK(s.aig().ands() == made.size());
  std::size_t k = 0;
  bool same = true;
  for (std::size_t i = 0; i < in.size(); ++i)
    for (std::size_t j = 0; j < i; ++j) same = same && s.land(!in[j], in[i]) == made[k++];
  CHECK(same);
  CHECK(s.aig().ands() == made.size());
}

TEST_CASE("strash: going on from a graph finds its nodes; take starts anew") {
  Aig aig;
  const Literal a = aig.add_input(), b = aig.add_input();
  const Literal ab = aig.add_and(a, b);
  Strash s(aig);
  CHECK(s.land(b, a) == ab);
  CHECK(s.take() == aig);
  CHECK(s.aig() == Aig());
  const Literal x = s.add_input(), y = s.add_input();
  CHECK(s.land(x, y).variable() == 3);
}

TEST_CASE("strash: of a graph keeps functions, names, latches and properties") {
  Rng rng(3);
  for (int round = 0; round < 100; ++round) {
    CAPTURE(round);
    Aig aig;
    std::vector<Literal> pool = {literal_false};
    for (int i = 0; i < 4; ++i) pool.push_back(aig.add_input(concat("i", i)));
    for (int i = 0; i < 2; ++i)
      pool.push_back(aig.add_latch(static_cast<Reset>(rng.below(3)), concat("q", i)));
    const auto any = [&] { return pool[rng.below(pool.size())] ^ (rng.below(2) == 1); };
    for (int i = 0; i < 30; ++i) pool.push_back(aig.add_and(any(), any()));
    for (std::size_t i = 0; i < 2; ++i) aig.set_next(i, any());
    for (int i = 0; i < 3; ++i) aig.add_output(any(), concat("o", i));
    aig.properties.bad = {any()};
    aig.properties.justice = {{any(), any()}};
    aig.comment = "kept";

    const Aig out = strash(aig);
    CHECK(strash(out) == out);
    CHECK(out.ands() <= aig.ands());
    CHECK(out.comment == aig.comment);
    CHECK(out.input_name(3) == "i3");
    CHECK(out.latch_name(1) == "q1");
    CHECK(out.output_name(2) == "o2");
    const auto observed = [](const Aig& whole) {  // everything that is read, as outputs
      Aig g = whole;
      for (const Latch& latch : whole.latches()) g.add_output(latch.next);
      for (const Literal literal : whole.properties.bad) g.add_output(literal);
      for (const Literal literal : whole.properties.justice[0]) g.add_output(literal);
      return g;
    };
    std::vector<std::uint64_t> sources;
    for (int i = 0; i < 6; ++i) sources.push_back(rng.next());
    CHECK(test::outputs_of(observed(out), sources) == test::outputs_of(observed(aig), sources));
    for (std::uint32_t v = out.first_and(); v < out.variables(); ++v) {
      const auto [x, y] = out.fanins(v);
      CHECK(y > literal_true);
      CHECK(x.variable() != y.variable());
    }
  }
}
