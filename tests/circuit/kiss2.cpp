#include <cfm/circuit/kiss2.hpp>

#include "shared_circuits.hpp"

using namespace cfm;
using namespace cfm::test;

namespace {

std::string kiss2_error(std::string_view text) {
  return error_of([&] { parse_kiss2(text, "f.kiss2"); });
}

// The machine row by row: outputs of a step, and the next state.
std::string table_step(const StateTable& table, std::uint32_t& state, const std::string& in) {
  std::string out(table.outputs, '0');
  std::uint32_t next = table.reset;
  for (const StateTable::Row& row : table.rows) {
    bool fits = row.from == state || row.from == StateTable::any;
    for (std::size_t i = 0; i < in.size(); ++i)
      fits = fits && (row.inputs[i] == '-' || row.inputs[i] == in[i]);
    if (!fits) continue;
    for (std::size_t i = 0; i < out.size(); ++i)
      if (row.outputs[i] == '1') out[i] = '1';
    if (row.to != StateTable::any) next = row.to;
  }
  state = next;
  return out;
}

}  // namespace

TEST_CASE("kiss2: a table, its comments, its end, and back") {
  const StateTable table = parse_kiss2(
      "# lion\n.i 2\n.o 1\n.p 3\n.s 2\n.r b\n-0 a b 1 # row\n\n11 b * -\n00 * a 0\n.e\nrubbish");
  CHECK(table.inputs == 2);
  CHECK(table.states == std::vector<std::string>{"a", "b"});
  CHECK(table.reset == 1);
  REQUIRE(table.rows.size() == 3);
  CHECK(table.rows[0] == StateTable::Row{"-0", "1", 0, 1});
  CHECK(table.rows[1].to == StateTable::any);
  CHECK(table.rows[2].from == StateTable::any);
  CHECK(parse_kiss2(format_kiss2(table)) == table);
  const StateTable blind = parse_kiss2(".i 0\n.o 0\na b\nb a\n");
  CHECK(blind.rows.size() == 2);
  CHECK(parse_kiss2(format_kiss2(blind)) == blind);
}

TEST_CASE("kiss2: errors name the file, the place and the rule") {
  CHECK(kiss2_error("") == "f.kiss2:1:1: not KISS2: .i and .o are missing");
  CHECK(kiss2_error("<html>") == "f.kiss2:1:1: a row before .i and .o");
  CHECK(kiss2_error(".i 2\n.o 1\n01 a b\n") ==
        "f.kiss2:3:1: a row is: inputs, state, next state, outputs; found 3 words");
  CHECK(kiss2_error(".i 2\n.o 1\n011 a b 1\n") ==
        "f.kiss2:3:1: the inputs of a row have 2 characters, found 3");
  CHECK(kiss2_error(".i 2\n.o 1\n01 a b x\n") == "f.kiss2:3:8: a row has characters 0, 1 or -");
  CHECK(kiss2_error(".i 1\n.o 1\n.p 2\n0 a b 1\n") == "f.kiss2:3:1: .p says 2 rows, found 1");
  CHECK(kiss2_error(".i 1\n.o 1\n.s 1\n0 a b 1\n") == "f.kiss2:3:1: .s says 1 states, found 2");
  CHECK(kiss2_error(".i 1\n.o 1\n.r c\n0 a b 1\n") ==
        "f.kiss2:3:4: no row has the reset state 'c'");
  CHECK(kiss2_error(".i x\n") == "f.kiss2:1:4: expected a number");
  CHECK(kiss2_error(".i 1000000000\n") == "f.kiss2:1:1: '.i' is more than the file has");
  CHECK(kiss2_error(".i 1\n.o 1\n") == "f.kiss2:3:1: there are no rows");
  CHECK(kiss2_error(".q 1\n").starts_with("f.kiss2:1:1: unknown directive '.q'"));
  CHECK(kiss2_error(".i 1\n.o 1\n0 * - 1\n") == "f.kiss2:1:1: no row names a state");
  CHECK_THROWS_AS(format_kiss2(StateTable()), Error);
}

TEST_CASE("kiss2: every development table, as a circuit in both encodings") {
  const auto data = data_dir("circuits");
  if (!data) return;
  std::size_t checked = 0;
  for (const auto& path : files_below(*data, ".kiss2")) {
    CAPTURE(path.string());
    const StateTable table = read_kiss2(path);
    CHECK(parse_kiss2(format_kiss2(table)).rows == table.rows);
    for (const StateEncoding encoding : {StateEncoding::binary, StateEncoding::one_hot}) {
      if (encoding == StateEncoding::one_hot && table.states.size() > 50) continue;
      const Aig aig = to_aig(table, encoding);
      Rng rng(11);
      std::uint32_t state = table.reset;
      BitRows registers = reset_state(aig, 1), in(static_cast<Index>(table.inputs), 1);
      std::size_t wrong = 0;
      for (int step = 0; step < 200; ++step) {
        // Mostly inputs for which there is a row, so that the machine moves.
        std::string bits;
        const auto& row = table.rows[rng.below(table.rows.size())];
        for (std::size_t i = 0; i < table.inputs; ++i) {
          const char c = row.inputs[i] == '-' ? (rng.below(2) == 1 ? '1' : '0') : row.inputs[i];
          bits += c;
          in[static_cast<Index>(i)][0] = c == '1' ? 1 : 0;
        }
        const BitRows out = simulate_step(aig, in, registers);
        const std::string want = table_step(table, state, bits);
        for (std::size_t o = 0; o < table.outputs; ++o)
          wrong += ((out[static_cast<Index>(o)][0] & 1) != 0) != (want[o] == '1');
      }
      CHECK(wrong == 0);
    }
    ++checked;
  }
  CHECK(checked == 25);
}

TEST_CASE("kiss2: every prefix of a file is read or refused") {
  check_prefixes(".i 2\n.o 1\n.p 2\n.s 2\n.r a\n-0 a b 1\n11 b * -\n.e\n",
                 [](std::string_view text) { parse_kiss2(text); });
}
