#pragma once
/// @file  The writer of ISCAS BENCH.

#include <cfm/circuit/detail/net_names.hpp>

CFM_NAMESPACE_BEGIN
namespace detail {

class BenchWriter {
 public:
  BenchWriter(const Aig& aig, Reset plain_dff)
      : aig_(aig), plain_dff_(plain_dff), names_(aig, allowed), inverse_(aig.variables()) {}

  std::string write() {
    refuse_properties(aig_, "BENCH");
    for (std::size_t i = 0; i < aig_.inputs(); ++i)
      line("INPUT(", names_.variable(aig_.input_variable(i)), ")");
    for (std::size_t i = 0; i < aig_.outputs(); ++i) line("OUTPUT(", names_.output(i), ")");
    write_latches();
    for (std::uint32_t v = aig_.first_and(); v < aig_.variables(); ++v) {
      const std::string a = net(aig_.fanins(v)[0]);
      const std::string b = net(aig_.fanins(v)[1]);
      line(names_.variable(v), " = AND(", a, ", ", b, ")");
    }
    // Next states that are no net of their own.
    for (const auto& [name, literal] : drivers_) write_driver(name, literal);
    for (std::size_t i = 0; i < aig_.outputs(); ++i)
      if (!names_.is_driven(i)) write_driver(names_.output(i), aig_.output_literals()[i]);
    return std::move(out_);
  }

 private:
  static bool allowed(char c) {
    const auto code = static_cast<unsigned char>(c);
    return code > ' ' && code != 127 && c != '(' && c != ')' && c != ',' && c != '=' && c != '#';
  }

  template <class... Parts>
  void line(const Parts&... parts) {
    (append_text(out_, std::string_view(parts)), ...);
    out_ += '\n';
  }

  std::string_view dff(Reset reset) const {
    if (reset == plain_dff_) return "DFF";
    if (reset == Reset::undefined)
      throw UnsupportedError(
          "BENCH: with a DFF that starts with a value, no latch can be undefined");
    return reset == Reset::zero ? "DFF0" : "DFF1";
  }

  void write_latches() {
    for (std::size_t i = 0; i < aig_.latches().size(); ++i) {
      const Latch& latch = aig_.latches()[i];
      const std::string& name = names_.variable(aig_.latch_variable(i));
      std::string next = names_.variable(latch.next.variable());
      if (latch.next.inverted() || latch.next.variable() == 0) {
        next = names_.generate(concat(name, "_next"));
        drivers_.emplace_back(next, latch.next);
      }
      line(name, " = ", dff(latch.reset), "(", next, ")");
    }
  }

  void write_driver(const std::string& name, Literal literal) {
    if (literal.variable() == 0) return line(name, " = ", literal.inverted() ? "vdd" : "gnd");
    line(name, " = ", literal.inverted() ? "NOT(" : "BUFF(", names_.variable(literal.variable()),
         ")");
  }

  // The net of a literal, for which an inverter or a constant may have to be written first.
  std::string net(Literal literal) {
    const std::uint32_t v = literal.variable();
    if (!literal.inverted() && v != 0) return names_.variable(v);
    if (v == 0) {
      std::string& constant = constant_[literal.inverted() ? 1 : 0];
      if (constant.empty()) {
        constant = names_.generate(literal.inverted() ? "one" : "zero");
        write_driver(constant, literal);
      }
      return constant;
    }
    if (inverse_[v].empty()) {
      inverse_[v] = names_.generate(concat(names_.variable(v), "_not"));
      write_driver(inverse_[v], literal);
    }
    return inverse_[v];
  }

  const Aig& aig_;
  Reset plain_dff_;
  NetNames names_;
  std::vector<std::string> inverse_;  // by variable: the net of its inverter
  std::string constant_[2];
  std::vector<std::pair<std::string, Literal>> drivers_;
  std::string out_;
};

}  // namespace detail
CFM_NAMESPACE_END
