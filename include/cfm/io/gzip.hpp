#pragma once
/// @file  Files compressed by gzip.
/// Source:  RFC 1952.

#include <cfm/io/crc32.hpp>
#include <cfm/io/inflate.hpp>

CFM_NAMESPACE_BEGIN

/// What gunzip accepts.
struct GzipOptions {
  /// The most bytes that a file may become. No deflate stream grows more than 1032 times.
  std::uint64_t max_bytes = std::uint64_t{1} << 30;
};

/// Whether bytes begin as gzip files do.
inline bool is_gzip(std::span<const std::byte> bytes) {
  return bytes.size() >= 2 && bytes[0] == std::byte{0x1F} && bytes[1] == std::byte{0x8B};
}

/// What a gzip file holds: all its members, one behind the other.
/// Errors:  FormatError "name:offset: ..." for a damaged or truncated file, a wrong checksum or
///          length, and more than options.max_bytes.
/// Cost:    linear; memory grows with what was decoded, not with what is promised.
inline std::vector<std::byte> gunzip(std::span<const std::byte> bytes,
                                     std::string_view name = "gzip",
                                     const GzipOptions& options = {}) {
  std::vector<std::byte> out;
  std::size_t at = 0;
  const auto fail = [&](std::size_t where, auto... parts) {
    throw_error<FormatError>(name, ":", where, ": gzip: ", parts...);
  };
  const auto need = [&](std::size_t count, std::string_view what) {
    if (count > bytes.size() - at) fail(at, "truncated: ", what, " needs ", count, " bytes");
  };
  const auto byte = [&](std::size_t i) { return static_cast<unsigned>(bytes[i]); };
  const auto skip_text = [&](std::string_view what) {
    while (at < bytes.size() && bytes[at] != std::byte{0}) ++at;
    need(1, what);
    ++at;
  };
  do {
    const std::size_t begin = at;
    need(10, "the header");
    if (!is_gzip(bytes.subspan(at))) fail(at, "not a gzip file: the first bytes are 1F 8B");
    const unsigned method = byte(at + 2), flags = byte(at + 3);
    if (method != 8) fail(at + 2, "compression method ", method, " is unknown, 8 is deflate");
    if ((flags & 0xE0) != 0) fail(at + 3, "flags that do not exist are set");
    at += 10;
    if ((flags & 4) != 0) {  // extra fields
      need(2, "an extra field");
      const std::size_t size = byte(at) | byte(at + 1) << 8;
      at += 2;
      need(size, "an extra field");
      at += size;
    }
    if ((flags & 8) != 0) skip_text("the file name");
    if ((flags & 16) != 0) skip_text("the comment");
    if ((flags & 2) != 0) {
      need(2, "the checksum of the header");
      if ((crc32(bytes.subspan(begin, at - begin)) & 0xFFFF) != (byte(at) | byte(at + 1) << 8))
        fail(at, "the checksum of the header is wrong");
      at += 2;
    }
    std::size_t rest = 0;
    std::vector<std::byte> member =
        detail::Inflater(bytes.subspan(at), options.max_bytes - out.size(), name, at)
            .run_open(rest);
    at = bytes.size() - rest;
    need(8, "the trailer");
    if (crc32(member) != detail::load_little<std::uint32_t>(bytes.data() + at))
      fail(at, "the checksum of the data is wrong");
    if (static_cast<std::uint32_t>(member.size()) !=
        detail::load_little<std::uint32_t>(bytes.data() + at + 4))
      fail(at + 4, "the length of the data is wrong");
    at += 8;
    if (out.empty()) {
      out = std::move(member);
    } else {
      out.insert(out.end(), member.begin(), member.end());
    }
  } while (at < bytes.size());
  return out;
}

/// The bytes of a file as they are, or what they hold if they begin as gzip files do.
inline std::vector<std::byte> gunzip_if_gzip(std::vector<std::byte> bytes,
                                             std::string_view name = "gzip",
                                             const GzipOptions& options = {}) {
  return is_gzip(bytes) ? gunzip(bytes, name, options) : std::move(bytes);
}

CFM_NAMESPACE_END
