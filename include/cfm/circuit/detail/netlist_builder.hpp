#pragma once
/// @file  Building a Netlist while a file is flattened: aliases, folded gates, and the limit.

#include <cfm/circuit/detail/text_cursor.hpp>
#include <cfm/circuit/netlist.hpp>

CFM_NAMESPACE_BEGIN
namespace detail {

// Nets that are wired together are aliases with a direction, from the driven net to its driver, and
// merged at the end. Gates of expressions fold constants.
class NetlistBuilder {
 public:
  using Net = Netlist::Net;

  // `allowance` is what a file without hierarchy may have for its size, beyond the limit.
  NetlistBuilder(std::size_t limit, std::size_t allowance) : limit_(limit), allowance_(allowance) {
    for (Net n = 0; n < Netlist::first_net; ++n) driver_.push_back(n);
  }

  Netlist& netlist() { return out_; }

  // Where the file is that what follows comes from.
  void set_source(const TextCursor& source, std::size_t position, Netlist::Place place) {
    source_ = &source;
    position_ = position;
    place_ = place;
  }
  template <class... Parts>
  [[noreturn]] void fail(const Parts&... parts) const {
    source_->fail_at(position_, parts...);
  }

  // Counts work and memory.   Errors:  FormatError at the limit.
  void charge(std::uint64_t n) {
    used_ += n;
    if (used_ > allowance_ && used_ - allowance_ > limit_)
      fail("flattened, the circuit has more nets and gates than the limit of ", limit_);
  }

  Net add_net(std::string_view name, std::uint32_t scope) {
    return track(out_.add_net(name, scope));
  }
  Net add_net(std::string_view name, std::uint32_t scope, std::int32_t bit) {
    return track(out_.add_net(name, scope, bit));
  }

  // Makes `source` the driver of `target`. False if that has one, or is a constant.
  [[nodiscard]] bool connect(Net target, Net source) {
    if (driver_[target] != undriven) return false;
    driver_[target] = source;
    return true;
  }
  // Says that a gate or an input drives the net.
  [[nodiscard]] bool drive(Net target) { return connect(target, target); }
  bool is_driven(Net net) const { return driver_[net] != undriven; }

  void set_scope(std::uint32_t scope) { scope_ = scope; }

  // A gate whose pins the caller made.
  std::uint32_t add_gate(std::string_view type, std::string_view name,
                         std::span<const Netlist::Pin> pins, std::uint32_t table = 0) {
    Netlist::Gate gate;
    gate.scope = scope_;
    gate.name = out_.intern(name);
    gate.type = out_.intern(type);
    gate.table = table;
    gate.place = place_;
    return out_.add_gate(gate, pins);
  }

  // Gates of expressions: Yosys' types without names, constants folded.
  Net lnot(Net a) {
    if (a <= Netlist::one) return a ^ 1u;
    return gate("$_NOT_", {{"A", a}});
  }
  Net land(Net a, Net b) {
    if (a == Netlist::zero || b == Netlist::zero) return Netlist::zero;
    if (a == Netlist::one || a == b) return b;
    if (b == Netlist::one) return a;
    return gate("$_AND_", {{"A", a}, {"B", b}});
  }
  Net lor(Net a, Net b) {
    if (a == Netlist::one || b == Netlist::one) return Netlist::one;
    if (a == Netlist::zero || a == b) return b;
    if (b == Netlist::zero) return a;
    return gate("$_OR_", {{"A", a}, {"B", b}});
  }
  Net lxor(Net a, Net b) {
    if (a == b && a != Netlist::unknown && a != Netlist::floating) return Netlist::zero;
    if (a <= Netlist::one) return a == Netlist::zero ? b : lnot(b);
    if (b <= Netlist::one) return b == Netlist::zero ? a : lnot(a);
    return gate("$_XOR_", {{"A", a}, {"B", b}});
  }
  Net mux(Net select, Net one, Net zero) {
    if (select == Netlist::one || one == zero) return one;
    if (select == Netlist::zero) return zero;
    if (one == Netlist::one && zero == Netlist::zero) return select;
    return gate("$_MUX_", {{"A", zero}, {"B", one}, {"S", select}});
  }

  // Merges aliases and gives the netlist away. A net that drives itself through aliases alone is
  // returned in `cyclic`; then the netlist is not complete.
  Netlist finish(Net& cyclic) {
    constexpr Net open = Netlist::open;
    cyclic = open;
    std::vector<Net> path;
    for (Net n = 0; n < driver_.size(); ++n) {
      Net end = n;
      while (driver_[end] != end && driver_[end] != undriven) {
        path.push_back(end);
        if (path.size() > driver_.size()) {
          cyclic = n;
          return {};
        }
        end = driver_[end];
      }
      for (const Net net : path) driver_[net] = end;
      path.clear();
    }
    for (Net n = 0; n < driver_.size(); ++n)
      if (driver_[n] == undriven) driver_[n] = n;
    out_.merge_nets(driver_);
    return std::move(out_);
  }

 private:
  static constexpr Net undriven = 0xFFFFFFFE;
  struct Input {
    std::string_view pin;
    Net net;
  };

  Net track(Net net) {
    driver_.push_back(undriven);
    return net;
  }

  Net gate(std::string_view type, std::initializer_list<Input> inputs) {
    std::vector<Netlist::Pin>& pins = pins_;
    pins.clear();
    charge(2);
    for (const Input& input : inputs)
      pins.push_back({out_.intern(input.pin), input.net, PinDirection::input});
    const Net y = add_net({}, scope_);
    driver_[y] = y;
    pins.push_back({out_.intern("Y"), y, PinDirection::output});
    add_gate(type, {}, pins);
    return y;
  }

  Netlist out_;
  std::size_t limit_, allowance_;
  const TextCursor* source_ = nullptr;
  std::size_t position_ = 0;
  std::uint64_t used_ = 0;
  std::vector<Net> driver_;  // by net: what it is an alias of, itself if a gate drives it
  std::vector<Netlist::Pin> pins_;
  Netlist::Place place_;
  std::uint32_t scope_ = 0;
};

}  // namespace detail
CFM_NAMESPACE_END
