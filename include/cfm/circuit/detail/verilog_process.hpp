#pragma once
/// @file  The clocked processes of a Verilog module, as registers.

#include <unordered_map>

#include <cfm/circuit/detail/verilog_evaluate.hpp>

CFM_NAMESPACE_BEGIN
namespace detail {

// Every assigned bit becomes a register. The conditions around an assignment choose between the new
// data and what was assigned before, at last the register itself; later assignments win.
class VerilogRegisters {
 public:
  using Net = Netlist::Net;

  VerilogRegisters(NetlistBuilder& build, VerilogEvaluator& evaluate)
      : build_(build), evaluate_(evaluate) {}

  // `at(position)` is called before what stands there is built.
  template <class At>
  void add(const VerilogModule& m, const VerilogModule::Process& process, const At& at) {
    at(process.position);
    const Net clock = evaluate_.evaluate(process.clock, 0).at(0);
    conditions_ = {Netlist::one};
    next_.clear();
    place_.clear();
    for (std::uint32_t k = 0; k < process.count; ++k) {
      const auto& statement = m.statements[process.statements + k];
      at(statement.position);
      step(statement);
    }
    at(process.position);
    for (const auto& [q, data] : next_) {
      build_.charge(2);
      if (!build_.drive(q))
        build_.fail(detail::quoted(build_.netlist().net_name(q)), " is driven twice");
      Netlist& out = build_.netlist();
      const Netlist::Pin pins[] = {{out.intern("C"), clock, PinDirection::input},
                                   {out.intern("D"), data, PinDirection::input},
                                   {out.intern("Q"), q, PinDirection::output}};
      gate_.emplace(q, build_.add_gate(process.falling ? "$_DFF_N_" : "$_DFF_P_", {}, pins));
    }
  }

  // What the registers among these nets hold at first.
  void set_start(const VerilogValue& value, const std::vector<Net>& bits) {
    for (std::uint32_t i = 0; i < value.width; ++i) {
      if (bits[i] >= Netlist::first_net)
        build_.fail("what a register holds at first must be a constant");
      const auto found = gate_.find(value.first + i);
      if (found != gate_.end() && bits[i] <= Netlist::one)
        build_.netlist().set_reset(found->second,
                                   bits[i] == Netlist::one ? Reset::one : Reset::zero);
    }
  }

 private:
  using Step = VerilogModule::Step;

  void step(const VerilogModule::Statement& statement) {
    build_.charge(1);
    if (statement.step == Step::begin_if) {
      Net test = Netlist::zero;
      for (const Net net : evaluate_.evaluate(statement.a, 0)) test = build_.lor(test, net);
      tests_.push_back(test);
      conditions_.push_back(build_.land(conditions_.back(), test));
    } else if (statement.step == Step::begin_else) {
      conditions_.pop_back();
      conditions_.push_back(build_.land(conditions_.back(), build_.lnot(tests_.back())));
    } else if (statement.step == Step::end_if) {
      conditions_.pop_back();
      tests_.pop_back();
    } else {
      const std::vector<Net> to = evaluate_.target(statement.a);
      const auto from = evaluate_.evaluate(statement.b, static_cast<std::uint32_t>(to.size()));
      for (std::size_t i = 0; i < to.size(); ++i) {
        const auto [entry, is_new] = place_.try_emplace(to[i], next_.size());
        if (is_new) next_.push_back({to[i], to[i]});
        Net& data = next_[entry->second].data;
        data = build_.mux(conditions_.back(), from[i], data);
      }
    }
  }

  struct Next {
    Net q, data;
  };

  NetlistBuilder& build_;
  VerilogEvaluator& evaluate_;
  std::vector<Net> conditions_, tests_;
  std::vector<Next> next_;
  std::unordered_map<Net, std::size_t> place_;   // in next_
  std::unordered_map<Net, std::uint32_t> gate_;  // of each register so far
};

}  // namespace detail
CFM_NAMESPACE_END
