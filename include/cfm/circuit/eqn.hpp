#pragma once
/// @file  Equations, the EQN format of ABC.

#include <cfm/circuit/detail/eqn_reader.hpp>
#include <cfm/io/file.hpp>

CFM_NAMESPACE_BEGIN

/// Reads equations through structural hashing: `INORDER = a b c;`, `OUTORDER = f;` and
/// `f = a * !(b + c);` with `!` before `*` before `+`, parentheses of any depth, constants 0 and 1,
/// and comments from # on. Equations may come in any order.
/// Errors:  FormatError "name:line:column: ..." for bad syntax, signals driven twice or not at all,
///          and cycles.
/// Cost:    linear; memory is bounded by the number of characters.
inline Aig parse_eqn(std::string_view text, std::string_view name = "eqn") {
  return detail::EqnReader(text, name).read();
}
inline Aig parse_eqn(std::span<const std::byte> bytes, std::string_view name = "eqn") {
  return parse_eqn(as_text(bytes), name);
}

/// Reads an EQN file.   Errors:  as parse_eqn, and IoError.
inline Aig read_eqn(const std::filesystem::path& path) {
  return parse_eqn(read_file(path), path.string());
}

CFM_NAMESPACE_END
