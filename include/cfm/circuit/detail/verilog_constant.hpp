#pragma once
/// @file  The constants of Verilog: as small integers, and as bits.

#include <optional>

#include <cfm/circuit/detail/verilog_module.hpp>
#include <cfm/circuit/netlist.hpp>

CFM_NAMESPACE_BEGIN
namespace detail {

inline std::optional<std::int64_t> small_integer(std::int64_t value) {
  if (value < INT32_MIN || value > INT32_MAX) return std::nullopt;
  return value;
}
inline std::optional<std::int64_t> fold_integers(VerilogOp op, std::int64_t a, std::int64_t b) {
  switch (op) {
    case VerilogOp::add: return small_integer(a + b);
    case VerilogOp::subtract: return small_integer(a - b);
    case VerilogOp::multiply: return small_integer(a * b);
    case VerilogOp::divide: return b == 0 ? std::nullopt : small_integer(a / b);
    case VerilogOp::modulo: return b == 0 ? std::nullopt : small_integer(a % b);
    case VerilogOp::shift_left:
      return b < 0 || b > 31 ? std::nullopt : small_integer(a * (std::int64_t{1} << b));
    case VerilogOp::shift_right:
      return b < 0 || b > 31 || a < 0 ? std::nullopt : small_integer(a >> b);
    case VerilogOp::less: return a < b;
    case VerilogOp::greater: return a > b;
    case VerilogOp::less_equal: return a <= b;
    case VerilogOp::greater_equal: return a >= b;
    case VerilogOp::equal: return a == b;
    case VerilogOp::not_equal: return a != b;
    default: return std::nullopt;
  }
}

inline unsigned digit_value(char c) {
  const char lower = static_cast<char>(c | 0x20);
  return static_cast<unsigned>(lower >= 'a' ? lower - 'a' + 10 : c - '0');
}
inline bool is_unknown(char c) { return (c | 0x20) == 'x' || (c | 0x20) == 'z' || c == '?'; }

inline std::optional<std::int64_t> small_value(const VerilogConstant& constant) {
  const unsigned base = constant.base == 'b'   ? 2
                        : constant.base == 'o' ? 8
                        : constant.base == 'd' ? 10
                                               : 16;
  std::int64_t value = 0;
  for (const char c : constant.digits) {
    if (c == '_') continue;
    if (is_unknown(c)) return std::nullopt;
    value = value * base + digit_value(c);
    if (value > INT32_MAX) return std::nullopt;
  }
  if (constant.width < 32) value &= (std::int64_t{1} << constant.width) - 1;
  if (constant.is_signed && constant.width < 32 && (value >> (constant.width - 1) & 1) != 0)
    value -= std::int64_t{1} << constant.width;
  return value;
}

// The bits, cut or filled to the width.
inline std::vector<Netlist::Net> constant_bits(const VerilogConstant& c, const TextCursor& source,
                                               std::size_t position) {
  std::vector<Netlist::Net> out;
  if (c.base == 'd') {
    std::uint64_t value = 0;
    for (const char digit : c.digits) {
      if (digit == '_') continue;
      const unsigned d = digit_value(digit);
      if (value > (UINT64_MAX - d) / 10)
        source.fail_at(position, "a decimal constant fits 64 bits");
      value = 10 * value + d;
    }
    if (c.width == 32 && value >> 32 != 0)
      source.fail_at(position, "a constant of 32 bits is at most ", UINT32_MAX);
    for (std::uint32_t i = 0; i < c.width; ++i)
      out.push_back(i < 64 && (value >> i & 1) != 0 ? Netlist::one : Netlist::zero);
    return out;
  }
  const unsigned bits = c.base == 'b' ? 1 : c.base == 'o' ? 3 : 4;
  Netlist::Net last = Netlist::zero;
  for (std::size_t i = c.digits.size(); i-- > 0 && out.size() < c.width;) {
    const char digit = c.digits[i];
    if (digit == '_') continue;
    last = !is_unknown(digit)      ? Netlist::zero
           : (digit | 0x20) == 'x' ? Netlist::unknown
                                   : Netlist::floating;
    for (unsigned k = 0; k < bits && out.size() < c.width; ++k)
      out.push_back(last != Netlist::zero ? last : digit_value(digit) >> k & 1);
  }
  out.resize(c.width, last);  // x and z go on to the left
  return out;
}

}  // namespace detail
CFM_NAMESPACE_END
