#pragma once
/// @file  An open file of the operating system: owned, with errors as exceptions.

#include <cerrno>
#include <filesystem>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cfm/core/error.hpp>

CFM_NAMESPACE_BEGIN

namespace detail {

// IoError "path: cannot <action>: <reason>" from errno.
[[noreturn]] inline void throw_io(const std::filesystem::path& path, std::string_view action,
                                  int error = errno) {
  throw_error<IoError>(path.string(), ": cannot ", action, ": ",
                       std::generic_category().message(error));
}

// Closes on destruction. Reads and writes go on after signals and short transfers.
class Descriptor {
 public:
  Descriptor() = default;
  Descriptor(std::filesystem::path path, int flags, std::string_view action)
      : path_(std::move(path)) {
    if (const int error = try_open(flags)) throw_io(path_, action, error);
  }
  explicit Descriptor(std::filesystem::path path) : Descriptor(std::move(path), O_RDONLY, "open") {}
  Descriptor(Descriptor&& other) noexcept
      : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }

  // Opens a new file with the usual mode bits; 0 or errno.
  int try_create(std::filesystem::path path) {
    close();
    path_ = std::move(path);
    return try_open(O_WRONLY | O_CREAT | O_EXCL);
  }

  int get() const { return fd_; }
  const std::filesystem::path& path() const { return path_; }

  struct stat status() const {
    struct stat out {};
    if (::fstat(fd_, &out) != 0) throw_io(path_, "read the status");
    return out;
  }

  // Up to `count` bytes; 0 at the end of the file.
  std::size_t read_some(std::byte* to, std::size_t count) const {
    constexpr std::size_t most = std::size_t{1} << 30;  // Linux moves at most 2 GiB a call
    while (true) {
      const ssize_t n = ::read(fd_, to, count < most ? count : most);
      if (n >= 0) return static_cast<std::size_t>(n);
      if (errno != EINTR) throw_io(path_, "read");
    }
  }

  // Bytes read: fewer than `count` only at the end of the file.
  std::size_t read_full(std::byte* to, std::size_t count) const {
    std::size_t done = 0;
    while (done < count) {
      const std::size_t n = read_some(to + done, count - done);
      if (n == 0) break;
      done += n;
    }
    return done;
  }

  void write_all(std::span<const std::byte> bytes) const {
    constexpr std::size_t most = std::size_t{1} << 30;
    while (!bytes.empty()) {
      const ssize_t n = ::write(fd_, bytes.data(), bytes.size() < most ? bytes.size() : most);
      if (n > 0)
        bytes = bytes.subspan(static_cast<std::size_t>(n));
      else if (n == 0)
        throw_io(path_, "write", ENOSPC);
      else if (errno != EINTR)
        throw_io(path_, "write");
    }
  }

  void sync() const {
    int result;
    do result = ::fsync(fd_);
    while (result != 0 && errno == EINTR);
    // Pipes, terminals and some file systems have nothing to flush.
    if (result != 0 && errno != EINVAL && errno != EROFS) throw_io(path_, "flush");
  }

  // Closes with the error that a destructor would have to swallow.
  void close() {
    if (fd_ < 0) return;
    if (::close(std::exchange(fd_, -1)) != 0 && errno != EINTR) throw_io(path_, "close");
  }

 private:
  int try_open(int flags) {
    do fd_ = ::open(path_.c_str(), flags | O_CLOEXEC, 0666);
    while (fd_ < 0 && errno == EINTR);
    return fd_ < 0 ? errno : 0;
  }

  std::filesystem::path path_;
  int fd_ = -1;
};

}  // namespace detail

CFM_NAMESPACE_END
