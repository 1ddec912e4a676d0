#pragma once
/// @file  A file that appears complete or not at all.

#include <filesystem>
#include <optional>
#include <span>

#include <cfm/io/detail/descriptor.hpp>

CFM_NAMESPACE_BEGIN

/// Writes a file in pieces under a temporary name in the same directory; commit() puts it in
/// place. Until then, and after any failure, the path holds what it held before. Destruction
/// without commit() removes the temporary file. An existing file keeps its mode bits; a symbolic
/// link is followed. Devices and pipes are written directly, because they cannot be replaced.
/// Errors:  IoError naming the path and the reason.
class AtomicFile {
 public:
  explicit AtomicFile(const std::filesystem::path& path) : path_(path) {
    struct stat old {};
    const bool exists = ::stat(path.c_str(), &old) == 0;
    if (exists && S_ISDIR(old.st_mode)) detail::throw_io(path, "write", EISDIR);
    if (exists && !S_ISREG(old.st_mode)) {
      file_ = detail::Descriptor(path, O_WRONLY, "open for writing");
      return;
    }
    std::error_code ignored;
    if (exists && std::filesystem::is_symlink(path, ignored))
      path_ = std::filesystem::canonical(path, ignored);
    if (path_.empty()) path_ = path;
    create_temporary();
    if (exists && ::fchmod(file_.get(), old.st_mode & 07777) != 0) {
      const int error = errno;
      discard();
      detail::throw_io(path, "keep the mode bits", error);
    }
  }
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile() { discard(); }

  /// Appends bytes.
  void write(std::span<const std::byte> bytes) { file_.write_all(bytes); }

  /// Flushes the file to the medium, renames it, flushes the directory. Nothing may follow.
  void commit() {
    if (temporary_.empty()) {
      file_.sync();
      return file_.close();
    }
    // Whatever may fail comes before the new name.
    const detail::Descriptor folder(directory(), O_RDONLY | O_DIRECTORY, "open");
    file_.sync();
    file_.close();
    if (::rename(temporary_.c_str(), path_.c_str()) != 0) detail::throw_io(path_, "replace");
    temporary_.clear();
    folder.sync();
  }

 private:
  std::filesystem::path directory() const {
    return path_.has_parent_path() ? path_.parent_path() : std::filesystem::path(".");
  }

  // The name holds the process id; a name that is taken (another thread, a killed process whose
  // id came back) leads to the next number.
  void create_temporary() {
    constexpr int attempts = 10000;
    for (int i = 0;; ++i) {
      std::filesystem::path name =
          directory() / concat(".cfm-", static_cast<long>(::getpid()), "-", i);
      const int error = file_.try_create(name);
      if (error == 0) {
        temporary_ = std::move(name);
        return;
      }
      if (error != EEXIST || i == attempts)
        detail::throw_io(path_, "create a temporary file beside it", error);
    }
  }

  void discard() noexcept {
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
    temporary_.clear();
  }

  std::filesystem::path path_;       // where the file goes; links resolved
  std::filesystem::path temporary_;  // empty if there is none
  detail::Descriptor file_;
};

CFM_NAMESPACE_END
