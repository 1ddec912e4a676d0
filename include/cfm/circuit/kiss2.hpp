#pragma once
/// @file  KISS2, the format of state tables.

#include <cfm/circuit/detail/kiss2_reader.hpp>
#include <cfm/io/file.hpp>

CFM_NAMESPACE_BEGIN

/// Reads a state table: .i, .o, .p, .s, .r and rows of inputs, state, next state and outputs; `*`
/// or
/// `-` for any state; comments from # on. Without .r the machine starts in the first state named.
/// Errors:  FormatError "name:line:column: ..." for bad syntax, rows of the wrong length, and
///          numbers of rows and states that the file does not have.
/// Cost:    linear.
/// Source:  "Berkeley Logic Interchange Format (BLIF)", University of California, 1992.
inline StateTable parse_kiss2(std::string_view text, std::string_view name = "kiss2") {
  return detail::Kiss2Reader(text, name).read();
}
inline StateTable parse_kiss2(std::span<const std::byte> bytes, std::string_view name = "kiss2") {
  return parse_kiss2(as_text(bytes), name);
}

/// Reads a KISS2 file; to_aig() makes a circuit of it.   Errors:  as parse_kiss2, and IoError.
inline StateTable read_kiss2(const std::filesystem::path& path) {
  return parse_kiss2(read_file(path), path.string());
}

/// The table in KISS2. Reading it gives the same table if every state is in some row and the first
/// to be so are in order.
inline std::string format_kiss2(const StateTable& table) {
  std::string out = concat(".i ", table.inputs, "\n.o ", table.outputs, "\n.p ", table.rows.size(),
                           "\n.s ", table.states.size(), "\n");
  CFM_CHECK(table.reset < table.states.size(), "format_kiss2: the reset state does not exist",
            table.reset, table.states.size());
  out += concat(".r ", table.states[table.reset], "\n");
  const auto name = [&](std::uint32_t state) {
    CFM_CHECK(state == StateTable::any || state < table.states.size(),
              "format_kiss2: no such state", state, table.states.size());
    return state == StateTable::any ? std::string_view("*") : table.states[state];
  };
  for (const StateTable::Row& row : table.rows) {
    if (!row.inputs.empty()) out += concat(row.inputs, " ");
    out += concat(name(row.from), " ", name(row.to));
    if (!row.outputs.empty()) out += concat(" ", row.outputs);
    out += '\n';
  }
  return out += ".e\n";
}

/// Writes a KISS2 file, atomically.   Errors:  as format_kiss2, and IoError.
inline void write_kiss2(const StateTable& table, const std::filesystem::path& path) {
  write_file_atomic(path, format_kiss2(table));
}

CFM_NAMESPACE_END
