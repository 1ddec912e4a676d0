#pragma once
/// @file  A file as memory, on request.

#include <filesystem>
#include <span>
#include <utility>

#include <sys/mman.h>

#include <cfm/io/detail/descriptor.hpp>

CFM_NAMESPACE_BEGIN

/// A file mapped for reading. Opt-in: if another process shortens the file meanwhile, touching the
/// lost pages ends the program (SIGBUS), and changed bytes show through after they were checked.
/// Readers of cfm read the whole file unless they are asked to map.
/// Errors:  IoError if the file cannot be opened or mapped.
class MappedFile {
 public:
  MappedFile() = default;
  explicit MappedFile(const std::filesystem::path& path) {
    const detail::Descriptor file(path);
    const struct stat status = file.status();
    if (!S_ISREG(status.st_mode))
      throw_error<IoError>(path.string(), ": cannot map: not a regular file");
    size_ = static_cast<std::size_t>(status.st_size);
    if (size_ == 0) return;
    void* const data = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.get(), 0);
    if (data == MAP_FAILED) detail::throw_io(path, "map");
    data_ = data;
  }
  MappedFile(MappedFile&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  MappedFile& operator=(MappedFile&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~MappedFile() {
    if (data_ != nullptr) ::munmap(data_, size_);
  }

  std::span<const std::byte> bytes() const { return {static_cast<const std::byte*>(data_), size_}; }

 private:
  void* data_ = nullptr;
  std::size_t size_ = 0;
};

CFM_NAMESPACE_END
