#pragma once
/// @file  Exceptions, and the one check for what callers pass in.

#include <algorithm>
#include <charconv>
#include <concepts>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>

#include <cfm/core/config.hpp>

CFM_NAMESPACE_BEGIN

/// Base of all exceptions of cfm: a caller broke a documented rule, or data broke one.
struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Extents do not fit an operation.
struct ShapeError : Error {
  using Error::Error;
};

/// Element types do not fit an operation. cfm never promotes silently.
struct TypeError : Error {
  using Error::Error;
};

/// Bytes that are not what their format demands. The text starts with `file:offset` or
/// `file:line:column`.
struct FormatError : Error {
  using Error::Error;
};

/// The operating system refused to open, read or write.
struct IoError : Error {
  using Error::Error;
};

/// A computation met values that it cannot go on with.
struct NumericError : Error {
  using Error::Error;
};

/// Valid, but outside what cfm offers.
struct UnsupportedError : Error {
  using Error::Error;
};

namespace detail {
template <class T>
using Widest = std::conditional_t<std::is_signed_v<T>, long long, unsigned long long>;
}  // namespace detail

/// Writes one value of a message. Types add their own overload beside themselves (found by ADL).
inline void append_text(std::string& out, std::string_view text) { out += text; }
template <std::same_as<bool> T>  // a template, or string literals would convert to bool
void append_text(std::string& out, T value) {
  out += value ? "true" : "false";
}
inline void append_text(std::string& out, char value) { out += value; }
template <class T>
  requires(std::is_arithmetic_v<T> && !std::same_as<T, bool> && !std::same_as<T, char>)
void append_text(std::string& out, T value) {
  if constexpr (std::is_integral_v<T> &&
                !std::same_as<T, detail::Widest<T>>) {  // two routines print all
    append_text(out, static_cast<detail::Widest<T>>(value));
  } else {
    char buffer[64];
    const auto [end, ec] = std::to_chars(buffer, buffer + sizeof buffer, value);
    out.append(buffer, end);
  }
}

namespace detail {

// One part of a message with its type forgotten, so that messages cost their callers a few stores
// and no code of their own. Refers to the value: for the length of a full expression only.
class TextPart {
 public:
  template <class T>
  TextPart(const T& value)  // NOLINT: implicit, that is its purpose
      : value_(&value), append_([](std::string& out, const void* at) {
          append_text(out, *static_cast<const T*>(at));
        }) {}
  TextPart(const char* text)  // literals of all lengths are one type
      : value_(text),
        append_([](std::string& out, const void* at) { out += static_cast<const char*>(at); }) {}
  template <std::size_t N>
  TextPart(const char (&text)[N]) : TextPart(static_cast<const char*>(text)) {}

  void append_to(std::string& out) const { append_(out, value_); }

 private:
  const void* value_;
  void (*append_)(std::string&, const void*);
};

inline std::string join_text(std::initializer_list<TextPart> parts) {
  std::string out;
  for (const TextPart& part : parts) part.append_to(out);
  return out;
}

}  // namespace detail

/// The parts, one after the other, as text.
template <class... Parts>
std::string concat(const Parts&... parts) {
  return detail::join_text({detail::TextPart(parts)...});
}

namespace detail {

template <class E>
[[noreturn]] __attribute__((noinline, cold)) void throw_text(
    std::initializer_list<TextPart> parts) {
  throw E(join_text(parts));
}

}  // namespace detail

/// Throws an E whose text is the parts, one after the other. Costs the caller no code but a call.
template <class E, class... Parts>
[[noreturn]] void throw_error(const Parts&... parts) {
  detail::throw_text<E>({detail::TextPart(parts)...});
}

namespace detail {

// Which exception a failed check throws follows from what it shows: see CFM_CHECK.
enum class CheckKind { value, shape, type };

template <class T>
inline constexpr CheckKind check_kind = CheckKind::value;

[[noreturn]] __attribute__((noinline, cold)) inline void throw_check(
    CheckKind kind, const char* file, int line, std::string_view rule,
    std::initializer_list<TextPart> operands) {
  std::string text(rule);
  std::string_view separator = ": ";
  for (const TextPart& operand : operands) {
    text += separator;
    separator = ", ";
    operand.append_to(text);
  }
  const std::string_view path(file);
  text += concat(" [", path.substr(path.rfind('/') + 1), ":", line, "]");
  switch (kind) {
    case CheckKind::type: throw TypeError(text);
    case CheckKind::shape: throw ShapeError(text);
    case CheckKind::value: break;
  }
  throw Error(text);
}

// Cold: keeps formatting out of the callers' code.
template <class... Operands>
[[noreturn]] __attribute__((noinline, cold)) void fail_check(const char* file, int line,
                                                             std::string_view rule,
                                                             const Operands&... operands) {
  CheckKind kind = CheckKind::value;
  ((kind = std::max(kind, check_kind<Operands>)), ...);
  throw_check(kind, file, line, rule, {TextPart(operands)...});
}

}  // namespace detail

CFM_NAMESPACE_END

/// CFM_CHECK(condition, "op: rule", operands...): throws with the rule and the operands if the
/// condition does not hold. The exception follows from the operands: TypeError if a DType is
/// among them, else ShapeError if a Shape, Tensor or View is, else Error.
// A macro, because Clang 14 with libstdc++ 12 has no std::source_location.
#define CFM_CHECK(condition, ...)                                 \
  do {                                                            \
    if (!(condition)) [[unlikely]]                                \
      ::cfm::detail::fail_check(__FILE__, __LINE__, __VA_ARGS__); \
  } while (false)

/// An internal invariant: checked in builds with CFM_CHECKED=1, free otherwise. Never for input.
#if CFM_CHECKED
#define CFM_ASSERT(condition) CFM_CHECK(condition, "cfm: internal invariant broken: " #condition)
#else
#define CFM_ASSERT(condition) static_cast<void>(0)
#endif
