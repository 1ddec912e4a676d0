#pragma once
/// @file  The and-inverter graph: two-input ANDs with inverters on their edges.

#include <array>
#include <compare>
#include <span>
#include <string>
#include <vector>

#include <cfm/core/error.hpp>

CFM_NAMESPACE_BEGIN

/// A variable of an Aig, or its complement: value = 2 * variable + inverted, as in AIGER.
struct Literal {
  std::uint32_t value = 0;

  constexpr Literal() = default;
  constexpr explicit Literal(std::uint32_t literal_value) : value(literal_value) {}
  constexpr Literal(std::uint32_t variable, bool inverted)
      : value(2 * variable + (inverted ? 1u : 0u)) {}

  constexpr std::uint32_t variable() const { return value >> 1; }
  constexpr bool inverted() const { return (value & 1) != 0; }
  /// The variable without its inverter.
  constexpr Literal positive() const { return Literal(value & ~1u); }
  constexpr Literal operator!() const { return Literal(value ^ 1u); }
  /// Inverts if `flip`.
  constexpr Literal operator^(bool flip) const { return Literal(value ^ (flip ? 1u : 0u)); }
  friend constexpr auto operator<=>(Literal, Literal) = default;
};

inline constexpr Literal literal_false{0u};
inline constexpr Literal literal_true{1u};

inline void append_text(std::string& out, Literal literal) { append_text(out, literal.value); }

/// What a latch holds before the first step.
enum class Reset : std::uint8_t { zero, one, undefined };

/// A register: `next` becomes its value in the following step.
struct Latch {
  Literal next;
  Reset reset = Reset::zero;
  friend bool operator==(const Latch&, const Latch&) = default;
};

/// A compact and-inverter graph. Variable 0 is the constant false, then come the inputs, the
/// latches and the ANDs, each in its order of creation, so variables are topologically ordered
/// and an AND costs 8 bytes. An AND keeps its larger fan-in literal first, as binary AIGER does.
/// Copyable; two graphs are equal if all of this is.
class Aig {
 public:
  /// The largest number of variables.
  static constexpr std::size_t max_variables = std::size_t{1} << 30;

  /// A new input.   Errors:  Error once there are latches or ANDs: inputs come first.
  Literal add_input(std::string name = {}) {
    CFM_CHECK(latches_.empty() && ands_.empty(), "aig: inputs come before latches and ANDs");
    check_room();
    input_names_.add(inputs_, std::move(name));
    return Literal(static_cast<std::uint32_t>(++inputs_), false);
  }

  /// A new latch, with next state false until set_next.   Errors:  Error once there are ANDs.
  Literal add_latch(Reset reset = Reset::zero, std::string name = {}) {
    CFM_CHECK(ands_.empty(), "aig: latches come before ANDs");
    check_room();
    latch_names_.add(latches_.size(), std::move(name));
    latches_.push_back({literal_false, reset});
    return Literal(static_cast<std::uint32_t>(inputs_ + latches_.size()), false);
  }

  /// A new AND, as it is: nothing is simplified or looked up (Strash does that).
  /// Errors:  Error if a fan-in does not exist yet.
  Literal add_and(Literal a, Literal b) {
    check_literal(a);
    check_literal(b);
    check_room();
    ands_.push_back(a < b ? std::array{b, a} : std::array{a, b});
    return Literal(static_cast<std::uint32_t>(variables() - 1), false);
  }

  /// A new output; any literal may drive any number of outputs.
  void add_output(Literal driver, std::string name = {}) {
    check_literal(driver);
    output_names_.add(outputs_.size(), std::move(name));
    outputs_.push_back(driver);
  }

  /// Sets the next state of latch number `latch`.
  void set_next(std::size_t latch, Literal next) {
    CFM_CHECK(latch < latches_.size(), "aig: no such latch", latch);
    check_literal(next);
    latches_[latch].next = next;
  }

  void reserve_ands(std::size_t n) { ands_.reserve(n); }

  std::size_t inputs() const { return inputs_; }
  std::size_t outputs() const { return outputs_.size(); }
  std::size_t ands() const { return ands_.size(); }
  /// Variables, the constant included.
  std::size_t variables() const { return 1 + inputs_ + latches_.size() + ands_.size(); }

  std::uint32_t input_variable(std::size_t i) const { return static_cast<std::uint32_t>(1 + i); }
  std::uint32_t latch_variable(std::size_t i) const {
    return static_cast<std::uint32_t>(1 + inputs_ + i);
  }
  /// The variable of the first AND.
  std::uint32_t first_and() const {
    return static_cast<std::uint32_t>(1 + inputs_ + latches_.size());
  }
  bool is_and(std::uint32_t variable) const {
    return variable >= first_and() && variable < variables();
  }
  /// An input or a latch: a source of the combinational part.
  bool is_source(std::uint32_t variable) const { return variable > 0 && variable < first_and(); }

  /// The fan-ins of an AND variable, larger literal first.
  const std::array<Literal, 2>& fanins(std::uint32_t variable) const {
    return ands_[variable - first_and()];
  }
  /// The fan-ins of all ANDs, in order.
  std::span<const std::array<Literal, 2>> all_fanins() const { return ands_; }
  std::span<const Literal> output_literals() const { return outputs_; }
  const std::vector<Latch>& latches() const { return latches_; }

  /// Names; empty where there is none. Any number of nodes may lack one.
  const std::string& input_name(std::size_t i) const { return input_names_[i]; }
  const std::string& latch_name(std::size_t i) const { return latch_names_[i]; }
  const std::string& output_name(std::size_t i) const { return output_names_[i]; }
  void set_input_name(std::size_t i, std::string name) { input_names_.add(i, std::move(name)); }
  void set_latch_name(std::size_t i, std::string name) { latch_names_.add(i, std::move(name)); }
  void set_output_name(std::size_t i, std::string name) { output_names_.add(i, std::move(name)); }

  /// The sections of AIGER 1.9 for model checking, kept as they were read.
  struct Properties {
    std::vector<Literal> bad, constraints, fairness;
    std::vector<std::vector<Literal>> justice;
    std::vector<std::string> bad_names, constraint_names, fairness_names, justice_names;
    friend bool operator==(const Properties&, const Properties&) = default;
  };
  Properties properties;
  std::string comment;  ///< free text of the file, without the line that opens it

  /// Errors:  Error if a literal names a variable that does not exist.
  void check_literal(Literal literal) const {
    CFM_CHECK(literal.variable() < variables(), "aig: literal of a variable that does not exist",
              literal, variables());
  }

  friend bool operator==(const Aig&, const Aig&) = default;

 private:
  // Names by position, without memory as long as nothing has one.
  class Names {
   public:
    void add(std::size_t i, std::string name) {
      if (name.empty() && i >= names_.size()) return;
      if (i >= names_.size()) names_.resize(i + 1);
      names_[i] = std::move(name);
      while (!names_.empty() && names_.back().empty()) names_.pop_back();
    }
    const std::string& operator[](std::size_t i) const {
      static const std::string none;
      return i < names_.size() ? names_[i] : none;
    }
    friend bool operator==(const Names&, const Names&) = default;

   private:
    std::vector<std::string> names_;
  };

  void check_room() const {
    CFM_CHECK(variables() < max_variables, "aig: too many variables", max_variables);
  }

  std::size_t inputs_ = 0;
  std::vector<Latch> latches_;
  std::vector<std::array<Literal, 2>> ands_;
  std::vector<Literal> outputs_;
  Names input_names_, latch_names_, output_names_;
};

CFM_NAMESPACE_END
