#pragma once
/// @file  The widths and signs of Verilog's expressions, and their gates.
/// Source:  IEEE 1364-2005, section 5.

#include <cfm/circuit/detail/net_words.hpp>
#include <cfm/circuit/detail/verilog_constant.hpp>

CFM_NAMESPACE_BEGIN
namespace detail {

// What a name stands for inside one instance of a module.
struct VerilogValue {
  enum class Kind : std::uint8_t { none, net, parameter };
  Kind kind = Kind::none;
  bool is_signed = false;
  std::int64_t left = 0, right = 0;
  std::uint32_t width = 1;
  Netlist::Net first = 0;          // nets are consecutive, least significant first
  std::vector<Netlist::Net> bits;  // of a parameter: constants
};

class VerilogEvaluator {
 public:
  using Net = Netlist::Net;
  using Word = std::vector<Net>;

  VerilogEvaluator(NetlistBuilder& build) : build_(build), words_(build) {}

  // The instance whose names are meant from now on.
  void enter(const VerilogModule& module, std::vector<VerilogValue>& values, std::uint32_t scope) {
    module_ = &module;
    values_ = &values;
    scope_ = scope;
  }

  // The value of an expression that is assigned to something `width` wide (0: to nothing).
  Word evaluate(const VerilogExpression& e, std::uint32_t width, bool* is_signed = nullptr) {
    size(e);
    State& root = states_.back();
    root.context = std::max(root.width, width);
    root.context_signed = root.is_signed;
    spread(e);
    for (std::uint32_t n = e.begin; n <= e.root; ++n) compute(n, e.begin);
    if (is_signed != nullptr) *is_signed = states_.back().is_signed;
    Word out = std::move(words_of_.back());
    if (width != 0) out.resize(width, Netlist::zero);
    return out;
  }

  // The nets that an assignment drives. Names without a declaration become nets.
  Word target(const VerilogExpression& e) {
    std::vector<bool> is_target(e.root - e.begin + 1);
    is_target.back() = true;
    for (std::uint32_t n = e.root + 1; n-- > e.begin;) {
      if (!is_target[n - e.begin]) continue;  // inside an index
      const VerilogNode& node = module_->nodes[n];
      if (node.op == VerilogOp::name) {
        declare_implicitly(node.a);
      } else if (node.op == VerilogOp::concat) {
        for (std::uint32_t k = 0; k < node.b; ++k)
          is_target[module_->items[node.a + k] - e.begin] = true;
      } else if (node.op < VerilogOp::bit || node.op > VerilogOp::part_down) {
        fail(n, "only nets and their parts can be assigned to");
      }
    }
    Word out = evaluate(e, 0);
    for (const Net net : out)
      if (net < Netlist::first_net) fail(e.root, "only nets can be assigned to");
    return out;
  }

  std::int64_t integer(const VerilogExpression& e, std::string_view what) {
    size(e);
    if (!states_.back().value) fail(e.root, what, " must be a constant that fits 32 bits");
    return *states_.back().value;
  }

  // A net for a name that was never declared, if it is one.
  void declare_implicitly(std::uint32_t symbol) {
    VerilogValue& value = (*values_)[symbol];
    if (value.kind != VerilogValue::Kind::none) return;
    build_.charge(1);
    value.kind = VerilogValue::Kind::net;
    value.first = build_.add_net(module_->symbols[symbol].text, scope_);
  }

 private:
  struct State {
    std::uint32_t width = 1, context = 1;
    bool is_signed = false, context_signed = false;
    std::optional<std::int64_t> value;  // if it is a small constant
    std::int64_t low = 0;               // of a part: the offset of its lowest bit
  };

  template <class... Parts>
  [[noreturn]] void fail(std::uint32_t node, const Parts&... parts) const {
    module_->source->fail_at(module_->nodes[node].position, parts...);
  }

  const VerilogValue& value_of(std::uint32_t node) const {
    const std::uint32_t symbol = module_->nodes[node].a;
    const VerilogValue& value = (*values_)[symbol];
    if (value.kind == VerilogValue::Kind::none)
      fail(node, quoted(module_->symbols[symbol].text), " is not declared");
    return value;
  }

  static bool is_arithmetic(VerilogOp op) {  // the width is that of the wider operand
    return (op >= VerilogOp::add && op <= VerilogOp::modulo) ||
           (op >= VerilogOp::bit_and && op <= VerilogOp::bit_xnor);
  }
  static bool is_shift(VerilogOp op) {  // the width is that of the left operand
    return op >= VerilogOp::power && op <= VerilogOp::shift_right_signed;
  }
  static bool is_comparison(VerilogOp op) {
    return op >= VerilogOp::less && op <= VerilogOp::not_equal;
  }

  // From the leaves up: own widths, signs, and the values of small constants.
  void size(const VerilogExpression& e) {
    build_.charge(e.root - e.begin + 1);
    states_.assign(e.root - e.begin + 1, {});
    is_index_.assign(states_.size(), false);
    for (std::uint32_t n = e.begin; n <= e.root; ++n) {
      const VerilogNode& node = module_->nodes[n];
      State& s = states_[n - e.begin];
      const auto at = [&](std::uint32_t child) -> State& { return states_[child - e.begin]; };
      const auto index = [&](std::uint32_t child, std::string_view what) {
        is_index_[child - e.begin] = true;
        if (!at(child).value) fail(child, what, " must be a constant");
        return *at(child).value;
      };
      std::uint64_t width = 1;
      switch (node.op) {
        case VerilogOp::constant: {
          const VerilogConstant& constant = module_->constants[node.a];
          width = constant.width;
          s.is_signed = constant.is_signed;
          s.value = small_value(constant);
          break;
        }
        case VerilogOp::name: {
          const VerilogValue& value = value_of(n);
          width = value.width;
          s.is_signed = value.is_signed;
          if (value.kind == VerilogValue::Kind::parameter) s.value = parameter_value(value);
          break;
        }
        case VerilogOp::bit: s.low = offset(n, index(node.b, "an index")); break;
        case VerilogOp::part:
        case VerilogOp::part_up:
        case VerilogOp::part_down: {
          const std::int64_t b = index(node.b, "an index"), c = index(node.c, "a width or index");
          const VerilogValue& value = value_of(n);
          const bool down = value.left >= value.right;
          std::int64_t high = b, low = c;
          if (node.op != VerilogOp::part) {
            if (c < 1 || c > max_verilog_width) fail(n, "a part is at least one bit wide");
            const std::int64_t other = node.op == VerilogOp::part_up ? b + c - 1 : b - c + 1;
            high = std::max(b, other);
            low = std::min(b, other);
            if (!down) std::swap(high, low);
          }
          s.low = offset(n, low);
          const std::int64_t top = offset(n, high);
          if (top < s.low)
            fail(n, "the part is reversed: the net is declared [", value.left, ":", value.right,
                 "]");
          width = static_cast<std::uint64_t>(top - s.low + 1);
          break;
        }
        case VerilogOp::concat:
          width = 0;
          for (std::uint32_t k = 0; k < node.b; ++k) width += at(module_->items[node.a + k]).width;
          break;
        case VerilogOp::replicate: {
          const std::int64_t count = index(node.a, "a count");
          if (count < 1 || count > max_verilog_width) fail(n, "bits are repeated once or more");
          width = static_cast<std::uint64_t>(count) * at(node.b).width;
          break;
        }
        case VerilogOp::select:
          width = std::max(at(node.b).width, at(node.c).width);
          s.is_signed = at(node.b).is_signed && at(node.c).is_signed;
          if (at(node.a).value) s.value = at(*at(node.a).value != 0 ? node.b : node.c).value;
          break;
        case VerilogOp::to_signed:
        case VerilogOp::to_unsigned:
          width = at(node.a).width;
          s.is_signed = node.op == VerilogOp::to_signed;
          s.value = at(node.a).value;
          break;
        case VerilogOp::plus:
        case VerilogOp::minus:
        case VerilogOp::invert:
          width = at(node.a).width;
          s.is_signed = at(node.a).is_signed;
          if (node.op != VerilogOp::invert && at(node.a).value)
            s.value =
                small_integer(node.op == VerilogOp::minus ? -*at(node.a).value : *at(node.a).value);
          break;
        default:
          if (node.op < VerilogOp::add) break;  // reductions: one bit
          if (is_arithmetic(node.op)) {
            width = std::max(at(node.a).width, at(node.b).width);
            s.is_signed = at(node.a).is_signed && at(node.b).is_signed;
          } else if (is_shift(node.op)) {
            width = at(node.a).width;
            s.is_signed = at(node.a).is_signed;
          }
          if (at(node.a).value && at(node.b).value)
            s.value = fold_integers(node.op, *at(node.a).value, *at(node.b).value);
      }
      if (width > max_verilog_width)
        fail(n, "the expression is more than ", max_verilog_width, " bits wide");
      s.width = s.context = static_cast<std::uint32_t>(width);
      s.context_signed = s.is_signed;
    }
  }

  static std::optional<std::int64_t> parameter_value(const VerilogValue& parameter) {
    std::int64_t value = 0;
    const bool negative = parameter.is_signed && parameter.bits.back() == Netlist::one;
    for (std::size_t i = 0; i < parameter.bits.size(); ++i) {
      const Net bit = parameter.bits[i];
      if (bit > Netlist::one) return std::nullopt;
      const bool counts = (bit == Netlist::one) != negative;
      if (counts && i >= 31) return std::nullopt;
      if (counts) value |= std::int64_t{1} << i;
    }
    return negative ? -value - 1 : value;
  }

  // Where an index is among the bits of a net, from the least significant.
  std::int64_t offset(std::uint32_t node, std::int64_t index) const {
    const VerilogValue& value = value_of(node);
    const bool down = value.left >= value.right;
    if (index < std::min(value.left, value.right) || index > std::max(value.left, value.right))
      fail(node, "index ", index, " is outside of ", quoted(name_of(node)), ", which is [",
           value.left, ":", value.right, "]");
    return down ? index - value.right : value.right - index;
  }
  std::string_view name_of(std::uint32_t node) const {
    return module_->symbols[module_->nodes[node].a].text;
  }

  // From the root down: the widths and signs that operands are extended to.
  void spread(const VerilogExpression& e) {
    for (std::uint32_t n = e.root + 1; n-- > e.begin;) {
      const VerilogNode& node = module_->nodes[n];
      const State& s = states_[n - e.begin];
      const auto at = [&](std::uint32_t child) -> State& { return states_[child - e.begin]; };
      const auto give = [&](std::uint32_t child, std::uint32_t width, bool is_signed) {
        at(child).context = width;
        at(child).context_signed = is_signed;
      };
      if (is_arithmetic(node.op)) {
        give(node.a, s.context, s.context_signed);
        give(node.b, s.context, s.context_signed);
      } else if (is_shift(node.op) ||
                 (node.op >= VerilogOp::plus && node.op <= VerilogOp::invert)) {
        give(node.a, s.context, s.context_signed);
      } else if (node.op == VerilogOp::select) {
        give(node.b, s.context, s.context_signed);
        give(node.c, s.context, s.context_signed);
      } else if (is_comparison(node.op)) {
        const std::uint32_t width = std::max(at(node.a).width, at(node.b).width);
        const bool is_signed = at(node.a).is_signed && at(node.b).is_signed;
        give(node.a, width, is_signed);
        give(node.b, width, is_signed);
      }
    }
  }

  void compute(std::uint32_t n, std::uint32_t begin) {
    const VerilogNode& node = module_->nodes[n];
    const State& s = states_[n - begin];
    if (n == begin) words_of_.clear();
    build_.charge(s.context / 4);
    if (is_index_[n - begin]) {  // known as an integer already
      words_of_.emplace_back();
      return;
    }
    const auto at = [&](std::uint32_t child) -> Word& { return words_of_[child - begin]; };
    Word out;
    switch (node.op) {
      case VerilogOp::constant:
        out =
            constant_bits(module_->constants[module_->nodes[n].a], *module_->source, node.position);
        break;
      case VerilogOp::name:
      case VerilogOp::bit:
      case VerilogOp::part:
      case VerilogOp::part_up:
      case VerilogOp::part_down: {
        const VerilogValue& value = value_of(n);
        for (std::uint32_t i = 0; i < s.width; ++i) {
          const auto bit = static_cast<std::uint32_t>(s.low) + i;
          out.push_back(value.kind == VerilogValue::Kind::parameter ? value.bits[bit]
                                                                    : value.first + bit);
        }
        break;
      }
      case VerilogOp::concat:
        for (std::uint32_t k = node.b; k-- > 0;) {
          const Word& part = at(module_->items[node.a + k]);
          out.insert(out.end(), part.begin(), part.end());
        }
        break;
      case VerilogOp::replicate:
        while (out.size() < s.width) out.insert(out.end(), at(node.b).begin(), at(node.b).end());
        break;
      case VerilogOp::select:
        out = words_.mux(words_.any(at(node.a)), at(node.b), at(node.c));
        break;
      default: out = operate(node, s, begin);
    }
    // An operand that fixes its own width is extended to that of its surroundings.
    const Net fill = s.context_signed && s.is_signed && !out.empty() ? out.back() : Netlist::zero;
    if (out.size() < s.context) out.resize(s.context, fill);
    words_of_.push_back(std::move(out));
  }

  Word operate(const VerilogNode& node, const State& s, std::uint32_t begin) {
    Word& a = words_of_[node.a - begin];
    const auto b = [&]() -> Word& { return words_of_[node.b - begin]; };
    const auto each = [&](auto f) { return words_.map(a, b(), f); };
    const bool is_signed = states_[node.a - begin].context_signed;
    switch (node.op) {
      case VerilogOp::to_signed:
      case VerilogOp::to_unsigned:
      case VerilogOp::plus: return std::move(a);
      case VerilogOp::minus: return words_.negate(a);
      case VerilogOp::invert: return words_.invert(a);
      case VerilogOp::logic_not:
      case VerilogOp::reduce_nor: return {build_.lnot(words_.any(a))};
      case VerilogOp::reduce_and: return {words_.all(a)};
      case VerilogOp::reduce_nand: return {build_.lnot(words_.all(a))};
      case VerilogOp::reduce_or: return {words_.any(a)};
      case VerilogOp::reduce_xor: return {words_.odd(a)};
      case VerilogOp::reduce_xnor: return {build_.lnot(words_.odd(a))};
      case VerilogOp::add: return words_.add(a, b());
      case VerilogOp::subtract: return words_.subtract(a, b());
      case VerilogOp::multiply: return words_.multiply(a, b());
      case VerilogOp::divide:
      case VerilogOp::modulo: {
        Word quotient, remainder;
        words_.divide(a, b(), is_signed, quotient, remainder);
        return node.op == VerilogOp::divide ? quotient : remainder;
      }
      case VerilogOp::power: return words_.power(a, b());
      case VerilogOp::shift_left: return words_.shift(a, b(), true, Netlist::zero);
      case VerilogOp::shift_right: return words_.shift(a, b(), false, Netlist::zero);
      case VerilogOp::shift_right_signed:
        return words_.shift(a, b(), false, s.context_signed ? a.back() : Netlist::zero);
      case VerilogOp::less: return {words_.less(a, b(), is_signed)};
      case VerilogOp::greater: return {words_.less(b(), a, is_signed)};
      case VerilogOp::less_equal: return {build_.lnot(words_.less(b(), a, is_signed))};
      case VerilogOp::greater_equal: return {build_.lnot(words_.less(a, b(), is_signed))};
      case VerilogOp::equal: return {words_.equal(a, b())};
      case VerilogOp::not_equal: return {build_.lnot(words_.equal(a, b()))};
      case VerilogOp::bit_and: return each([&](Net x, Net y) { return build_.land(x, y); });
      case VerilogOp::bit_or: return each([&](Net x, Net y) { return build_.lor(x, y); });
      case VerilogOp::bit_xor: return each([&](Net x, Net y) { return build_.lxor(x, y); });
      case VerilogOp::bit_xnor:
        return each([&](Net x, Net y) { return build_.lnot(build_.lxor(x, y)); });
      case VerilogOp::logic_and: return {build_.land(words_.any(a), words_.any(b()))};
      default: return {build_.lor(words_.any(a), words_.any(b()))};
    }
  }

  NetlistBuilder& build_;
  NetWords words_;
  const VerilogModule* module_ = nullptr;
  std::vector<VerilogValue>* values_ = nullptr;
  std::uint32_t scope_ = 0;
  std::vector<State> states_;
  std::vector<bool> is_index_;
  std::vector<Word> words_of_;
};

}  // namespace detail
CFM_NAMESPACE_END
