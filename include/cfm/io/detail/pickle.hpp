#pragma once
/// @file  Python's pickle format as data: a stack machine over a white list of opcodes that build
/// plain values. Nothing is imported and nothing is called.
/// Source:  Python's Lib/pickletools.py, protocols 2 to 5.

#include <algorithm>
#include <bit>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <cfm/io/cursor.hpp>
#include <cfm/io/utf8.hpp>

CFM_NAMESPACE_BEGIN

namespace detail {

using PickleId = std::uint32_t;  // a node in the arena

struct PickleList {
  std::vector<PickleId> items;
};
struct PickleTuple {
  std::vector<PickleId> items;
};
struct PickleDict {
  std::vector<std::pair<PickleId, PickleId>> items;
};
// What the pickle names from outside, numbered by the handler.
struct PickleGlobal {
  std::uint32_t code;
};
// What the handler made: a tensor, a storage.
struct PickleHandle {
  std::uint32_t kind, index;
};
using PickleNode = std::variant<std::monostate, bool, std::int64_t, double, std::string, PickleList,
                                PickleTuple, PickleDict, PickleGlobal, PickleHandle>;

// Values refer to each other by position, so that shared parts stay shared and cycles do no harm.
using PickleArena = std::vector<PickleNode>;

// Handler:  PickleGlobal global(const Pickle&, module, name);
//           PickleNode reduce(Pickle&, PickleGlobal callable, const PickleTuple& arguments);
//           PickleNode create(Pickle&, PickleGlobal of);            for NEWOBJ
//           PickleNode persistent(Pickle&, const PickleNode& id);
//           each throws for what it does not know.
// Cost:  an opcode makes at most one node, so memory is linear in the text; `most` bounds it.
template <class Handler>
class Pickle {
 public:
  Pickle(Cursor text, Handler& handler, std::size_t most)
      : text_(text), handler_(handler), most_(most) {}

  // The node of the outermost value.
  PickleId run() {
    while (step(text_.read<std::uint8_t>("an opcode"))) {
    }
    if (!marks_.empty() || stack_.size() != 1) fail("a pickle must leave exactly one value");
    if (!text_.at_end()) fail("bytes follow the end of the pickle");
    return stack_.back();
  }

  PickleArena& arena() { return arena_; }
  const PickleNode& operator[](PickleId id) const { return arena_[id]; }

  // The value if the node is a T.
  template <class T>
  const T& get(PickleId id, std::string_view what) const {
    if (const T* value = std::get_if<T>(&arena_[id])) return *value;
    fail(what, " has another type than expected");
  }

  template <class... Parts>
  [[noreturn]] void fail(const Parts&... parts) const {
    throw_error<FormatError>(text_.name(), ":", place_, ": ", parts...);
  }
  template <class... Parts>
  [[noreturn]] void refuse(const Parts&... parts) const {
    throw_error<UnsupportedError>(text_.name(), ":", place_, ": ", parts...);
  }

 private:
  // False at the end of the pickle.
  bool step(std::uint8_t code) {
    place_ = text_.offset() - 1;
    switch (code) {
      case 0x80: return protocol();
      case 0x95: return read_frame();
      case '.': return false;
      case '(': marks_.push_back(stack_.size()); return true;
      case '0': pop(); return true;
      case '1': pop_mark(); return true;
      case 'N': return push({});
      case 0x88: return push(true);
      case 0x89: return push(false);
      case 'J': return push(std::int64_t{read<std::int32_t>()});
      case 'K': return push(std::int64_t{read<std::uint8_t>()});
      case 'M': return push(std::int64_t{read<std::uint16_t>()});
      case 0x8A: return read_long(read<std::uint8_t>());
      case 0x8B: return read_long(read<std::uint32_t>());
      case 'G': return read_float();
      case 'U':
      case 0x8C: return read_string(read<std::uint8_t>());
      case 'T':
      case 'X': return read_string(read<std::uint32_t>());
      case 0x8D: return read_string(read<std::uint64_t>());
      case ')': return push(PickleTuple{});
      case ']': return push(PickleList{});
      case '}': return push(PickleDict{});
      case 't': return push(PickleTuple{pop_mark()});
      case 0x85: return make_tuple(1);
      case 0x86: return make_tuple(2);
      case 0x87: return make_tuple(3);
      case 'a': return append({pop()});
      case 'e': return append(pop_mark());
      case 's': return set_items(pop_some(2));
      case 'u': return set_items(pop_mark());
      case 'q': return put(read<std::uint8_t>());
      case 'r': return put(read<std::uint32_t>());
      case 0x94: return put(static_cast<std::uint32_t>(memo_.size()));
      case 'h': return recall(read<std::uint8_t>());
      case 'j': return recall(read<std::uint32_t>());
      case 'c': return read_global();
      case 0x93: return stack_global();
      case 'R': return reduce();
      case 0x81: return create();
      case 'b': return build();
      case 'Q': return push(handler_.persistent(*this, PickleNode(arena_[pop()])));
      default:
        refuse("pickle opcode ", static_cast<int>(code), " is not among those that hold data");
    }
  }

  template <class T>
  T read() {
    return text_.read<T>("an operand");
  }

  bool protocol() {
    const int version = read<std::uint8_t>();
    if (version < 2 || version > 5) refuse("pickle protocol ", version, ", supported are 2 to 5");
    return true;
  }
  bool read_frame() {  // a hint for buffering; only its claim is checked
    if (read<std::uint64_t>() > text_.left()) fail("a frame is longer than the pickle");
    return true;
  }

  bool push(PickleNode node) {
    if (arena_.size() >= most_) fail("the pickle has more than ", most_, " values");
    stack_.push_back(static_cast<PickleId>(arena_.size()));
    arena_.push_back(std::move(node));
    return true;
  }

  // Values below the last mark belong to the one who set it.
  std::size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }
  PickleId pop() {
    if (stack_.size() <= floor()) fail("the stack is empty");
    const PickleId id = stack_.back();
    stack_.pop_back();
    return id;
  }
  PickleId top() const {
    if (stack_.size() <= floor()) fail("the stack is empty");
    return stack_.back();
  }
  std::vector<PickleId> pop_from(std::size_t begin) {
    const auto at = stack_.begin() + static_cast<std::ptrdiff_t>(begin);
    std::vector<PickleId> out(at, stack_.end());
    stack_.erase(at, stack_.end());
    return out;
  }
  std::vector<PickleId> pop_some(std::size_t count) {
    if (stack_.size() - floor() < count) fail("the stack has fewer than ", count, " values");
    return pop_from(stack_.size() - count);
  }
  std::vector<PickleId> pop_mark() {
    if (marks_.empty()) fail("no mark was set");
    const std::size_t begin = marks_.back();
    marks_.pop_back();
    return pop_from(begin);
  }

  // Little-endian two's complement. Beyond 64 bits it becomes the nearest double.
  bool read_long(std::uint64_t count) {
    const auto bytes = text_.take(count, "an integer");
    const bool negative = !bytes.empty() && (bytes.back() & std::byte{0x80}) != std::byte{0};
    if (count <= 8) {
      std::uint64_t value = negative ? ~std::uint64_t{0} : 0;
      for (std::size_t i = bytes.size(); i-- > 0;)
        value = value << 8 | static_cast<std::uint8_t>(bytes[i]);
      return push(std::bit_cast<std::int64_t>(value));
    }
    double value = negative ? -1.0 : 0.0;
    for (std::size_t i = bytes.size(); i-- > 0;)
      value = value * 256 + static_cast<double>(static_cast<std::uint8_t>(bytes[i]));
    return push(value);
  }

  bool read_float() {  // the one operand that is big-endian
    const std::uint64_t bits =
        swap_bytes(load_little<std::uint64_t>(text_.take(8, "a float").data()));
    return push(std::bit_cast<double>(bits));
  }

  bool read_string(std::uint64_t size) {
    const std::string_view text = text_.text(size, "a string");
    if (!is_utf8(text)) fail("a string is not UTF-8");
    return push(std::string(text));
  }

  bool make_tuple(std::size_t count) { return push(PickleTuple{pop_some(count)}); }

  bool append(const std::vector<PickleId>& items) {
    auto* list = std::get_if<PickleList>(&arena_[top()]);
    if (!list) fail("only lists take items");
    list->items.insert(list->items.end(), items.begin(), items.end());
    return true;
  }

  bool set_items(const std::vector<PickleId>& items) {
    auto* dict = std::get_if<PickleDict>(&arena_[top()]);
    if (!dict) fail("only dictionaries take keys");
    if (items.size() % 2 != 0) fail("a key has no value");
    for (std::size_t i = 0; i < items.size(); i += 2)
      dict->items.emplace_back(items[i], items[i + 1]);
    return true;
  }

  bool put(std::uint32_t slot) {
    memo_[slot] = top();
    return true;
  }
  bool recall(std::uint32_t slot) {
    const auto at = memo_.find(slot);
    if (at == memo_.end()) fail("memo ", slot, " was never set");
    if (stack_.size() >= most_) fail("the pickle has more than ", most_, " values");
    stack_.push_back(at->second);
    return true;
  }

  std::string_view line() {
    const std::string_view rest = as_text(text_.rest());
    const std::size_t size = rest.find('\n');
    if (size == std::string_view::npos) fail("truncated: a name goes on behind the end");
    return text_.text(size + 1, "a name").substr(0, size);
  }
  bool read_global() {
    const std::string_view module = line();
    return push(handler_.global(*this, module, line()));
  }
  bool stack_global() {
    const auto names = pop_some(2);
    const std::string module = get<std::string>(names[0], "a module"),
                      name = get<std::string>(names[1], "a name");
    return push(handler_.global(*this, module, name));
  }

  bool reduce() {
    const auto pair = pop_some(2);
    const auto callable = get<PickleGlobal>(pair[0], "what is called");
    const auto arguments = get<PickleTuple>(pair[1], "the arguments");
    return push(handler_.reduce(*this, callable, arguments));
  }
  bool create() {
    const auto pair = pop_some(2);
    get<PickleTuple>(pair[1], "the arguments");
    return push(handler_.create(*this, get<PickleGlobal>(pair[0], "a class")));
  }

  // The state of an ordered dictionary holds attributes beside its items (torch: `_metadata`),
  // which are of no use here. The state of a record is its content.
  bool build() {
    const PickleId state = pop(), object = top();
    if (std::holds_alternative<PickleDict>(arena_[object])) {
      handler_.build(*this, object, state);
      return true;
    }
    fail("only dictionaries may have a state");
  }

  Cursor text_;
  Handler& handler_;
  std::size_t most_;
  std::uint64_t place_ = 0;  // of the opcode that runs
  PickleArena arena_;
  std::vector<PickleId> stack_;
  std::vector<std::size_t> marks_;
  std::map<std::uint32_t, PickleId> memo_;  // ordered: slots are the file's to choose
};

}  // namespace detail

CFM_NAMESPACE_END
