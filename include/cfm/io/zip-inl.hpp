#pragma once
/// @file  Members of ZipArchive and ZipWriter. Included by zip.hpp alone.

#include <algorithm>
#include <numeric>

#include <cfm/core/checked.hpp>
#include <cfm/io/crc32.hpp>
#include <cfm/io/inflate.hpp>
#include <cfm/io/utf8.hpp>
#include <cfm/io/zip.hpp>

CFM_NAMESPACE_BEGIN

namespace detail {

inline constexpr std::uint32_t zip_local = 0x04034B50, zip_central = 0x02014B50,
                               zip_end = 0x06054B50, zip64_end = 0x06064B50,
                               zip64_locator = 0x07064B50;
inline constexpr std::uint64_t zip_none16 = 0xFFFF, zip_none32 = 0xFFFFFFFF;
inline constexpr std::uint16_t zip_encrypted = 1, zip_utf8 = 1 << 11;
inline constexpr std::uint16_t zip64_extra = 1;
// A deflate stream never stands for more than this many times its size.
inline constexpr std::uint64_t deflate_ratio = 1032;

}  // namespace detail

inline ZipArchive::ZipArchive(std::span<const std::byte> bytes, std::string name,
                              const ZipLimits& limits)
    : bytes_(bytes), name_(std::move(name)) {
  const Directory directory = find_directory();
  if (directory.count > limits.entries)
    fail(directory.offset, "the archive has ", directory.count, " entries, limit ", limits.entries);
  if (directory.count > directory.size / 46)
    fail(directory.offset, "the directory is too short for ", directory.count, " entries");
  Cursor cursor(bytes_.subspan(directory.offset, directory.size), name_, directory.offset);
  for (std::uint64_t i = 0; i < directory.count; ++i) read_entry(cursor, limits);
  if (!cursor.at_end()) cursor.fail("the directory has bytes behind its last entry");
  for (std::size_t i = 0; i < entries_.size(); ++i)
    read_local(entries_[i], begins_[i], directory.offset);
  check_entries(limits);
}

inline ZipArchive::Directory ZipArchive::find_directory() const {
  constexpr std::size_t record = 22, longest_comment = 0xFFFF;
  if (bytes_.size() < record) fail(0, "too short for a zip archive");
  const std::size_t last = bytes_.size() - record;
  const std::size_t first = last > longest_comment ? last - longest_comment : 0;
  for (std::size_t at = last + 1; at-- > first;) {
    if (detail::load_little<std::uint32_t>(bytes_.data() + at) != detail::zip_end) continue;
    Cursor cursor(bytes_.subspan(at + 4), name_, at + 4);
    const auto disk = cursor.read<std::uint16_t>("disk"),
               start = cursor.read<std::uint16_t>("disk");
    const auto here = cursor.read<std::uint16_t>("count");
    Directory out{};
    out.count = cursor.read<std::uint16_t>("count");
    out.size = cursor.read<std::uint32_t>("size");
    out.offset = cursor.read<std::uint32_t>("offset");
    if (cursor.read<std::uint16_t>("comment") != cursor.left()) continue;  // not the end record
    std::uint64_t end = at;
    // Some writers (torch) add the zip64 records even where nothing needs them.
    const bool has_locator = at >= 20 && detail::load_little<std::uint32_t>(
                                             bytes_.data() + at - 20) == detail::zip64_locator;
    if (has_locator || out.count == detail::zip_none16 || out.size == detail::zip_none32 ||
        out.offset == detail::zip_none32) {
      out = read_zip64(at, out);
      end = at - 20 - 56;
    } else if (disk != 0 || start != 0 || here != out.count) {
      throw_error<UnsupportedError>(name_, ": zip archives of several disks are not supported");
    }
    if (out.offset > end || out.size != end - out.offset)
      fail(at, "the directory does not end where the end record begins");
    return out;
  }
  fail(bytes_.size(), "not a zip archive: no end record");
}

inline ZipArchive::Directory ZipArchive::read_zip64(std::uint64_t end, Directory small) const {
  constexpr std::uint64_t locator = 20, record = 56;
  if (end < locator + record) fail(end, "no room for the zip64 records");
  Cursor cursor(bytes_.subspan(end - locator, locator), name_, end - locator);
  if (cursor.read<std::uint32_t>("locator") != detail::zip64_locator)
    fail(end - locator, "no zip64 locator before the end record");
  cursor.read<std::uint32_t>("disk");
  const auto where = cursor.read<std::uint64_t>("offset");
  if (where != end - locator - record)
    fail(end - locator, "the zip64 end record must stand right before its locator");
  Cursor big(bytes_.subspan(where, record), name_, where);
  if (big.read<std::uint32_t>("record") != detail::zip64_end) fail(where, "no zip64 end record");
  if (big.read<std::uint64_t>("size") != record - 12)
    fail(where, "zip64 end records are 56 bytes long");
  big.take(4, "versions");
  const auto disk = big.read<std::uint32_t>("disk"), start = big.read<std::uint32_t>("disk");
  const auto here = big.read<std::uint64_t>("count");
  Directory out{};
  out.count = big.read<std::uint64_t>("count");
  out.size = big.read<std::uint64_t>("size");
  out.offset = big.read<std::uint64_t>("offset");
  if (disk != 0 || start != 0 || here != out.count)
    throw_error<UnsupportedError>(name_, ": zip archives of several disks are not supported");
  const auto agrees = [](std::uint64_t field, std::uint64_t none, std::uint64_t value) {
    return field == none || field == value;
  };
  if (!agrees(small.count, detail::zip_none16, out.count) ||
      !agrees(small.size, detail::zip_none32, out.size) ||
      !agrees(small.offset, detail::zip_none32, out.offset))
    fail(where, "the two end records disagree");
  return out;
}

inline void ZipArchive::read_entry(Cursor& cursor, const ZipLimits& limits) {
  const std::uint64_t place = cursor.offset();
  if (cursor.read<std::uint32_t>("an entry") != detail::zip_central)
    fail(place, "a directory entry must stand here");
  cursor.take(4, "versions");
  const auto flags = cursor.read<std::uint16_t>("flags");
  const auto method = cursor.read<std::uint16_t>("method");
  cursor.take(4, "date");
  ZipEntry entry;
  entry.crc = cursor.read<std::uint32_t>("crc");
  entry.packed_size = cursor.read<std::uint32_t>("size");
  entry.size = cursor.read<std::uint32_t>("size");
  const auto name_size = cursor.read<std::uint16_t>("name length");
  const auto extra_size = cursor.read<std::uint16_t>("extra length");
  const auto comment_size = cursor.read<std::uint16_t>("comment length");
  const auto disk = cursor.read<std::uint16_t>("disk");
  cursor.take(6, "attributes");
  std::uint64_t begin = cursor.read<std::uint32_t>("offset");
  if (name_size > limits.name) fail(place, "a name is longer than ", limits.name, " bytes");
  entry.name = cursor.text(name_size, "a name");
  const std::uint64_t extra_place = cursor.offset();
  Cursor extra(cursor.take(extra_size, "extra fields"), name_, extra_place);
  cursor.take(comment_size, "a comment");
  check_name(entry.name, place);
  if ((flags & detail::zip_encrypted) != 0)
    throw_error<UnsupportedError>(name_, ": \"", entry.name, "\" is encrypted");
  if (disk != 0)
    throw_error<UnsupportedError>(name_, ": zip archives of several disks are not supported");
  if (method != 0 && method != 8)
    throw_error<UnsupportedError>(name_, ": \"", entry.name, "\" is packed by method ", method,
                                  ", supported are 0 (stored) and 8 (deflate)");
  entry.deflated = method == 8;
  while (!extra.at_end()) {
    const auto id = extra.read<std::uint16_t>("an extra field");
    const auto size = extra.read<std::uint16_t>("an extra field");
    const std::uint64_t field_place = extra.offset();
    Cursor field(extra.take(size, "an extra field"), name_, field_place);
    if (id != detail::zip64_extra) continue;
    for (std::uint64_t* value : {&entry.size, &entry.packed_size, &begin})
      if (*value == detail::zip_none32) *value = field.read<std::uint64_t>("a zip64 field");
  }
  if (!entry.deflated && entry.size != entry.packed_size)
    fail(place, "\"", entry.name, "\" is stored, but its two sizes differ");
  if (entry.deflated && entry.size / detail::deflate_ratio > entry.packed_size)
    fail(place, "\"", entry.name, "\" cannot stand for ", entry.size, " bytes");
  entries_.push_back(std::move(entry));
  begins_.push_back(begin);
}

inline void ZipArchive::read_local(ZipEntry& entry, std::uint64_t begin,
                                   std::uint64_t directory) const {
  if (begin > directory) fail(begin, "\"", entry.name, "\" begins behind the directory");
  Cursor cursor(bytes_.subspan(begin, directory - begin), name_, begin);
  if (cursor.read<std::uint32_t>("a local header") != detail::zip_local)
    fail(begin, "the local header of \"", entry.name, "\" must stand here");
  cursor.take(4, "version and flags");
  const auto method = cursor.read<std::uint16_t>("method");
  cursor.take(16, "a local header");
  const auto name_size = cursor.read<std::uint16_t>("name length");
  const auto extra_size = cursor.read<std::uint16_t>("extra length");
  if (cursor.text(name_size, "a name") != entry.name || (method == 8) != entry.deflated)
    fail(begin, "directory and local header disagree on \"", entry.name, "\"");
  cursor.take(extra_size, "extra fields");
  entry.offset = cursor.offset();
  cursor.take(entry.packed_size, "the data of an entry");
}

inline void ZipArchive::check_name(std::string_view entry, std::uint64_t place) const {
  bool safe = !entry.empty() && entry.front() != '/' &&
              entry.find_first_of(std::string_view("\\\0", 2)) == std::string_view::npos;
  for (std::size_t begin = 0; safe && begin <= entry.size();) {
    const std::size_t end = std::min(entry.find('/', begin), entry.size());
    safe = entry.substr(begin, end - begin) != "..";
    begin = end + 1;
  }
  if (!safe) fail(place, "a name may not be empty, absolute, or have \"..\" or a backslash in it");
}

inline void ZipArchive::check_entries(const ZipLimits& limits) {
  by_name_.resize(entries_.size());
  std::iota(by_name_.begin(), by_name_.end(), 0u);
  std::vector<std::uint32_t> by_place = by_name_;
  std::sort(by_name_.begin(), by_name_.end(),
            [&](auto a, auto b) { return entries_[a].name < entries_[b].name; });
  std::sort(by_place.begin(), by_place.end(),
            [&](auto a, auto b) { return begins_[a] < begins_[b]; });
  std::uint64_t total = 0, end = 0;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const ZipEntry& entry = entries_[by_place[i]];
    if (i > 0 && entries_[by_name_[i - 1]].name == entries_[by_name_[i]].name)
      fail(begins_[by_name_[i]], "two entries are named \"", entries_[by_name_[i]].name, "\"");
    if (begins_[by_place[i]] < end)
      fail(begins_[by_place[i]], "\"", entry.name, "\" overlaps the entry before it");
    end = entry.offset + entry.packed_size;
    const auto sum = checked_add(total, entry.size);
    if (!sum || *sum > limits.bytes)
      fail(entry.offset, "the archive unpacks to more than ", limits.bytes, " bytes");
    total = *sum;
  }
}

inline const ZipEntry* ZipArchive::find(std::string_view entry) const {
  const auto at = std::lower_bound(
      by_name_.begin(), by_name_.end(), entry,
      [&](std::uint32_t i, std::string_view wanted) { return entries_[i].name < wanted; });
  return at != by_name_.end() && entries_[*at].name == entry ? &entries_[*at] : nullptr;
}

inline std::vector<std::byte> ZipArchive::read(const ZipEntry& entry) const {
  const auto packed = raw(entry);
  std::vector<std::byte> out = entry.deflated
                                   ? inflate(packed, entry.size, name_, entry.offset)
                                   : std::vector<std::byte>(packed.begin(), packed.end());
  verify(entry, out);
  return out;
}

inline void ZipArchive::verify(const ZipEntry& entry, std::span<const std::byte> bytes) const {
  if (bytes.size() != entry.size || crc32(bytes) != entry.crc)
    fail(entry.offset, "\"", entry.name, "\" is damaged: its CRC-32 differs");
}

inline void ZipWriter::add(const std::string& name,
                           std::initializer_list<std::span<const std::byte>> pieces) {
  CFM_CHECK(!name.empty() && name.size() < detail::zip_none16 && is_utf8(name),
            "zip: names are UTF-8, neither empty nor longer than 65534 bytes", name.size());
  CFM_CHECK(names_.insert(name).second, "zip: two entries have one name", name);
  Entry entry{name, 0, at_, 0};
  for (const auto& piece : pieces) {
    entry.size += piece.size();
    entry.crc = crc32(piece, entry.crc);
  }
  const bool big = entry.size >= detail::zip_none32;
  // Padding hides in an extra field of its own: 4 bytes of head, then zeros.
  const std::size_t head = 30 + name.size() + (big ? 20 : 0);
  std::size_t padding = (alignment_ - (at_ + head) % alignment_) % alignment_;
  while (padding > 0 && padding < 4) padding += alignment_;
  std::vector<std::byte> out;
  const auto put = [&]<class T>(T value) { detail::append_little(out, value); };
  const std::uint32_t size =
      big ? static_cast<std::uint32_t>(detail::zip_none32) : static_cast<std::uint32_t>(entry.size);
  put(detail::zip_local);
  for (unsigned field : {big ? 45u : 20u, unsigned{detail::zip_utf8}, 0u, 0u, 0x21u})
    put(static_cast<std::uint16_t>(field));  // version, flags, method, time, date
  for (std::uint32_t field : {entry.crc, size, size}) put(field);
  put(static_cast<std::uint16_t>(name.size()));
  put(static_cast<std::uint16_t>(padding + (big ? 20 : 0)));
  for (std::byte b : as_bytes(name)) out.push_back(b);
  if (big) {
    put(detail::zip64_extra);
    put(std::uint16_t{16});
    put(entry.size);
    put(entry.size);
  }
  if (padding > 0) {
    put(std::uint16_t{0xCF00});
    put(static_cast<std::uint16_t>(padding - 4));
    out.resize(out.size() + padding - 4);
  }
  emit(out);
  for (const auto& piece : pieces) emit(piece);
  entries_.push_back(std::move(entry));
}

inline void ZipWriter::finish() {
  const std::uint64_t begin = at_;
  std::vector<std::byte> out;
  const auto put16 = [&](std::uint64_t v) {
    detail::append_little(out, static_cast<std::uint16_t>(v));
  };
  const auto put32 = [&](std::uint64_t v) {
    detail::append_little(out, static_cast<std::uint32_t>(v));
  };
  const auto put64 = [&](std::uint64_t v) { detail::append_little(out, v); };
  const auto small = [](std::uint64_t v) { return std::min(v, detail::zip_none32); };
  for (const Entry& entry : entries_) {
    const bool big_size = entry.size >= detail::zip_none32;
    const bool big_offset = entry.offset >= detail::zip_none32;
    const unsigned extra = (big_size ? 16u : 0u) + (big_offset ? 8u : 0u);
    put32(detail::zip_central);
    for (unsigned field :
         {extra > 0 ? 45u : 20u, extra > 0 ? 45u : 20u, unsigned{detail::zip_utf8}, 0u, 0u, 0x21u})
      put16(field);  // made by, needs, flags, method, time, date
    put32(entry.crc);
    put32(small(entry.size));
    put32(small(entry.size));
    put16(entry.name.size());
    put16(extra > 0 ? extra + 4 : 0);
    for (int i = 0; i < 3; ++i) put16(0);  // comment, disk, attributes
    put32(0);
    put32(small(entry.offset));
    for (std::byte b : as_bytes(entry.name)) out.push_back(b);
    if (extra > 0) {
      put16(detail::zip64_extra);
      put16(extra);
      if (big_size) put64(entry.size), put64(entry.size);
      if (big_offset) put64(entry.offset);
    }
  }
  const std::uint64_t size = out.size(), count = entries_.size();
  if (count >= detail::zip_none16 || size >= detail::zip_none32 || begin >= detail::zip_none32) {
    put32(detail::zip64_end);
    put64(44);
    put16(45), put16(45);
    put32(0), put32(0);
    put64(count), put64(count), put64(size), put64(begin);
    put32(detail::zip64_locator);
    put32(0);
    put64(begin + size);
    put32(1);
  }
  put32(detail::zip_end);
  put16(0), put16(0);
  put16(std::min(count, detail::zip_none16)), put16(std::min(count, detail::zip_none16));
  put32(small(size)), put32(small(begin));
  put16(0);
  emit(out);
}

CFM_NAMESPACE_END
