#include <cfm/circuit/state_table.hpp>

#include <cfm/circuit/simulate.hpp>

#include "../test.hpp"

using namespace cfm;

namespace {

// A counter of three steps; the input holds it, the output is 1 in the last state.
StateTable three_steps() {
  StateTable table;
  table.inputs = 1;
  table.outputs = 1;
  table.states = {"b", "a", "c"};
  table.reset = 1;
  table.rows = {{"0", "0", 1, 0}, {"0", "-", 0, 2}, {"0", "1", 2, 1},
                {"1", "0", 1, 1}, {"1", "0", 0, 0}, {"1", "1", 2, 2}};
  return table;
}

}  // namespace

TEST_CASE("state_table: a circuit in both encodings does what the rows say") {
  for (const StateEncoding encoding : {StateEncoding::binary, StateEncoding::one_hot}) {
    const Aig aig = to_aig(three_steps(), encoding);
    CHECK(aig.latches().size() == (encoding == StateEncoding::binary ? 2 : 3));
    CHECK(aig.input_name(0) == "x0");
    CHECK(aig.output_name(0) == "y0");
    BitRows state = reset_state(aig, 1), in(1, 1);
    std::string seen;
    for (const bool hold : {false, false, false, true, false, true, true, false, false, false}) {
      in[0][0] = hold ? 1 : 0;
      seen += (simulate_step(aig, in, state)[0][0] & 1) != 0 ? '1' : '0';
    }
    CHECK(seen ==
          "0010000"
          "010");
  }
}

TEST_CASE("state_table: rows for any state, to any state, and where none fits") {
  StateTable table;
  table.inputs = 2;
  table.outputs = 1;
  table.states = {"p", "q"};
  table.rows = {{"1-", "1", StateTable::any, 1}, {"01", "1", 1, StateTable::any}};
  for (const StateEncoding encoding : {StateEncoding::binary, StateEncoding::one_hot}) {
    const Aig aig = to_aig(table, encoding);
    BitRows state = reset_state(aig, 1), in(2, 1);
    const auto step = [&](unsigned x0, unsigned x1) {
      in[0][0] = x0;
      in[1][0] = x1;
      return simulate_step(aig, in, state)[0][0] & 1;
    };
    CHECK(step(0, 1) == 0);  // no row in p
    CHECK(step(1, 0) == 1);  // any -> q
    CHECK(step(0, 1) == 1);  // q -> any, which is the reset state p
    CHECK(step(0, 1) == 0);
    CHECK(step(1, 1) == 1);
    CHECK(step(0, 0) == 0);  // none fits in q: p
    CHECK(step(0, 1) == 0);
  }
}

TEST_CASE("state_table: what does not fit is refused") {
  StateTable table = three_steps();
  table.rows[0].inputs = "01";
  CHECK(test::error_of([&] { to_aig(table); }).find("one character for each input") !=
        std::string::npos);
  table = three_steps();
  table.rows[1].outputs = "x";
  CHECK_THROWS_AS(to_aig(table), Error);
  table = three_steps();
  table.rows[1].to = 3;
  CHECK_THROWS_AS(to_aig(table), Error);
  table = three_steps();
  table.reset = 3;
  CHECK_THROWS_AS(to_aig(table), Error);
}
