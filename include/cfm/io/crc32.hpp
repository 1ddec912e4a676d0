#pragma once
/// @file  The checksum of zip archives, also good for checkpoints.

#include <array>
#include <span>

#include <cfm/io/cursor.hpp>

CFM_NAMESPACE_BEGIN

namespace detail {

// table[k][b]: the effect of byte b with k further bytes behind it.
inline constexpr auto crc32_tables = [] {
  std::array<std::array<std::uint32_t, 256>, 8> table{};
  for (std::uint32_t b = 0; b < 256; ++b) {
    std::uint32_t c = b;
    for (int bit = 0; bit < 8; ++bit) c = c >> 1 ^ ((c & 1) != 0 ? 0xEDB88320u : 0u);
    table[0][b] = c;
  }
  for (std::size_t k = 1; k < 8; ++k)
    for (std::size_t b = 0; b < 256; ++b)
      table[k][b] = table[k - 1][b] >> 8 ^ table[0][table[k - 1][b] & 0xFF];
  return table;
}();

}  // namespace detail

/// CRC-32 (polynomial 0x04C11DB7, reflected), as zip, gzip and PNG use it. For data in pieces pass
/// the result for the pieces before.
/// Cost:  eight bytes a step.
inline std::uint32_t crc32(std::span<const std::byte> bytes, std::uint32_t before = 0) {
  const auto& table = detail::crc32_tables;
  std::uint32_t crc = ~before;
  std::size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    const std::uint64_t word = detail::load_little<std::uint64_t>(bytes.data() + i) ^ crc;
    crc = 0;
    for (std::size_t k = 0; k < 8; ++k) crc ^= table[7 - k][word >> (8 * k) & 0xFF];
  }
  for (; i < bytes.size(); ++i)
    crc = crc >> 8 ^ table[0][(crc ^ static_cast<std::uint32_t>(bytes[i])) & 0xFF];
  return ~crc;
}

CFM_NAMESPACE_END
