#pragma once
/// @file  A reader of bytes that knows how many are left.

#include <bit>
#include <concepts>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include <cfm/core/error.hpp>

CFM_NAMESPACE_BEGIN

namespace detail {

// The value whose bytes come in the other order.
template <std::unsigned_integral T>
constexpr T swap_bytes(T value) {
  T out = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i)
    out =
        static_cast<T>(out | static_cast<T>(value >> (8 * i) & 0xFF) << (8 * (sizeof(T) - 1 - i)));
  return out;
}

// An unsigned number from sizeof(T) bytes in little-endian order, whatever the machine's order is.
template <std::unsigned_integral T>
T load_little(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return std::endian::native == std::endian::little ? value : swap_bytes(value);
}

template <std::unsigned_integral T>
void store_little(std::byte* to, T value) {
  if constexpr (std::endian::native == std::endian::big) value = swap_bytes(value);
  std::memcpy(to, &value, sizeof value);
}

// Appends the little-endian bytes of a number.
template <std::unsigned_integral T, class Bytes>
void append_little(Bytes& out, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i)
    out.push_back(static_cast<typename Bytes::value_type>(value >> (8 * i) & 0xFF));
}

}  // namespace detail

/// The characters of `bytes`.
inline std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// The bytes of `text`.
inline std::span<const std::byte> as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

/// Reads a block of bytes from front to back. Every step first compares what it needs with what is
/// left. Does not own the bytes.
/// Errors:  FormatError "name:offset: ..." for a step beyond the end.
class Cursor {
 public:
  /// `name` is what errors call the file, and must outlive the cursor; `base` is the offset of
  /// bytes[0] in that file.
  Cursor(std::span<const std::byte> bytes, std::string_view name, std::uint64_t base = 0)
      : bytes_(bytes), name_(name), base_(base) {}

  std::string_view name() const { return name_; }
  /// Offset in the file of the next byte.
  std::uint64_t offset() const { return base_ + at_; }
  /// Bytes that are left.
  std::size_t left() const { return bytes_.size() - at_; }
  bool at_end() const { return at_ == bytes_.size(); }
  /// All bytes that are left; does not move.
  std::span<const std::byte> rest() const { return bytes_.subspan(at_); }

  /// The next n bytes. `what` names them in the error.
  std::span<const std::byte> take(std::uint64_t n, std::string_view what) {
    if (n > left()) fail_short(n, what);
    const auto out = bytes_.subspan(at_, static_cast<std::size_t>(n));
    at_ += out.size();
    return out;
  }

  /// The next n bytes as characters.
  std::string_view text(std::uint64_t n, std::string_view what) { return as_text(take(n, what)); }

  /// A little-endian integer or float.
  template <class T>
  requires(std::integral<T> || std::floating_point<T>) T read(std::string_view what) {
    using Bits = std::conditional_t<
        sizeof(T) == 1, std::uint8_t,
        std::conditional_t<sizeof(T) == 2, std::uint16_t,
                           std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>>>;
    return std::bit_cast<T>(detail::load_little<Bits>(take(sizeof(T), what).data()));
  }

  /// Throws FormatError with the name and the current offset before `parts`.
  template <class... Parts>
  [[noreturn]] void fail(const Parts&... parts) const {
    throw_error<FormatError>(name_, ":", offset(), ": ", parts...);
  }

 private:
  [[noreturn]] __attribute__((noinline, cold)) void fail_short(std::uint64_t n,
                                                               std::string_view what) const {
    fail("truncated: ", what, " needs ", n, " bytes, ", left(), " are left");
  }

  std::span<const std::byte> bytes_;
  std::string_view name_;
  std::uint64_t base_ = 0;
  std::size_t at_ = 0;
};

CFM_NAMESPACE_END
