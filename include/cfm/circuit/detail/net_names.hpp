#pragma once
/// @file  Names for everything in an Aig, for formats in which nets are known by name.

#include <string>
#include <unordered_map>

#include <cfm/circuit/detail/aig_copy.hpp>

CFM_NAMESPACE_BEGIN
namespace detail {

// Gives each variable and each output a name that the format can write and that is its own. Names
// of the graph stay as they are where that is possible: characters that the format lacks become
// '_', and a second bearer of a name gets a number.
class NetNames {
 public:
  // `allowed(c)` says whether a name may hold a character.
  template <class Allowed>
  NetNames(const Aig& aig, const Allowed& allowed) : variable_(aig.variables()) {
    const auto clean = [&](std::string name, char kind, std::size_t i) {
      for (char& c : name)
        if (!allowed(c)) c = '_';
      return name.empty() ? concat(kind, i) : name;
    };
    for (std::size_t i = 0; i < aig.inputs(); ++i)
      variable_[aig.input_variable(i)] = claim(clean(aig.input_name(i), 'i', i));
    for (std::size_t i = 0; i < aig.latches().size(); ++i)
      variable_[aig.latch_variable(i)] = claim(clean(aig.latch_name(i), 'l', i));
    for (std::size_t i = 0; i < aig.outputs(); ++i) {
      const Literal driver = aig.output_literals()[i];
      std::string& net = variable_[driver.variable()];
      std::string name = clean(aig.output_name(i), 'o', i);
      const bool direct = !driver.inverted() && driver.variable() != 0;
      const auto same = first_.find(name);
      if ((direct && net == name) || (same != first_.end() && same->second == driver)) {
        output_.push_back(std::move(name));  // the net is there already
        driven_.push_back(true);
        continue;
      }
      output_.push_back(claim(std::move(name)));
      first_.emplace(output_.back(), driver);
      driven_.push_back(direct && net.empty());
      if (driven_.back()) net = output_.back();  // an AND takes the name of its output
    }
    first_.clear();
    for (std::uint32_t v = aig.first_and(); v < aig.variables(); ++v)
      if (variable_[v].empty()) variable_[v] = generate(concat('n', v));
  }

  const std::string& variable(std::uint32_t v) const { return variable_[v]; }
  const std::string& output(std::size_t i) const { return output_[i]; }
  // Whether the net of an output is a variable's net or that of an earlier output.
  bool is_driven(std::size_t i) const { return driven_[i]; }

  // As claim, for a name that no other call generates: only names of the graph are in its way.
  std::string generate(std::string name) {
    return next_.contains(name) ? claim(std::move(name)) : name;
  }

  // A name that nothing has yet, this one if it is free.
  std::string claim(std::string name) {
    const auto [entry, is_new] = next_.try_emplace(name, 1);
    if (is_new) return name;
    while (true) {
      std::string candidate = concat(name, '_', entry->second++);
      // Inserting may move the table, but not its elements.
      if (next_.try_emplace(candidate, 1).second) return candidate;
    }
  }

 private:
  std::vector<std::string> variable_, output_;
  std::vector<bool> driven_;                           // by output
  std::unordered_map<std::string, Literal> first_;     // outputs by name while names are given
  std::unordered_map<std::string, std::size_t> next_;  // taken names, and the number to try next
};

// What formats without the sections of AIGER 1.9 say about them.
inline void refuse_properties(const Aig& aig, std::string_view format) {
  const Aig::Properties& p = aig.properties;
  if (!p.bad.empty() || !p.constraints.empty() || !p.fairness.empty() || !p.justice.empty())
    throw_error<UnsupportedError>(format,
                                  " has no bad states, constraints, justice or fairness; "
                                  "make them outputs, or write AIGER");
}

}  // namespace detail
CFM_NAMESPACE_END
