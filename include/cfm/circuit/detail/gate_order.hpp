#pragma once
/// @file  Visiting gates after the gates that they read, without recursion.

#include <cstdint>
#include <optional>
#include <vector>

#include <cfm/core/config.hpp>

CFM_NAMESPACE_BEGIN
namespace detail {

inline constexpr std::uint32_t not_a_gate = 0xFFFFFFFF;  // an operand that no gate drives
inline constexpr std::uint32_t no_operand = 0xFFFFFFFE;  // past the last operand

// Calls place(g) once for every gate in [0, n), after all that it reads, else in ascending order.
// operand(g, k) is the gate that drives operand k of g, not_a_gate, or no_operand.
// Returns a gate that depends on itself, if there is one; then not all gates were placed.
template <class Operand, class Place>
std::optional<std::uint32_t> for_gates_in_order(std::uint32_t n, const Operand& operand,
                                                const Place& place) {
  enum class State : std::uint8_t { unseen, open, placed };
  struct Entry {
    std::uint32_t gate, next_operand;
  };
  std::vector<State> state(n, State::unseen);
  std::vector<Entry> stack;
  for (std::uint32_t first = 0; first < n; ++first) {
    if (state[first] == State::placed) continue;
    stack.push_back({first, 0});
    while (!stack.empty()) {
      const std::uint32_t gate = stack.back().gate;
      state[gate] = State::open;
      std::uint32_t k = stack.back().next_operand;
      std::uint32_t driver = no_operand;
      while ((driver = operand(gate, k)) != no_operand) {
        ++k;
        if (driver == not_a_gate || state[driver] == State::placed) continue;
        if (state[driver] == State::open) return driver;
        break;
      }
      if (driver != no_operand) {
        stack.back().next_operand = k;
        stack.push_back({driver, 0});
      } else {
        place(gate);
        state[gate] = State::placed;
        stack.pop_back();
      }
    }
  }
  return std::nullopt;
}

}  // namespace detail
CFM_NAMESPACE_END
