#pragma once
/// @file  The parser of ISCAS BENCH.

#include <cfm/circuit/detail/name_table.hpp>
#include <cfm/circuit/detail/signals.hpp>
#include <cfm/circuit/detail/text_cursor.hpp>
#include <cfm/circuit/strash.hpp>

CFM_NAMESPACE_BEGIN
namespace detail {

class BenchReader {
 public:
  BenchReader(std::string_view text, std::string_view name, Reset plain_dff)
      : in_(text, name), plain_dff_(plain_dff) {}

  Aig read() {
    for (in_.skip_blanks(); !in_.at_end(); in_.skip_blanks()) read_statement();
    // Latches before gates, whatever the order of the file is.
    for (const std::uint32_t signal : inputs_)
      signals_.set(signal, build_.add_input(std::string(names_[signal])));
    for (const LatchLine& latch : latches_)
      signals_.set(latch.signal, build_.add_latch(latch.reset, std::string(names_[latch.signal])));
    build_gates();
    for (const auto& [signal, position] : outputs_)
      build_.add_output(driven_value(signal, position), std::string(names_[signal]));
    for (std::size_t i = 0; i < latches_.size(); ++i)
      build_.set_next(i, driven_value(latches_[i].data, latches_[i].position));
    return remove_dangling(build_.take());
  }

 private:
  enum class Op : std::uint8_t {
    and_,
    nand,
    or_,
    nor,
    xor_,
    xnor,
    not_,
    buffer,
    mux,
    lut,
    gnd,
    vdd,
    dff,
    dff0,
    dff1,
    dffrse
  };

  struct Gate {
    Op op;
    std::uint32_t signal, operands, count;
    std::size_t position;
    std::string_view table;  // of a LUT: hexadecimal digits
  };
  struct LatchLine {
    std::uint32_t signal, data;
    Reset reset;
    std::size_t position;
  };
  struct Reference {
    std::uint32_t signal;
    std::size_t position;
  };

  std::string_view word(std::string_view what) { return in_.word("(),=#", what); }

  void expect(char c, std::string_view what) {
    in_.skip_blanks();
    in_.expect(c, what);
  }
  bool accept(char c) {
    in_.skip_blanks();
    return in_.accept(c);
  }

  std::uint32_t intern(std::string_view name) {
    const std::uint32_t signal = names_.intern(name);
    if (signal == signals_.size()) signals_.resize(signal + std::size_t{1});
    return signal;
  }

  [[noreturn]] void fail_driven_twice(std::uint32_t signal, std::size_t position) const {
    in_.fail_at(position, quoted(names_[signal]), " is driven twice");
  }

  void read_statement() {
    const std::size_t position = in_.position();
    const std::string_view first = word("INPUT, OUTPUT or a signal");
    if (accept('=')) return read_gate(first, position);
    const bool input = equal_ignoring_case(first, "input");
    if (!input && !equal_ignoring_case(first, "output")) {
      if (in_.peek() == '(') in_.fail_at(position, "expected INPUT or OUTPUT before '('");
      in_.fail("expected '=' after ", quoted(first), ", found ", in_.found());
    }
    expect('(', "'('");
    in_.skip_blanks();
    const std::size_t name_position = in_.position();
    const std::uint32_t signal = intern(word("a signal"));
    expect(')', "')'");
    if (input) {
      if (!signals_.drive_by_source(signal)) fail_driven_twice(signal, name_position);
      inputs_.push_back(signal);
    } else {
      outputs_.push_back({signal, name_position});
    }
  }

  Op op_of(std::string_view type, std::size_t position) const {
    static constexpr std::pair<std::string_view, Op> types[] = {
        {"and", Op::and_},  {"nand", Op::nand},  {"or", Op::or_},       {"nor", Op::nor},
        {"xor", Op::xor_},  {"xnor", Op::xnor},  {"nxor", Op::xnor},    {"not", Op::not_},
        {"inv", Op::not_},  {"buf", Op::buffer}, {"buff", Op::buffer},  {"mux", Op::mux},
        {"lut", Op::lut},   {"gnd", Op::gnd},    {"vdd", Op::vdd},      {"dff", Op::dff},
        {"dff0", Op::dff0}, {"dff1", Op::dff1},  {"dffrse", Op::dffrse}};
    for (const auto& [name, op] : types)
      if (equal_ignoring_case(type, name)) return op;
    in_.fail_at(position, "unknown gate ", quoted(type),
                ", expected AND, NAND, OR, NOR, XOR, XNOR, NOT, BUFF, MUX, LUT, DFF, gnd or vdd");
  }

  void read_gate(std::string_view target, std::size_t position) {
    in_.skip_blanks();
    const std::size_t type_position = in_.position();
    const Op op = op_of(word("a gate"), type_position);
    Gate gate{op, intern(target), static_cast<std::uint32_t>(operands_.size()), 0, position, {}};
    if (op == Op::lut) gate.table = read_table();
    if (op == Op::gnd || op == Op::vdd) {
      if (accept('(')) expect(')', "')'");  // constants may come with empty parentheses
    } else {
      gate.count = read_operands();
      check_arity(gate, type_position);
    }
    const bool is_latch = op >= Op::dff;
    const auto number = static_cast<std::uint32_t>(gates_.size());
    if (!(is_latch ? signals_.drive_by_source(gate.signal) : signals_.drive(gate.signal, number)))
      fail_driven_twice(gate.signal, position);
    if (is_latch) {
      const Reset reset = op == Op::dff0 ? Reset::zero : op == Op::dff1 ? Reset::one : plain_dff_;
      latches_.push_back({gate.signal, operands_[gate.operands], reset, position});
      operands_.resize(gate.operands);
    } else {
      gates_.push_back(gate);
    }
  }

  std::string_view read_table() {
    const std::string_view text = word("a truth table (0x and hexadecimal digits)");
    const std::size_t end = in_.position();
    if (text.size() < 3 || text[0] != '0' || (text[1] != 'x' && text[1] != 'X'))
      in_.fail_at(end - text.size(), "a truth table is 0x and hexadecimal digits");
    for (std::size_t i = 2; i < text.size(); ++i)
      if (hex_digit(text[i]) > 15)
        in_.fail_at(end - text.size() + i, "expected a hexadecimal digit");
    return text.substr(2);
  }

  static unsigned hex_digit(char c) {
    if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
    if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a') + 10;
    if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A') + 10;
    return 16;
  }

  std::uint32_t read_operands() {
    expect('(', "'('");
    std::uint32_t count = 0;
    if (accept(')')) return count;
    do {
      operands_.push_back(intern(word("a signal")));
      ++count;
    } while (accept(','));
    expect(')', "',' or ')'");
    return count;
  }

  void check_arity(const Gate& gate, std::size_t position) {
    const std::uint32_t n = gate.count;
    switch (gate.op) {
      case Op::not_:
      case Op::buffer:
      case Op::dff:
      case Op::dff0:
      case Op::dff1:
        if (n != 1) in_.fail_at(position, "this gate takes 1 signal, found ", n);
        return;
      case Op::mux:
        if (n != 3) in_.fail_at(position, "MUX takes 3 signals (select, one, zero), found ", n);
        return;
      case Op::dffrse:  // as written by mappers: data, then reset, set, enable and the like
        for (std::uint32_t k = 1; k < n; ++k)
          if (!equal_ignoring_case(names_[operands_[gate.operands + k]], "gnd"))
            in_.fail_at(position, "DFFRSE: only 'gnd' is supported after the first signal");
        if (n == 0) in_.fail_at(position, "DFFRSE takes at least 1 signal");
        return;
      case Op::lut: {
        if (n > 16) in_.fail_at(position, "LUT takes at most 16 signals, found ", n);
        std::string_view digits = gate.table;
        while (digits.size() > 1 && digits[0] == '0') digits.remove_prefix(1);
        const std::size_t rows = std::size_t{1} << n;
        const std::size_t most = std::max<std::size_t>(1, rows / 4);
        if (digits.size() > most || (rows < 4 && hex_digit(digits[0]) >> rows != 0))
          in_.fail_at(position, "the truth table has more than ", rows, " rows");
        return;
      }
      default:
        if (n == 0) in_.fail_at(position, "this gate takes at least 1 signal");
    }
  }

  void build_gates() {
    const auto operand = [&](std::uint32_t g, std::uint32_t k) {
      return k == gates_[g].count ? no_operand : signals_.gate(operands_[gates_[g].operands + k]);
    };
    const auto cyclic = for_gates_in_order(static_cast<std::uint32_t>(gates_.size()), operand,
                                           [&](std::uint32_t g) { build(gates_[g]); });
    if (cyclic)
      in_.fail_at(gates_[*cyclic].position, "combinational cycle through ",
                  quoted(names_[gates_[*cyclic].signal]));
  }

  // gnd and vdd need no driver.
  Literal value(std::uint32_t signal, std::uint32_t& lacks) const {
    if (!signals_.is_driven(signal)) {
      if (equal_ignoring_case(names_[signal], "gnd")) return literal_false;
      if (equal_ignoring_case(names_[signal], "vdd")) return literal_true;
    }
    return signals_.value(signal, lacks);
  }

  Literal driven_value(std::uint32_t signal, std::size_t position) const {
    std::uint32_t lacks = Signals::none;
    const Literal literal = value(signal, lacks);
    if (lacks == Signals::none) return literal;
    for (const Gate& gate : gates_)  // the first gate that reads it says where
      for (std::uint32_t k = 0; k < gate.count; ++k)
        if (lacks != signal && operands_[gate.operands + k] == lacks)
          in_.fail_at(gate.position, quoted(names_[lacks]), " is used here and driven nowhere");
    in_.fail_at(position, quoted(names_[lacks]), " is used here and driven nowhere");
  }

  void build(const Gate& gate) {
    literals_.clear();
    std::uint32_t lacks = Signals::none;
    for (std::uint32_t k = 0; k < gate.count; ++k)
      literals_.push_back(value(operands_[gate.operands + k], lacks));
    signals_.set(gate.signal, function(gate), lacks);
  }

  Literal function(const Gate& gate) {
    const std::span<const Literal> in(literals_);
    switch (gate.op) {
      case Op::and_: return build_.land(in);
      case Op::nand: return !build_.land(in);
      case Op::or_: return build_.lor(in);
      case Op::nor: return !build_.lor(in);
      case Op::xor_: return build_.lxor(in);
      case Op::xnor: return in.size() == 2 ? build_.lxnor(in[0], in[1]) : !build_.lxor(in);
      case Op::not_: return !in[0];
      case Op::mux: return build_.mux(in[0], in[1], in[2]);
      case Op::lut: return build_lut(gate.table, in);
      case Op::gnd: return literal_false;
      case Op::vdd: return literal_true;
      default: return in[0];
    }
  }

  // Halves the table input by input; rows beyond the given digits are 0 and cost nothing.
  Literal build_lut(std::string_view table, std::span<const Literal> in) {
    std::vector<Literal> rows;
    const std::size_t most = std::size_t{1} << in.size();
    for (std::size_t digit = table.size(); digit-- > 0 && rows.size() < most;)
      for (unsigned bit = 0; bit < 4 && rows.size() < most; ++bit)
        rows.push_back(Literal(0, (hex_digit(table[digit]) >> bit & 1) != 0));
    for (const Literal input : in) {
      const std::size_t half = (rows.size() + 1) / 2;
      for (std::size_t j = 0; j < half; ++j) {
        const Literal one = 2 * j + 1 < rows.size() ? rows[2 * j + 1] : literal_false;
        rows[j] = build_.mux(input, one, rows[2 * j]);
      }
      rows.resize(half);
    }
    return rows[0];
  }

  TextCursor in_;
  Reset plain_dff_;
  NameTable names_;
  Signals signals_;
  std::vector<std::uint32_t> inputs_;
  std::vector<Reference> outputs_;
  std::vector<LatchLine> latches_;
  std::vector<Gate> gates_;
  std::vector<std::uint32_t> operands_;
  std::vector<Literal> literals_;
  Strash build_;
};

}  // namespace detail
CFM_NAMESPACE_END
