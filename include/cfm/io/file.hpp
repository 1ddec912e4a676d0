#pragma once
/// @file  Whole files: read at once, written atomically.

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <cfm/io/atomic_file.hpp>
#include <cfm/io/cursor.hpp>
#include <cfm/io/detail/descriptor.hpp>
#include <cfm/io/mapped_file.hpp>
#include <cfm/tensor/storage.hpp>

CFM_NAMESPACE_BEGIN

/// The most that is read from something without a size (a pipe, a device).
inline constexpr std::size_t max_stream_bytes = std::size_t{1} << 30;

namespace detail {

// The size of a regular file, or nothing for a pipe or a device.
inline std::optional<std::size_t> regular_size(const Descriptor& file) {
  const struct stat status = file.status();
  if (S_ISDIR(status.st_mode)) throw_io(file.path(), "read", EISDIR);
  if (!S_ISREG(status.st_mode)) return std::nullopt;
  return static_cast<std::size_t>(status.st_size);
}

inline std::vector<std::byte> read_stream(const Descriptor& file) {
  std::vector<std::byte> out;
  std::size_t used = 0;
  while (true) {
    if (used == out.size()) out.resize(used == 0 ? std::size_t{1} << 16 : 2 * used);
    const std::size_t n = file.read_some(out.data() + used, out.size() - used);
    if (n == 0) break;
    used += n;
    if (used > max_stream_bytes)
      throw_error<IoError>(file.path().string(), ": a stream may give at most ", max_stream_bytes,
                           " bytes");
  }
  out.resize(used);
  return out;
}

}  // namespace detail

/// All bytes of a file. A pipe is read to its end.
/// Errors:  IoError "path: cannot ...: reason".
inline std::vector<std::byte> read_file(const std::filesystem::path& path) {
  const detail::Descriptor file(path);
  const auto size = detail::regular_size(file);
  // Files of /proc say 0 bytes and have some.
  if (!size || *size == 0) return detail::read_stream(file);
  std::vector<std::byte> out(*size);
  out.resize(file.read_full(out.data(), out.size()));
  return out;
}

/// All bytes of a file as text. No check of the encoding, no change of line ends.
inline std::string read_text_file(const std::filesystem::path& path) {
  const std::vector<std::byte> bytes = read_file(path);
  return std::string(as_text(bytes));
}

/// All bytes of a file in 64-byte aligned memory that tensors can share.
/// Errors:  IoError, also for a file that shrinks meanwhile and for what is not a regular file.
inline Storage read_storage(const std::filesystem::path& path) {
  const detail::Descriptor file(path);
  const auto size = detail::regular_size(file);
  if (!size) throw_error<IoError>(path.string(), ": cannot read: not a regular file");
  Storage out = Storage::allocate(*size);
  if (file.read_full(out.data(), *size) != *size)
    throw_error<IoError>(path.string(), ": cannot read: the file became shorter meanwhile");
  return out;
}

/// A file mapped for reading as memory that tensors can share; see MappedFile for the risk.
inline Storage map_storage(const std::filesystem::path& path) {
  auto map = std::make_shared<MappedFile>(path);
  const auto bytes = map->bytes();
  void* const data = const_cast<std::byte*>(bytes.data());
  return Storage::foreign(
      data, bytes.size(), [map = std::move(map)] {}, false);
}

/// Writes a file so that the path holds the old bytes or all new bytes, whatever fails when: see
/// AtomicFile. After it returns the bytes are on the medium.
/// Errors:  IoError "path: cannot ...: reason"; the old file is as it was.
inline void write_file_atomic(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}
inline void write_file_atomic(const std::filesystem::path& path, std::string_view text) {
  write_file_atomic(path, as_bytes(text));
}

CFM_NAMESPACE_END
