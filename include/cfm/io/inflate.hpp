#pragma once
/// @file  Decompression of deflate streams, as zip archives hold them.
/// Source:  RFC 1951.

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include <cfm/io/cursor.hpp>

CFM_NAMESPACE_BEGIN

namespace detail {

// Bits from the low end of each byte on.
class BitReader {
 public:
  BitReader(std::span<const std::byte> bytes, std::string_view name, std::uint64_t base)
      : bytes_(bytes), name_(name), base_(base) {}

  // At least `count` <= 32 bits in buffer(), zeros behind the end of the input.
  void need(unsigned count) {
    while (held_ < count) {
      if (at_ < bytes_.size())
        bits_ |= static_cast<std::uint64_t>(bytes_[at_++]) << held_;
      else
        padding_ += 8;
      held_ += 8;
    }
  }
  std::uint32_t buffer() const { return static_cast<std::uint32_t>(bits_); }
  void drop(unsigned count) {
    bits_ >>= count;
    held_ -= count;
    if (padding_ > held_) fail("truncated: the deflate stream goes on behind the end");
  }
  std::uint32_t take(unsigned count) {
    if (count == 0) return 0;
    need(count);
    const std::uint32_t out = buffer() & ((1u << count) - 1);
    drop(count);
    return out;
  }

  // Goes on at the next whole byte, with `count` bytes as they are.
  void align() { drop(held_ % 8); }
  std::span<const std::byte> take_bytes(std::size_t count) {
    at_ -= (held_ - padding_) / 8;  // give back whole bytes that were read ahead
    bits_ = 0;
    held_ = padding_ = 0;
    if (count > bytes_.size() - at_) fail("truncated: a stored block needs ", count, " bytes");
    at_ += count;
    return bytes_.subspan(at_ - count, count);
  }

  // Bytes of input not used yet.
  std::size_t left() const { return bytes_.size() - at_ + (held_ - padding_) / 8; }

  template <class... Parts>
  [[noreturn]] void fail(const Parts&... parts) const {
    throw_error<FormatError>(name_, ":", base_ + at_, ": ", parts...);
  }

 private:
  std::span<const std::byte> bytes_;
  std::string_view name_;
  std::uint64_t base_;
  std::size_t at_ = 0;
  std::uint64_t bits_ = 0;
  unsigned held_ = 0;     // bits in bits_
  unsigned padding_ = 0;  // of them, how many are not from the input
};

// A canonical prefix code: a table for the short codes, a walk by length for the others. The table
// is small, because a hostile stream may define a new code every few bytes.
class PrefixCode {
 public:
  static constexpr unsigned max_length = 15, table_bits = 9;

  // False unless the lengths make a complete code; one code of length 1 alone, and none, are
  // allowed too (RFC 1951, 3.2.7).
  bool build(std::span<const std::uint8_t> lengths) {
    count_ = {};
    for (std::uint8_t length : lengths) ++count_[length];
    count_[0] = 0;
    int left = 1;  // codes of the current length that are free
    unsigned used = 0;
    for (unsigned length = 1; length <= max_length; ++length) {
      left = 2 * left - count_[length];
      used += count_[length];
      if (left < 0) return false;
    }
    if (left > 0 && !(used == 0 || (used == 1 && count_[1] == 1))) return false;
    std::array<std::uint16_t, max_length + 2> next{};
    for (unsigned length = 1; length <= max_length; ++length)
      next[length + 1] = static_cast<std::uint16_t>(next[length] + count_[length]);
    for (std::size_t symbol = 0; symbol < lengths.size(); ++symbol)
      if (lengths[symbol] != 0)
        symbols_[next[lengths[symbol]]++] = static_cast<std::uint16_t>(symbol);
    fill_table();
    return true;
  }

  std::uint16_t decode(BitReader& in) const {
    in.need(max_length);
    const std::uint32_t bits = in.buffer();
    if (const std::uint16_t entry = table_[bits & (table_.size() - 1)]; entry != 0) {
      in.drop(entry & 15u);
      return entry >> 4;
    }
    std::uint32_t code = 0, first = 0, index = 0;
    for (unsigned length = 1; length <= max_length; ++length) {
      code |= bits >> (length - 1) & 1;
      if (code < first + count_[length]) {
        in.drop(length);
        return symbols_[index + code - first];
      }
      index += count_[length];
      first = (first + count_[length]) << 1;
      code <<= 1;
    }
    in.fail("deflate: bits that are no code");
  }

 private:
  // Entries are symbol << 4 | length, at every value whose low bits are the code, first bit lowest.
  void fill_table() {
    table_.fill(0);
    std::uint32_t code = 0, index = 0;
    for (unsigned length = 1; length <= table_bits; ++length) {
      for (std::uint32_t i = 0; i < count_[length]; ++i, ++code, ++index) {
        std::uint32_t reversed = 0;
        for (unsigned b = 0; b < length; ++b) reversed |= (code >> b & 1) << (length - 1 - b);
        for (std::uint32_t at = reversed; at < table_.size(); at += 1u << length)
          table_[at] = static_cast<std::uint16_t>(unsigned{symbols_[index]} << 4 | length);
      }
      code <<= 1;
    }
  }

  std::array<std::uint16_t, max_length + 1> count_{};
  std::array<std::uint16_t, 288> symbols_{};
  std::array<std::uint16_t, 1u << table_bits> table_{};
};

// One stream with its two current codes and its output.
class Inflater {
 public:
  Inflater(std::span<const std::byte> in, std::uint64_t size, std::string_view name,
           std::uint64_t offset)
      : in_(in, name, offset), size_(size) {}

  std::vector<std::byte> run() {
    blocks();
    if (out_.size() != size_)
      in_.fail("deflate: gives ", out_.size(), " bytes, ", size_, " were promised");
    in_.align();
    if (in_.left() != 0) in_.fail("deflate: ", in_.left(), " bytes follow the last block");
    return std::move(out_);
  }

  // For a stream that does not say its size: at most that of the constructor. `rest` becomes the
  // number of bytes behind its end.
  std::vector<std::byte> run_open(std::size_t& rest) {
    open_ = true;
    blocks();
    in_.align();
    rest = in_.left();
    return std::move(out_);
  }

 private:
  void blocks() {
    bool last = false;
    while (!last) {
      last = in_.take(1) != 0;
      switch (in_.take(2)) {
        case 0: stored_block(); break;
        case 1:
          fixed_codes();
          coded_block();
          break;
        case 2:
          read_codes();
          coded_block();
          break;
        default: in_.fail("deflate: block type 3 does not exist");
      }
    }
  }

  void room_for(std::size_t count) const {
    if (count > size_ - out_.size())
      in_.fail("deflate: gives more than the ", size_, " bytes that ",
               open_ ? "are allowed" : "were promised");
  }

  void stored_block() {
    in_.align();
    const std::uint32_t size = in_.take(16), complement = in_.take(16);
    if ((size ^ complement) != 0xFFFF) in_.fail("deflate: a stored block's length is damaged");
    room_for(size);
    const auto bytes = in_.take_bytes(size);
    out_.insert(out_.end(), bytes.begin(), bytes.end());
  }

  void fixed_codes() {
    std::array<std::uint8_t, 288> lengths;
    std::fill_n(lengths.begin(), 144, std::uint8_t{8});
    std::fill_n(lengths.begin() + 144, 112, std::uint8_t{9});
    std::fill_n(lengths.begin() + 256, 24, std::uint8_t{7});
    std::fill_n(lengths.begin() + 280, 8, std::uint8_t{8});
    literals_.build(lengths);
    std::fill_n(lengths.begin(), 32, std::uint8_t{5});  // 30 and 31 complete the code, unused
    distances_.build(std::span(lengths).first(32));
  }

  void read_codes() {
    constexpr std::array<std::uint8_t, 19> order = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                                    11, 4,  12, 3, 13, 2, 14, 1, 15};
    const std::size_t literals = in_.take(5) + 257, distances = in_.take(5) + 1;
    const std::size_t described = in_.take(4) + 4;
    if (literals > 286 || distances > 30) in_.fail("deflate: too many codes");
    std::array<std::uint8_t, 19> small{};
    for (std::size_t i = 0; i < described; ++i)
      small[order[i]] = static_cast<std::uint8_t>(in_.take(3));
    PrefixCode& code = distances_;  // free until its own lengths are known
    if (!code.build(small)) in_.fail("deflate: the code of code lengths is damaged");
    std::array<std::uint8_t, 286 + 30> lengths{};
    for (std::size_t at = 0; at < literals + distances;) {
      const unsigned symbol = code.decode(in_);
      if (symbol < 16) {
        lengths[at++] = static_cast<std::uint8_t>(symbol);
        continue;
      }
      if (symbol == 16 && at == 0) in_.fail("deflate: repeats a code length before the first");
      const std::uint8_t value = symbol == 16 ? lengths[at - 1] : std::uint8_t{0};
      const std::size_t repeat = symbol == 16   ? 3 + in_.take(2)
                                 : symbol == 17 ? 3 + in_.take(3)
                                                : 11 + in_.take(7);
      if (repeat > literals + distances - at) in_.fail("deflate: too many code lengths");
      std::fill_n(lengths.begin() + static_cast<std::ptrdiff_t>(at), repeat, value);
      at += repeat;
    }
    if (lengths[256] == 0) in_.fail("deflate: the block has no code for its end");
    const std::span<const std::uint8_t> all(lengths);
    if (!literals_.build(all.first(literals))) in_.fail("deflate: the literal code is damaged");
    if (!distances_.build(all.subspan(literals, distances)))
      in_.fail("deflate: the distance code is damaged");
  }

  void coded_block() {
    constexpr std::array<std::uint16_t, 29> length_base = {
        3,  4,  5,  6,  7,  8,  9,  10, 11,  13,  15,  17,  19,  23, 27,
        31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
    constexpr std::array<std::uint8_t, 29> length_extra = {
        0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
    while (true) {
      const unsigned symbol = literals_.decode(in_);
      if (symbol < 256) {
        room_for(1);
        out_.push_back(static_cast<std::byte>(symbol));
        continue;
      }
      if (symbol == 256) return;
      if (symbol > 285) in_.fail("deflate: length symbol ", symbol, " does not exist");
      const std::size_t length = length_base[symbol - 257] + in_.take(length_extra[symbol - 257]);
      const unsigned d = distances_.decode(in_);
      if (d > 29) in_.fail("deflate: distance symbol ", d, " does not exist");
      // 1, 2, 3, 4, then two symbols to a doubling.
      const unsigned extra = d < 4 ? 0 : d / 2 - 1;
      const std::size_t distance = (d < 4 ? d : (2 + (d & 1u)) << extra) + 1 + in_.take(extra);
      if (distance > out_.size()) in_.fail("deflate: a copy reaches before the first byte");
      room_for(length);
      const std::size_t begin = out_.size();
      out_.resize(begin + length);
      std::byte* const to = out_.data() + begin;
      for (std::size_t i = 0; i < length; ++i) to[i] = *(to + i - distance);  // may overlap
    }
  }

  BitReader in_;
  std::uint64_t size_;
  bool open_ = false;
  std::vector<std::byte> out_;
  PrefixCode literals_, distances_;
};

}  // namespace detail

/// The `size` bytes that a deflate stream stands for. `name` and `offset` are the file and the
/// place of the stream in it, for errors. Errors:  FormatError for a damaged or truncated stream,
/// for more or fewer bytes than `size`, and
///          for bytes behind the end.
/// Cost:    linear; memory grows with what was decoded, not with what was promised.
inline std::vector<std::byte> inflate(std::span<const std::byte> stream, std::uint64_t size,
                                      std::string_view name = "deflate", std::uint64_t offset = 0) {
  return detail::Inflater(stream, size, name, offset).run();
}

CFM_NAMESPACE_END
