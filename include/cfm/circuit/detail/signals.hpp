#pragma once
/// @file  Named nets while a netlist is read: what drives each, and what it became.

#include <cfm/circuit/aig.hpp>
#include <cfm/circuit/detail/gate_order.hpp>

CFM_NAMESPACE_BEGIN
namespace detail {

// A signal that nothing drives is an error only where an output or a latch depends on it:
// published benchmarks hold gates that nothing reads. Gates hand on what they need and lack.
class Signals {
 public:
  static constexpr std::uint32_t none = 0xFFFFFFFF;

  std::size_t size() const { return driver_.size(); }
  void resize(std::size_t n) {
    driver_.resize(n, undriven);
    value_.resize(n, literal_false);
    lacks_.resize(n, none);
  }

  // False if something drives the signal already.
  bool drive(std::uint32_t signal, std::uint32_t gate) {
    if (driver_[signal] != undriven) return false;
    driver_[signal] = gate;
    return true;
  }
  bool drive_by_source(std::uint32_t signal) { return drive(signal, source); }
  bool is_driven(std::uint32_t signal) const { return driver_[signal] != undriven; }

  // The gate that drives a signal, or not_a_gate.
  std::uint32_t gate(std::uint32_t signal) const {
    return driver_[signal] >= source ? not_a_gate : driver_[signal];
  }

  void set(std::uint32_t signal, Literal value, std::uint32_t lacks = none) {
    value_[signal] = value;
    lacks_[signal] = lacks;
  }

  // The literal of a signal. `lacks` becomes a signal without driver on which it depends, if any.
  Literal value(std::uint32_t signal, std::uint32_t& lacks) const {
    if (driver_[signal] == undriven) {
      lacks = signal;
    } else if (lacks_[signal] != none) {
      lacks = lacks_[signal];
    }
    return value_[signal];
  }

 private:
  static constexpr std::uint32_t undriven = 0xFFFFFFFF;
  static constexpr std::uint32_t source = 0xFFFFFFFE;

  std::vector<std::uint32_t> driver_, lacks_;
  std::vector<Literal> value_;
};

}  // namespace detail
CFM_NAMESPACE_END
