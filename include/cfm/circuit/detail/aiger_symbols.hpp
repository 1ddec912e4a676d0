#pragma once
/// @file  The symbols and the comment at the end of both AIGER encodings.

#include <optional>

#include <cfm/circuit/aig.hpp>
#include <cfm/circuit/detail/text_cursor.hpp>

CFM_NAMESPACE_BEGIN
namespace detail {

// How many things of a kind may have a name; nothing for a letter that is no kind.
inline std::optional<std::size_t> aiger_symbol_count(const Aig& aig, char kind) {
  switch (kind) {
    case 'i': return aig.inputs();
    case 'l': return aig.latches().size();
    case 'o': return aig.outputs();
    case 'b': return aig.properties.bad.size();
    case 'c': return aig.properties.constraints.size();
    case 'j': return aig.properties.justice.size();
    case 'f': return aig.properties.fairness.size();
    default: return std::nullopt;
  }
}

// False if there is such a name already.
inline bool add_aiger_symbol(Aig& aig, char kind, std::size_t i, std::string name) {
  const auto add = [&](std::vector<std::string>& names) {
    if (names.size() <= i) names.resize(i + 1);
    const bool is_new = names[i].empty();
    if (is_new) names[i] = std::move(name);
    while (!names.empty() && names.back().empty()) names.pop_back();
    return is_new;
  };
  switch (kind) {
    case 'b': return add(aig.properties.bad_names);
    case 'c': return add(aig.properties.constraint_names);
    case 'j': return add(aig.properties.justice_names);
    case 'f': return add(aig.properties.fairness_names);
    case 'i':
      if (!aig.input_name(i).empty()) return false;
      aig.set_input_name(i, std::move(name));
      return true;
    case 'l':
      if (!aig.latch_name(i).empty()) return false;
      aig.set_latch_name(i, std::move(name));
      return true;
    default:
      if (!aig.output_name(i).empty()) return false;
      aig.set_output_name(i, std::move(name));
      return true;
  }
}

// Reads to the end of the text.
inline void read_aiger_symbols(TextCursor& in, Aig& aig) {
  while (!in.at_end()) {
    const std::size_t begin = in.position();
    const char kind = in.peek();
    in.skip();
    if (kind == 'c' && (in.at_end() || in.accept('\n'))) {
      aig.comment = in.text().substr(in.position());
      return;
    }
    const auto count = aiger_symbol_count(aig, kind);
    if (!count) in.fail_at(begin, "expected a symbol (one of i l o b c j f) or the comment");
    const auto i = static_cast<std::size_t>(in.number(UINT32_MAX, "a position"));
    if (i >= *count) in.fail_at(begin, "symbol ", kind, i, ": there are ", *count, " of this kind");
    in.expect(' ', "a blank before the name");
    if (!add_aiger_symbol(aig, kind, i, std::string(in.line("the name"))))
      in.fail_at(begin, "symbol ", kind, i, " is given twice");
  }
}

}  // namespace detail
CFM_NAMESPACE_END
