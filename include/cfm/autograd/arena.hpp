#pragma once
/// @file  Bump allocation for the records of a tape.

#include <algorithm>
#include <cstddef>
#include <vector>

#include <cfm/tensor/pool.hpp>

CFM_NAMESPACE_BEGIN

/// Hands out memory piece by piece and takes it back all at once. Destructors are the caller's.
class Arena {
 public:
  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena() { clear(); }

  /// Memory for one object.   `alignment` is at most that of the pool.
  void* allocate(std::size_t bytes, std::size_t alignment) {
    std::size_t begin = (used_ + alignment - 1) / alignment * alignment;
    if (blocks_.empty() || begin + bytes > blocks_.back().bytes) {
      if (blocks_.size() == blocks_.capacity()) blocks_.reserve(2 * blocks_.size() + 4);
      const std::size_t size = std::max(block_bytes, bytes);
      blocks_.push_back({BufferPool::instance().allocate(size), size});
      begin = 0;
    }
    used_ = begin + bytes;
    return static_cast<std::byte*>(blocks_.back().memory) + begin;
  }

  void clear() noexcept {
    for (const Block& b : blocks_) BufferPool::instance().release(b.memory, b.bytes);
    blocks_.clear();
    used_ = 0;
  }

 private:
  struct Block {
    void* memory;
    std::size_t bytes;
  };
  static constexpr std::size_t block_bytes = std::size_t{1} << 16;

  std::vector<Block> blocks_;
  std::size_t used_ = 0;  // bytes of the last block
};

CFM_NAMESPACE_END
