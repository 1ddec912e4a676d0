#pragma once
/// @file  Carrying inputs, latches, outputs and names from one Aig to another.

#include <vector>

#include <cfm/circuit/aig.hpp>

CFM_NAMESPACE_BEGIN
namespace detail {

// The literal of `from` in the new graph, given the new literal of each of its variables.
inline Literal mapped(const std::vector<Literal>& map, Literal from) {
  return map[from.variable()] ^ from.inverted();
}

// Adds all inputs and latches of `from`, and returns the map with these filled in.
template <class Builder>
std::vector<Literal> copy_sources(const Aig& from, Builder& to) {
  std::vector<Literal> map(from.variables(), literal_false);
  for (std::size_t i = 0; i < from.inputs(); ++i)
    map[from.input_variable(i)] = to.add_input(from.input_name(i));
  for (std::size_t i = 0; i < from.latches().size(); ++i)
    map[from.latch_variable(i)] = to.add_latch(from.latches()[i].reset, from.latch_name(i));
  return map;
}

// Adds all outputs, sets all next states.
template <class Builder>
void copy_sinks(const Aig& from, const std::vector<Literal>& map, Builder& to) {
  for (std::size_t i = 0; i < from.outputs(); ++i)
    to.add_output(mapped(map, from.output_literals()[i]), from.output_name(i));
  for (std::size_t i = 0; i < from.latches().size(); ++i)
    to.set_next(i, mapped(map, from.latches()[i].next));
}

// Calls f on every list of literals of the properties.
template <class Properties, class F>
void for_each_list(Properties& properties, const F& f) {
  f(properties.bad);
  f(properties.constraints);
  f(properties.fairness);
  for (auto& list : properties.justice) f(list);
}

inline void copy_properties(const Aig& from, const std::vector<Literal>& map, Aig& to) {
  to.properties = from.properties;
  for_each_list(to.properties, [&](std::vector<Literal>& list) {
    for (Literal& literal : list) literal = mapped(map, literal);
  });
  to.comment = from.comment;
}

// Calls f on every literal that something outside the ANDs reads.
template <class F>
void for_each_sink(const Aig& aig, const F& f) {
  for (const Literal literal : aig.output_literals()) f(literal);
  for (const Latch& latch : aig.latches()) f(latch.next);
  for_each_list(aig.properties, [&](const std::vector<Literal>& list) {
    for (const Literal literal : list) f(literal);
  });
}

}  // namespace detail
CFM_NAMESPACE_END
