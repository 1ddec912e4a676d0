#pragma once
/// @file  Finite-state machines as tables, and as circuits.

#include <string>
#include <vector>

#include <cfm/circuit/strash.hpp>

CFM_NAMESPACE_BEGIN

/// A finite-state machine as rows (inputs, state) -> (next state, outputs), as KISS2 holds it.
struct StateTable {
  /// A state that stands for all (before) or none in particular (after).
  static constexpr std::uint32_t any = 0xFFFFFFFF;

  /// One row. Inputs and outputs are strings of 0, 1 and - ("does not matter"), one character each.
  struct Row {
    std::string inputs, outputs;
    std::uint32_t from = 0, to = 0;
    friend bool operator==(const Row&, const Row&) = default;
  };

  std::size_t inputs = 0, outputs = 0;
  std::vector<std::string> states;  ///< names
  std::uint32_t reset = 0;          ///< the first state
  std::vector<Row> rows;
  friend bool operator==(const StateTable&, const StateTable&) = default;
};

/// How states become registers.
enum class StateEncoding : std::uint8_t {
  binary,  ///< the number of the state, counted from the reset state
  one_hot  ///< a register for each state
};

/// The machine as a circuit with inputs x0.., outputs y0.. and latches s0... In a step the rows
/// that fit are joined: the codes of their next states and their outputs by OR, where - gives 0.
/// Where none fits, outputs are 0 and the reset state comes next; so it does after rows to `any`.
/// Errors:  Error if a row has the wrong length, another character, or a state that does not exist.
/// Cost:    linear in the characters of the rows, times the registers of a code.
inline Aig to_aig(const StateTable& table, StateEncoding encoding = StateEncoding::binary) {
  const std::size_t states = table.states.size();
  CFM_CHECK(states > 0 && table.reset < states, "state table: the reset state does not exist",
            table.reset, states);
  const bool one_hot = encoding == StateEncoding::one_hot;
  std::size_t bits = 0;
  while ((std::size_t{1} << bits) < states) ++bits;
  if (one_hot) bits = states;
  // The reset state and state 0 change numbers, so that the code of all zeros is the reset.
  const auto number = [&](std::uint32_t state) {
    return state == table.reset ? 0u : state == 0 ? table.reset : state;
  };

  Strash build;
  std::vector<Literal> in, state;
  for (std::size_t i = 0; i < table.inputs; ++i) in.push_back(build.add_input(concat("x", i)));
  for (std::size_t i = 0; i < bits; ++i)
    state.push_back(build.add_latch(one_hot && i == 0 ? Reset::one : Reset::zero, concat("s", i)));
  std::vector<Literal> is_state(states);
  for (std::uint32_t s = 0; s < states; ++s) {
    if (one_hot) {
      is_state[s] = state[number(s)];
      continue;
    }
    Literal all = literal_true;
    for (std::size_t i = 0; i < bits; ++i)
      all = build.land(all, state[i] ^ ((number(s) >> i & 1) == 0));
    is_state[s] = all;
  }

  std::vector<Literal> next(bits, literal_false), out(table.outputs, literal_false);
  for (const StateTable::Row& row : table.rows) {
    CFM_CHECK(row.inputs.size() == table.inputs && row.outputs.size() == table.outputs,
              "state table: a row has one character for each input and output", row.inputs,
              row.outputs);
    CFM_CHECK((row.from < states || row.from == StateTable::any) &&
                  (row.to < states || row.to == StateTable::any),
              "state table: no such state (from, to, states)", row.from, row.to, states);
    Literal fits = row.from == StateTable::any ? literal_true : is_state[row.from];
    for (std::size_t i = 0; i < table.inputs; ++i) {
      const char c = row.inputs[i];
      CFM_CHECK(c == '0' || c == '1' || c == '-', "state table: characters are 0, 1 and -", c);
      if (c != '-') fits = build.land(fits, in[i] ^ (c == '0'));
    }
    for (std::size_t i = 0; i < table.outputs; ++i) {
      const char c = row.outputs[i];
      CFM_CHECK(c == '0' || c == '1' || c == '-', "state table: characters are 0, 1 and -", c);
      if (c == '1') out[i] = build.lor(out[i], fits);
    }
    if (row.to == StateTable::any) continue;
    if (one_hot) {
      next[number(row.to)] = build.lor(next[number(row.to)], fits);
    } else {
      for (std::size_t i = 0; i < bits; ++i)
        if ((number(row.to) >> i & 1) != 0) next[i] = build.lor(next[i], fits);
    }
  }
  if (one_hot) {
    const Literal others = build.lor(std::span<const Literal>(next).subspan(1));
    next[0] = build.lor(next[0], !others);
  }
  for (std::size_t i = 0; i < table.outputs; ++i) build.add_output(out[i], concat("y", i));
  for (std::size_t i = 0; i < bits; ++i) build.set_next(i, next[i]);
  return remove_dangling(build.take());
}

CFM_NAMESPACE_END
