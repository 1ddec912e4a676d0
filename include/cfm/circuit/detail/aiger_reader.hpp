#pragma once
/// @file  The parser of both AIGER encodings.

#include <cfm/circuit/detail/aiger_symbols.hpp>
#include <cfm/circuit/detail/gate_order.hpp>

CFM_NAMESPACE_BEGIN
namespace detail {

// Files whose header promises more variables than the bytes that follow can explain are refused
// before memory is taken: an ASCII file may skip variables, a binary one does not list inputs.
inline constexpr std::size_t aiger_free_variables = std::size_t{1} << 22;
inline constexpr std::size_t aiger_free_inputs = std::size_t{1} << 18;

class AigerReader {
 public:
  AigerReader(std::string_view bytes, std::string_view name) : in_(bytes, name) {}

  Aig read() {
    read_header();
    add_sources();
    read_literals(outputs_, o_, "an output");
    Aig::Properties& properties = aig_.properties;
    read_literals(properties.bad, b_, "a bad state");
    read_literals(properties.constraints, c_, "a constraint");
    read_justice();
    read_literals(properties.fairness, f_, "a fairness literal");
    if (binary_) {
      read_binary_ands();
    } else {
      read_ascii_ands();
    }
    connect();
    read_aiger_symbols(in_, aig_);
    return std::move(aig_);
  }

 private:
  void read_header() {
    const std::string_view magic = in_.text().substr(0, 4);
    if (magic != "aag " && magic != "aig ")
      in_.fail("not AIGER: expected 'aag' or 'aig' and the counts M I L O A");
    binary_ = magic == "aig ";
    in_.seek(4);
    std::size_t* const counts[] = {&m_, &i_, &l_, &o_, &a_, &b_, &c_, &j_, &f_};
    std::size_t read = 0;
    for (std::size_t* count : counts) {
      if (read > 0 && !in_.accept(' ')) break;
      *count = static_cast<std::size_t>(in_.number(Aig::max_variables - 1, "a count"));
      ++read;
    }
    if (read < 5) in_.fail("expected at least the five counts M I L O A, found ", read);
    in_.expect('\n', "a line end after the counts");

    if (m_ < i_ || m_ - i_ < l_ || m_ - i_ - l_ < a_)
      in_.fail_at(0, "M = ", m_, " is less than I + L + A");
    if (binary_ && m_ != i_ + l_ + a_)
      in_.fail_at(0, "M = ", m_, " is not I + L + A = ", i_ + l_ + a_);
    const std::uint64_t lines = std::uint64_t{o_} + b_ + c_ + j_ + f_;
    const std::uint64_t inputs = i_, latches = l_, ands = a_;  // 64 bits: no sum overflows
    const std::uint64_t least =
        binary_ ? 2 * (latches + lines + ands) : 2 * (inputs + lines) + 4 * latches + 6 * ands;
    if (least > in_.left())
      in_.fail_at(0, "the counts need at least ", least, " bytes, ", in_.left(), " follow");
    const std::size_t size = in_.text().size();
    if (binary_ && i_ > std::max(aiger_free_inputs, size))
      in_.fail_at(0, i_, " inputs in a file of ", size, " bytes");
    if (!binary_ && m_ > std::max(aiger_free_variables, size))
      in_.fail_at(0, "M = ", m_, " in a file of ", size, " bytes");
    literals_line_ = 2 + (binary_ ? l_ : i_ + l_);
  }

  std::uint32_t literal(std::string_view what) {
    return static_cast<std::uint32_t>(in_.number(2 * m_ + 1, what));
  }

  // ASCII files name what they define. Notes that `variable` of the file is `ours`.
  void define(std::uint32_t file_literal, std::size_t ours, std::size_t begin) {
    if (file_literal < 2 || file_literal % 2 != 0)
      in_.fail_at(begin, "a definition needs a positive even literal, found ", file_literal);
    std::uint32_t& slot = variable_[file_literal / 2];
    if (slot != 0) in_.fail_at(begin, "variable ", file_literal / 2, " is defined twice");
    slot = static_cast<std::uint32_t>(ours);
  }

  void add_sources() {
    if (!binary_) variable_.assign(m_ + 1, 0u);
    for (std::size_t i = 0; i < i_; ++i) {
      const std::uint32_t ours = aig_.add_input().variable();
      if (binary_) continue;
      const std::size_t begin = in_.position();
      define(literal("an input"), ours, begin);
      in_.expect('\n', "a line end after the input");
    }
    next_.reserve(l_);
    for (std::size_t i = 0; i < l_; ++i) {
      std::uint32_t own = static_cast<std::uint32_t>(2 * (i_ + i + 1));
      if (!binary_) {
        const std::size_t begin = in_.position();
        own = literal("a latch");
        define(own, i_ + i + 1, begin);
        in_.expect(' ', "a blank after the latch");
      }
      next_.push_back(literal("the next state of the latch"));
      Reset reset = Reset::zero;
      if (in_.accept(' ')) {
        const std::size_t begin = in_.position();
        const std::uint32_t value = literal("the reset of the latch");
        if (value > 1 && value != own)
          in_.fail_at(begin, "a reset is 0, 1 or the latch itself (", own, "), found ", value);
        reset = value == own ? Reset::undefined : value == 1 ? Reset::one : Reset::zero;
      }
      in_.expect('\n', "a line end after the latch");
      aig_.add_latch(reset);
    }
  }

  void read_literals(std::vector<Literal>& out, std::size_t n, std::string_view what) {
    out.reserve(n);
    for (std::size_t i = 0; i < n; ++i) {
      out.push_back(Literal(literal(what)));
      in_.expect('\n', "a line end after the literal");
    }
  }

  void read_justice() {
    std::vector<std::size_t> sizes;
    std::uint64_t total = 0;
    for (std::size_t i = 0; i < j_; ++i) {
      sizes.push_back(
          static_cast<std::size_t>(in_.number(Aig::max_variables, "a number of justice literals")));
      in_.expect('\n', "a line end after the number");
      total += sizes.back();
      if (2 * total > in_.left()) in_.fail("more justice literals than the file can hold");
    }
    aig_.properties.justice.resize(j_);
    for (std::size_t i = 0; i < j_; ++i)
      read_literals(aig_.properties.justice[i], sizes[i], "a justice literal");
  }

  // One LEB128 number of at most 32 bits.
  std::uint32_t delta() {
    const std::size_t begin = in_.position();
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 35; shift += 7) {
      if (in_.at_end()) fail_offset(in_.position(), "the file ends within the ANDs");
      const auto byte = static_cast<unsigned char>(in_.peek());
      in_.skip();
      value |= std::uint64_t{byte & 0x7Fu} << shift;
      if (byte < 0x80 && value <= UINT32_MAX) return static_cast<std::uint32_t>(value);
    }
    fail_offset(begin, "a delta of more than 32 bits");
  }

  void read_binary_ands() {
    aig_.reserve_ands(a_);
    auto lhs = static_cast<std::uint32_t>(2 * (i_ + l_ + 1));
    for (std::size_t k = 0; k < a_; ++k, lhs += 2) {
      const std::size_t begin = in_.position();
      const std::uint32_t delta0 = delta();
      if (delta0 == 0 || delta0 > lhs)
        fail_offset(begin, "AND ", lhs, ": the first delta is in 1 .. ", lhs, ", found ", delta0);
      const std::uint32_t rhs0 = lhs - delta0;
      const std::uint32_t delta1 = delta();
      if (delta1 > rhs0)
        fail_offset(begin, "AND ", lhs, ": the second delta is at most ", rhs0, ", found ", delta1);
      aig_.add_and(Literal(rhs0), Literal(rhs0 - delta1));
    }
  }

  void read_ascii_ands() {
    std::vector<std::array<std::uint32_t, 2>> ands;
    ands.reserve(a_);
    const std::size_t first = i_ + l_ + 1;
    const std::size_t first_line = ands_line();
    for (std::size_t k = 0; k < a_; ++k) {
      const std::size_t begin = in_.position();
      define(literal("an AND"), first + k, begin);
      in_.expect(' ', "a blank after the AND");
      const std::uint32_t rhs0 = literal("the first fan-in");
      in_.expect(' ', "a blank after the first fan-in");
      ands.push_back({rhs0, literal("the second fan-in")});
      in_.expect('\n', "a line end after the AND");
    }
    // The numbers given above hold if each AND follows its fan-ins; else ANDs are renumbered.
    std::vector<std::uint32_t> placed(a_);
    const auto operand = [&](std::uint32_t gate, std::uint32_t k) {
      if (k == 2) return no_operand;
      const std::uint32_t ours = variable_[ands[gate][k] / 2];
      return ours < first ? not_a_gate : static_cast<std::uint32_t>(ours - first);
    };
    const auto fanin = [&](std::uint32_t gate, std::size_t k) {
      const std::uint32_t ours = resolve(ands[gate][k], first_line + gate);
      const std::uint32_t final = ours < first ? ours : placed[ours - first];
      return Literal(final, ands[gate][k] % 2 != 0);
    };
    aig_.reserve_ands(a_);
    const auto cyclic =
        for_gates_in_order(static_cast<std::uint32_t>(a_), operand, [&](std::uint32_t gate) {
          placed[gate] = aig_.add_and(fanin(gate, 0), fanin(gate, 1)).variable();
        });
    if (cyclic) fail_line(first_line + *cyclic, "this AND depends on itself");
    for (std::uint32_t& ours : variable_)
      if (ours >= first) ours = placed[ours - first];
  }

  // Our variable for a literal of an ASCII file.
  std::uint32_t resolve(std::uint32_t file_literal, std::size_t line) const {
    const std::uint32_t ours = variable_[file_literal / 2];
    if (ours == 0 && file_literal > 1)
      fail_line(line, "variable ", file_literal / 2, " is not defined");
    return ours;
  }

  Literal connected(std::uint32_t file_literal, std::size_t line) const {
    if (binary_) return Literal(file_literal);
    return Literal(resolve(file_literal, line), file_literal % 2 != 0);
  }

  // Turns the literals of the file, which may precede what they name, into ours.
  void connect() {
    std::size_t line = literals_line_ - l_;
    for (std::size_t i = 0; i < l_; ++i) aig_.set_next(i, connected(next_[i], line++));
    for (const Literal literal : outputs_) aig_.add_output(connected(literal.value, line++));
    const auto connect_all = [&](std::vector<Literal>& list) {
      for (Literal& literal : list) literal = connected(literal.value, line++);
    };
    connect_all(aig_.properties.bad);
    connect_all(aig_.properties.constraints);
    line += j_;
    for (auto& list : aig_.properties.justice) connect_all(list);
    connect_all(aig_.properties.fairness);
  }

  std::size_t ands_line() const {
    std::size_t justice = j_;
    for (const auto& list : aig_.properties.justice) justice += list.size();
    return literals_line_ + o_ + b_ + c_ + justice + f_;
  }

  template <class... Parts>
  [[noreturn]] void fail_line(std::size_t line, const Parts&... parts) const {
    throw_error<FormatError>(in_.name(), ":", line, ":1: ", parts...);
  }
  template <class... Parts>
  [[noreturn]] void fail_offset(std::size_t offset, const Parts&... parts) const {
    throw_error<FormatError>(in_.name(), ":", offset, ": ", parts...);
  }

  TextCursor in_;
  bool binary_ = false;
  std::size_t m_ = 0, i_ = 0, l_ = 0, o_ = 0, a_ = 0, b_ = 0, c_ = 0, j_ = 0, f_ = 0;
  std::size_t literals_line_ = 0;  // the line of the first output
  Aig aig_;
  std::vector<std::uint32_t> variable_;  // ASCII: our variable of each of the file; 0 is undefined
  std::vector<std::uint32_t> next_;      // literals of the file
  std::vector<Literal> outputs_;         // literals of the file
};

}  // namespace detail
CFM_NAMESPACE_END
