#pragma once
/// @file  Zip archives: reading by the central directory, writing without compression.
/// Source:  PKWARE APPNOTE.TXT 6.3, sections 4.3 and 4.5.3 (zip64).

#include <functional>
#include <initializer_list>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <cfm/io/cursor.hpp>

CFM_NAMESPACE_BEGIN

/// What a zip archive may cost.
struct ZipLimits {
  std::size_t entries = 1'000'000;               ///< files in the archive
  std::uint64_t bytes = std::uint64_t{1} << 36;  ///< sum of the sizes when unpacked
  std::size_t name = std::size_t{1} << 16;       ///< bytes of a file name
};

/// One file of an archive.
struct ZipEntry {
  std::string name;
  std::uint64_t size = 0;         ///< bytes when unpacked
  std::uint64_t packed_size = 0;  ///< bytes in the archive
  std::uint64_t offset = 0;       ///< of its first byte in the archive
  std::uint32_t crc = 0;
  bool deflated = false;  ///< false: stored as it is
};

/// The directory of a zip archive in memory. The bytes are not copied and must outlive it.
/// Errors:  FormatError "name:offset: ..."; UnsupportedError for encryption, several disks and
///          methods other than stored and deflate. Refused too: names that are absolute, have ".."
///          or occur twice, entries that overlap, bytes before or behind the archive.
class ZipArchive {
 public:
  explicit ZipArchive(std::span<const std::byte> bytes, std::string name,
                      const ZipLimits& limits = {});

  const std::string& name() const { return name_; }
  /// In the order of the directory.
  const std::vector<ZipEntry>& entries() const { return entries_; }
  /// The entry of this name, or null.   Cost:  logarithmic.
  const ZipEntry* find(std::string_view entry) const;

  /// The bytes of an entry inside the archive, packed if it is deflated. Not verified.
  std::span<const std::byte> raw(const ZipEntry& entry) const {
    return bytes_.subspan(entry.offset, entry.packed_size);
  }

  /// Unpacks an entry and checks its CRC-32.
  std::vector<std::byte> read(const ZipEntry& entry) const;

  /// Throws FormatError if `bytes`, the unpacked bytes of an entry, do not have its CRC-32.
  void verify(const ZipEntry& entry, std::span<const std::byte> bytes) const;

 private:
  struct Directory {
    std::uint64_t count, offset, size;
  };

  Directory find_directory() const;
  Directory read_zip64(std::uint64_t end, Directory small) const;
  void read_entry(Cursor& directory, const ZipLimits& limits);
  void read_local(ZipEntry& entry, std::uint64_t begin, std::uint64_t directory) const;
  void check_name(std::string_view entry, std::uint64_t place) const;
  void check_entries(const ZipLimits& limits);

  template <class... Parts>
  [[noreturn]] void fail(std::uint64_t offset, const Parts&... parts) const {
    throw_error<FormatError>(name_, ":", offset, ": ", parts...);
  }

  std::span<const std::byte> bytes_;
  std::string name_;
  std::vector<ZipEntry> entries_;
  std::vector<std::uint64_t> begins_;  // of the local headers
  std::vector<std::uint32_t> by_name_;
};

/// Writes a zip archive of stored entries, front to back. The same entries give the same bytes: all
/// dates are 1980-01-01.
class ZipWriter {
 public:
  /// Called with every piece of the archive, in order.
  using Sink = std::function<void(std::span<const std::byte>)>;

  /// `alignment`: the data of every entry begins at a multiple of it (a power of two).
  explicit ZipWriter(Sink sink, std::size_t alignment = 1)
      : sink_(std::move(sink)), alignment_(alignment) {}

  /// Adds a file whose content is the pieces, one after the other.
  /// Errors:  Error for a name that is empty, too long, not UTF-8 or already there.
  void add(const std::string& name, std::initializer_list<std::span<const std::byte>> pieces);

  /// Writes the directory. Nothing may follow.
  void finish();

 private:
  struct Entry {
    std::string name;
    std::uint64_t size, offset;
    std::uint32_t crc;
  };

  void emit(std::span<const std::byte> bytes) {
    sink_(bytes);
    at_ += bytes.size();
  }

  Sink sink_;
  std::size_t alignment_;
  std::uint64_t at_ = 0;
  std::vector<Entry> entries_;
  std::set<std::string> names_;
};

CFM_NAMESPACE_END

#include <cfm/io/zip-inl.hpp>
