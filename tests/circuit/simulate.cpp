#include <cfm/circuit/simulate.hpp>

#include <cfm/exec/thread_limit.hpp>

#include "patterns.hpp"
#include "shared_circuits.hpp"

using namespace cfm;
using namespace cfm::test;

TEST_CASE("simulate: any number of words equals a plain evaluation word by word") {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const Aig aig = random_aig(seed, false);
    for (const Index words : {1, 2, 3, 5, 7, 8, 9, 16, 23}) {
      CAPTURE(seed);
      CAPTURE(words);
      const BitRows in = random_patterns(static_cast<Index>(aig.inputs()), words, Rng(seed));
      const BitRows start =
          random_patterns(static_cast<Index>(aig.latches().size()), words, Rng(seed + 1));
      if (aig.inputs() + aig.latches().size() == 0) continue;
      BitRows state = start;
      const BitRows out = simulate_step(aig, in, state);
      const BitRows all = simulate_all(aig, in, start);
      for (Index w = 0; w < words; ++w) {
        std::vector<std::uint64_t> sources;
        const auto i = static_cast<std::size_t>(w);
        for (Index r = 0; r < in.rows(); ++r) sources.push_back(in[r][i]);
        for (Index r = 0; r < start.rows(); ++r) sources.push_back(start[r][i]);
        const auto value = evaluate(aig, sources);
        const auto of = [&](Literal l) {
          return value[l.variable()] ^ (l.inverted() ? ~std::uint64_t{0} : 0);
        };
        for (std::size_t v = 0; v < value.size(); ++v)
          CHECK(all[static_cast<Index>(v)][i] == value[v]);
        for (std::size_t o = 0; o < aig.outputs(); ++o)
          CHECK(out[static_cast<Index>(o)][i] == of(aig.output_literals()[o]));
        for (std::size_t l = 0; l < aig.latches().size(); ++l)
          CHECK(state[static_cast<Index>(l)][i] == of(aig.latches()[l].next));
      }
    }
  }
}

TEST_CASE("simulate: the same bits for any number of threads") {
  const Aig aig = strash(and_chain(3000));
  const BitRows in = random_patterns(2, 700, Rng(1));
  const auto run = [&](int threads) {
    return ThreadLimit(threads).run(
        [&] { return std::pair(simulate(aig, in), signal_probabilities(aig, {.words = 100})); });
  };
  const auto one = run(1);
  for (const int threads : {2, 3, 8}) CHECK(run(threads) == one);
}

TEST_CASE("simulate: latches start as their reset and the options say") {
  Aig aig;
  aig.add_latch(Reset::zero);
  aig.add_latch(Reset::one);
  aig.add_latch(Reset::undefined);
  const std::uint64_t all = ~std::uint64_t{0};
  const BitRows zero = reset_state(aig, 2);
  CHECK(zero[0][1] == 0);
  CHECK(zero[1][1] == all);
  CHECK(zero[2][1] == 0);
  CHECK(reset_state(aig, 2, {.undefined = UndefinedReset::one})[2][0] == all);
  const BitRows random = reset_state(aig, 2, {.undefined = UndefinedReset::random});
  CHECK(random[1][0] == all);
  CHECK(random[2][0] != 0);
  CHECK(random[2][0] != all);
}

TEST_CASE("simulate: a counter of two bits counts, without any input") {
  Strash s;
  const Literal low = s.add_latch(), high = s.add_latch(Reset::one);
  s.set_next(0, !low);
  s.set_next(1, s.lxor(low, high));
  s.add_output(low);
  s.add_output(high);
  const Aig aig = s.take();
  BitRows state = reset_state(aig, 1);
  for (unsigned step = 0; step < 9; ++step) {
    const BitRows out = simulate_step(aig, BitRows(0, 1), state);
    CHECK(out.get(0, 63) == ((step + 2) % 2 == 1));
    CHECK(out.get(1, 0) == ((step + 2) % 4 >= 2));
  }
}

TEST_CASE("simulate: probabilities of AND, OR and constants") {
  Strash s;
  const Literal a = s.add_input(), b = s.add_input(), q = s.add_latch();
  const Literal ab = s.land(a, b), any = s.lor(ab, q);
  const auto p = signal_probabilities(s.aig(), {.words = 4096});
  CHECK(p[0] == 0);
  CHECK(p[a.variable()] == doctest::Approx(0.5).epsilon(0.01));
  CHECK(p[q.variable()] == doctest::Approx(0.5).epsilon(0.01));
  CHECK(p[ab.variable()] == doctest::Approx(0.25).epsilon(0.01));
  CHECK(1 - p[any.variable()] == doctest::Approx(0.625).epsilon(0.01));
  CHECK_THROWS_AS(signal_probabilities(s.aig(), {.words = 0}), Error);
}

TEST_CASE("simulate: shapes that do not fit are refused") {
  Aig aig;
  aig.add_input();
  aig.add_latch();
  BitRows state(1, 2);
  CHECK_THROWS_AS(simulate(aig, BitRows(1, 2)), Error);
  CHECK_THROWS_AS(simulate_step(aig, BitRows(2, 2), state), Error);
  CHECK_THROWS_AS(simulate_step(aig, BitRows(1, 1), state), Error);
  BitRows none;
  CHECK_THROWS_AS(simulate_step(aig, BitRows(1, 1), none), Error);
}

TEST_CASE("simulate: a million levels, on a small stack") {
  CHECK(runs_on_small_stack([] {
    const Aig aig = and_chain(1'000'000);
    if (simulate(aig, random_patterns(2, 1, Rng(1))).rows() != 1) throw Error("no output");
    if (strash(aig).outputs() != 1) throw Error("no strash");
    if (extract_cone(aig, aig.output_literals()).aig.ands() != aig.ands()) throw Error("no cone");
    if (remove_dangling(aig).ands() != aig.ands()) throw Error("nothing dangles");
  }));
}
